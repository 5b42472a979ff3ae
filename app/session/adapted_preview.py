"""Before and after: the present picture as an adapted model sees it, before that is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from app.document import Document
from app.document.looked_at import LookedAt, LookedAtClass, looked_at
from app.document.regridding import on_grid
from app.jobs import Job, Lane
from app.jobs.adapt import AdaptedFacts, WarmAdapter, adapted_prediction_job
from app.messages import message_for
from app.session.looking import RESULT, View
from app.theme import data_colours
from crackcore.arrays import CRACK, UNDECIDED, UNTOUCHED, HandPlane, ScoreMap
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.masks.threshold import hand_classes, score_step
from crackcore.progress import Progress

if TYPE_CHECKING:
    from app.session.session import Session

AFTER = "adapted"  # the key of what the adapted model says of the present picture


@dataclass(eq=False)
class Seen:
    """What the adapted model says of one picture; `step` is the score from which on it is crack.

    `revision` is that of the document when the layer was made, -1 when there is none.
    """

    document: Document
    prediction: Prediction
    step: int
    revision: int = -1


class AdaptedPreview(QObject):
    """Belongs to `Adapting`. Nothing here changes a picture."""

    changed = Signal()

    def __init__(self, session: Session, warm: WarmAdapter) -> None:
        super().__init__(session)
        self._session = session
        self._warm = warm
        self._facts: AdaptedFacts | None = None
        self._seen: Seen | None = None
        self.job: Job | None = None

    @property
    def can_show(self) -> bool:
        document = self._session.document
        return self._facts is not None and document is not None and document.is_loaded

    @property
    def shows_after(self) -> bool:
        return self._facts is not None and self._session.looking.key == AFTER

    def seen(self, document: Document | None) -> Seen | None:
        """What is known of a picture already."""
        return self._seen if self._seen is not None and self._seen.document is document else None

    def begin(self, facts: AdaptedFacts) -> None:
        """There is a newly adapted model: show what it says."""
        self._facts, self._seen = facts, None
        self.show_after()

    def end(self) -> None:
        """It was kept, or discarded."""
        self.stop()
        self._facts = self._seen = None
        self._session.looking.withdraw(AFTER)

    def stop(self) -> None:
        job, self.job = self.job, None
        if job is not None:
            self._session.lanes.cancel(job)
            self.changed.emit()

    def show_after(self) -> None:
        """See what the adapted model says; it is asked when it was not yet."""
        document = self._session.document
        if not self.can_show or document is None:
            return
        seen = self.seen(document)
        if seen is None:
            self._predict(document)
        elif seen.revision != document.revision:
            self._arrange(seen)
        else:
            self._session.looking.look_at(AFTER)

    def show_before(self) -> None:
        self.stop()
        self._session.looking.look_at(RESULT)

    def follow(self) -> None:
        """What was made for another picture is not shown for this one."""
        if self.seen(self._session.document) is None:
            self._seen = None
            self.stop()

    # -------------------------------------------------------------- making

    @property
    def _refinement(self) -> str:
        """What is done to the scores of this model, as to those of any other."""
        wish = self._session.settings.value.refinement
        assert self._facts is not None
        return {"model": self._facts.refinement, "none": ""}.get(wish, wish)

    def _predict(self, document: Document) -> None:
        from crackcore.refinement import threshold_after

        assert document.photo is not None
        assert self._facts is not None
        self.stop()
        value, facts = self._session.settings.value, self._facts
        settings = PredictSettings(device=value.device, precision=value.precision)
        step = score_step(threshold_after(self._refinement, facts.threshold))

        def came(prediction: Prediction) -> None:
            if self._facts is facts and self._session.document is document:
                self._seen = Seen(document, prediction, step)
                self._arrange(self._seen)

        job = adapted_prediction_job(document.photo, settings, self._refinement, self._warm)
        self._run(job, self._session.lanes.device, came)

    def _arrange(self, seen: Seen) -> None:
        """Make the layer of what the adapted model says and what was drawn by hand."""
        document = seen.document
        hand, revision, size = document.hand, document.revision, document.size_px
        opacity = self._session.settings.value.overlay_percent / 100
        if hand is None:
            return

        def work(progress: Progress) -> LookedAt:
            found = on_grid(seen.prediction, size)
            assert found is not None
            return after_layer(found.score, hand, seen.step, opacity)

        def came(layer: LookedAt) -> None:
            if self._seen is seen and self._session.document is document:
                seen.revision = revision
                self._session.looking.offer(View(AFTER, "Adapted model", "Adapted"), layer)
                self._session.looking.look_at(AFTER)

        self._run(Job("Showing the answer", work, shown=False), self._session.lanes.cpu, came)

    def _run(self, job: Job, lane: Lane, came: Callable[..., None]) -> None:
        self.job = job

        def over() -> None:
            if self.job is job:
                self.job = None
                self.changed.emit()

        def failed(error: BaseException) -> None:
            about = "What the adapted model says cannot be shown here."
            self._session.tell(message_for(error, about=about, key="adapt"))

        job.progressed.connect(lambda done, total, note: self.changed.emit())
        job.succeeded.connect(lambda answer: came(answer) if self.job is job else None)
        job.failed.connect(failed)
        job.ended.connect(over)
        lane.submit(job)
        self.changed.emit()


def after_layer(score: ScoreMap, hand: HandPlane, step: int, opacity: float) -> LookedAt:
    """The mask as it would be: what was drawn stays, elsewhere a score of at least `step` is crack.

    `score` and `hand` are uint8 (H, W); drawn in the colours of the mask itself. Any thread.
    """
    shown = np.where(score >= step, np.uint8(2), np.uint8(0))
    touched, drawn = hand != UNTOUCHED, hand_classes(hand)
    shown[touched] = 0
    shown[touched & (drawn == UNDECIDED)] = 1
    shown[touched & (drawn == CRACK)] = 3
    classes = (
        LookedAtClass("Undecided", data_colours.UNDECIDED, 0.55 * opacity),
        LookedAtClass("Crack", data_colours.CRACK_PREDICTED, opacity),
        LookedAtClass("Crack, by hand", data_colours.CRACK_BY_HAND, opacity),
    )
    return looked_at("what the adapted model says", shown, (score.shape[0], score.shape[1]), classes)
