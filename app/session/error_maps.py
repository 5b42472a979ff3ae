"""What a model found, missed and invented on one picture, looked at in place of the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject

from app.document.looked_at import LookedAt, LookedAtClass, looked_at
from app.jobs.evaluate import Known, errors_job
from app.session.looking import View
from app.theme import data_colours

if TYPE_CHECKING:
    from app.session.session import Session
    from crackcore.projects.planes import PackedPlane

ERROR_MAP = "error-map"  # its key among what can be looked at
ERROR_CLASSES = (
    LookedAtClass("found", data_colours.ERROR_MATCHED),
    LookedAtClass("missed", data_colours.ERROR_MISSED),
    LookedAtClass("invented", data_colours.ERROR_INVENTED),
)
"""In the order of `crackcore.evaluation.masks.error_map`."""


class ErrorMaps(QObject):
    """Belongs to `Evaluating`. Opens the picture that is asked for; its map follows when it is there."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._wish: Callable[[], None] | None = None  # once the picture it is about is there
        session.loading_changed.connect(self._picture_came)
        session.document_changed.connect(self._picture_came)

    def show(self, picture: Known, score: PackedPlane, name: str, step: int, tolerance_px: float) -> None:
        """Open the picture and look at the errors of the model `name` at a score step."""
        self._wish = lambda: self._make(picture, score, name, step, tolerance_px)
        if self._session.shown_id != picture.image_id:
            self._session.show(picture.image_id)
        self._picture_came()

    def withdraw(self) -> None:
        """No map is offered or wanted any more."""
        self._wish = None
        self._session.lanes.cpu.cancel_older(ERROR_MAP)
        self._session.looking.withdraw(ERROR_MAP)

    def _picture_came(self) -> None:
        document = self._session.document
        if self._wish is None or self._session.is_loading or document is None or not document.is_loaded:
            return
        wish, self._wish = self._wish, None
        wish()

    def _make(self, picture: Known, score: PackedPlane, name: str, step: int, tolerance_px: float) -> None:
        session = self._session
        document = session.document
        if document is None or document.record.id != picture.image_id:
            return
        size_px = document.size_px

        def arrange(found: NDArray[np.uint8]) -> LookedAt:
            return looked_at(f"the errors of {name}", found, size_px, ERROR_CLASSES)

        def came(layer: LookedAt) -> None:
            shown = session.document
            if shown is document and document.is_loaded and document.size_px == size_px:
                about = f"Within {tolerance_px:g} px, at the threshold {100 * step / 255:.0f} %"
                session.looking.offer(View(ERROR_MAP, f"Errors of {name}", "Evaluation", about), layer)
                session.looking.look_at(ERROR_MAP)

        job = errors_job(picture, score, step, tolerance_px, arrange)
        job.succeeded.connect(came)
        job.failed.connect(session.tell_error)
        session.lanes.cpu.submit(job, replaces=ERROR_MAP)
