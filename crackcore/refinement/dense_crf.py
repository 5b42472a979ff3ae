"""A fully connected CRF: every pixel weighs what all others say, the near and alike ones most.

Published for crack maps by Liu (DeepCrack, 2019), who released neither code nor parameters. The model
is that of Krähenbühl and Koltun (NIPS 2011) with two labels; the **parameters and the balance of the
two labels are our own**, chosen by measurement: as strong as they can be without a loss on any of the seven
sets that were looked at for it (`table.py` has the figures on other pictures).

Energy of a labelling x (1 crack, 0 sound), the sum over pixels and pairs of pixels of

    -log p_i(x_i)      with the network's score p, its odds divided by those of the threshold
    w_a k_a(i, j) c_a(x_i, x_j) + w_s k_s(i, j) c_s(x_i, x_j)

    k_a = exp(-|place|**2 / (2 reach**2)  - (gray_i - gray_j)**2 / (2 contrast**2))     alike
    k_s = exp(-|place|**2 / (2 near**2))                                                beside
    c   = 1 for different labels, 0 for two sound ones, 1 - balance for two cracks

Each kernel is normalised on both sides, `k(i, j) / sqrt(sum k(i, .) sum k(., j))`, so that weights do
not depend on its reach. A plain Potts term is balance 1. It erases thin cracks: nearly everything
within reach of a hairline is sound, and outvotes it. With balance 3 a pixel that is sure of its crack
weighs as much as three that are sure of none.

Mean field: with q the chance of crack, every step sets for all pixels at once

    log odds = log odds of the score + sum over kernels of w * k (balance q - (1 - q))

where no pixel listens to itself. The k_a sums are taken in a bilateral grid, within about a
hundredth of the direct sum; k_s is a separable blur cut off at three deviations. A test holds both
against a mean field that sums over all pairs directly.

Pictures are taken in blocks of at most BLOCK_PX a side, each with HALO_PX of its surroundings, so that
memory stays bounded at any size (13 bytes per pixel of a block, below 100 MB); up to BLOCK_PX a side
there is one block and no approximation of this kind.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import RgbImage, ScoreMap
from crackcore.progress import Progress, unheard
from crackcore.refinement.bilateral_grid import BilateralGrid, Values

BLOCK_PX = 2048
HALO_PX = 128
BAND_PIXELS = 1 << 16  # rows handled between two calls of progress: some 5 ms on a core


@dataclass(frozen=True)
class CrfParameters:
    """Of the energy above. Lengths are standard deviations in px, `contrast` in gray levels."""

    alike_weight: float = 1.0
    reach_px: float = 40.0
    contrast: float = 5.0
    alike_balance: float = 3.0
    beside_weight: float = 0.2
    near_px: float = 1.5
    beside_balance: float = 2.0
    gray_blur_px: float = 1.0  # the photo's grain is not an edge
    steps: int = 5


OURS = CrfParameters()


def dense_crf(
    score: ScoreMap,
    pixels: RgbImage,
    *,
    threshold: float = 0.5,
    parameters: CrfParameters = OURS,
    progress: Progress = unheard,
) -> ScoreMap:
    """The chance of crack after mean field, uint8 (H, W), 255 for certainty.

    `score` is uint8 (H, W), `pixels` the photograph uint8 (H, W, 3). `threshold` (0..1) is the score
    at which the model holds crack and sound for equally likely; the result is to be cut at the same
    value. Raises Cancelled.
    """
    height, width = score.shape
    out = np.empty_like(score)
    blocks = [(rows, columns) for rows in _spans(height) for columns in _spans(width)]
    for number, ((top, bottom, first, end), (left, right, first_column, end_column)) in enumerate(blocks):

        def within(done: int, total: int, note: str = "", *, at: int = number) -> None:
            progress(1000 * at + 1000 * done // total, 1000 * len(blocks), note)

        around = slice(first, end), slice(first_column, end_column)
        field = _Field(score[around], pixels[around], threshold, parameters, within)
        inside = field.run()[top - first : bottom - first, left - first_column : right - first_column]
        out[top:bottom, left:right] = inside
    progress(1000 * len(blocks), 1000 * len(blocks))
    return out


class _Field:
    """Mean field of one block. Planes are float32 of the block's size; everything else is in bands."""

    def __init__(
        self,
        score: ScoreMap,
        pixels: RgbImage,
        threshold: float,
        parameters: CrfParameters,
        progress: Progress,
    ) -> None:
        self._score, self._parameters, self._progress = score, parameters, progress
        self._done = 0
        self._bands = list(_bands(*score.shape))
        self._steps = len(self._bands) * (2 * parameters.steps + 3)
        levels = np.clip(np.arange(256, dtype=np.float64) / 255, 0.5 / 255, 254.5 / 255)
        self._neutral = math.log(threshold / (1 - threshold))
        self._odds = (np.log(levels / (1 - levels)) - self._neutral).astype(np.float32)
        self._grid = BilateralGrid(
            self._gray(pixels), reach_px=parameters.reach_px, contrast=parameters.contrast
        )
        self._blur = _gaussian(parameters.near_px)
        self._chance: Values = np.empty(score.shape, np.float32)
        self._alike_norm: Values = np.empty(score.shape, np.float32)
        # Beside, the sum of weights factors into rows and columns; only edges differ from the middle.
        self._row_norm, self._column_norm = (_beside_norm(n, self._blur) for n in score.shape)

    def run(self) -> ScoreMap:
        """The refined score map of the block."""
        self._begin()
        for _ in range(self._parameters.steps):
            self._step()
        out = np.empty_like(self._score)
        last = math.log(255)  # keeps the exponential finite; beyond it the level is 255 or 0 anyway
        for top, bottom in self._bands:
            chance = np.clip(self._chance[top:bottom], 1e-7, 1 - 1e-7)
            odds = np.log(chance / (1 - chance)) + self._neutral
            out[top:bottom] = np.rint(255 / (1 + np.exp(-np.clip(odds, -2 * last, 2 * last))))
        return out

    def _gray(self, pixels: RgbImage) -> NDArray[np.uint8]:
        gray = np.empty(pixels.shape[:2], np.uint8)
        for top, bottom in self._bands:
            self._heard()
            gray[top:bottom] = cv2.cvtColor(np.ascontiguousarray(pixels[top:bottom]), cv2.COLOR_RGB2GRAY)
        blur = self._parameters.gray_blur_px
        if blur > 0:
            gray = np.asarray(cv2.GaussianBlur(gray, (0, 0), blur, borderType=cv2.BORDER_REFLECT), np.uint8)
        return gray

    def _begin(self) -> None:
        """Chances of the score alone, and how much each pixel's neighbourhood weighs."""
        for top, bottom in self._bands:
            self._heard()
            self._chance[top:bottom] = _sigmoid(self._odds[self._score[top:bottom]])
            self._grid.pour(np.ones((bottom - top, self._score.shape[1]), np.float32), top)
        self._grid.blur()
        for top, bottom in self._bands:
            self._heard()
            # A pixel's own weight is 1: less than that is the grid's error.
            self._alike_norm[top:bottom] = 1 / np.sqrt(np.maximum(self._grid.read(top, bottom), 1))

    def _step(self) -> None:
        given = self._parameters
        for top, bottom in self._bands:
            self._heard()
            said = _said(self._chance[top:bottom], given.alike_balance)
            self._grid.pour(said * self._alike_norm[top:bottom], top)
        self._grid.blur()
        after = np.empty_like(self._chance)
        for top, bottom in self._bands:
            self._heard()
            norm = self._alike_norm[top:bottom]
            own = _said(self._chance[top:bottom], given.alike_balance) * norm
            odds = self._odds[self._score[top:bottom]]
            odds += given.alike_weight * (self._grid.read(top, bottom) - own) * norm
            odds += given.beside_weight * self._beside(top, bottom)
            after[top:bottom] = _sigmoid(odds)
        self._chance = after

    def _beside(self, top: int, bottom: int) -> Values:
        reach = len(self._blur) // 2
        first, end = max(0, top - reach), min(len(self._chance), bottom + reach)
        said = _said(self._chance[first:end], self._parameters.beside_balance)
        said *= self._row_norm[first:end, None] * self._column_norm
        summed: Values = cv2.sepFilter2D(
            said, cv2.CV_32F, self._blur, self._blur, borderType=cv2.BORDER_CONSTANT
        )
        inside = slice(top - first, bottom - first)
        heard: Values = (summed[inside] - said[inside]) * (
            self._row_norm[top:bottom, None] * self._column_norm
        )
        return heard

    def _heard(self) -> None:
        self._progress(min(self._done, self._steps), self._steps)
        self._done += 1


def _said(chance: Values, balance: float) -> Values:
    """What a pixel tells the others: `balance` where it is crack, -1 where it is sound."""
    said: Values = chance * np.float32(balance + 1) - np.float32(1)
    return said


def _sigmoid(odds: Values) -> Values:
    chance = np.float32(1) / (np.float32(1) + np.exp(-odds))
    return chance.astype(np.float32, copy=False)


def _gaussian(deviation: float) -> Values:
    reach = max(1, math.ceil(3 * deviation))
    weights: Values = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2).astype(np.float32)
    return weights


def _beside_norm(length: int, weights: Values) -> Values:
    """One over the root of the weights that fall inside the picture, float32 (length,)."""
    inside = np.convolve(np.ones(length), weights.astype(np.float64), "full")
    reach = len(weights) // 2
    norm: Values = (1 / np.sqrt(inside[reach : reach + length])).astype(np.float32)
    return norm


def _bands(height: int, width: int) -> Iterator[tuple[int, int]]:
    rows = max(1, BAND_PIXELS // width)
    for top in range(0, height, rows):
        yield top, min(height, top + rows)


def _spans(length: int) -> Iterator[tuple[int, int, int, int]]:
    """Start and end of each block along one axis, and of the block with its halo; even sizes."""
    count = -(-length // BLOCK_PX)
    for i in range(count):
        start, end = i * length // count, (i + 1) * length // count
        yield start, end, max(0, start - HALO_PX), min(length, end + HALO_PX)
