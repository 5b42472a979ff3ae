"""Planes of crack cut into pieces that do not touch, so that work is done where there is crack.

Thinning and distances pass over a plane many times. Cracks fill a few percent of a picture and the boxes
around them about a tenth: the same figures for a fraction of the time. The same, for what becomes of a
pixel follows from pixels of its own piece and from the nearest one beyond it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.evaluation.tolerance import BoolPlane

Box = tuple[slice, slice]
Piece = tuple[Box, BoolPlane]

_ALONE = 64  # so many of the largest are taken one by one; a call each for every speck would cost more


def pieces(plane: BoolPlane) -> Iterator[Piece]:
    """Boxes in the plane, bool (H, W), and what of it lies in each, a bool array of the box's size.

    Pixels that touch, also at corners, are in one piece; together the pieces are the plane. A box
    reaches 1 px beyond its piece where the picture does. All but the largest come as one piece.
    """
    count, labels, found, _ = cv2.connectedComponentsWithStats(
        plane.view(np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    if count <= 1:
        return
    rows = np.asarray(found[1:], np.int64)
    areas = rows[:, cv2.CC_STAT_WIDTH] * rows[:, cv2.CC_STAT_HEIGHT]
    order = np.argsort(-areas, kind="stable")
    for at in order[:_ALONE]:
        left, top, width, height = rows[at, :4]
        box = _with_margin((left, top), (left + width, top + height), plane.shape)
        yield box, labels[box] == at + 1
    rest = order[_ALONE:]
    if len(rest):
        among = np.zeros(count, np.bool_)
        among[rest + 1] = True
        starts, sizes = rows[rest, :2], rows[rest, 2:4]
        box = _with_margin(starts.min(axis=0), (starts + sizes).max(axis=0), plane.shape)
        yield box, among[labels[box]]


def centre_line(plane: BoolPlane, cut: Sequence[Piece] | None = None) -> BoolPlane:
    """The centre lines of a plane of crack, by Lee's thinning: bool (H, W), one pixel thin.

    `cut` are its `pieces`, where they are known already.
    """
    from skimage.morphology import skeletonize  # half a second to import; only needed here

    out = np.zeros(plane.shape, np.bool_)
    for box, piece in pieces(plane) if cut is None else cut:
        out[box] |= skeletonize(piece, method="lee") != 0
    return out


def widths_at(
    plane: BoolPlane,
    inside: BoolPlane,
    points: tuple[NDArray[np.intp], NDArray[np.intp]],
    cut: Sequence[Piece] | None = None,
) -> NDArray[np.float32]:
    """Width in px at `points` (rows, columns) of the plane: float32 (n,).

    Twice the distance to the nearest pixel that is no crack; nan where that distance reaches what does
    not count, and in a plane that is all crack. `plane` and `inside` are bool (H, W), crack only
    inside. `cut` are the plane's `pieces`, where they are known already.
    """
    squares = np.full(plane.shape, np.nan, np.float32)
    if not plane.all():
        whole = bool(inside.all())
        for box, piece in pieces(plane) if cut is None else cut:
            far = _squared_distance(piece)
            if not whole and not inside[box].all():
                # what does not count is never nearer; where it is as near, the edge may lie beyond
                far[_squared_distance(inside[box]) <= far] = np.nan
            np.copyto(squares[box], far, where=piece)
    found: NDArray[np.float32] = 2 * np.sqrt(squares[points])
    return found


def _squared_distance(plane: BoolPlane) -> NDArray[np.float32]:
    """Square in px of the distance from True pixels to the nearest False one; float32 (H, W), 0 on False."""
    found = cv2.distanceTransform(
        np.ascontiguousarray(plane).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    # Squares of distances on a grid are whole; the transform's own roots differ in their last digits.
    whole: NDArray[np.float32] = np.rint(found.astype(np.float64) ** 2).astype(np.float32)
    return whole


def _with_margin(start: Sequence[int], end: Sequence[int], shape: tuple[int, ...]) -> Box:
    (left, top), (right, bottom) = map(int, start), map(int, end)
    rows = slice(max(0, top - 1), min(shape[0], bottom + 1))
    return rows, slice(max(0, left - 1), min(shape[1], right + 1))
