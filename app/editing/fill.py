"""Fill: one click writes the whole connected region under it."""

from __future__ import annotations

from functools import partial
from math import floor

from app.document import Document
from app.editing.tool import Point, Preview, ToolKey, ToolSettings
from crackcore.arrays import CRACK, HAND_CRACK, HAND_SOUND
from crackcore.masks import strokes

REACH_PX = 768
"""How far a fill goes from the click, in each direction: what can be done within a frame."""


class Fill:
    """Makes the region under the click crack; the opposite makes it sound.

    On the shown mask the region is what is connected in it: the sound patch inside a ring of crack,
    or, with the opposite, one whole false crack. By score or by colour it is what is like the pixel
    that was clicked, within the tolerance.
    """

    name = "fill"
    pans = False
    is_pending = False

    def __init__(self, settings: ToolSettings) -> None:
        self._settings = settings

    def preview(self, *, opposite: bool) -> Preview:
        return Preview(erases=opposite)

    def press(self, document: Document, point: Point, *, opposite: bool) -> str:
        seed = floor(point[0] + 0.5), floor(point[1] + 0.5)
        height, width = document.size_px
        if not (0 <= seed[0] < height and 0 <= seed[1] < width) or not document.begin_stroke():
            return ""
        region = self._region(document, seed)
        if region is None:
            document.abort_stroke()
            return "There is no score to fill by: predict this picture first."
        code = HAND_SOUND if opposite else HAND_CRACK
        document.paint(region.box, partial(strokes.fill_region, region=region, code=code))
        document.end_stroke("Erase region" if opposite else "Fill")
        if region.cut_off:
            return f"The fill stopped {REACH_PX} px from the click; click again where it should go on."
        return ""

    def move(self, point: Point) -> None:
        """Nothing: a fill is done when it is pressed."""

    def release(self, point: Point) -> None:
        """Nothing: a fill is done when it is pressed."""

    def abort(self) -> None:
        """Nothing is ever pending."""

    def key(self, key: ToolKey) -> bool:
        return False

    def _region(self, document: Document, seed: tuple[int, int]) -> strokes.Region | None:
        size = document.size_px
        window = strokes.reach_window(seed, REACH_PX, *size)
        tolerance = self._settings.fill_tolerance
        if self._settings.fill_by == "colour" and document.photo_levels is not None:
            part = document.photo_levels[0][window.slices]
            return strokes.similar_region(part, seed, window=window, size_px=size, tolerance=tolerance)
        if self._settings.fill_by == "score":
            if document.prediction is None:
                return None
            part = document.prediction.score[window.slices]
            return strokes.similar_region(part, seed, window=window, size_px=size, tolerance=tolerance)
        part = document.shown_part(window)
        # Cracks hang together at corners, so the surface beside them must not: a fill would leak out.
        connectivity = 8 if part[seed[0] - window.top, seed[1] - window.left] == CRACK else 4
        return strokes.similar_region(part, seed, window=window, size_px=size, connectivity=connectivity)
