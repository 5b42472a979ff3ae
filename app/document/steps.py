"""What stands on a document's undo stack."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtGui import QUndoCommand

from crackcore.masks.patch import Patch

if TYPE_CHECKING:
    from app.document.document import Document
    from app.document.regridding import GridPlanes, GridState


class EditHand(QUndoCommand):
    """One edit of the hand plane of one document."""

    def __init__(self, document: Document, title: str, patch: Patch, *, on_plane: bool) -> None:
        super().__init__(title)
        self._document = document
        self._patch = patch
        self._on_plane = on_plane

    def redo(self) -> None:
        # Qt calls redo() as soon as the command is pushed. Writing a stroke again would do no harm,
        # but for a long one it costs several milliseconds in which the next stroke should begin.
        self._document._write(self._patch, self.text(), written=self._on_plane)
        self._on_plane = False

    def undo(self) -> None:
        self._document._write(self._patch.reversed(), f"Undo {self.text()}")


class Regrid(QUndoCommand):
    """The document's planes moved onto another grid; both sides are kept.

    Steps below this one on the stack belong to the grid before, those above to the grid after, so
    every stroke is undone on the very plane it was drawn on. `ready` are the planes for the side that is
    gone to next, worked out on a lane; it is None only for a step that the journal has already.
    """

    def __init__(
        self, document: Document, title: str, before: GridState, after: GridState, ready: GridPlanes | None
    ) -> None:
        super().__init__(title)
        self._document = document
        self.before = before
        self.after = after
        self.ready = ready

    def redo(self) -> None:
        # A prediction is no step of undo: the one that is there now comes back with its grid.
        self.before = self._go(self.before)

    def undo(self) -> None:
        self.after = self._go(self.after)

    def _go(self, left: GridState) -> GridState:
        ready, self.ready = self.ready, None
        if ready is None:
            return left
        left = replace(left, prediction=self._document.prediction)
        self._document.grid.put(ready)
        return left
