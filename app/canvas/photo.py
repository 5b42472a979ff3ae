"""The photograph as the present viewport shows it, kept between repaints."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage, QPainter

from app.canvas import render
from app.canvas.viewport import Viewport
from crackcore.arrays import RgbImage
from crackcore.domain.box import Box


class ShownPhoto:
    """Draws the photograph once for a viewport; panning draws only the strips that came into sight.

    The image's corner lies on a whole device pixel, so that a pan moves the raster by whole pixels.
    """

    def __init__(self) -> None:
        self._view: Viewport | None = None
        self._levels: tuple[RgbImage, ...] | None = None
        # Two buffers in turn: fresh memory would cost more than what is copied into it.
        self._pixels: NDArray[np.uint32] = np.empty((0, 0), np.uint32)
        self._spare = self._pixels
        self._image = QImage()
        self._scratch = render.Scratch()

    def forget(self) -> None:
        """Let go of the photograph's arrays and of what was drawn."""
        self._view = self._levels = None
        self._image = QImage()

    def image(self, levels: tuple[RgbImage, ...], view: Viewport) -> QImage:
        """A picture of the widget's size in device pixels; undefined where the image does not lie."""
        old = self._view
        if old == view and self._levels is levels:
            return self._image
        whole = Box(0, view.height, 0, view.width)
        previous, self._pixels = self._pixels, self._spare
        if self._pixels.shape != (view.height, view.width):
            self._pixels = np.empty((view.height, view.width), np.uint32)
        self._spare = previous
        missing = [whole]
        if self._levels is levels and old is not None and view.has_raster_of(old):
            down, right = view.origin[0] - old.origin[0], view.origin[1] - old.origin[1]
            kept = Box(down, view.height + down, right, view.width + right).clipped(view.height, view.width)
            if not kept.is_empty:
                source = Box(kept.top - down, kept.bottom - down, kept.left - right, kept.right - right)
                self._pixels[kept.slices] = previous[source.slices]
                missing = _around(kept, whole)
        self._image = QImage(
            self._pixels.data, view.width, view.height, 4 * view.width, QImage.Format.Format_RGB32
        )
        painter = QPainter(self._image)
        for box in missing:
            seen = render.on_image(view, box)
            if not seen.is_empty:
                painter.setClipRect(seen.left, seen.top, seen.width, seen.height)
                render.draw_photo(painter, levels, view, seen, self._scratch)
        painter.end()
        self._view, self._levels = view, levels
        return self._image


def _around(kept: Box, whole: Box) -> list[Box]:
    """What is left of `whole` beside `kept`: above, below, left, right."""
    boxes = (
        Box(whole.top, kept.top, whole.left, whole.right),
        Box(kept.bottom, whole.bottom, whole.left, whole.right),
        Box(kept.top, kept.bottom, whole.left, kept.left),
        Box(kept.top, kept.bottom, kept.right, whole.right),
    )
    return [box for box in boxes if not box.is_empty]
