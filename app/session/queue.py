"""The order in which pictures are listed and gone through: as added, or by what correcting is worth."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.jobs import Job
from app.jobs.queue import PictureWorth, likeness_job, order_job, worth_job
from app.messages import Kind, Message, Way, message_for, sentence
from crackcore.domain.image_record import Review
from crackcore.domain.prediction import PredictSettings
from crackcore.errors import DeviceProblem, ModelProblem, NotAnalysed
from crackcore.names import shown_name, unescaped

if TYPE_CHECKING:
    from app.session.session import Session
    from crackcore.evaluation.review_order import QueueRow
    from crackcore.models.catalogue import InstalledModel

LISTED = 20


@dataclass(frozen=True)
class Place:
    """What is known of a picture that was put in order.

    `worth_px` is the length in px of crack that a person would decide about. `like` is the id of a
    picture it looks the same as, which comes before it; empty: of none.
    """

    worth_px: float
    like: str = ""


@dataclass(frozen=True)
class Ranking:
    """An order as it was made: `ids` most worth first, what is like another last, then the rest.

    `failed` are the pictures that could not be looked at, with a sentence. `model` made it.
    """

    ids: tuple[str, ...]
    places: dict[str, Place]
    failed: dict[str, str]
    model: str

    @cached_property
    def alike(self) -> int:
        """How many look like another one."""
        return sum(bool(place.like) for place in self.places.values())


@dataclass
class _Run:
    """A ranking under way. `wanted` are the pictures still to be looked at, `corrected` among them."""

    model: InstalledModel
    wanted: list[str]
    corrected: frozenset[str]
    total: int
    found: dict[str, PictureWorth] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    job: Job | None = None
    done: int = 0
    part: float = 0.0
    started_at: float = field(default_factory=time.monotonic)


class Queue(QObject):
    """Belongs to the session. It changes nothing in the project; the ranking lives while that is open."""

    changed = Signal()  # the order is another one
    moved = Signal()  # a ranking began, went on or ended, or became out of date

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.by_worth = False
        self.ranking: Ranking | None = None
        self._run: _Run | None = None
        self._known: dict[tuple[str, str], PictureWorth] = {}  # by digests of picture and model
        self._ids: tuple[str, ...] = ()
        self._rows: dict[str, int] = {}
        self._made_for: tuple[str, int] = ("", -1)
        self._unranked = 0
        self._project = ""
        session.project_changed.connect(self._project_changed)
        session.images_changed.connect(self.moved)
        session.models.changed.connect(self.moved)

    # -------------------------------------------------------------- the order

    @property
    def ids(self) -> tuple[str, ...]:
        """All pictures in the order in which they are listed; new ones at the end."""
        project = self._session.project
        made_for = (project.uuid, len(project.images))
        if made_for != self._made_for:
            ids = dict.fromkeys([record.id for record in project.images])
            self._unranked = 0
            if self.by_worth and self.ranking is not None:
                ranked = {i: None for i in self.ranking.ids if i in ids}
                self._unranked = len(ids) - len(ranked)
                ids = ranked | ids
            self._ids, self._made_for = tuple(ids), made_for
            self._rows = dict(zip(self._ids, range(len(ids)), strict=True))
        return self._ids

    def row(self, image_id: str) -> int:
        """Where a picture stands; -1 when it is not in the project."""
        ids = self.ids
        row = self._rows.get(image_id, -1)
        return row if row < len(ids) else -1

    def after(self, image_id: str, step: int) -> str:
        """The id so many rows further on, or '' beyond the ends."""
        row = self.row(image_id) + step
        ids = self.ids
        return ids[row] if 0 <= row < len(ids) else ""

    def place(self, image_id: str) -> Place | None:
        """What is known of a picture, while the order is by worth."""
        if not self.by_worth or self.ranking is None:
            return None
        return self.ranking.places.get(image_id)

    def choose(self, *, by_worth: bool) -> None:
        """List in this order. By worth without a ranking begins to make one."""
        if by_worth and self.ranking is None:
            self.start()
            return
        if self.by_worth != by_worth:
            self.by_worth = by_worth
            self._rearrange()

    def _rearrange(self) -> None:
        self._made_for = ("", -1)
        self.changed.emit()
        self.moved.emit()

    # -------------------------------------------------------------- how old it is

    @property
    def unranked(self) -> int:
        """Pictures that came in after the order was made; 0 while they are listed in another one."""
        return self._unranked if self.ids else 0

    @property
    def is_of_another_model(self) -> bool:
        model = self._session.models.chosen
        return self.ranking is not None and model is not None and model.name != self.ranking.model

    # -------------------------------------------------------------- ranking

    @property
    def can_rank(self) -> bool:
        """There are pictures, and the chosen model finds cracks."""
        session = self._session
        model = session.models.chosen
        finds = model is not None and session.models.finds_cracks(model)
        return finds and session.is_open and len(session.project.images) > 1

    @property
    def is_running(self) -> bool:
        return self._run is not None

    @property
    def done(self) -> int:
        """Pictures looked at, of `total`."""
        return 0 if self._run is None else self._run.done

    @property
    def total(self) -> int:
        return 0 if self._run is None else self._run.total

    @property
    def remaining_s(self) -> float | None:
        """From the pace so far; None while there is none."""
        run = self._run
        if run is None or run.done + run.part < 1:
            return None
        gone = run.done + run.part
        return (time.monotonic() - run.started_at) / gone * (run.total - gone)

    def start(self) -> None:
        """Look at every picture that was not looked at yet, in the background; then order by worth."""
        session = self._session
        model = session.models.chosen
        if model is None or not self.can_rank:
            return
        self.stop()
        images = session.project.images
        corrected = frozenset(r.id for r in images if r.review is Review.APPROVED)
        found, wanted = {}, []
        for record in images:
            known = self._known.get((record.sha256, model.sha256))
            if record.id in corrected and known is None:
                known = self._known.get((record.sha256, ""))
            if known is None:
                wanted.append(record.id)
            else:
                found[record.id] = known
        wanted.reverse()  # taken from the end
        self._run = _Run(model, wanted, corrected, len(wanted), found)
        self.moved.emit()
        self._go_on(self._run)

    def stop(self) -> None:
        """Stop; the order stays as it is, and what was looked at is not looked at again."""
        run, self._run = self._run, None
        if run is not None:
            if run.job is not None:
                self._session.lanes.cancel(run.job)
            self.moved.emit()

    def _go_on(self, run: _Run) -> None:
        """One picture at a time is given to the device, so that a prediction comes next in line."""
        session = self._session
        while run is self._run and run.wanted:
            image_id = run.wanted.pop()
            if image_id not in session.project:
                continue
            record = session.record(image_id)
            path = session.photo_path(record)
            if path is None:
                run.failed[image_id] = "Its place is not one the project may lead to."
                continue
            if image_id in run.corrected:
                self._submit(run, image_id, likeness_job(path), "")
            else:
                settings = PredictSettings(
                    device=session.settings.value.device, precision=session.settings.value.precision
                )
                job = worth_job(path, run.model, settings, session.predicting.warm)
                self._submit(run, image_id, job, run.model.sha256)
            return
        if run is self._run:
            self._put_in_order(run)

    def _submit(self, run: _Run, image_id: str, job: Job, model_sha256: str) -> None:
        run.job, run.part = job, 0.0
        sha256 = self._session.record(image_id).sha256

        def came(worth: PictureWorth) -> None:
            run.found[image_id] = self._known[(sha256, model_sha256)] = worth

        def moved(done: float, total: float, note: str) -> None:
            run.part = min(0.95, done / total / 3) if total else run.part
            self.moved.emit()

        def ended() -> None:
            if run is self._run:
                run.job, run.part = None, 0.0
                run.done += 1
                self.moved.emit()
                self._go_on(run)

        job.succeeded.connect(came)
        job.failed.connect(lambda error: self._failed(run, image_id, error))
        job.progressed.connect(moved)
        job.ended.connect(ended)
        lane = self._session.lanes.device if model_sha256 else self._session.lanes.cpu
        lane.submit(job)

    def _failed(self, run: _Run, image_id: str, error: BaseException) -> None:
        if run is not self._run:
            return
        if isinstance(error, (DeviceProblem, ModelProblem)) and not isinstance(error, NotAnalysed):
            self.stop()  # the same would happen with every picture
            self._session.tell(message_for(error, about="The pictures were not put in order.", key="queue"))
            return
        run.failed[image_id] = sentence(error)

    def _put_in_order(self, run: _Run) -> None:
        ids = [r.id for r in self._session.project.images if r.id in run.found]
        worths = [
            PictureWorth(None, run.found[i].likeness) if i in run.corrected else run.found[i] for i in ids
        ]
        run.job = job = order_job(worths)
        job.succeeded.connect(lambda rows: self._ordered(run, ids, rows))
        job.failed.connect(self._session.tell_error)
        job.ended.connect(lambda: self.stop() if run is self._run else None)
        self._session.lanes.cpu.submit(job)

    def _ordered(self, run: _Run, ids: list[str], rows: list[QueueRow]) -> None:
        if run is not self._run:
            return
        self._run = None
        places = {
            ids[row.index]: Place(row.worth_px, "" if row.like is None else ids[row.like]) for row in rows
        }
        rest = [r.id for r in self._session.project.images if r.id in run.failed]
        done = [i for i in ids if i not in places]  # approved ones: at the end, in their own order
        self.ranking = Ranking((*places, *rest, *done), places, run.failed, run.model.name)
        self.by_worth = True
        self._rearrange()
        self._tell(self.ranking)

    def _tell(self, ranking: Ranking) -> None:
        if ranking.failed:
            project = self._session.project
            lines = [
                f"{shown_name(unescaped(project.image(i).file))}: {why}"
                for i, why in ranking.failed.items()
                if i in project
            ]
            text = f"{len(ranking.places)} pictures put in order, {len(lines)} could not be looked at."
            self._session.tell(
                Message(text, Kind.WARNING, key="queue", stays=True, details=tuple(lines[:LISTED]))
            )
        elif not ranking.places:
            self._session.tell(Message("Every picture is approved; nothing to order.", key="queue"))
        else:
            first = ranking.ids[0]
            number = len(ranking.places)
            text = "1 picture is in order." if number == 1 else f"{number} pictures are in order."
            way = Way("Show the first one", lambda: self._session.show(first))
            self._session.tell(Message(text, Kind.DONE, (way,), key="queue"))

    # -------------------------------------------------------------- another project

    def _project_changed(self) -> None:
        run, self._run = self._run, None
        if run is not None and run.job is not None:
            self._session.lanes.cancel(run.job)
        project = self._session.project
        if self._project != project.uuid:  # else the same one became read-only
            self.by_worth, self.ranking = False, None
            self._known.clear()
        self._project = project.uuid
        self._made_for = ("", -1)
        self.moved.emit()
