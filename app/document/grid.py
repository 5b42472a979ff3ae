"""DocumentGrid: how fine the planes of a document are, and how that is changed and taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.document.regridding import GridPlanes, GridState, GridWish
from app.document.steps import Regrid
from crackcore.domain.change import Regridded
from crackcore.domain.image_record import Review
from crackcore.domain.prediction import Prediction
from crackcore.masks.regridding import has_detail
from crackcore.names import unescaped

if TYPE_CHECKING:
    from app.document.document import Document

FINER, COARSER = "Four times finer", "Back to photo pixels"
APPROVED = "This picture is approved, so it stays as it is. Reopen it first."


class DocumentGrid:
    """Belongs to a document. The work is done elsewhere: ask with `wish`, work it out on a lane with
    `planes_on_grid`, hand it to `take`, and ask again when that says no.

    An approved picture stays on its grid: what was approved is never resampled.
    """

    def __init__(self, document: Document) -> None:
        self._document = document

    @property
    def magnification(self) -> int:
        return self._document.record.magnification

    @property
    def may_change(self) -> bool:
        document = self._document
        return document.hand is not None and document.frozen is None and not document.read_only

    @property
    def has_fine_strokes(self) -> bool:
        """Whether something was drawn that photo pixels could not hold."""
        hand = self._document.hand
        return hand is not None and self.magnification > 1 and has_detail(hand, self.magnification)

    def wish(self, to: int, prediction: Prediction | None = None) -> GridWish | None:
        """To be worked out for `take`; without a `prediction`, the present one goes along.

        None when nothing may change now, or there is nothing to change.
        """
        document = self._document
        if not self.may_change or document.photo is None or to == self.magnification:
            return None
        return GridWish(
            document.snapshot(),
            document.photo,
            unescaped(document.record.file),
            self.magnification,
            to,
            prediction or document.prediction,
            FINER if to > self.magnification else COARSER,
        )

    def wish_through(self, way: int) -> GridWish | None:
        """The same for the next step of undo (-1) or redo (1); None when that step changes no grid."""
        document, step = self._document, self._next(way)
        if step is None or document.photo is None or not self.may_change:
            return None
        state = step.before if way < 0 else step.after
        return GridWish(
            document.snapshot(),
            document.photo,
            unescaped(document.record.file),
            self.magnification,
            state.magnification,
            state.prediction,
            step.text(),
            state,
            way,
        )

    def goes_through(self, way: int) -> bool:
        """Whether the next step of undo (-1) or redo (1) changes the grid; it is then asked for."""
        document = self._document
        if self._next(way) is None:
            return False
        wish = self.wish_through(way)
        if wish is not None:
            document.grid_wanted.emit(way)
        elif document.frozen is not None:
            document.refused.emit(APPROVED)
        return True

    def take(self, planes: GridPlanes) -> bool:
        """Move onto the new grid as one step of undo; False when the answer is out of date."""
        document, wish = self._document, planes.wish
        if not self.may_change or document.in_stroke or wish.snapshot.revision != document.revision:
            return False
        if wish.way == 0:
            before = GridState(wish.now, planes.before, document.prediction)
            after = GridState(wish.to, planes.drawn, planes.prediction)
            document.undo_stack.push(Regrid(document, wish.title, before, after, planes))
            return True
        step = self._next(wish.way)
        if step is None:
            return False
        step.ready = planes
        if wish.way < 0:
            document.undo_stack.undo()
        else:
            document.undo_stack.redo()
        return True

    def moved(self, before: GridState, after: GridState) -> None:
        """The picture was moved while its pixels were not in memory, and the journal has it already."""
        document = self._document
        assert document.hand is None
        document.undo_stack.push(Regrid(document, FINER, before, after, None))
        document.revision += 1

    def put(self, planes: GridPlanes) -> None:
        """For `Regrid`: the arrays change places, and the journal hears of it."""
        document, wish = self._document, planes.wish
        document.record = replace(document.record, magnification=wish.to)
        document._put_arrays(wish.photo, planes.levels, planes.hand, planes.prediction, None, planes.planes)
        document._commit(Regridded(document.record.id, wish.to, planes.drawn, planes.prediction))
        review, found = document.record.review, planes.prediction is not None
        if found and review in (Review.NEW, Review.FAILED):
            document.update_record(review=Review.PREDICTED, reason="")
        elif not found and review is Review.PREDICTED:
            document.update_record(review=Review.NEW)
        document.record_changed.emit()

    def _next(self, way: int) -> Regrid | None:
        stack = self._document.undo_stack
        at = stack.index() - 1 if way < 0 else stack.index()
        step = stack.command(at) if 0 <= at < stack.count() else None
        return step if isinstance(step, Regrid) else None
