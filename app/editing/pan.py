"""Pan: dragging moves the picture; the canvas does it."""

from __future__ import annotations

from app.document import Document
from app.editing.tool import Point, Preview, ToolKey


class Pan:
    """Changes nothing."""

    name = "pan"
    pans = True
    is_pending = False

    def preview(self, *, opposite: bool) -> Preview:
        return Preview()

    def press(self, document: Document, point: Point, *, opposite: bool) -> str:
        return ""

    def move(self, point: Point) -> None:
        """Nothing to do."""

    def release(self, point: Point) -> None:
        """Nothing to do."""

    def abort(self) -> None:
        """Nothing is ever pending."""

    def key(self, key: ToolKey) -> bool:
        return False
