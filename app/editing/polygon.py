"""Polygon: click points around an area; what lies inside becomes crack (or sound)."""

from __future__ import annotations

from functools import partial

from app.document import Document
from app.editing.tool import Point, Preview, ToolKey
from crackcore.arrays import HAND_CRACK, HAND_SOUND
from crackcore.masks import strokes


class Polygon:
    """Enter or a double click closes it, Backspace takes the last point back, Escape drops it."""

    name = "polygon"
    pans = False

    def __init__(self) -> None:
        self._document: Document | None = None
        self._points: list[Point] = []
        self._cursor: Point | None = None
        self._erasing = False

    @property
    def is_pending(self) -> bool:
        return bool(self._points)

    def preview(self, *, opposite: bool) -> Preview:
        erasing = self._erasing if self.is_pending else opposite
        path = list(self._points)
        if path and self._cursor is not None:
            path.append(self._cursor)
        return Preview(erases=erasing, path=tuple(path), closes=len(path) > 2)

    def press(self, document: Document, point: Point, *, opposite: bool) -> str:
        if self._document is not document:
            self.abort()
        if not document.is_loaded or document.read_only:
            return ""
        if not self._points:
            self._document = document
            self._erasing = opposite
        if not self._points or self._points[-1] != point:  # a double click presses twice in one place
            self._points.append(point)
        self._cursor = point
        return ""

    def move(self, point: Point) -> None:
        self._cursor = point

    def release(self, point: Point) -> None:
        self._cursor = point

    def abort(self) -> None:
        self._points.clear()
        self._document = self._cursor = None

    def key(self, key: ToolKey) -> bool:
        if not self._points:
            return False
        if key is ToolKey.CANCEL:
            self.abort()
        elif key is ToolKey.BACK:
            self._points.pop()
        else:
            self._close()
        return True

    def _close(self) -> None:
        document, points = self._document, tuple(self._points)
        if document is None or len(points) < 3:
            return  # two points enclose nothing: stay pending, more may come
        self.abort()
        if document.begin_stroke():
            code = HAND_SOUND if self._erasing else HAND_CRACK
            write = partial(strokes.polygon, points=points, code=code)
            document.paint(strokes.polygon_box(points), write)
            document.end_stroke("Erase polygon" if self._erasing else "Polygon")
