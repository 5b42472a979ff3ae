"""Smaller levels of a picture: by mean for photographs, by maximum for masks and scores.

A crack one pixel wide must not vanish when one zooms out, so masks and scores keep the maximum.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import RgbImage, read_only
from crackcore.domain.box import Box

COARSEST_PX = 512  # a level whose longest side is not longer is the last


def photo_levels(pixels: RgbImage) -> tuple[RgbImage, ...]:
    """Level 0 is `pixels` (uint8 (H, W, 3)) itself; each next one has half the size, rounded up.

    Made by area means, down to a longest side of at most 512 px; all levels are read-only.
    """
    levels = [read_only(pixels)]
    while max(levels[-1].shape[:2]) > COARSEST_PX:
        height, width = _halved(levels[-1].shape)
        smaller: RgbImage = cv2.resize(levels[-1], (width, height), interpolation=cv2.INTER_AREA)
        levels.append(read_only(smaller))
    return tuple(levels)


def max_levels(plane: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Levels of the same sizes as `photo_levels`, each pixel the maximum of the 2 x 2 below it.

    plane : uint8 (H, W). Level 0 is the very array, so after a change to it
    `refresh_max_levels` brings the others up to date.
    """
    levels = [plane]
    while max(levels[-1].shape) > COARSEST_PX:
        levels.append(_max_halved(levels[-1]))
    return levels


def refresh_max_levels(levels: list[NDArray[np.uint8]], box: Box) -> None:
    """Recompute the coarser levels where `box` (in pixels of level 0) changed, in place.

    Afterwards the levels equal `max_levels(levels[0])`, provided nothing else changed.
    """
    box = box.clipped(*levels[0].shape)
    if box.is_empty:
        return
    for finer, coarser in pairwise(levels):
        box = Box(box.top // 2, (box.bottom + 1) // 2, box.left // 2, (box.right + 1) // 2)
        below = finer[2 * box.top : 2 * box.bottom, 2 * box.left : 2 * box.right]  # clips at the edge
        coarser[box.slices] = _max_halved(below)


def _halved(shape: tuple[int, ...]) -> tuple[int, int]:
    return (shape[0] + 1) // 2, (shape[1] + 1) // 2


def _max_halved(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The 2 x 2 maximum; a last odd row or column stands for itself."""
    rows = plane[0::2].copy()
    below = plane[1::2]
    np.maximum(rows[: len(below)], below, out=rows[: len(below)])
    columns = rows[:, 0::2].copy()
    beside = rows[:, 1::2]
    np.maximum(columns[:, : beside.shape[1]], beside, out=columns[:, : beside.shape[1]])
    return columns
