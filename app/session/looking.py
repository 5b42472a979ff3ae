"""What is looked at in place of the result, for the present picture only: asked for, kept, let go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from app.document import Document
from app.document.looked_at import LookedAt, looked_at
from app.jobs import Job
from app.jobs.look import MapsRequest, RefineRequest, maps_job, refine_job
from app.messages import Kind, Message, Way, message_for
from crackcore.domain.box import Box
from crackcore.domain.prediction import Prediction, PredictSettings

if TYPE_CHECKING:
    from app.session.session import Session
    from crackcore.models.architectures import Architecture
    from crackcore.models.catalogue import InstalledModel

RESULT = ""
LARGEST_BYTES = 1 << 30  # of all maps of one picture together; a larger one is refused, not swapped


@dataclass(frozen=True)
class View:
    """One thing that can be looked at. `key` stays the same while its model is chosen."""

    key: str
    title: str
    group: str = ""  # under which heading it stands
    about: str = ""


class Looking(QObject):
    """Belongs to the session. Nothing here changes the mask, but `use_as_score` the score."""

    changed = Signal()  # what is looked at, what could be, or how far the work on it is

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._document: Document | None = None
        self._kept: dict[str, LookedAt] = {}
        self._offered: dict[str, View] = {}  # made elsewhere, for the present picture
        self._refined: dict[str, Prediction] = {}
        self.key = RESULT
        self.wanted = RESULT  # what is being made; RESULT when nothing is
        self.job: Job | None = None
        self.outline = False
        session.document_changed.connect(self._document_changed)
        session.models.changed.connect(self._models_changed)

    # -------------------------------------------------------------- what there is

    @property
    def look(self) -> LookedAt | None:
        """What the canvas shows in place of the result."""
        return self._kept.get(self.key)

    @property
    def views(self) -> tuple[View, ...]:
        """Everything that can be looked at now; the result itself comes first."""
        document, models = self._document, self._session.models
        found = [View(RESULT, "Result")]
        if document is None or not document.is_loaded:
            return tuple(found)
        model = models.chosen
        if model is not None:
            found += self._maps_of(model, models.architecture_of(model))
        if document.prediction is not None:
            maker = self._maker(document.prediction)
            found += [
                View(row.name, row.title, "Score, refined", row.summary)
                for row in models.refinements
                if not row.needs_guide or self._has_map(maker, row.guide)
            ]
        return (*found, *self._offered.values())

    def _maker(self, prediction: Prediction) -> InstalledModel | None:
        """The model that made a prediction, if it is installed."""
        digest = prediction.model_sha256
        return next((m for m in self._session.models.installed if m.sha256 == digest), None)

    def _has_map(self, model: InstalledModel | None, name: str) -> bool:
        architecture = None if model is None else self._session.models.architecture_of(model)
        return architecture is not None and name in [row.name for row in architecture.maps]

    def view(self, key: str) -> View | None:
        return next((view for view in self.views if view.key == key), None)

    def _maps_of(self, model: InstalledModel, architecture: Architecture | None) -> list[View]:
        if architecture is None:
            return []
        finer = architecture.output_scale
        views = []
        for row in architecture.maps:
            is_result = row.name == architecture.score
            if is_result and finer == 1:
                continue  # it is the result
            title = f"Score, {finer} times finer" if is_result else row.title
            views.append(View(f"{model.sha256}:{row.name}", title, model.name))
        return views

    @property
    def can_be_score(self) -> bool:
        """Whether what is looked at may take the place of the score."""
        document = self._document
        return (
            self.key in self._refined
            and document is not None
            and document.frozen is None
            and not self._session.read_only
        )

    # -------------------------------------------------------------- wishes

    def look_at(self, key: str) -> None:
        """Show a map, made now if it is not kept; RESULT is the way back."""
        self.cancel()
        if key == RESULT or key in self._kept:
            self.key = key
        else:
            self._make(key)
        self.changed.emit()

    def offer(self, view: View, layer: LookedAt) -> None:
        """Take a layer of the present picture that was made elsewhere into what can be looked at.

        It goes with the picture's pixels, or by `withdraw`. An earlier one of the same key is replaced,
        also while it is looked at. `view.key` must not be one of the layers made here ("error-map",
        "adapted"; no ":" and no name of a refinement).
        """
        self._offered[view.key] = view
        self._kept[view.key] = layer
        self.changed.emit()

    def withdraw(self, key: str) -> None:
        """An offered layer is not there any more; who looked at it sees the result again."""
        if self._offered.pop(key, None) is None:
            return
        self._kept.pop(key, None)
        if self.key == key:
            self.key = RESULT
        self.changed.emit()

    def look_at_next(self) -> None:
        keys = [view.key for view in self.views]
        here = self.wanted or self.key
        self.look_at(keys[(keys.index(here) + 1) % len(keys)] if here in keys else RESULT)

    def set_outline(self, on: bool) -> None:
        """Whether the mask's outline is drawn over a map."""
        if on != self.outline:
            self.outline = on
            self.changed.emit()

    def cancel(self) -> None:
        """What is being made is not wanted any more."""
        job, self.job, self.wanted = self.job, None, RESULT
        if job is not None:
            self._session.lanes.cancel(job)
            self.changed.emit()

    def use_as_score(self) -> None:
        """Take the refined score for the picture's score; what was there can be taken back."""
        document, made = self._document, self._refined.get(self.key)
        if document is None or made is None or not self.can_be_score:
            return
        before = document.prediction
        self.look_at(RESULT)
        document.set_prediction(made)
        session = self._session

        def back() -> None:
            if before is not None and document.prediction is made and document.is_loaded:
                document.set_prediction(before)

        session.tell(
            Message(
                f"The score is now that of {made.model}.",
                Kind.DONE,
                (Way("Take back", back),),
                key="refined",
                stays=True,
            )
        )

    # -------------------------------------------------------------- making

    @property
    def _settings(self) -> PredictSettings:
        value = self._session.settings.value
        return PredictSettings(device=value.device, precision=value.precision)

    def _make(self, key: str) -> None:
        document = self._document
        view = self.view(key)
        if document is None or document.photo is None or view is None:
            return
        lanes = self._session.lanes
        if ":" in key:
            job, lane = self._maps_job(document, key), lanes.device
        else:
            follows = self._follows(document, key)
            job, lane = self._refine_job(document, key, view.title, follows), lanes.cpu
            if follows:
                lane = lanes.device
        if job is None:
            return
        self.job, self.wanted = job, key

        def over() -> None:
            if self.job is job:
                self.job, self.wanted = None, RESULT
                self.changed.emit()

        job.progressed.connect(lambda done, total, note: self.changed.emit())
        job.failed.connect(lambda error: self._session.tell(message_for(error, key="look")))
        job.ended.connect(over)
        lane.submit(job, replaces="look")

    def _maps_job(self, document: Document, key: str) -> Job | None:
        model = self._session.models.chosen
        assert model is not None
        assert document.photo is not None
        architecture = self._session.models.architecture_of(model)
        assert architecture is not None
        pixels, size_px = document.photo, document.size_px
        titles = {v.key.partition(":")[2]: v.title for v in self._maps_of(model, architecture)}
        kinds = {row.name: 3 if row.kind == "picture" else 1 for row in architecture.maps}
        area = pixels.shape[0] * pixels.shape[1] * architecture.output_scale**2 * 4 // 3
        wished = key.partition(":")[2]
        if area * kinds[wished] > LARGEST_BYTES:
            self._session.tell(
                Message(
                    "This picture is too large to be enlarged as a whole. Try a part of it, as a picture of "
                    "its own.",
                    Kind.WARNING,
                    key="look",
                )
            )
            return None
        # All at once cost hardly more than one, and going through them is then immediate.
        together = area * sum(kinds[name] for name in titles) <= LARGEST_BYTES
        names = tuple(titles) if together else (wished,)

        def arrange(name: str, found: NDArray[np.uint8]) -> LookedAt:
            return looked_at(f"“{titles[name]}” ({model.name})", found, size_px)

        job = maps_job(
            MapsRequest(pixels, model, names, self._settings), self._session.predicting.warm, arrange
        )

        def came(layers: dict[str, LookedAt]) -> None:
            if self.job is job:
                self._kept |= {f"{model.sha256}:{name}": layer for name, layer in layers.items()}
                self.key = key
                self.changed.emit()

        job.succeeded.connect(came)
        return job

    def _follows(self, document: Document, name: str) -> bool:
        """Whether a refinement needs the model too, for the map it follows."""
        row = next((r for r in self._session.models.refinements if r.name == name), None)
        if row is None or document.prediction is None or not row.guide:
            return False
        return self._has_map(self._maker(document.prediction), row.guide)

    def _refine_job(self, document: Document, key: str, title: str, follows: bool) -> Job | None:
        prediction = document.prediction
        if prediction is None or document.photo is None:
            return None
        size_px, pixels = document.size_px, document.photo

        def arrange(made: Prediction) -> LookedAt:
            return looked_at(f"“{title}” ({prediction.model})", made.score, size_px)

        request = RefineRequest(prediction, key, title, pixels, self._maker(prediction), self._settings)
        job = refine_job(request, self._session.predicting.warm if follows else None, arrange)

        def came(answer: tuple[Prediction, LookedAt]) -> None:
            if self.job is job and document.prediction is prediction:
                self._refined[key], self._kept[key] = answer
                self.key = key
                self.changed.emit()

        job.succeeded.connect(came)
        return job

    # -------------------------------------------------------------- following

    def _document_changed(self) -> None:
        document = self._session.document
        if document is self._document:
            return
        if self._document is not None:
            self._document.loaded.disconnect(self._forget)
            self._document.released.disconnect(self._forget)
            self._document.prediction_changed.disconnect(self._prediction_changed)
            self._document.hand_changed.disconnect(self._hand_changed)
        self._document = document
        if document is not None:
            document.loaded.connect(self._forget)
            document.released.connect(self._forget)
            document.prediction_changed.connect(self._prediction_changed)
            document.hand_changed.connect(self._hand_changed)
        self._forget()

    def _forget(self) -> None:
        """Another picture, or this one's pixels come or go: nothing that was made fits any more."""
        self.cancel()
        self._kept.clear()
        self._offered.clear()
        self._refined.clear()
        self.key = RESULT
        self.changed.emit()

    def _prediction_changed(self) -> None:
        """Refined maps were made from the score that was."""
        if self.job is not None and ":" not in self.wanted:
            self.cancel()
        for key in self._refined:
            self._kept.pop(key, None)
        self._refined.clear()
        if self.key not in self._kept:
            self.key = RESULT
        self.changed.emit()

    def _hand_changed(self, box: Box) -> None:
        """Who draws, or takes a stroke back, wants to see the mask."""
        if self.look is not None and self.look.covers_mask:
            self.look_at(RESULT)

    def _models_changed(self) -> None:
        if self.view(self.key) is None:
            self.look_at(RESULT)
        else:
            self.changed.emit()
