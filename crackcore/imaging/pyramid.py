"""Smaller levels of a picture: by mean for photographs, by maximum for masks and scores.

A crack one pixel wide must not vanish when one zooms out, so masks and scores keep the maximum.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import RgbImage, read_only

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


def _halved(shape: tuple[int, ...]) -> tuple[int, int]:
    return (shape[0] + 1) // 2, (shape[1] + 1) // 2


def max_halved(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (H, W) at half the size, rounded up: each pixel the maximum of its block of 2 x 2.

    A last odd row or column stands for itself.
    """
    rows = plane[0::2].copy()
    below = plane[1::2]
    np.maximum(rows[: len(below)], below, out=rows[: len(below)])
    columns = rows[:, 0::2].copy()
    beside = rows[:, 1::2]
    np.maximum(columns[:, : beside.shape[1]], beside, out=columns[:, : beside.shape[1]])
    return columns
