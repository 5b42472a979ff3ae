"""How good one mask is: with tolerance, pixel by pixel, and along centre lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import ClassMask
from crackcore.evaluation.lines import CentreLineScore, axes_of, centre_line_score
from crackcore.evaluation.sweep import harmonic, ratio
from crackcore.evaluation.tolerance import BoolPlane, near, said_crack, truth_and_inside


@dataclass(frozen=True)
class MaskCounts:
    """Pixel counts of one mask against the truth; they add up over pictures.

    `correct` of `predicted` have truth within the tolerance, `found` of `truth` have a prediction
    within it, `overlap` is exact, `pixels` are all that count.
    """

    tolerance_px: float
    correct: int
    predicted: int
    found: int
    truth: int
    overlap: int
    pixels: int

    def __add__(self, other: MaskCounts) -> MaskCounts:
        if self.tolerance_px != other.tolerance_px:
            raise ValueError(f"tolerances differ: {self.tolerance_px} px and {other.tolerance_px} px")
        return MaskCounts(
            self.tolerance_px,
            self.correct + other.correct,
            self.predicted + other.predicted,
            self.found + other.found,
            self.truth + other.truth,
            self.overlap + other.overlap,
            self.pixels + other.pixels,
        )

    @property
    def precision(self) -> float:
        return ratio(self.correct, self.predicted)

    @property
    def recall(self) -> float:
        return ratio(self.found, self.truth)

    @property
    def f1(self) -> float:
        return harmonic(self.precision, self.recall)

    @property
    def iou(self) -> float:
        """Exact; 1 when both are empty."""
        return ratio(self.overlap, self.predicted + self.truth - self.overlap)

    @property
    def mean_iou(self) -> float:
        """Mean of the exact IoU of crack and of everything else."""
        sound = self.pixels - (self.predicted + self.truth - self.overlap)
        return (self.iou + ratio(sound, self.pixels - self.overlap)) / 2

    @property
    def accuracy(self) -> float:
        """Share of pixels that agree. High for an empty mask too: cracks are few."""
        return ratio(self.pixels - self.predicted - self.truth + 2 * self.overlap, self.pixels)

    @property
    def class_accuracy(self) -> float:
        """Mean of the exact recalls of crack and of everything else."""
        sound = self.pixels - self.truth
        return (ratio(self.overlap, self.truth) + ratio(sound - self.predicted + self.overlap, sound)) / 2


def compare(
    mask: BoolPlane | ClassMask,
    truth: BoolPlane | ClassMask,
    tolerance_px: float = 0,
    roi: BoolPlane | None = None,
) -> MaskCounts:
    """Counts of a mask, bool or classes (H, W), against the truth, bool or classes (H, W).

    Pixels that are undecided in the truth, or outside `roi`, neither count nor match; undecided
    pixels of the mask are "no crack". Raises ValueError when sizes differ.
    """
    if mask.shape != truth.shape:
        raise ValueError(f"mask {mask.shape} and truth {truth.shape} differ in size")
    crack, inside = truth_and_inside(truth, roi)
    said = said_crack(mask) & inside
    return MaskCounts(
        float(tolerance_px),
        correct=int(np.count_nonzero(said & near(crack, tolerance_px))),
        predicted=int(np.count_nonzero(said)),
        found=int(np.count_nonzero(crack & near(said, tolerance_px))),
        truth=int(np.count_nonzero(crack)),
        overlap=int(np.count_nonzero(said & crack)),
        pixels=int(np.count_nonzero(inside)),
    )


ERROR_NONE, ERROR_MATCHED, ERROR_MISSED, ERROR_INVENTED = range(4)


def error_map(
    mask: BoolPlane | ClassMask,
    truth: BoolPlane | ClassMask,
    tolerance_px: float = 0,
    roi: BoolPlane | None = None,
) -> NDArray[np.uint8]:
    """What became of every pixel, uint8 (H, W): 0 nothing there, 1 matched, 2 missed, 3 invented.

    Matched is what `compare` counts as correct or found: predicted with truth within the tolerance, or
    truth with a prediction within it. Where nothing counts it is 0. Arguments as in `compare`.
    """
    if mask.shape != truth.shape:
        raise ValueError(f"mask {mask.shape} and truth {truth.shape} differ in size")
    crack, inside = truth_and_inside(truth, roi)
    said = said_crack(mask) & inside
    out = np.zeros(mask.shape, np.uint8)
    out[said] = ERROR_INVENTED
    out[crack] = ERROR_MISSED
    out[(said & near(crack, tolerance_px)) | (crack & near(said, tolerance_px))] = ERROR_MATCHED
    return out


def cl_dice(
    mask: BoolPlane | ClassMask, truth: BoolPlane | ClassMask, roi: BoolPlane | None = None
) -> CentreLineScore:
    """Centre line Dice (Shit et al., CVPR 2021): how much of each centre line lies in the other mask.

    Centre lines by Lee's thinning. It does not see thickness: a mask fattened evenly still gets 1.
    Two empty masks agree: 1. Arguments as in `compare`.
    """
    return centre_line_score(*axes_of(mask, truth, roi))
