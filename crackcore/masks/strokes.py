"""Stamps, lines, polygons and fills: gestures that write hand codes into a plane.

Coordinates are (y, x) in pixels, with pixel centres at whole numbers. Every function works in place
on a uint8 (H, W) hand plane, leaves out what lies outside of it, and returns the Box it touched.

The stamp of diameter d is every pixel whose centre lies within d / 2 of the stamp's centre. An odd
stamp is centred on a pixel centre, an even one on a pixel corner (half-way numbers), so that d = 1 is
exactly one pixel, d = 2 exactly 2 x 2, d = 3 exactly 3 x 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import HandPlane
from crackcore.domain.box import EMPTY_BOX, Box

MIN_DIAMETER_PX = 1
MAX_DIAMETER_PX = 200

Point = tuple[float, float]


@lru_cache(maxsize=256)
def half_widths(diameter_px: int) -> tuple[int, ...]:
    """How many pixels each row of a stamp has, top to bottom; each row is centred on the stamp.

    >>> half_widths(4)
    (2, 4, 4, 2)
    """
    if not MIN_DIAMETER_PX <= diameter_px <= MAX_DIAMETER_PX:
        raise ValueError(f"a stamp is 1 to 200 px wide, not {diameter_px}")
    # In half pixels all offsets from the centre are whole numbers: nothing depends on rounding.
    offsets = range(-(diameter_px - 1), diameter_px, 2)
    return tuple(sum(dy * dy + dx * dx <= diameter_px * diameter_px for dx in offsets) for dy in offsets)


def stamp(diameter_px: int) -> NDArray[np.bool_]:
    """The stamp's pixels, bool (d, d)."""
    out = np.zeros((diameter_px, diameter_px), np.bool_)
    for row, width in zip(out, half_widths(diameter_px), strict=True):
        first = (diameter_px - width) // 2
        row[first : first + width] = True
    return out


def stamp_corner(point: Point, diameter_px: int) -> tuple[int, int]:
    """Row and column of the top left pixel of the stamp's d x d square when pressed at `point`."""
    # The square's corner lies (d - 1) / 2 before its centre; adding one half and rounding down is
    # rounding to the nearest, with ties always to the same side.
    back = (diameter_px - 1) / 2
    return floor(point[0] - back + 0.5), floor(point[1] - back + 0.5)


def line_box(start: Point, end: Point, diameter_px: int) -> Box:
    """The box that `line` may touch, not clipped to any plane."""
    (y0, x0), (y1, x1) = stamp_corner(start, diameter_px), stamp_corner(end, diameter_px)
    return Box(min(y0, y1), max(y0, y1) + diameter_px, min(x0, x1), max(x0, x1) + diameter_px)


def dab(plane: HandPlane, point: Point, *, diameter_px: int, code: int) -> Box:
    """Press the stamp once."""
    return line(plane, point, point, diameter_px=diameter_px, code=code)


def line(plane: HandPlane, start: Point, end: Point, *, diameter_px: int, code: int) -> Box:
    """Drag the stamp from `start` to `end`: a stamp at every whole step, so there are no gaps.

    The stamp takes max(|dy|, |dx|) equal steps between its two snapped places and is snapped to
    whole pixels at each (halves round up). All stamps together are written row by row, so that a
    stamp of 200 px costs no more than the rows it covers.
    """
    box = line_box(start, end, diameter_px).clipped(*plane.shape)
    if box.is_empty:
        return EMPTY_BOX
    top, lefts, rights = _rows_of_line(start, end, diameter_px)
    width = plane.shape[1]
    for y in range(box.top, box.bottom):
        left, right = max(lefts[y - top], 0), min(rights[y - top], width)
        if left < right:
            plane[y, left:right] = code
    return box


def _rows_of_line(start: Point, end: Point, diameter_px: int) -> tuple[int, list[int], list[int]]:
    """First row of a line, and for each of its rows the first column and the one after the last.

    One stretch a row is enough: neighbouring stamps are at most one pixel apart, each row of a stamp
    is centred on it and at least one pixel wide (two when d is even), so that in every row the
    stretches of successive stamps overlap or touch.
    """
    y0, x0 = stamp_corner(start, diameter_px)
    y1, x1 = stamp_corner(end, diameter_px)
    steps = max(abs(y1 - y0), abs(x1 - x0), 1)
    at = np.arange(steps + 1)
    # Whole-number rounding of k * delta / steps; floats could fall on either side of a half.
    ys = y0 + (2 * at * (y1 - y0) + steps) // (2 * steps)
    xs = x0 + (2 * at * (x1 - x0) + steps) // (2 * steps)

    top = min(y0, y1)
    corner_rows = abs(y1 - y0) + 1
    first = np.full(corner_rows, np.iinfo(np.int64).max)
    last = np.full(corner_rows, np.iinfo(np.int64).min)
    np.minimum.at(first, ys - top, xs)
    np.maximum.at(last, ys - top, xs)

    widths = np.array(half_widths(diameter_px))
    insets = (diameter_px - widths) // 2
    rows = corner_rows + diameter_px - 1
    lefts = np.full(rows, np.iinfo(np.int64).max)
    rights = np.full(rows, np.iinfo(np.int64).min)
    if corner_rows < diameter_px:  # go over whichever is shorter
        for r in range(corner_rows):
            part = slice(r, r + diameter_px)
            np.minimum(lefts[part], first[r] + insets, out=lefts[part])
            np.maximum(rights[part], last[r] + insets + widths, out=rights[part])
    else:
        for k in range(diameter_px):
            part = slice(k, k + corner_rows)
            np.minimum(lefts[part], first + insets[k], out=lefts[part])
            np.maximum(rights[part], last + (insets[k] + widths[k]), out=rights[part])
    return top, lefts.tolist(), rights.tolist()


def pieces(start: Point, end: Point, *, at_most_px: float = 96.0) -> Iterator[tuple[Point, Point]]:
    """The straight way in pieces of limited length, whose boxes stay small when it lies aslant."""
    length = max(abs(end[0] - start[0]), abs(end[1] - start[1]))
    count = max(1, ceil(length / at_most_px))
    previous = start
    for i in range(1, count + 1):
        share = i / count
        here = (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)
        yield previous, here
        previous = here


# ---------------------------------------------------------------- polygon


def polygon_box(points: Sequence[Point]) -> Box:
    """The box that `polygon` may touch, not clipped to any plane."""
    if len(points) < 3:
        return EMPTY_BOX
    ys, xs = [p[0] for p in points], [p[1] for p in points]
    return Box(ceil(min(ys)), floor(max(ys)) + 1, ceil(min(xs)), floor(max(xs)) + 1)


def polygon(plane: HandPlane, points: Sequence[Point], *, code: int) -> Box:
    """Write every pixel whose centre lies inside the closed polygon, by the even-odd rule.

    A centre exactly on a left or upper edge counts as inside, on a right or lower one as outside,
    so that two polygons that share an edge share no pixel.
    """
    box = polygon_box(points).clipped(*plane.shape)
    if box.is_empty:
        return EMPTY_BOX
    rows, crossings = [], []
    for (y0, x0), (y1, x1) in zip(points, [*points[1:], points[0]], strict=True):
        if y0 > y1:
            y0, x0, y1, x1 = y1, x1, y0, x0
        ys = np.arange(max(ceil(y0), box.top), min(ceil(y1), box.bottom))
        if len(ys):
            rows.append(ys)
            crossings.append(x0 + (ys - y0) * ((x1 - x0) / (y1 - y0)))
    if not rows:
        return EMPTY_BOX
    all_rows, all_crossings = np.concatenate(rows), np.concatenate(crossings)
    order = np.lexsort((all_crossings, all_rows))
    columns = np.clip(np.ceil(all_crossings[order]), box.left, box.right).astype(np.int64)
    # Every row is crossed an even number of times, so that pairs never reach over two rows.
    for y, left, right in zip(
        all_rows[order][0::2].tolist(), columns[0::2].tolist(), columns[1::2].tolist(), strict=True
    ):
        plane[y, left:right] = code
    return box


# ---------------------------------------------------------------- fill


@dataclass(frozen=True)
class Region:
    """Connected pixels: `inside` is bool of the box's size; `cut_off` when the reach limited it."""

    box: Box
    inside: NDArray[np.bool_]
    cut_off: bool

    @property
    def area_px(self) -> int:
        return int(np.count_nonzero(self.inside))


def reach_window(seed: tuple[int, int], reach_px: int, height_px: int, width_px: int) -> Box:
    """Where a fill from `seed` may go."""
    y, x = seed
    return Box(y, y + 1, x, x + 1).grown(reach_px).clipped(height_px, width_px)


def similar_region(
    part: NDArray[np.uint8],
    seed: tuple[int, int],
    *,
    window: Box,
    size_px: tuple[int, int],
    tolerance: int = 0,
    connectivity: int = 8,
) -> Region:
    """The connected pixels around `seed` that are like it, inside a window.

    Parameters
    ----------
    part : uint8 (h, w) or (h, w, 3), what the window shows of a mask, a score map or a photograph.
    seed : (y, x) in pixels of the whole picture; ValueError when it lies outside the window.
    window, size_px : where `part` lies in the picture, and the picture's height and width.
    tolerance : how far every channel may differ from the seed's.
    connectivity : 4 or 8.
    """
    if not (window.top <= seed[0] < window.bottom and window.left <= seed[1] < window.right):
        raise ValueError("the seed lies outside the window")
    height, width = part.shape[:2]
    found = np.zeros((height + 2, width + 2), np.uint8)  # with the frame that floodFill wants
    flags = connectivity | (1 << 8) | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY
    spread = (tolerance,) * 4
    start = seed[1] - window.left, seed[0] - window.top
    _, _, _, (left, top, w, h) = cv2.floodFill(
        np.ascontiguousarray(part), found, start, 0, spread, spread, flags
    )
    box = Box(window.top + top, window.top + top + h, window.left + left, window.left + left + w)
    cut_off = (
        box.top == window.top > 0
        or box.left == window.left > 0
        or box.bottom == window.bottom < size_px[0]
        or box.right == window.right < size_px[1]
    )
    return Region(box, found[1 + top : 1 + top + h, 1 + left : 1 + left + w] > 0, cut_off)


def fill_region(plane: HandPlane, region: Region, *, code: int) -> Box:
    """Write every pixel of a region, which must lie inside the plane."""
    plane[region.box.slices][region.inside] = code
    return region.box
