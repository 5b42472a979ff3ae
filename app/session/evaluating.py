"""Evaluating: how good one model, or two, are on the approved pictures. The project is only read."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.jobs import Job, Lane
from app.jobs.evaluate import (
    Contestant,
    Evaluation,
    Known,
    MeasureRequest,
    Recorded,
    known_job,
    measure_job,
    photo_for_evaluation_job,
    recorded_job,
    save_job,
    score_job,
    without,
)
from app.jobs.predict import PredictRequest
from app.messages import Kind, Message, message_for, sentence
from app.session.error_maps import ErrorMaps
from crackcore.arrays import RgbImage
from crackcore.domain.image_record import ImageRecord, Review
from crackcore.domain.prediction import PredictSettings
from crackcore.errors import DeviceProblem, ModelProblem, NotAnalysed, PhotoMissing
from crackcore.masks.threshold import score_step
from crackcore.names import shown_name, unescaped

if TYPE_CHECKING:
    from app.session.session import Session
    from crackcore.models.catalogue import InstalledModel
    from crackcore.projects.planes import PackedPlane

KEPT_BYTES = 512 << 20  # of packed scores, for asking again with more pictures or another rival
_ScoreKey = tuple[str, str, str, str]  # photo, model, refinement, precision


@dataclass
class Run:
    """An evaluation under way: first what is there, then what models must be asked for, then measuring."""

    contestants: tuple[Contestant, ...]
    records: tuple[ImageRecord, ...]
    settings: PredictSettings
    known: dict[str, Known] = field(default_factory=dict)
    scores: dict[tuple[str, tuple[str, str]], PackedPlane] = field(default_factory=dict)
    failed: dict[str, tuple[str, str]] = field(default_factory=dict)  # id: name and sentence
    wanted: list[tuple[ImageRecord, Contestant]] = field(default_factory=list)
    photos: dict[tuple[str, str], RgbImage] = field(default_factory=dict)  # read ahead, by id and model
    reading: set[tuple[str, str]] = field(default_factory=set)
    at: int = 0  # of what is under way
    part: float = 0.0
    note: str = ""
    is_asking: bool = False  # a model has a picture
    asked_at: float = 0.0  # when the first model was asked
    jobs: list[tuple[Lane, Job]] = field(default_factory=list)

    @property
    def share(self) -> float:
        """How far it is, 0..1: asking models takes nearly all of it."""
        if self.note == "Measuring":
            return 0.85 + 0.15 * self.part
        if self.wanted:
            return 0.1 + 0.75 * (self.at + self.part) / len(self.wanted)
        return 0.1 * self.at / max(1, len(self.records))

    @property
    def remaining_s(self) -> float | None:
        """Until the models have answered, from the pace so far; None while there is none."""
        gone = self.at + self.part
        if not self.wanted or not self.asked_at or gone < 0.5 or self.note == "Measuring":
            return None
        return (time.monotonic() - self.asked_at) / gone * (len(self.wanted) - gone)


class Evaluating(QObject):
    """Belongs to the session. Nothing here changes the project."""

    changed = Signal()  # a run began, moved on or ended; another result is there, or none

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.run: Run | None = None
        self.result: Evaluation | None = None
        self.everything: Evaluation | None = None  # before pictures were left out; `result` or fuller
        self._kept: OrderedDict[_ScoreKey, PackedPlane] = OrderedDict()
        self._errors = ErrorMaps(session)
        session.project_changed.connect(self._project_changed)

    # -------------------------------------------------------------- what there is

    @property
    def approved(self) -> tuple[ImageRecord, ...]:
        return tuple(r for r in self._session.project.images if r.review is Review.APPROVED)

    @property
    def out_of_date(self) -> int:
        """How many pictures were approved, or are not any more, since what is shown was measured."""
        if self.everything is None:
            return 0
        names = {name for name, _ in self.everything.failed}
        then = {p.image_id for p in self.everything.pictures}
        now = {r.id for r in self.approved if Path(unescaped(r.file)).name not in names}
        return len(then ^ now)

    def contestant(self, model: InstalledModel) -> Contestant:
        """A model as predicting uses it now."""
        from crackcore.refinement import threshold_after

        wish = self._session.settings.value.refinement
        refinement = {"model": model.spec.refinement, "none": ""}.get(wish, wish)
        return Contestant(model, refinement, score_step(threshold_after(refinement, model.spec.threshold)))

    # -------------------------------------------------------------- wishes

    def start(self, model: InstalledModel, rival: InstalledModel | None = None) -> None:
        """Evaluate a model, or two on the same pictures; what was being evaluated is stopped."""
        self.cancel()
        session, records = self._session, self.approved
        if session.store is None or not records:
            return
        models = [model] if rival is None or rival.sha256 == model.sha256 else [model, rival]
        value = session.settings.value
        self.run = run = Run(
            tuple(self.contestant(one) for one in models),
            records,
            PredictSettings(device=value.device, precision=value.precision),
            note="Reading what is approved",
        )
        if session.work is not None:
            session.work.flush()  # the disk lane reads what is kept, and does so after this
        self.changed.emit()
        self._gather(run)

    def cancel(self) -> None:
        """Stop; the last result stays."""
        run, self.run = self.run, None
        if run is None:
            return
        for lane, job in tuple(run.jobs):
            lane.cancel(job)
        self.changed.emit()

    def leave_out(self, ids: frozenset[str]) -> None:
        """The last result once more without some of its pictures; with none of them, all count again."""
        whole = self.everything
        if whole is None:
            return
        self.cancel()
        if not ids:
            self._show(whole, whole=whole)
            return
        request = without(whole, ids)
        if not request.pictures:
            self._session.tell(
                Message("No picture would be left to measure on.", Kind.WARNING, key="evaluate")
            )
            return
        self.run = Run(request.contestants, (), PredictSettings(), note="Measuring")
        self.changed.emit()
        self._measure(self.run, request, whole=whole)

    def save(self, target: Path) -> None:
        """Keep the figures as a table (.csv) or whole (.json)."""
        if self.result is None:
            return
        job = save_job(self.result, target)
        job.succeeded.connect(
            lambda path: self._session.tell(
                Message(f"The figures were saved as {shown_name(path)}.", Kind.DONE, key="evaluate-save")
            )
        )
        job.failed.connect(lambda error: self._session.tell(message_for(error, key="evaluate-save")))
        self._session.lanes.cpu.submit(job)

    def show_errors(self, image_id: str, *, side: int, step: int, tolerance_px: float) -> None:
        """Open a picture of the result and look at what was found, missed and invented."""
        result = self.result
        if result is None or image_id not in self._session.project:
            return
        numbers = [n for n, p in enumerate(result.pictures) if p.image_id == image_id]
        if not numbers:
            return
        one = result.sides[side]
        self._errors.show(result.pictures[numbers[0]], one.planes[numbers[0]], one.name, step, tolerance_px)

    # -------------------------------------------------------------- what is there already

    def _submit(self, run: Run, lane: Lane, job: Job) -> None:
        run.jobs.append((lane, job))
        job.ended.connect(lambda: run.jobs.remove((lane, job)))
        lane.submit(job)

    def _gather(self, run: Run) -> None:
        """One picture after the other, so that strokes find the disk lane free between two."""
        if run is not self.run or self._session.store is None:
            return
        if run.at >= len(run.records):
            self._ask(run)
            return
        record = run.records[run.at]

        def next_one() -> None:
            if run is self.run:
                run.at += 1
                self.changed.emit()
                self._gather(run)

        def failed(error: BaseException) -> None:
            self._failed(run, record, error)
            next_one()

        def read(recorded: Recorded) -> None:
            if run is self.run:
                job = known_job(record, recorded, run.contestants, run.settings)
                job.succeeded.connect(came)
                job.failed.connect(failed)
                self._submit(run, self._session.lanes.cpu, job)

        def came(known: Known) -> None:
            run.known[record.id] = known
            for one in run.contestants:
                score = known.scores.get(one.key) or self._kept.get(self._kept_key(run, record, one))
                if score is not None:
                    run.scores[record.id, one.key] = score
            next_one()

        job = recorded_job(self._session.store, record.id)
        job.succeeded.connect(read)
        job.failed.connect(failed)
        self._submit(run, self._session.lanes.disk, job)

    def _failed(self, run: Run, record: ImageRecord, error: BaseException) -> None:
        run.failed[record.id] = (Path(unescaped(record.file)).name, sentence(error))

    # -------------------------------------------------------------- asking models

    def _ask(self, run: Run) -> None:
        # All pictures of one model first: loading another one takes longer than a picture.
        run.wanted = [
            (record, one)
            for one in run.contestants
            for record in run.records
            if record.id in run.known and (record.id, one.key) not in run.scores
        ]
        run.at, run.part = 0, 0.0
        run.asked_at = time.monotonic()
        self._ask_next(run)

    def _ask_next(self, run: Run) -> None:
        if run is not self.run or run.is_asking:
            return
        while run.at < len(run.wanted) and run.wanted[run.at][0].id in run.failed:
            run.at += 1
        if run.at >= len(run.wanted):
            self._finish(run)
            return
        one = run.wanted[run.at][1]
        run.part, run.note = 0.0, f"Picture {run.at + 1} of {len(run.wanted)} with {one.name}"
        self.changed.emit()
        for ahead in run.wanted[run.at : run.at + 2]:
            self._read(run, *ahead)
        self._predict(run)

    def _read(self, run: Run, record: ImageRecord, one: Contestant) -> None:
        session, key = self._session, (record.id, one.model.sha256)
        if key in run.photos or key in run.reading or record.id in run.failed:
            return
        document = session.document_of(record.id)
        if document is not None and document.photo is not None:
            run.photos[key] = document.photo
            return
        run.reading.add(key)

        def failed(error: BaseException) -> None:
            run.reading.discard(key)
            self._failed(run, record, error)
            if run is self.run and run.at < len(run.wanted) and run.wanted[run.at][0].id == record.id:
                self._ask_next(run)

        def came(pixels: RgbImage) -> None:
            run.reading.discard(key)
            run.photos[key] = pixels
            self._predict(run)

        if session.store is None:
            return
        try:
            path = session.store.photo_path(record)
        except PhotoMissing as error:
            run.reading.discard(key)
            self._failed(run, record, error)
            return
        job = photo_for_evaluation_job(path, record)
        job.succeeded.connect(came)
        job.failed.connect(failed)
        self._submit(run, session.lanes.cpu, job)

    def _predict(self, run: Run) -> None:
        """Give the device the picture whose turn it is, if it was read; one at a time, so that what the
        user asks for meanwhile comes next."""
        if run is not self.run or run.is_asking or run.at >= len(run.wanted):
            return
        record, one = run.wanted[run.at]
        if record.id in run.failed:
            self._ask_next(run)
            return
        pixels = run.photos.pop((record.id, one.model.sha256), None)
        if pixels is None:
            return
        at = run.at
        title = unescaped(record.file)
        request = PredictRequest(record.id, pixels, one.model, run.settings, title, one.refinement)

        def moved(done: float, total: float, note: str) -> None:
            if run is self.run and run.at == at and total:
                run.part = min(1.0, done / total)
                self.changed.emit()

        def came(score: PackedPlane) -> None:
            run.scores[record.id, one.key] = score
            self._keep(self._kept_key(run, record, one), score)
            over()

        def failed(error: BaseException) -> None:
            if (
                run is self.run
                and isinstance(error, (DeviceProblem, ModelProblem))
                and not isinstance(error, NotAnalysed)
            ):
                # The same would happen with every picture.
                self.cancel()
                self._session.tell(message_for(error, about="The evaluation has stopped.", key="evaluate"))
                return
            self._failed(run, record, error)
            over()

        def over() -> None:
            run.is_asking = False
            if run is self.run:
                run.at += 1
                self._ask_next(run)

        run.is_asking = True
        job = score_job(request, self._session.predicting.warm)
        job.progressed.connect(moved)
        job.succeeded.connect(came)
        job.failed.connect(failed)
        self._submit(run, self._session.lanes.device, job)

    def _kept_key(self, run: Run, record: ImageRecord, one: Contestant) -> _ScoreKey:
        return record.sha256, one.model.sha256, one.refinement, run.settings.precision

    def _keep(self, key: _ScoreKey, score: PackedPlane) -> None:
        self._kept[key] = score
        held = sum(_bytes(plane) for plane in self._kept.values())
        while held > KEPT_BYTES:
            held -= _bytes(self._kept.popitem(last=False)[1])

    # -------------------------------------------------------------- measuring

    def _finish(self, run: Run) -> None:
        good = [run.known[r.id] for r in run.records if r.id in run.known and r.id not in run.failed]
        run.note, run.part, run.at = "Measuring", 0.0, len(run.wanted)
        self.changed.emit()
        failed = tuple(run.failed[r.id] for r in run.records if r.id in run.failed)
        if not good:
            self.run = None
            self._session.tell(
                Message(
                    "None of the approved pictures could be evaluated.",
                    Kind.ERROR,
                    key="evaluate",
                    stays=True,
                    details=tuple(f"{shown_name(name)}: {text}" for name, text in failed[:20]),
                )
            )
            self.changed.emit()
            return
        scores = tuple(tuple(run.scores[p.image_id, one.key] for p in good) for one in run.contestants)
        self._measure(run, MeasureRequest(run.contestants, tuple(good), scores, failed))

    def _measure(self, run: Run, request: MeasureRequest, *, whole: Evaluation | None = None) -> None:
        def moved(done: float, total: float, note: str) -> None:
            if run is self.run and total:
                run.part = done / total
                self.changed.emit()

        def came(found: Evaluation) -> None:
            if run is self.run:
                self.run = None
                self._show(found, whole=whole or found)

        def failed(error: BaseException) -> None:
            if run is self.run:
                self.run = None
                self._session.tell(message_for(error, about="Nothing was measured.", key="evaluate"))
                self.changed.emit()

        job = measure_job(request)
        job.progressed.connect(moved)
        job.succeeded.connect(came)
        job.failed.connect(failed)
        self._submit(run, self._session.lanes.cpu, job)

    def _show(self, found: Evaluation, *, whole: Evaluation) -> None:
        self.result, self.everything = found, whole
        self._errors.withdraw()  # it belongs to an older result
        self.changed.emit()

    def _project_changed(self) -> None:
        self.cancel()
        self._kept.clear()
        if self.result is not None:
            self.result = self.everything = None
            self._errors.withdraw()  # it belongs to an older result
            self.changed.emit()


def _bytes(plane: PackedPlane) -> int:
    return sum(len(piece) for piece in plane.pieces.values())
