"""Brush and eraser: the same stroke with two meanings."""

from __future__ import annotations

from functools import partial

from app.document import Document
from app.editing.tool import Point, Preview, ToolKey, ToolSettings
from crackcore.arrays import HAND_CRACK, HAND_SOUND
from crackcore.masks import strokes


class Brush:
    """Paints crack under the stamp; the opposite of it paints sound."""

    name = "brush"
    pans = False
    erases = False

    def __init__(self, settings: ToolSettings) -> None:
        self._settings = settings
        self._document: Document | None = None
        self._last: Point = (0.0, 0.0)
        self._erasing = False

    @property
    def is_pending(self) -> bool:
        return self._document is not None

    def preview(self, *, opposite: bool) -> Preview:
        erasing = self._erasing if self.is_pending else self.erases != opposite
        return Preview(stamp_px=self._settings.brush_px, erases=erasing)

    def press(self, document: Document, point: Point, *, opposite: bool) -> str:
        self.abort()
        if document.begin_stroke():
            self._document = document
            self._erasing = self.erases != opposite  # for the whole stroke, whatever key comes later
            self._last = point
            self._paint_to(point)
        return ""

    def move(self, point: Point) -> None:
        self._paint_to(point)

    def release(self, point: Point) -> None:
        self._paint_to(point)
        document, self._document = self._document, None
        if document is not None:
            document.end_stroke("Erase" if self._erasing else "Brush")

    def abort(self) -> None:
        document, self._document = self._document, None
        if document is not None:
            document.abort_stroke()

    def key(self, key: ToolKey) -> bool:
        if key is ToolKey.CANCEL and self.is_pending:
            self.abort()
            return True
        return False

    def _paint_to(self, point: Point) -> None:
        if self._document is None:
            return
        if not self._document.in_stroke:  # taken back from elsewhere, for example by undo
            self._document = None
            return
        size = self._settings.brush_px
        code = HAND_SOUND if self._erasing else HAND_CRACK
        self._document.paint_all(
            (
                strokes.line_box(start, end, size),
                partial(strokes.line, start=start, end=end, diameter_px=size, code=code),
            )
            for start, end in strokes.pieces(self._last, point)
        )
        self._last = point


class Eraser(Brush):
    """Paints sound under the stamp; the opposite of it paints crack."""

    name = "eraser"
    erases = True
