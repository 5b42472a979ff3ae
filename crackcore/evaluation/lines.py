"""How good a mask is along its centre lines: what was found by length, how wide, how much was invented.

Centre lines by Lee's thinning. Length along them by Kulpa's estimate, 0.948 px a straight and 1.340 px
a diagonal step (Kulpa, CGIP 6, 1977), a lone pixel 1 px; a diagonal beside a corner is not walked.
A point is matched when a point of the other centre line lies within the tolerance. Pixels that are
undecided in the truth, or outside the region, are as if cut away, in the mask too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import ClassMask
from crackcore.evaluation.pieces import Piece, centre_line, pieces, widths_at
from crackcore.evaluation.sweep import harmonic, ratio
from crackcore.evaluation.tolerance import BoolPlane, disk, near, said_crack, truth_and_inside

_STRAIGHT, _DIAGONAL = 0.948, 1.340

WIDTH_TOLERANCE_PX = 5.0


@dataclass(frozen=True)
class CentreLineScore:
    """Shares of centre line pixels inside the other mask, and their harmonic mean (clDice)."""

    precision: float
    recall: float
    cl_dice: float


class Axis:
    """A plane of crack, bool (H, W), and what follows from it, each computed when first asked for."""

    def __init__(self, plane: BoolPlane, inside: BoolPlane | None = None) -> None:
        self.inside = np.ones(plane.shape, np.bool_) if inside is None else inside
        self.plane: BoolPlane = plane & self.inside

    @cached_property
    def _pieces(self) -> list[Piece]:
        return list(pieces(self.plane))

    @cached_property
    def line(self) -> BoolPlane:
        """The centre lines, one pixel thin."""
        return centre_line(self.plane, self._pieces)

    @cached_property
    def points(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns of the pixels of the lines, (n,) each."""
        rows, columns = np.nonzero(self.line)
        return rows, columns

    @cached_property
    def lengths(self) -> NDArray[np.float64]:
        """Length in px that belongs to each of the points: (n,)."""
        return _lengths_at(self.line, self.points)

    @cached_property
    def widths(self) -> NDArray[np.float32]:
        """Width in px at each of the points, twice the distance to what is not crack; nan where not known."""
        return widths_at(self.plane, self.inside, self.points, self._pieces)


def axes_of(
    mask: BoolPlane | ClassMask, truth: BoolPlane | ClassMask, roi: BoolPlane | None = None
) -> tuple[Axis, Axis]:
    """(said, true) of a mask and the truth, bool or classes (H, W). Raises ValueError when sizes differ."""
    if mask.shape != truth.shape:
        raise ValueError(f"mask {mask.shape} and truth {truth.shape} differ in size")
    crack, inside = truth_and_inside(truth, roi)
    return Axis(said_crack(mask), inside), Axis(crack, inside)


def lengths_along(line: BoolPlane) -> NDArray[np.float64]:
    """Length in px of a thin line that belongs to each of its pixels, half of every step from it: (n,).

    In the order of `np.nonzero(line)`.
    """
    return _lengths_at(line, np.nonzero(line))


def _lengths_at(line: BoolPlane, points: tuple[NDArray[np.intp], ...]) -> NDArray[np.float64]:
    padded = np.pad(line, 1)
    rows, columns = points[0] + 1, points[1] + 1
    up, down = padded[rows - 1, columns], padded[rows + 1, columns]
    left, right = padded[rows, columns - 1], padded[rows, columns + 1]
    out = (_STRAIGHT / 2) * (up.astype(np.float64) + down + left + right)
    for y, upright in ((-1, up), (1, down)):
        for x, lying in ((-1, left), (1, right)):
            out += (_DIAGONAL / 2) * (padded[rows + y, columns + x] & ~upright & ~lying)
    out[out == 0] = 1.0
    return out


def centre_line_score(said: Axis, true: Axis) -> CentreLineScore:
    """clDice of two planes; see `masks.cl_dice`."""
    precision = ratio(int(np.count_nonzero(true.plane[said.points])), len(said.points[0]))
    recall = ratio(int(np.count_nonzero(said.plane[true.points])), len(true.points[0]))
    return CentreLineScore(precision, recall, harmonic(precision, recall))


@dataclass(frozen=True)
class LineCounts:
    """Lengths in px of one mask's centre lines against the truth's; they add up over pictures.

    `found_px` of `truth_px` have a predicted line within the tolerance, `correct_px` of `said_px` a
    true one. `said_points` are the pixels of the predicted lines, `pixels` all that count.
    """

    tolerance_px: float
    truth_px: float
    found_px: float
    said_px: float
    correct_px: float
    said_points: int
    pixels: int

    def __add__(self, other: LineCounts) -> LineCounts:
        if self.tolerance_px != other.tolerance_px:
            raise ValueError(f"tolerances differ: {self.tolerance_px} px and {other.tolerance_px} px")
        return LineCounts(
            self.tolerance_px,
            self.truth_px + other.truth_px,
            self.found_px + other.found_px,
            self.said_px + other.said_px,
            self.correct_px + other.correct_px,
            self.said_points + other.said_points,
            self.pixels + other.pixels,
        )

    @property
    def completeness(self) -> float:
        """Matched length of the truth / its length; 1 where there is nothing to find."""
        return ratio(self.found_px, self.truth_px)

    @property
    def correctness(self) -> float:
        """Matched length of the prediction / its length; 1 where nothing is predicted.

        Completeness and correctness: Wiedemann et al., 1998, who use them for roads.
        """
        return ratio(self.correct_px, self.said_px)

    @property
    def length_ratio(self) -> float:
        """Predicted length / true length, matched or not: what a table of lengths would be off by."""
        return ratio(self.said_px, self.truth_px) if self.truth_px or not self.said_px else float("inf")


def line_counts(said: Axis, true: Axis, tolerance_px: float) -> LineCounts:
    """Lengths of two planes' centre lines; see `LineCounts`."""
    # By what is not matched, so that a share of all is 1 to the last digit.
    truth_px, missed_px = _all_and_unmatched(true, said, tolerance_px)
    said_px, invented_px = _all_and_unmatched(said, true, tolerance_px)
    return LineCounts(
        float(tolerance_px),
        truth_px=truth_px,
        found_px=max(0.0, truth_px - missed_px),
        said_px=said_px,
        correct_px=max(0.0, said_px - invented_px),
        said_points=len(said.lengths),
        pixels=int(np.count_nonzero(true.inside)),
    )


def _all_and_unmatched(axis: Axis, other: Axis, tolerance_px: float) -> tuple[float, float]:
    matched = near(other.line, tolerance_px)[axis.points]
    return float(axis.lengths.sum()), float(axis.lengths[~matched].sum())


def compare_lines(
    mask: BoolPlane | ClassMask,
    truth: BoolPlane | ClassMask,
    tolerance_px: float = WIDTH_TOLERANCE_PX,
    roi: BoolPlane | None = None,
) -> LineCounts:
    """Lengths of a mask's centre lines against the truth's, both bool or classes (H, W)."""
    return line_counts(*axes_of(mask, truth, roi), tolerance_px)


def false_length(counts: Sequence[LineCounts]) -> float:
    """Predicted centre line pixels per megapixel on the pictures without crack; nan without such."""
    clean = [one for one in counts if one.truth_px == 0]
    pixels = sum(one.pixels for one in clean)
    return 1e6 * sum(one.said_points for one in clean) / pixels if pixels else float("nan")


@dataclass(frozen=True)
class WidthSummary:
    """Width errors in px at `points` matched points: predicted minus true.

    `bias_px` is their mean (above 0: too wide), `mae_px` the mean of their sizes, `p95_px` the size
    that 95 of 100 do not exceed. All nan without points.
    """

    points: int
    bias_px: float
    mae_px: float
    p95_px: float


def errors_of_width(said: Axis, true: Axis, tolerance_px: float = WIDTH_TOLERANCE_PX) -> NDArray[np.float32]:
    """Predicted minus true width in px at every matched point of the true centre line: float32 (n,).

    The width at a point is twice its distance to the edge; the predicted one is that at the nearest
    point of the predicted centre line within the tolerance. Steps of 2 px on straight cracks: of use
    as a mean over many points, not at a single one.
    """
    reach = int(tolerance_px)
    height, width = (side + 2 * reach for side in true.plane.shape)
    widths = np.full(height * width, np.nan, np.float32)
    rows, columns = said.points
    widths[(rows + reach) * width + columns + reach] = said.widths
    rows, columns = true.points
    at = (rows + reach) * width + columns + reach
    nearest = widths[at]
    missing = np.flatnonzero(np.isnan(nearest))
    offsets = np.argwhere(disk(tolerance_px)) - reach
    for y, x in offsets[np.argsort((offsets**2).sum(axis=1), kind="stable")]:
        here = widths[at[missing] + y * width + x]
        nearest[missing] = here
        missing = missing[np.isnan(here)]
        if not len(missing):
            break
    errors = nearest - true.widths
    found: NDArray[np.float32] = errors[~np.isnan(errors)]
    return found


def width_errors(
    mask: BoolPlane | ClassMask,
    truth: BoolPlane | ClassMask,
    tolerance_px: float = WIDTH_TOLERANCE_PX,
    roi: BoolPlane | None = None,
) -> NDArray[np.float32]:
    """`errors_of_width` of a mask and the truth, both bool or classes (H, W)."""
    return errors_of_width(*axes_of(mask, truth, roi), tolerance_px)


def summed_up(errors: NDArray[np.float32] | Sequence[NDArray[np.float32]]) -> WidthSummary:
    """Bias and size of the width errors of one picture, or of all points of several."""
    parts = [errors] if isinstance(errors, np.ndarray) else list(errors)
    every = np.concatenate([np.zeros(0, np.float32), *parts]).astype(np.float64)
    if not len(every):
        return WidthSummary(0, float("nan"), float("nan"), float("nan"))
    sizes = np.abs(every)
    return WidthSummary(len(every), float(every.mean()), float(sizes.mean()), float(np.quantile(sizes, 0.95)))
