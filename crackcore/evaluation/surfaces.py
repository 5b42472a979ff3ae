"""How far the outlines of two masks lie apart: Hausdorff distances and the mean surface distance.

Outlines run between pixels, through the corners of the pixel grid. A corner belongs to an outline
when some but not all of its four pixels are crack (beyond the picture is none); the outline is 1 px
long there where it goes straight, half a diagonal where it turns, a whole diagonal where two cracks
touch at their corners. Distances are between corners.

Source: the surface-distance package as CSBSR uses it (Yuki-11/CSBSR; Nikolov et al., J Med Internet
Res 2021), spacing 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import ClassMask
from crackcore.evaluation.tolerance import BoolPlane, said_crack, truth_and_inside

Values = NDArray[np.float64]

# Which of the four pixels (8 4 / 2 1) are crack, and how long the outline is at their corner.
_DIAGONAL = math.sqrt(2)
_LENGTHS = np.array([0, 1, 1, 2, 1, 2, 4, 1, 1, 4, 2, 1, 2, 1, 1, 0])
_LENGTH_OF = np.choose(_LENGTHS, [0.0, _DIAGONAL / 2, 1.0, 0.0, _DIAGONAL])
_FULL = 15


@dataclass(frozen=True, eq=False)
class OutlineDistances:
    """Distance in px of every piece of one outline to the other outline, nearest first, and its length.

    `truth` and `said` are float64 (n,) distances, `truth_px` and `said_px` the lengths of the pieces.
    All four are empty for an empty mask; where the other mask is empty, distances are endless.
    `width_px` is that of the picture, which stands for the distance to nothing.
    """

    truth: Values
    truth_px: Values
    said: Values
    said_px: Values
    width_px: int

    def hausdorff(self, percentile: float = 95.0) -> float:
        """The robust Hausdorff distance in px: the larger of both sides' percentiles, by length.

        The percentile of a side is the first distance up to which that share of its outline lies.
        Two empty masks: 0. One empty mask: the width of the picture, as CSBSR has it.
        """
        if (empty := self._of_empty()) is not None:
            return empty
        return max(
            _percentile(self.truth, self.truth_px, percentile),
            _percentile(self.said, self.said_px, percentile),
        )

    def mean(self) -> float:
        """The mean surface distance in px: both sides' means, by length, averaged. Empty as above."""
        if (empty := self._of_empty()) is not None:
            return empty
        sides = ((self.truth, self.truth_px), (self.said, self.said_px))
        return float(sum((far * px).sum() / px.sum() for far, px in sides) / 2)

    def within(self, tolerance_px: float) -> float:
        """Share of both outlines that lies within the tolerance (normalised surface distance), 0..1."""
        total = self.truth_px.sum() + self.said_px.sum()
        if not total:
            return 1.0
        near = self.truth_px[self.truth <= tolerance_px].sum() + self.said_px[self.said <= tolerance_px].sum()
        return float(near / total)

    def _of_empty(self) -> float | None:
        if len(self.truth) and len(self.said):
            return None
        return float(self.width_px) if len(self.truth) or len(self.said) else 0.0


def outline_distances(
    mask: BoolPlane | ClassMask, truth: BoolPlane | ClassMask, roi: BoolPlane | None = None
) -> OutlineDistances:
    """Both outlines of a mask and the truth, bool or classes (H, W), measured against each other.

    Corners that touch an undecided pixel of the truth, or one outside `roi`, belong to no outline.
    Raises ValueError when sizes differ.
    """
    if mask.shape != truth.shape:
        raise ValueError(f"mask {mask.shape} and truth {truth.shape} differ in size")
    crack, inside = truth_and_inside(truth, roi)
    said = said_crack(mask) & inside
    width = mask.shape[1]
    nothing = np.zeros(0)
    both = crack | said
    if not both.any():
        return OutlineDistances(nothing, nothing, nothing, nothing, width)
    box = _box(both)
    crack, said, inside = crack[box], said[box], inside[box]
    known = _known(inside)
    true_codes, said_codes = _codes(crack), _codes(said)
    true_edge = (true_codes != 0) & (true_codes != _FULL) & known
    said_edge = (said_codes != 0) & (said_codes != _FULL) & known
    far_truth, truth_px = _sorted(_distances(said_edge)[true_edge], _LENGTH_OF[true_codes[true_edge]])
    far_said, said_px = _sorted(_distances(true_edge)[said_edge], _LENGTH_OF[said_codes[said_edge]])
    return OutlineDistances(far_truth, truth_px, far_said, said_px, width)


def hausdorff_of_pixels(
    mask: BoolPlane | ClassMask, truth: BoolPlane | ClassMask, roi: BoolPlane | None = None
) -> float:
    """The largest distance in px from a crack pixel of either mask to the other mask.

    Endless when one of them is empty; 0 when both are (the original, Yuki-11/CSSR, says endless
    there too). Arguments as in `outline_distances`.
    """
    if mask.shape != truth.shape:
        raise ValueError(f"mask {mask.shape} and truth {truth.shape} differ in size")
    crack, inside = truth_and_inside(truth, roi)
    said = said_crack(mask) & inside
    if not crack.any() or not said.any():
        return math.inf if crack.any() or said.any() else 0.0
    return float(max(_distances(said)[crack].max(), _distances(crack)[said].max()))


def _box(plane: BoolPlane) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _codes(plane: BoolPlane) -> NDArray[np.uint8]:
    """Per corner, uint8 (H + 1, W + 1), which of its pixels are crack; beyond the plane is none."""
    padded = np.pad(plane.astype(np.uint8), 1)
    return padded[:-1, :-1] * 8 + padded[:-1, 1:] * 4 + padded[1:, :-1] * 2 + padded[1:, 1:]


def _known(inside: BoolPlane) -> BoolPlane:
    padded = np.pad(inside, 1, constant_values=True)
    return padded[:-1, :-1] & padded[:-1, 1:] & padded[1:, :-1] & padded[1:, 1:]


def _distances(plane: BoolPlane) -> Values:
    """Distance in px to the nearest True, float64; endless where there is none."""
    if not plane.any():
        return np.full(plane.shape, np.inf)
    found = cv2.distanceTransform((~plane).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # Squares of distances on a grid are whole numbers; single precision is near enough to tell which.
    exact: Values = np.sqrt(np.rint(found.astype(np.float64) ** 2))
    return exact


def _sorted(far: Values, lengths: Values) -> tuple[Values, Values]:
    order = np.lexsort((lengths, far))
    return far[order], lengths[order]


def _percentile(far: Values, lengths: Values, percentile: float) -> float:
    shares = np.cumsum(lengths) / lengths.sum()
    at = int(np.searchsorted(shares, percentile / 100.0))
    return float(far[min(at, len(far) - 1)])
