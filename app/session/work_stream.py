"""The stream of finished steps to the journal, and the snapshots that fold them in.

A step is *kept* once the disk lane's `append_many` has returned. Until then it stays here, in
order, also when the disk is full: nothing is dropped, and it is tried again. Only a step that the
store refuses for what it is goes its own way: it would be refused for ever, and everything after it
with it, so it is taken out and told about.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from app.jobs import Job, Lane
from app.jobs.project import carry_over_job, save_job
from app.messages import Kind, Message, Way, sentence
from crackcore.domain.change import (
    Change,
    HandEdited,
    ImageRemoved,
    MaskFrozen,
    Predicted,
    RecordChanged,
    Regridded,
    ViewMoved,
)
from crackcore.errors import CrackError, ProjectChangedElsewhere, ProjectReadOnly, UnknownPicture
from crackcore.names import shown_name
from crackcore.progress import Cancelled, Progress

if TYPE_CHECKING:
    from crackcore.projects.store import ProjectStore

RETRY_S = 3.0
YIELD_AFTER_S = 0.5
_log = logging.getLogger(__name__)
AfterSave = Callable[[BaseException | None], object]


@dataclass
class _Answer:
    """What became of the steps that waited."""

    kept: list[Change] = field(default_factory=list)
    refused: list[Change] = field(default_factory=list)
    refusal: BaseException | None = None  # of the first of those
    error: BaseException | None = None  # the rest waits again because of this
    is_much: bool = False


class WorkStream(QObject):
    """Belongs to one open project."""

    changed = Signal()  # something about "is it saved" is different
    told = Signal(object)  # Message
    saved = Signal()
    taken_over = Signal(object)  # the error: somebody else saved this project, it can only be read now

    def __init__(
        self,
        store: ProjectStore,
        disk: Lane,
        *,
        checkpoint_s: Callable[[], int],
        checkpoint_strokes: Callable[[], int],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._disk = disk
        self._checkpoint_s = checkpoint_s
        self._checkpoint_strokes = checkpoint_strokes
        self._lock = threading.Lock()
        self._waiting: deque[Change] = deque()
        self._per_image: Counter[str] = Counter()
        self.kept_at: float | None = None  # monotonic, of the last acknowledged step
        self.waiting = 0  # steps that are not durable yet
        self.steps_since_save = 0
        self._saving: Job | None = None
        self._save_again = False
        self._after_save: list[AfterSave] = []
        self._may_yield_at = 0.0  # from when on the save under way may be given up for a stroke; 0: never
        self._wait_for_quiet = False
        self.trouble: BaseException | None = None
        self._is_over = False
        self._retry = QTimer(self)
        self._retry.setSingleShot(True)
        self._retry.setInterval(int(RETRY_S * 1000))
        self._retry.timeout.connect(self.flush)
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.timeout.connect(self._after_quiet)

    @property
    def path(self) -> Path:
        """The project file."""
        return self._store.path

    @property
    def is_saving(self) -> bool:
        return self._saving is not None

    def is_kept(self, image_id: str) -> bool:
        """Whether every step of this image is durable, so that its arrays may be let go."""
        return self._per_image[image_id] == 0

    def add(self, change: Change) -> None:
        """A step is finished; it leaves for the disk lane now."""
        self.add_many((change,))

    def add_many(self, changes: Sequence[Change]) -> None:
        """Several steps that belong together: one journey, one sync."""
        with self._lock:
            self._waiting.extend(changes)
        self.waiting += len(changes)
        self._per_image.update(map(_image_of, changes))
        if not all(isinstance(change, ViewMoved) for change in changes):
            self._quiet.start(self._checkpoint_s() * 1000)
            self._step_back()
        if self.trouble is None:
            self.flush()
        self.changed.emit()

    def flush(self) -> Job | None:
        """Send what waits. Whatever goes to the disk lane after this sees those steps done.

        The batch is taken on the lane, not here, so that strokes which arrive while an earlier
        sync is under way share the next one.
        """
        # Also when the lane has taken the last step already: this job then ends after its answer.
        if not self.waiting or self._is_over:
            return None
        job = Job("Keeping your work", self._append, shown=False, can_cancel=False)
        job.succeeded.connect(self._answered)
        job.failed.connect(self._not_kept)
        return self._disk.submit(job)

    def _append(self, progress: Progress) -> _Answer:
        """On the lane: give the store all that waits; what it will never take is sorted out."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
        answer = _Answer()
        parts = deque([taken] if taken else [])
        try:
            while parts:
                part = parts.popleft()
                try:
                    self._store.append_many(part)
                    answer.kept += part
                except (UnknownPicture, ValueError) as refusal:
                    # All or nothing: halves, and halves of those, until only the culprit is left out.
                    if len(part) > 1:
                        middle = len(part) // 2
                        parts.extendleft((part[middle:], part[:middle]))
                    else:
                        answer.refused += part
                        answer.refusal = answer.refusal or refusal
                        _log.warning("a step was refused: %s", type(part[0]).__name__, exc_info=refusal)
        except Exception as error:  # noqa: BLE001 - whatever it is, the steps wait on
            answer.error = error
            done = len(answer.kept) + len(answer.refused)  # parts are taken in order
            with self._lock:
                self._waiting.extendleft(reversed(taken[done:]))
        else:
            answer.is_much = bool(answer.kept) and self._store.wants_checkpoint
        return answer

    def save(self, then: AfterSave | None = None, *, asked: bool = True) -> None:
        """Fold the journal into the project file; a save that is under way is followed by another.

        `then` is called once everything up to now is in the file, or with the error if it is not.
        Not `asked` for by anybody, it is given up for a stroke that would have to wait long for it.
        """
        if then is not None:
            self._after_save.append(then)
        if self._saving is not None:
            self._save_again = True
            self._may_yield_at = 0.0
            return
        self.flush()
        self._quiet.stop()
        self._save_again = False
        steps = self.steps_since_save + self.waiting
        failure: list[BaseException] = [Cancelled()]
        self._wait_for_quiet = False
        self._may_yield_at = 0.0 if self._after_save or asked else time.monotonic() + YIELD_AFTER_S
        job = self._saving = save_job(self._store)

        def done(result: object) -> None:
            failure.clear()
            self.steps_since_save = max(0, self.steps_since_save - steps)
            self.saved.emit()

        def failed(error: BaseException) -> None:
            failure[0] = error
            self._save_failed(error)

        def over() -> None:
            self._saving = None
            given_up = bool(failure) and isinstance(failure[0], Cancelled)
            if self._save_again and not self._is_over and (given_up or not failure):
                self.save()
            else:
                self._save_is_over(failure[0] if failure else None)
            self.changed.emit()

        job.succeeded.connect(done)
        job.failed.connect(failed)
        job.ended.connect(over)
        self.changed.emit()
        self._disk.submit(job)

    def _step_back(self) -> None:
        """A stroke waits for the disk: give up a long save that nobody asked for, until all is quiet.

        Everything the save would fold in is durable already; the stroke is not.
        """
        job = self._saving
        if job is not None and self._may_yield_at and time.monotonic() >= self._may_yield_at:
            self._wait_for_quiet = True
            self._disk.cancel(job)

    def _save_is_over(self, error: BaseException | None) -> None:
        waiting, self._after_save = self._after_save, []
        for then in waiting:
            then(error)

    def stop(self) -> None:
        """The project is being closed; timers end here."""
        self._is_over = True
        self._retry.stop()
        self._quiet.stop()
        self._save_is_over(CrackError("The project was closed before it was saved."))

    def carry_over(self, copy: Path) -> None:
        """Somebody else saved the project, and ours went into `copy`: steps made meanwhile go there too."""

        def take() -> list[Change]:
            with self._lock:
                taken = list(self._waiting)
                self._waiting.clear()
            return taken

        def put(count: int) -> None:
            self.waiting = 0
            self._per_image.clear()
            if count:
                steps = "step was" if count == 1 else f"{count} steps were"
                text = f"The last {steps} put into {shown_name(copy)} as well."
                self.told.emit(Message(text, Kind.DONE, key="save"))
            self.changed.emit()

        def not_put(error: BaseException) -> None:
            ways = (Way("Try again", lambda: self.carry_over(copy)),)
            steps = "step" if self.waiting == 1 else f"{self.waiting} steps"
            text = f"The last {steps} could not be put into {shown_name(copy)}. {sentence(error)}"
            self.told.emit(Message(text, Kind.ERROR, ways, key="save", stays=True))

        def give_back(changes: list[Change]) -> None:
            with self._lock:
                self._waiting.extendleft(reversed(changes))

        job = carry_over_job(copy, take, give_back)
        job.succeeded.connect(put)
        job.failed.connect(not_put)
        self._disk.submit(job)

    # -------------------------------------------------------------- answers

    def _answered(self, answer: _Answer) -> None:
        done = [*answer.kept, *answer.refused]
        self.waiting -= len(done)
        self._per_image.subtract(map(_image_of, done))
        self.steps_since_save += sum(not isinstance(change, ViewMoved) for change in answer.kept)
        if answer.kept:
            self.kept_at = time.monotonic()
        if answer.refusal is not None:
            self._tell_refused(len(answer.refused), answer.refusal)
        if answer.error is not None:
            self._not_kept(answer.error)
            return
        if self.trouble is not None:
            self.trouble = None
            self.told.emit(Message("Your work is being saved again.", Kind.DONE, key="save"))
        due = answer.is_much or self.steps_since_save >= self._checkpoint_strokes()
        if due and not self.is_saving and not self._is_over and not self._wait_for_quiet:
            self.save(asked=False)
        self.changed.emit()

    def _tell_refused(self, count: int, refusal: BaseException) -> None:
        steps = (
            "1 step does not fit its picture and was" if count == 1 else f"{count} steps do not fit and were"
        )
        why = sentence(refusal) if isinstance(refusal, CrackError) else f"The reason: {refusal}."
        self.told.emit(
            Message(
                f"{steps} not kept. {why} Everything else is safe. "
                "Open the project again to see what is kept.",
                Kind.ERROR,
                key="refused-step",
                stays=True,
            )
        )

    def _not_kept(self, error: BaseException) -> None:
        if self._is_over:
            if not isinstance(error, ProjectReadOnly):  # then they go into the conflict copy
                text = f"The last steps of the project that was closed could not be kept. {sentence(error)}"
                self.told.emit(Message(text, Kind.ERROR, key="save", stays=True))
            self.changed.emit()
            return
        first = self.trouble is None
        self.trouble = error
        self._retry.start()
        if first:
            self.told.emit(
                Message(
                    f"Your last steps cannot be saved at the moment. {sentence(error)} "
                    "They are kept in memory and tried again every few seconds.",
                    Kind.ERROR,
                    (Way("Try now", self.flush),),
                    key="save",
                    stays=True,
                )
            )
        self.changed.emit()

    def _save_failed(self, error: BaseException) -> None:
        if isinstance(error, ProjectChangedElsewhere):
            self.stop()
            self.taken_over.emit(error)
            return
        self.told.emit(
            Message(
                f"The project file could not be written. {sentence(error)} "
                "Every step is safe in the journal.",
                Kind.ERROR,
                (Way("Try again", lambda: self.save()),),
                key="save",
                stays=True,
            )
        )

    def _after_quiet(self) -> None:
        if (self.steps_since_save or self.waiting) and not self.is_saving and not self._is_over:
            self.save(asked=False)


def _image_of(change: Change) -> str:
    if isinstance(change, RecordChanged):
        return change.record.id
    if isinstance(change, (HandEdited, Predicted, MaskFrozen, Regridded, ImageRemoved)):
        return change.image_id
    return ""
