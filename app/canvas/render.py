"""From a document and a viewport to the pixels of one rectangle of the screen.

Everything is computed for the device pixels asked for and nothing else. A device pixel shows the
image pixel (of the level that fits) under its own centre, counted from the image's corner, so that
two rectangles drawn at different moments always match.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import ceil, floor, log2
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

from app.canvas.viewport import Viewport
from app.document import Document, LayerOptions
from app.document.planes import CRACK_MARK, NOTHING, UNDECIDED_MARK, MaxLevels
from app.theme import data_colours
from crackcore.arrays import RgbImage
from crackcore.domain.box import Box

Bytes = NDArray[np.uint8]

SHOW_NOTHING, SHOW_UNDECIDED, SHOW_PREDICTED, SHOW_HAND = 0, 1, 2, 3

_UNDECIDED_OPACITY = 0.55  # of what the layer has: it must not look like a find


def _table(pairs: dict[int, int]) -> Bytes:
    table = np.zeros(256, np.uint8)
    for value, shown in pairs.items():
        table[value] = shown
    return table


_BASE_SHOWN = _table({NOTHING: SHOW_NOTHING, UNDECIDED_MARK: SHOW_UNDECIDED, CRACK_MARK: SHOW_PREDICTED})
_HAND_SHOWN = _table({NOTHING: SHOW_NOTHING, UNDECIDED_MARK: SHOW_UNDECIDED, CRACK_MARK: SHOW_HAND})


def on_image(view: Viewport, rect: Box) -> Box:
    """The part of a rectangle of the screen where the image lies."""
    top, left = view.origin
    height, width = view.extent
    inside = Box(rect.top - top, rect.bottom - top, rect.left - left, rect.right - left).clipped(
        height, width
    )
    return Box(inside.top + top, inside.bottom + top, inside.left + left, inside.right + left)


def screen_box(view: Viewport, box: Box, margin: int = 0) -> Box:
    """The rectangle of the screen that shows pixels inside `box`, at whatever level they are drawn."""
    block = 1 << mask_level(view.scale, 32)
    top, left = view.corner_to_screen(box.top // block * block, box.left // block * block)
    bottom, right = view.corner_to_screen(ceil(box.bottom / block) * block, ceil(box.right / block) * block)
    return (
        Box(floor(top), ceil(bottom), floor(left), ceil(right)).grown(margin).clipped(view.height, view.width)
    )


# ---------------------------------------------------------------- masks and scores


def mask_level(scale: float, count: int) -> int:
    """The finest level whose pixels are at least as large as a device pixel, so that none is skipped."""
    return min(max(0, ceil(-log2(scale) - 1e-9)), count - 1)


def _raster(first: int, last: int, size: float, limit: int) -> NDArray[np.intp]:
    """Which pixel of a level, `size` device pixels large, each device pixel first..last-1 shows."""
    at: NDArray[np.intp] = np.floor((np.arange(first, last) + 0.5) / size).astype(np.intp)
    np.clip(at, 0, limit - 1, out=at)
    return at


class _Window:
    """Rows and columns of one level under a rectangle of the screen that lies on the image."""

    def __init__(self, view: Viewport, rect: Box, level: int, size: tuple[int, int]) -> None:
        top, left = view.origin
        pixel = view.scale * (1 << level)
        self.rows = _raster(rect.top - top, rect.bottom - top, pixel, size[0])
        self.columns = _raster(rect.left - left, rect.right - left, pixel, size[1])
        self.slices = (
            slice(int(self.rows[0]), int(self.rows[-1]) + 1),
            slice(int(self.columns[0]), int(self.columns[-1]) + 1),
        )

    def enlarged(self, part: NDArray[Any]) -> NDArray[Any]:
        """What lies in `slices`, repeated until it fills the rectangle."""
        if part.shape == (len(self.rows), len(self.columns)):
            return part
        wide = part.take(self.columns - self.columns[0], axis=1)
        out: NDArray[Any] = wide.take(self.rows - self.rows[0], axis=0)
        return out


def mask_pixels(document: Document, view: Viewport, rect: Box, *, outline_px: int = 0) -> Bytes | None:
    """What the mask shows in each device pixel of `rect` (on the image): SHOW_* numbers.

    With `outline_px`, only a line of that width around what is shown, outside of it.
    """
    marks = document.marks
    if marks is None or rect.is_empty:
        return None
    wide = on_image(view, rect.grown(outline_px))
    level = mask_level(view.scale, marks.count)
    window = _Window(view, wide, level, marks.size(level))
    shown = marks.part(level, *window.slices)
    by_hand = bool(shown.any())  # mostly not: then there is nothing to colour and to join
    if by_hand:
        shown = cv2.LUT(shown, _HAND_SHOWN)
    base = document.base()
    if base is not None:
        levels, table = base
        beneath = cv2.LUT(levels.part(level, *window.slices), _BASE_SHOWN[table])
        shown = cv2.max(shown, beneath) if by_hand else beneath
    shown = window.enlarged(shown)
    if outline_px:
        grown = cv2.dilate(shown, np.ones((2 * outline_px + 1,) * 2, np.uint8), borderValue=0)
        shown = cv2.bitwise_and(grown, cv2.compare(shown, SHOW_NOTHING, cv2.CMP_EQ))
        top, left = rect.top - wide.top, rect.left - wide.left
        shown = shown[top : top + rect.height, left : left + rect.width]
    return np.asarray(shown, np.uint8)


def score_pixels(levels: MaxLevels, view: Viewport, rect: Box) -> Bytes:
    """The score under each device pixel of `rect`, which lies on the image."""
    level = mask_level(view.scale, levels.count)
    window = _Window(view, rect, level, levels.size(level))
    return np.asarray(window.enlarged(levels.part(level, *window.slices)), np.uint8)


@lru_cache(maxsize=32)
def mask_colours(options: LayerOptions) -> tuple[int, ...]:
    """The colour table of `mask_pixels`."""
    opacity = 1.0 if options.outline else options.opacity
    return (
        0,
        data_colours.argb(data_colours.UNDECIDED, opacity * _UNDECIDED_OPACITY),
        data_colours.argb(data_colours.CRACK_PREDICTED, opacity),
        data_colours.argb(data_colours.CRACK_BY_HAND, opacity),
    )


def indexed_image(pixels: Bytes, colours: Sequence[int]) -> QImage:
    """A QImage over the memory of uint8 (H, W) pixels, without a copy where rows lie one after another."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape
    image = QImage(pixels.data, width, height, width, QImage.Format.Format_Indexed8)
    image.setColorTable(colours)
    return _keeping(image, pixels)


def _keeping(image: QImage, pixels: NDArray[Any]) -> QImage:
    """The image, holding on to the array whose memory it shows (Qt itself keeps only an address)."""
    image.pixels = pixels  # type: ignore[attr-defined]
    return image


# ---------------------------------------------------------------- photograph


def photo_level(scale: float, count: int) -> int:
    """The level to smooth from: its pixels are between 0.6 and 1.2 device pixels large.

    Going a little past 1 blurs less than can be seen and halves the worst case, where a level of nearly
    four pixels for each one of the screen would have to be read.
    """
    return min(max(0, floor(-log2(scale) + 0.263)), count - 1)


class Scratch:
    """Memory used again for every repaint: getting it fresh costs more than filling it."""

    def __init__(self) -> None:
        self._bytes = np.empty(0, np.uint8)

    def four_bytes(self, height: int, width: int) -> NDArray[np.uint8]:
        """(height, width, 4) uint8 of any content; what was given out before is overwritten."""
        size = height * width * 4
        if self._bytes.size < size:
            self._bytes = np.empty(size, np.uint8)
        return self._bytes[:size].reshape(height, width, 4)


def draw_photo(
    painter: QPainter, levels: tuple[RgbImage, ...], view: Viewport, rect: Box, scratch: Scratch
) -> None:
    """Draw the photograph into `rect` (on the image); the painter's unit is the device pixel.

    Enlarged, every pixel is a square; made smaller, it is smoothed.
    """
    if view.scale > 1.0:
        _draw_enlarged(painter, levels[0], view, rect, scratch)
        return
    level = photo_level(view.scale, len(levels))
    photo = levels[level]
    # A level of means is stretched over the whole picture, also where halving rounded its size up.
    tall, wide = (
        view.image_height * view.scale / photo.shape[0],
        view.image_width * view.scale / photo.shape[1],
    )
    top, left = view.origin
    if min(tall, wide) < 0.5:  # below the coarsest level, which is small: smoothing needs every pixel
        height, width = view.extent
        tiny = cv2.resize(photo, (max(1, width), max(1, height)), interpolation=cv2.INTER_AREA)
        painter.drawImage(left, top, rgb_image(tiny))
        return
    rows, first_y, height = _source(rect.top - top, rect.bottom - top, tall, photo.shape[0])
    columns, first_x, width = _source(rect.left - left, rect.right - left, wide, photo.shape[1])
    image = rgb_image(photo[rows, columns])
    if abs(tall - 1) + abs(wide - 1) > 1e-9:
        # Qt smooths four bytes a pixel six times faster than three.
        image = _image_of_packed(_packed(photo[rows, columns], scratch))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
    target = QRectF(left + first_x * wide, top + first_y * tall, width * wide, height * tall)
    painter.drawImage(target, image, QRectF(0, 0, width, height))


def _source(first: int, last: int, pixel: float, limit: int) -> tuple[slice, int, int]:
    """Pixels of a level needed for device pixels first..last-1, one more on each side for smoothing."""
    begin = max(floor(first / pixel) - 1, 0)
    end = min(ceil(last / pixel) + 1, limit)
    return slice(begin, end), begin, end - begin


def _draw_enlarged(painter: QPainter, photo: RgbImage, view: Viewport, rect: Box, scratch: Scratch) -> None:
    window = _Window(view, rect, 0, photo.shape[:2])
    # Four bytes as one number: rows and columns are then repeated in one pass instead of four.
    pixels = window.enlarged(_packed(photo[window.slices], scratch))
    painter.drawImage(rect.left, rect.top, _image_of_packed(pixels))


def _packed(pixels: RgbImage, scratch: Scratch) -> NDArray[np.uint32]:
    four = scratch.four_bytes(*pixels.shape[:2])
    cv2.cvtColor(pixels, cv2.COLOR_RGB2BGRA, dst=four)
    packed: NDArray[np.uint32] = four.view(np.uint32)[..., 0]
    return packed


def _image_of_packed(pixels: NDArray[np.uint32]) -> QImage:
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape
    image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)
    return _keeping(image, pixels)


def rgb_image(pixels: RgbImage) -> QImage:
    """A QImage over the memory of uint8 (H, W, 3) pixels, rows as far apart as they lie there."""
    height, width = pixels.shape[:2]
    if pixels.strides[1:] != (3, 1):
        pixels = np.ascontiguousarray(pixels)
    row_bytes = pixels.strides[0]
    # One flat view over all rows: the buffer protocol will not export a slice with gaps.
    flat = np.lib.stride_tricks.as_strided(
        pixels, ((height - 1) * row_bytes + 3 * width,), (1,), writeable=False
    )
    image = QImage(flat.data, width, height, row_bytes, QImage.Format.Format_RGB888)
    return _keeping(image, pixels)
