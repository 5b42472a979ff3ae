"""Adapt: the chosen model learns from the corrected pictures in seconds; nothing changes before Keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.jobs.adapt import (
    AdaptedFacts,
    WarmAdapter,
    adapt_job,
    adapted_name,
    forget_job,
    keep_job,
    under_saved_name,
)
from app.messages import Kind, Message, Way, message_for
from app.session.adapted_preview import AdaptedPreview, Seen
from app.session.corrected_pictures import CorrectedPictures, Round
from crackcore.domain.image_record import ImageRecord, Threshold
from crackcore.names import shown_name, unescaped

if TYPE_CHECKING:
    from app.session.session import Session
    from crackcore.domain.prediction import Prediction
    from crackcore.models.catalogue import InstalledModel


@dataclass(eq=False)
class Offer:
    """An adapted model that is neither kept nor discarded yet.

    `by_hand` of its pictures have strokes of a person; the others were approved as a model had found
    them. `more` pictures were left for the next time, `left_out` could not be used, with the reason.
    """

    facts: AdaptedFacts
    by_hand: int
    more: int
    left_out: tuple[str, ...]
    is_being_kept: bool = False


@dataclass(frozen=True, eq=False)
class _Replaced:
    """What was there before Keep, for the way back."""

    model: InstalledModel
    image_id: str = ""
    prediction: Prediction | None = None
    threshold: Threshold | None = None


class Adapting(QObject):
    """Belongs to the session."""

    changed = Signal()  # how far it is, what is offered, what is seen of it

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._warm = WarmAdapter()
        self._store: object = None
        self._replaced: dict[str, _Replaced] = {}  # by the digest of the model that was kept
        self._to_predict = "", ""  # a kept model's digest, and the picture to be predicted with it
        self.pictures = CorrectedPictures(session, self._warm)
        self.preview = AdaptedPreview(session, self._warm)
        self.run: Round | None = None
        self.offer: Offer | None = None
        self.pictures.moved.connect(self.changed)
        self.preview.changed.connect(self.changed)
        session.looking.changed.connect(self.changed)
        session.models.changed.connect(self._models_changed)
        session.project_changed.connect(self._project_changed)
        session.document_changed.connect(self._document_changed)

    # -------------------------------------------------------------- what there is

    @property
    def can_adapt(self) -> bool:
        return self._session.predicting.can_predict and self.run is None and not self.is_being_kept

    @property
    def is_being_kept(self) -> bool:
        return self.offer is not None and self.offer.is_being_kept

    @property
    def before(self) -> InstalledModel | None:
        """The model that the chosen one was adapted from, if it is installed."""
        chosen = self._session.models.chosen
        return None if chosen is None else self._came_from(chosen)

    def _came_from(self, model: InstalledModel) -> InstalledModel | None:
        made = model.spec.scores.get("adapted")
        digest = made.get("base_sha256") if isinstance(made, dict) else None
        return self._installed(digest) if isinstance(digest, str) else None

    def _installed(self, sha256: str) -> InstalledModel | None:
        return next((m for m in self._session.models.installed if m.sha256 == sha256), None)

    def _to_adapt(self, chosen: InstalledModel, learnable: tuple[ImageRecord, ...]) -> InstalledModel:
        """What learns: an adapted model starts again from where it came from, if all that it learned is
        here to be learned again. Else its figures would be from pictures that it knows."""
        here = {record.sha256 for record in learnable}
        base = self._came_from(chosen)
        while base is not None:
            learned = chosen.spec.training_data[-1].get("sha256") if chosen.spec.training_data else None
            if not isinstance(learned, list | tuple) or not here.issuperset(map(str, learned)):
                break
            chosen, base = base, self._came_from(base)
        return chosen

    # -------------------------------------------------------------- adapting

    def adapt(self) -> None:
        """Learn from what was corrected, then show the present picture as the adapted model sees it."""
        session = self._session
        chosen, learnable = session.models.chosen, self.pictures.learnable
        if not self.can_adapt or chosen is None:
            return
        if not learnable:
            self._tell_nothing("There is nothing to learn from yet. Correct or approve a picture first.")
            return
        self._drop_offer()
        self.run = self.pictures.look_through(self._to_adapt(chosen, learnable), self._learn, self._failed)
        self.changed.emit()

    def stop(self) -> None:
        """Stop adapting; what was seen of the pictures is kept for the next time."""
        run, self.run = self.run, None
        if run is not None:
            self.pictures.stop(run)
            self.changed.emit()

    def discard(self) -> None:
        """The old model stays, and nothing else has changed."""
        if not self.is_being_kept:
            self._drop_offer()
            self.changed.emit()

    def flip(self) -> None:
        """From before to after, and back."""
        if self.preview.shows_after:
            self.preview.show_before()
        else:
            self.preview.show_after()

    def _learn(self, run: Round) -> None:
        if not run.shows_crack:
            self.run = None
            text = "No corrected picture shows a crack yet. Mark one in at least one picture first."
            if not run.digests:
                text = "There is nothing to learn from yet. Correct or approve a picture first."
            self._tell_nothing(text, tuple(run.left_out[:20]))
            self.changed.emit()
            return
        run.learning = True
        run.part = 0.0
        job = adapt_job(run.base, frozenset(run.digests), run.started_at, self._warm)
        self.pictures.step(run, job, self._session.lanes.device, lambda facts: self._learned(run, facts))

    def _learned(self, run: Round, facts: AdaptedFacts) -> None:
        self.run = None
        self.offer = Offer(facts, run.by_hand, run.more, tuple(run.left_out))
        self.preview.begin(facts)
        self.changed.emit()

    def _failed(self, error: BaseException) -> None:
        self.run = None
        self._session.tell(message_for(error, about="The model was not adapted.", key="adapt"))
        self.changed.emit()

    def _tell_nothing(self, text: str, details: tuple[str, ...] = ()) -> None:
        self._session.tell(Message(text, Kind.INFO, key="adapt", details=details))

    def _drop_offer(self) -> None:
        if self.offer is not None:
            self.offer = None
            self.preview.end()
            self._session.lanes.device.submit(forget_job(self._warm.forget_adapted))

    # -------------------------------------------------------------- keeping, and the way back

    def keep(self) -> None:
        """Save the adapted model beside the others, choose it, and predict the present picture with it."""
        offer, session = self.offer, self._session
        if offer is None or offer.is_being_kept or session.read_only:
            return
        offer.is_being_kept = True
        self.preview.stop()
        seen, store = self.preview.seen(session.document), session.store
        taken = [model.name for model in session.models.installed]
        job = keep_job(adapted_name(offer.facts.base.name), taken, self._warm)

        def saved(model: InstalledModel) -> None:
            if self.offer is offer:
                self._drop_offer()
            session.models.look_for(then_choose=model.name)
            if session.store is store:
                self._put_in_place(offer, model, seen)
            self.changed.emit()

        def failed(error: BaseException) -> None:
            offer.is_being_kept = False
            about = "The adapted model could not be saved; it is still here."
            session.tell(message_for(error, about=about, ways=(Way("Try again", self.keep),), key="adapt"))
            self.changed.emit()

        job.succeeded.connect(saved)
        job.failed.connect(failed)
        session.lanes.device.submit(job)
        self.changed.emit()

    def _put_in_place(self, offer: Offer, model: InstalledModel, seen: Seen | None) -> None:
        session = self._session
        old = session.models.chosen or offer.facts.base
        replaced = _Replaced(old)
        document = None if seen is None else seen.document
        if seen is not None and document is not None and document.is_loaded and document.frozen is None:
            image_id = document.record.id
            replaced = _Replaced(old, image_id, document.prediction, document.threshold)
            prediction = under_saved_name(seen.prediction, offer.facts.name, model)
            session.predicting.take(image_id, prediction, Threshold(seen.step, seen.step))
        elif session.document is not None and session.document.frozen is None:
            self._to_predict = model.sha256, session.shown_id
        self._replaced[model.sha256] = replaced
        session.tell(
            Message(
                f"{model.name} is kept and chosen. Other pictures keep what was found in them until you "
                "predict them again.",
                Kind.DONE,
                (Way(f"Go back to {old.name}", lambda: self.go_back(model.sha256)),),
                key="adapt",
                stays=True,
            )
        )

    def go_back(self, sha256: str = "") -> None:
        """Choose the model that an adapted one (by its digest; else the chosen one) took the place of,
        and give the picture that was predicted when it was kept what it had before."""
        session = self._session
        models = session.models
        chosen = models.chosen
        sha256 = sha256 or ("" if chosen is None else chosen.sha256)
        adapted, replaced = self._installed(sha256), self._replaced.pop(sha256, None)
        old = None if replaced is None else self._installed(replaced.model.sha256)
        old = old or (None if adapted is None else self._came_from(adapted))
        if old is None:
            text = "The model that it came from is not installed any more. Choose another one."
            session.tell(Message(text, Kind.WARNING, key="adapt"))
            return
        models.choose(old.name)
        text = f"{old.name} is chosen again."
        if replaced is not None and self._give_back(replaced, sha256):
            text += f" {_name(session.record(replaced.image_id))} is as it was before."
        if adapted is not None:
            text += f" {adapted.name} stays in the list of models."
        session.tell(Message(text, Kind.DONE, key="adapt"))
        self.changed.emit()

    def _give_back(self, replaced: _Replaced, sha256: str) -> bool:
        """Give a picture its prediction and threshold of before, if it still has those of Keep."""
        document = self._session.document_of(replaced.image_id)
        if document is None or document.frozen is not None or document.read_only:
            return False
        now, before = document.prediction, replaced.prediction
        if now is None or now.model_sha256 != sha256 or before is None or replaced.threshold is None:
            return False
        self._session.predicting.take(replaced.image_id, before, replaced.threshold)
        return True

    # -------------------------------------------------------------- following

    def _models_changed(self) -> None:
        """A kept model is there and chosen: predict with it the picture that was not shown with it yet."""
        chosen = self._session.models.chosen
        digest, image_id = self._to_predict
        if digest and chosen is not None and chosen.sha256 == digest:
            self._to_predict = "", ""
            if image_id == self._session.shown_id and not self._session.is_loading:
                self._session.predicting.predict_this()
        self.changed.emit()

    def _document_changed(self) -> None:
        self.preview.follow()
        self.changed.emit()

    def _project_changed(self) -> None:
        session = self._session
        if session.store is self._store:
            return
        self._store = session.store
        self.stop()
        self._drop_offer()
        self._replaced.clear()
        self._to_predict = "", ""
        self.pictures.forget()
        self.changed.emit()


def _name(record: ImageRecord) -> str:
    return shown_name(unescaped(record.file))
