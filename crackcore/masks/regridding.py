"""Planes brought onto a finer or a coarser grid over the same photo.

Finer is exact: every pixel becomes a block of `factor` x `factor` equal ones, for strokes and masks and
also for a score, so that at every threshold the same places are crack as before. (Smoothing a score
would look finer than what the model knows, and take the peak off a crack one pixel wide.)

Coarser has one rule each:

- A score becomes the mean of its block, which is what the same model gives when it is asked for
  photo pixels.
- A mask pixel is crack when any of its block is, so that a thin crack gets wider but never gaps; else
  undecided when any is; else sound.
- A pixel of the hand plane is a person's when a person touched any of its block, and says what the
  mask that was shown says by that rule. So an edge that somebody trimmed does not erase the rest of
  the crack in the same pixel.

Coarser after finer gives back every plane to the bit.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import CRACK, HAND_UNDECIDED, UNDECIDED, UNTOUCHED, ClassMask, HandPlane, ScoreMap

Plane = NDArray[np.uint8]


def finer(plane: Plane, factor: int) -> Plane:
    """uint8 (H, W) as a new (H factor, W factor) array, each pixel a block of equal ones."""
    return plane.repeat(factor, axis=1).repeat(factor, axis=0)


def coarser_score(score: ScoreMap, factor: int) -> ScoreMap:
    """uint8 (H factor, W factor) as a new (H, W) array: the mean of each block, rounded."""
    height, width = _coarse_size(score, factor)
    # Where the ratio is whole, INTER_AREA is exactly the mean over each block.
    return np.asarray(cv2.resize(score, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def coarser_mask(mask: ClassMask, factor: int) -> ClassMask:
    """uint8 (H factor, W factor) class numbers as a new (H, W) array.

    Crack where any pixel of the block is crack; else undecided where any is; else the highest class.
    """
    _coarse_size(mask, factor)
    # In order of what must not be overlooked: others as they are (at most 254), undecided, crack.
    ranks = np.arange(256, dtype=np.uint8)
    ranks[2:255] -= 1
    ranks[UNDECIDED], ranks[CRACK] = 254, 255
    back = np.zeros(256, np.uint8)
    back[ranks] = np.arange(256)
    return np.asarray(cv2.LUT(_highest(cv2.LUT(mask, ranks), factor), back), np.uint8)


def coarser_hand(hand: HandPlane, shown: ClassMask, factor: int) -> HandPlane:
    """A hand plane, uint8 (H factor, W factor), as a new (H, W) array.

    `shown` is the mask that was shown with it (`threshold.shown_mask`), of the same size.
    """
    _coarse_size(hand, factor)
    codes = np.arange(1, 257).astype(np.uint8)  # class + 1
    codes[UNDECIDED] = HAND_UNDECIDED
    said: HandPlane = np.asarray(cv2.LUT(coarser_mask(shown, factor), codes), np.uint8)
    said[_highest(hand, factor) == UNTOUCHED] = UNTOUCHED
    return said


def has_detail(hand: HandPlane, factor: int) -> bool:
    """Whether anything was drawn that a grid `factor` times coarser could not hold."""
    _coarse_size(hand, factor)
    rows = [hand[i::factor] for i in range(factor)]
    if any(not np.array_equal(rows[0], row) for row in rows[1:]):
        return True
    columns = [rows[0][:, i::factor] for i in range(factor)]
    return any(not np.array_equal(columns[0], column) for column in columns[1:])


def score_on_grid(score: ScoreMap, size: tuple[int, int]) -> ScoreMap:
    """A score map on the grid of `size` (height, width): itself, `finer`, or `coarser_score`.

    Raises ValueError when neither size is a whole number of times the other.
    """
    for one, other, change in ((score.shape, size, coarser_score), (size, score.shape, finer)):
        factor = one[0] // other[0]
        if factor >= 1 and one == (other[0] * factor, other[1] * factor):
            return score if factor == 1 else change(score, factor)
    raise ValueError(f"a score of {score.shape} does not fit a picture of {size}")


def _highest(plane: Plane, factor: int) -> Plane:
    """The maximum of each block."""
    rows = plane[0::factor].copy()
    for i in range(1, factor):
        np.maximum(rows, plane[i::factor], out=rows)
    columns: Plane = rows[:, 0::factor].copy()
    for i in range(1, factor):
        np.maximum(columns, rows[:, i::factor], out=columns)
    return columns


def _coarse_size(plane: Plane, factor: int) -> tuple[int, int]:
    height, width = plane.shape
    if height % factor or width % factor:
        raise ValueError(f"{plane.shape} is not a whole number of blocks of {factor}")
    return height // factor, width // factor
