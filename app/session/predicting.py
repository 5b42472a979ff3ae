"""Ask the chosen model about one image or about all of them, and take only answers still wanted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.document import ScorePlanes, score_planes
from app.jobs import Job
from app.jobs.predict import PredictRequest, WarmPredictor, predict_job, read_for_prediction_job
from app.messages import Kind, Message, message_for, sentence
from app.session.regridding import Answer
from crackcore.arrays import RgbImage
from crackcore.domain.image_record import Review, Threshold
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.errors import DeviceProblem, ModelProblem, NotAnalysed, PhotoMissing
from crackcore.masks.threshold import score_step
from crackcore.names import shown_name, unescaped
from crackcore.progress import Progress

if TYPE_CHECKING:
    from app.session.session import Session
    from crackcore.models.catalogue import InstalledModel

READ_AHEAD = 1


@dataclass
class Batch:
    """Predict all, under way."""

    ids: tuple[str, ...]
    at: int = 0
    part: float = 0.0  # of the image being predicted
    failed: list[str] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)
    started_at: float = field(default_factory=time.monotonic)
    reading: dict[str, Job] = field(default_factory=dict)
    ready: dict[str, RgbImage] = field(default_factory=dict)
    job: Job | None = None

    @property
    def total(self) -> int:
        return len(self.ids)

    @property
    def remaining_s(self) -> float | None:
        """From the pace so far; None while there is none."""
        gone = self.at + self.part
        if gone < 0.5:
            return None
        return (time.monotonic() - self.started_at) / gone * (self.total - gone)


class Predicting(QObject):
    """Belongs to the session."""

    changed = Signal()  # a batch began, moved on or ended; something is being predicted or not

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.warm = WarmPredictor()
        self._serials: Counter[str] = Counter()
        self._arriving: Counter[str] = Counter()
        self._singles: dict[str, Job] = {}
        self._when_models_known = False
        self.batch: Batch | None = None
        session.models.changed.connect(self._models_changed)

    # -------------------------------------------------------------- wishes

    @property
    def can_predict(self) -> bool:
        session = self._session
        model = session.models.chosen
        finds = model is not None and session.models.finds_cracks(model)
        return finds and session.is_open and not session.read_only

    def is_predicting(self, image_id: str) -> bool:
        return image_id in self._singles

    def is_about(self, image_id: str) -> bool:
        """Whether an answer for this image is being put in place, so that its arrays must stay."""
        return self._arriving[image_id] > 0

    def predict_this(self) -> None:
        document = self._session.document
        if document is None or not document.is_loaded or not self._has_model():
            return
        assert document.photo is not None
        image_id = document.record.id
        job = self._submit(image_id, document.photo, shown=True)
        self._singles[image_id] = job

        def over() -> None:
            if self._singles.get(image_id) is job:
                del self._singles[image_id]
            self.changed.emit()

        job.failed.connect(lambda error: self._single_failed(image_id, error))
        job.ended.connect(over)
        self.changed.emit()

    def predict_all(self) -> None:
        """All images without an answer; if there is none, all that are not approved once more."""
        session = self._session
        if not session.is_open or session.read_only or not self._has_model():
            return
        images = session.project.images
        ids = tuple(r.id for r in images if r.review in (Review.NEW, Review.FAILED))
        if not ids:
            ids = tuple(r.id for r in images if r.review is not Review.APPROVED)
            model = session.models.chosen
            if ids and model is not None:
                session.tell(
                    Message(
                        f"Every picture has a prediction. Predicting the {len(ids)} not approved ones "
                        f"again with {model.name}; what was drawn by hand stays.",
                        key="predict-all",
                    )
                )
        if not ids:
            session.tell(Message("Every picture is approved; nothing to predict.", key="predict-all"))
            return
        self._start(ids)

    def predict_new_when_possible(self) -> None:
        """For the samples: begin by itself, as soon as the models are known."""
        models = self._session.models
        if not models.known:
            self._when_models_known = True
        elif self.can_predict:
            ids = tuple(r.id for r in self._session.project.images if r.review is Review.NEW)
            here = self._session.shown_id
            self._start(tuple(sorted(ids, key=lambda i: i != here)))

    def stop_batch(self) -> None:
        """Stop Predict all; what is done stays done."""
        batch, self.batch = self.batch, None
        if batch is None:
            return
        for job in batch.reading.values():
            self._session.lanes.cancel(job)
        if batch.job is not None:
            self._session.lanes.cancel(batch.job)
        self.changed.emit()

    def stop(self) -> None:
        """The project is being closed: nothing that comes back from now on counts."""
        self.stop_batch()
        for job in list(self._singles.values()):
            self._session.lanes.cancel(job)
        self._serials.clear()
        self._when_models_known = False

    def _models_changed(self) -> None:
        if self._when_models_known and self._session.models.known:
            self._when_models_known = False
            self.predict_new_when_possible()

    def _has_model(self) -> bool:
        models = self._session.models
        model = models.chosen
        if model is None and models.known:
            text = "No model is installed. Import one: Model, Import a model."
        elif model is None:
            text = "The models are still being looked up; try again in a moment."
        elif not models.finds_cracks(model):
            text = f"{model.name} enlarges pictures and finds no cracks by itself. Choose another model."
        else:
            return True
        self._session.tell(Message(text, Kind.WARNING, key="no-model"))
        return False

    # -------------------------------------------------------------- one image

    def _submit(self, image_id: str, pixels: RgbImage, *, shown: bool) -> Job:
        session, model = self._session, self._session.models.chosen
        assert model is not None
        value = session.settings.value
        store = session.store
        self._serials[image_id] += 1
        serial = self._serials[image_id]
        request = PredictRequest(
            image_id,
            pixels,
            model,
            PredictSettings(
                device=value.device,
                precision=value.precision,
                result_scale=session.regridding.result_scale(image_id, model),
            ),
            unescaped(session.record(image_id).file),
            self._refinement(model),
        )
        job = predict_job(request, self.warm, shown=shown)

        def answered(prediction: Prediction) -> None:
            if not session.models.device_text and prediction.device:
                session.models.device_is(prediction.device)
            if session.store is store and self._serials[image_id] == serial:
                self._arrive(image_id, serial, prediction, lambda: self._default_threshold(image_id, model))

        job.succeeded.connect(answered)
        session.lanes.device.submit(job, replaces=f"predict:{image_id}")
        return job

    def take(self, image_id: str, prediction: Prediction, threshold: Threshold) -> None:
        """Put a prediction that was made elsewhere in place, with the threshold it was looked at with."""
        self._serials[image_id] += 1  # whatever is on its way is older
        self._arrive(image_id, self._serials[image_id], prediction, lambda: threshold)

    def _arrive(
        self, image_id: str, serial: int, prediction: Prediction, begin: Callable[[], Threshold | None]
    ) -> None:
        """Put an answer in place: by way of the cpu lane if its image is in memory.

        `begin` tells the threshold to begin at, None to leave it; asked before anything is changed.
        """
        session, store = self._session, self._session.store
        if image_id not in session.project:
            return
        default = begin()
        if session.regridding.differs(image_id, prediction):

            def is_wanted() -> bool:
                return session.store is store and self._serials[image_id] == serial

            def fitted(found: Prediction) -> None:
                self._arrive(image_id, serial, found, begin)

            session.regridding.bring(
                Answer(image_id, prediction, is_wanted, fitted, lambda: self._begin_at(image_id, default))
            )
            return
        document = session.document_of(image_id)
        if document is None:
            session.keep_prediction(image_id, prediction)
            self._begin_at(image_id, default)
            return
        hand, revision = document.hand, document.revision
        assert hand is not None

        def arrange(progress: Progress) -> ScorePlanes:
            return score_planes(prediction.score, hand, revision=revision)

        def arranged(planes: ScorePlanes) -> None:
            if session.store is not store or self._serials[image_id] != serial:
                return
            if document.size_px != prediction.score.shape:  # moved to another grid meanwhile, by undo
                self._arrive(image_id, serial, prediction, begin)
                return
            document.set_prediction(prediction, planes)
            self._begin_at(image_id, default)

        def over() -> None:
            self._arriving[image_id] -= 1

        self._arriving[image_id] += 1
        job = Job("Showing the answer", arrange, shown=False)
        job.succeeded.connect(arranged)
        job.failed.connect(session.tell_error)
        job.ended.connect(over)
        session.lanes.cpu.submit(job)

    def _begin_at(self, image_id: str, default: Threshold | None) -> None:
        """A new prediction was taken: the threshold its model was measured at, where nobody has moved it."""
        document = self._session.document_of(image_id)
        if default is None:
            return
        if document is not None:
            document.set_threshold(default, final=True)
        else:
            self._session.keep_record(replace(self._session.record(image_id), threshold=default))

    def _refinement(self, model: InstalledModel) -> str:
        """What is done to every new score: a name of `crackcore.refinement`, or "" for nothing."""
        wish = self._session.settings.value.refinement
        return {"model": model.spec.refinement, "none": ""}.get(wish, wish)

    def _default_threshold(self, image_id: str, model: InstalledModel) -> Threshold | None:
        """The threshold a model was measured at, for images where nobody has moved it."""
        from crackcore.refinement import threshold_after

        record = self._session.record(image_id)
        step = score_step(threshold_after(self._refinement(model), model.spec.threshold))
        if record.review not in (Review.NEW, Review.FAILED) or record.threshold != Threshold():
            return None
        return None if step == Threshold().low else Threshold(step, step)

    def _single_failed(self, image_id: str, error: BaseException) -> None:
        self._session.tell(message_for(error, key="predict"))
        self._note_failure(image_id, error)

    def _note_failure(self, image_id: str, error: BaseException) -> None:
        """Keep why an image was not analysed. "No cracks" is never said instead."""
        session = self._session
        if image_id not in session.project or isinstance(error, DeviceProblem):
            return
        reason = sentence(error)
        document = session.document_of(image_id)
        if document is not None:
            document.set_failed(reason)
            return
        record = session.record(image_id)
        review = Review.FAILED if record.review is Review.NEW else record.review
        session.keep_record(replace(record, review=review, reason=reason))

    # -------------------------------------------------------------- all images

    def _start(self, ids: tuple[str, ...]) -> None:
        self.stop_batch()
        if ids and self._session.models.chosen is not None:
            self.batch = Batch(ids)
            self.changed.emit()
            self._go_on(self.batch)

    def _go_on(self, batch: Batch) -> None:
        """Read ahead, and give the device its next picture when it is free."""
        if batch is not self.batch:
            return
        while batch.at < batch.total:
            for image_id in batch.ids[batch.at : batch.at + 1 + READ_AHEAD]:
                self._read(batch, image_id)
            if batch.ids[batch.at] not in batch.unreadable:
                break
            batch.at += 1
        if batch.at >= batch.total:
            self._finish(batch)
            return
        image_id = batch.ids[batch.at]
        if batch.job is not None or image_id not in batch.ready:
            return
        # One picture at a time is given to the device, so that "Predict this" comes next in line.
        batch.job = job = self._submit(image_id, batch.ready.pop(image_id), shown=False)
        batch.part = 0.0

        def moved(done: float, total: float, note: str) -> None:
            if batch is self.batch and total:
                batch.part = min(1.0, done / total)
                self.changed.emit()

        job.progressed.connect(moved)
        job.failed.connect(lambda error: self._batch_failed(batch, image_id, error))
        job.ended.connect(lambda: self._batch_step_over(batch))

    def _read(self, batch: Batch, image_id: str) -> None:
        session = self._session
        known = batch.ready.keys() | batch.reading.keys() | batch.unreadable
        if image_id in known or session.store is None:
            return
        document = session.document_of(image_id)
        if document is not None and document.photo is not None:
            batch.ready[image_id] = document.photo
            return
        if image_id not in session.project or (batch.job is not None and image_id == batch.ids[batch.at]):
            return
        try:
            path = session.store.photo_path(session.record(image_id))
        except PhotoMissing as error:  # it may not be followed: this picture fails, the others go on
            batch.unreadable.add(image_id)
            self._batch_failed(batch, image_id, error)
            return
        job = read_for_prediction_job(path)

        def came(pixels: RgbImage) -> None:
            batch.ready[image_id] = pixels
            batch.reading.pop(image_id, None)
            self._go_on(batch)

        def failed(error: BaseException) -> None:
            self._batch_failed(batch, image_id, error)
            batch.unreadable.add(image_id)
            batch.reading.pop(image_id, None)
            self._go_on(batch)

        job.succeeded.connect(came)
        job.failed.connect(failed)
        batch.reading[image_id] = job
        session.lanes.cpu.submit(job)

    def _batch_step_over(self, batch: Batch) -> None:
        batch.job = None
        if batch is self.batch:
            batch.at += 1
            batch.part = 0.0
            self.changed.emit()
            self._go_on(batch)

    def _batch_failed(self, batch: Batch, image_id: str, error: BaseException) -> None:
        if batch is not self.batch:
            return
        name = shown_name(unescaped(self._session.record(image_id).file))
        stops = isinstance(error, (DeviceProblem, ModelProblem)) and not isinstance(error, NotAnalysed)
        if stops:
            # The same would happen with every picture.
            self.stop_batch()
            self._session.tell(message_for(error, about="Predict all has stopped.", key="predict-all"))
            return
        batch.failed.append(f"{name}: {sentence(error)}")
        self._note_failure(image_id, error)

    def _finish(self, batch: Batch) -> None:
        self.batch = None
        self.changed.emit()
        count = batch.total - len(batch.failed)
        if batch.failed:
            self._session.tell(
                Message(
                    f"{count} predicted, {len(batch.failed)} not analysed.",
                    Kind.WARNING,
                    key="predict-all",
                    stays=True,
                    details=tuple(batch.failed[:20]),
                )
            )
        else:
            text = "1 picture predicted." if count == 1 else f"{count} pictures predicted."
            self._session.tell(Message(text, Kind.DONE, key="predict-all"))
