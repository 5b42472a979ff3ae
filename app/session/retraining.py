"""Retraining: one model goes on learning in a process of its own, and somebody decides what becomes of it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from app.jobs import Job
from app.jobs.retrain import (
    Events,
    PictureToLearn,
    begin_job,
    install_job,
    retrain_job,
    throw_away_job,
    unfinished_job,
)
from app.messages import Kind, Message, Way, sentence
from app.session.training_course import Course, Phase, duration
from crackcore.domain.image_record import Review
from crackcore.names import shown_name, unescaped

if TYPE_CHECKING:
    from app.session.session import Session
    from crackcore.models.catalogue import InstalledModel
    from crackcore.training.retrain_order import RetrainOrder
    from crackcore.training.retrain_runs import RetrainProcess, RetrainRun, UnfinishedRun
    from crackcore.training.retraining import RetrainReport

HEARD_EVERY_MS = 100
LEFT_AT_LATEST_MS = 20_000  # a step that takes longer is not waited for: a state of a minute ago is there
KEY = "retraining"


class Stage(StrEnum):
    """Where a retraining is."""

    NONE = "none"
    RUNNING = "running"
    BROKEN_OFF = "broken off"  # it may go on, be judged or be thrown away
    FINISHED = "finished"  # somebody has to decide
    DECIDED = "decided"


class Retraining(QObject):
    """Belongs to the session; one at a time, whatever project is open."""

    changed = Signal()  # another stage
    moved = Signal()  # something new was heard
    shown = Signal()  # the user should see it

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.stage = Stage.NONE
        self.course = Course()
        self.name = ""
        self.base = ""
        self.run: RetrainRun | None = None
        self.report: RetrainReport | None = None
        self.trouble = ""  # why it was broken off
        self.can_go_on = True
        self.has_learned = False
        self.used = ""  # the model that was installed, once decided
        self.is_busy = False  # something is being installed or cleared away
        self._process: RetrainProcess | None = None
        self._events: Events = deque()
        self._after: Callable[[], object] | None = None  # once the child has ended
        self._throw_away = False
        self._close_when_done = False
        self._looked = False
        self._hearing = QTimer(self)
        self._hearing.setInterval(HEARD_EVERY_MS)
        self._hearing.timeout.connect(self._hear)
        session.models.changed.connect(self._models_known)

    # -------------------------------------------------------------- facts

    @property
    def state(self) -> str:
        """That of the child: running, pausing, paused, stopping."""
        return "ended" if self._process is None else self._process.state

    @property
    def is_running(self) -> bool:
        return self.stage is Stage.RUNNING

    def pictures(self) -> list[PictureToLearn]:
        """Approved pictures of the open project, and those that were corrected."""
        session = self._session
        return [
            PictureToLearn(
                shown_name(unescaped(r.file)), r.sha256, session.photo_path(r), r.review is Review.APPROVED
            )
            for r in session.project.images
            if r.review in (Review.APPROVED, Review.EDITED)
        ]

    @property
    def model_before(self) -> InstalledModel | None:
        """The model that the chosen one was retrained from, while it is installed."""
        chosen = self._session.models.chosen
        made = chosen.spec.scores.get("retrained") if chosen is not None else None
        if not isinstance(made, dict):
            return None
        installed = self._session.models.installed
        same = [m for m in installed if m.sha256 == made.get("base_sha256")]
        newer = [m for m in installed if m.name == made.get("base_model")]  # the program was updated
        return next(iter(same + newer), None)

    # -------------------------------------------------------------- beginning

    def start(self, order: RetrainOrder) -> None:
        """Save the project, write the order down, and begin. None is replaced that waits for a decision."""
        session = self._session
        if self.stage in (Stage.RUNNING, Stage.BROKEN_OFF, Stage.FINISHED):
            self.shown.emit()
            return
        self._begin_as(order.name, order.base.name)

        def written(run: RetrainRun) -> None:
            self.run = run
            self._run_child(only_judge=False)

        def failed(error: BaseException) -> None:
            self._stage(Stage.NONE)
            session.tell_error(error)

        def saved(error: BaseException | None) -> None:
            if error is not None:
                self._stage(Stage.NONE)
                text = f"Nothing was started, because the project could not be saved first. {sentence(error)}"
                session.tell(Message(text, Kind.ERROR, key=KEY, stays=True))
                return
            job = begin_job(order)
            job.succeeded.connect(written)
            job.failed.connect(failed)
            session.lanes.cpu.submit(job)

        if session.work is None or session.read_only:
            saved(None)
        else:
            session.work.save(saved)

    def go_on(self) -> None:
        """End a pause, or go on with one that was broken off."""
        if self._process is not None:
            self._process.go_on()
        elif self.stage is Stage.BROKEN_OFF and self.run is not None and not self.is_busy:
            self._begin_as(self.name, self.base)
            self._run_child(only_judge=False)

    def judge(self) -> None:
        """Look at the best weights of one that was broken off, without learning on."""
        if self.stage is Stage.BROKEN_OFF and self.run is not None and self.has_learned and not self.is_busy:
            self._begin_as(self.name, self.base)
            self._run_child(only_judge=True)

    def _begin_as(self, name: str, base: str) -> None:
        self.name, self.base = name, base
        self.course, self.report, self.trouble, self.used = Course(), None, "", ""
        self.can_go_on, self._throw_away, self._close_when_done = True, False, False
        self._stage(Stage.RUNNING)
        self.shown.emit()

    def _run_child(self, *, only_judge: bool) -> None:
        from crackcore.training.retrain_runs import RetrainProcess

        assert self.run is not None
        process = self._process = RetrainProcess(self.run, only_judge=only_judge)
        events = self._events = deque()
        job = retrain_job(process, events)
        job.succeeded.connect(self._finished)
        job.failed.connect(self._failed)
        job.ended.connect(lambda: self._ended(process))
        self._hearing.start()
        self._session.lanes.training.submit(job)
        self.changed.emit()

    # -------------------------------------------------------------- while it runs

    def pause(self) -> None:
        if self._process is not None:
            self._process.pause()

    def stop(self) -> None:
        """End the learning; the best so far is judged."""
        if self._process is not None:
            self._process.stop()

    def cancel(self) -> None:
        """End at once and throw away what was learned."""
        if self._process is not None:
            self._throw_away = True
            self._process.cancel()

    def _hear(self) -> None:
        events, heard = self._events, False
        while events:
            self.course.hear(events.popleft())
            heard = True
        if heard or self._process is not None:
            self.moved.emit()

    def _finished(self, report: RetrainReport) -> None:
        self.report = report
        self._stage(Stage.FINISHED)
        if self._close_when_done:
            return
        words = "is ready and did better" if report.better else "is ready; it is not known to be better"
        show = Way("Look at it", self.shown.emit)
        self._session.tell(Message(f"{self.name} {words}.", Kind.DONE, (show,), key=KEY, stays=True))

    def _failed(self, error: BaseException) -> None:
        self.trouble = sentence(error)
        self._session.tell(Message(self.trouble, Kind.ERROR, key=KEY, stays=True))

    def _ended(self, process: RetrainProcess) -> None:
        self._hear()
        self._hearing.stop()
        if self._process is process:
            self._process = None
        if self._throw_away:
            self._throw_away = False
            self._clear_away()
        elif self.stage is Stage.RUNNING:  # it failed, or was left
            self.has_learned = bool(self.course.checks)
            self._stage(Stage.BROKEN_OFF)
        then, self._after = self._after, None
        if then is not None:
            then()
        elif self._close_when_done:
            self._close_when_done = False
            self._session.leave()

    def _stage(self, stage: Stage) -> None:
        self.stage = stage
        self.changed.emit()

    # -------------------------------------------------------------- what becomes of it

    def use(self, *, insist: bool = False) -> None:
        """Install the new model and choose it. The old one stays."""
        if self.stage is not Stage.FINISHED or self.run is None or self.report is None or self.is_busy:
            return
        if not (self.report.better or insist):
            return
        session = self._session

        def installed(model: InstalledModel) -> None:
            self.used = model.name
            self.run = None
            self._stage(Stage.DECIDED)
            session.models.look_for(then_choose=model.name)
            back = Way(f"Go back to {shown_name(self.base)}", self.go_back)
            text = f"{model.name} is in use now. Pictures keep their results until they are predicted again."
            session.tell(Message(text, Kind.DONE, (back,), key=KEY, stays=True))

        self._busy(install_job(self.run, self.report, insist=insist), installed)

    def keep_old(self) -> None:
        """Decide against the new model, or give up one that was broken off."""
        if self.stage in (Stage.FINISHED, Stage.BROKEN_OFF) and not self.is_busy:
            self._clear_away()

    def go_back(self) -> None:
        """Choose the model again that the chosen one was retrained from."""
        before = self.model_before
        if before is None:
            text = "The model before the retraining is not installed any more. Choose another one."
            self._session.tell(Message(text, Kind.WARNING, key=KEY))
            return
        self._session.models.choose(before.name)
        self._session.tell(Message(f"{before.name} is in use again.", Kind.DONE, key=KEY))
        self.changed.emit()

    def _clear_away(self) -> None:
        run = self.run
        if run is None:
            self._stage(Stage.NONE)
            return

        def cleared(answer: object) -> None:
            self.run = None
            self._stage(Stage.NONE)

        self._busy(throw_away_job(run), cleared)

    def _busy(self, job: Job, then: Callable[[Any], None]) -> None:
        """One such job at a time; its buttons are off meanwhile."""

        def over() -> None:
            self.is_busy = False
            self.changed.emit()

        self.is_busy = True
        job.succeeded.connect(then)
        job.failed.connect(self._session.tell_error)
        job.ended.connect(over)
        self._session.lanes.cpu.submit(job)
        self.changed.emit()

    # -------------------------------------------------------------- found at the start

    def _models_known(self) -> None:
        if self._looked or not self._session.models.known:
            return
        self._looked = True
        job = unfinished_job()
        job.succeeded.connect(self._found)
        job.failed.connect(self._session.tell_error)
        self._session.lanes.cpu.submit(job)

    def _found(self, runs: list[UnfinishedRun]) -> None:
        if not runs or self.stage is not Stage.NONE:
            return
        found = runs[0]
        self.run, self.report = found.run, found.report
        self.name, self.base = found.name, found.base
        self.trouble, self.has_learned = found.trouble, found.has_learned
        self.can_go_on = not found.trouble
        self.course = Course(step=found.step, steps=found.steps)
        for event in found.events:
            self.course.hear(event)
        throw = Way("Throw it away", self.keep_old)
        if found.report is not None:
            self._stage(Stage.FINISHED)
            ways: tuple[Way, ...] = (Way("Look at it", self.shown.emit),)
            text = f"A retraining is finished: {self.name}. Nothing was decided about it yet."
        else:
            self._stage(Stage.BROKEN_OFF)
            at = f" at step {found.step} of {found.steps}" if found.step and found.steps else ""
            text = f"The retraining of {self.name} was interrupted{at}. {self.trouble}".strip()
            ways = (Way("Go on", self.go_on), throw) if self.can_go_on else (throw,)
        self._session.tell(Message(text, Kind.INFO, ways, key=KEY, stays=True))

    # -------------------------------------------------------------- leaving

    def holds_back(self) -> bool:
        """Whether the program should not be closed yet; then the user is asked what to do."""
        if not self.is_running or self._process is None:
            return False
        left = self.course.seconds_left
        about = f", {duration(left)} left" if left and self.course.phase is Phase.LEARNING else ""
        text = f"{self.name} is still being retrained{about}."
        ways = (
            Way("Keep its state and close", self._leave_state),
            Way("Close when it is done", self._wait_and_close),
        )
        self._session.tell(Message(text, Kind.WARNING, ways, key="leave", stays=True))
        return True

    def _leave_state(self) -> None:
        process = self._process
        if process is None:
            self._session.leave()
            return
        self._after = self._session.leave
        if self.course.phase is not Phase.LEARNING:
            process.cancel()  # there is no state yet, or everything that was learned is on disk
            return
        process.leave()
        self._session.tell(Message("Keeping what was learned; then the window closes.", key="leave"))
        asked = time.monotonic()

        def insist() -> None:
            if self._process is process and time.monotonic() - asked >= LEFT_AT_LATEST_MS / 1000:
                process.cancel()

        QTimer.singleShot(LEFT_AT_LATEST_MS + 50, self, insist)

    def _wait_and_close(self) -> None:
        if self._process is None:
            self._session.leave()
        else:
            self._close_when_done = True
            self._session.tell(Message("The window closes when the retraining is done.", key="leave"))
