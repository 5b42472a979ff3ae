"""Figures at the thresholds 0.01, 0.02, ... 0.99, as CSSR and CSBSR report them: AIU, IoU_max, HD95, AHD95.

Each picture gives a curve of 99 values; a set is judged by the mean of its curves. That is another
way of counting than ODS and OIS, which pool pixels: here each picture weighs the same.

Sources: Yuki-11/CSSR and Yuki-11/CSBSR; AIU comes from Yang et al., IEEE TITS 21(4), 2020 (FPHB).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import ClassMask, ScoreMap
from crackcore.evaluation.surfaces import outline_distances
from crackcore.evaluation.sweep import Curve, SweepCounts, sweep
from crackcore.evaluation.tolerance import BoolPlane, truth_and_inside

Rule = Literal["at least", "above"]
"""CSSR predicts crack where p >= t, CSBSR where p - t > 0; both in single precision."""

UnitScores = NDArray[np.float32] | ScoreMap
"""float (H, W) in 0..1, or uint8 score steps, which stand for step / 255."""

THRESHOLDS: tuple[float, ...] = tuple(i * 0.01 for i in range(1, 100))
_LIMITS = np.array(THRESHOLDS, np.float32)
_SMOOTH = 1e-5


def iou_curve(
    score: UnitScores, truth: BoolPlane | ClassMask, roi: BoolPlane | None = None, *, rule: Rule = "at least"
) -> Curve:
    """(I + 1e-5) / (U + 1e-5) of the crack pixels of one picture at each threshold: float64 (99,).

    A picture without crack gives nearly 0 at every threshold at which anything is predicted, and 1
    where nothing is. Undecided pixels and those outside `roi` do not count. Raises ValueError when
    sizes or types do not fit, or scores are not in 0..1.
    """
    if score.dtype == np.uint8 and score.shape == truth.shape:
        return iou_curve_of(sweep(score.astype(np.uint8, copy=False), truth, 0.0, roi), rule=rule)
    crack, inside = truth_and_inside(truth, roi)
    passed = _passed(score, truth, rule)
    return _ious(_from_top(passed[inside]), _from_top(passed[crack]), int(crack.sum()))


def iou_curve_of(counts: SweepCounts, *, rule: Rule = "at least") -> Curve:
    """`iou_curve` of the counts of one picture at any tolerance: float64 (99,)."""
    # the first score step that passes each threshold; 256, where none does, predicts nothing
    first = np.searchsorted(_passed_of_steps(rule), np.arange(len(_LIMITS)), side="right")
    return _ious(np.append(counts.predicted, 0)[first], np.append(counts.overlap, 0)[first], counts.truth)


def _ious(said: NDArray[np.int64], both: NDArray[np.int64], truth: int) -> Curve:
    curve: Curve = (both + _SMOOTH) / (said + truth - both + _SMOOTH)
    return curve


@dataclass(frozen=True, eq=False)
class SurfaceCurves:
    """Distances in px between the outlines of one picture at each threshold, float64 (99,) each.

    `hausdorff` maps a percentile to its curve. CSBSR's paper and logs say 95, its released script
    computes 50; both are made unless told otherwise.
    """

    hausdorff: dict[float, Curve]
    mean: Curve


def surface_curves(
    score: UnitScores,
    truth: BoolPlane | ClassMask,
    roi: BoolPlane | None = None,
    *,
    rule: Rule = "above",
    percentiles: Sequence[float] = (95.0, 50.0),
) -> SurfaceCurves:
    """Robust Hausdorff and mean surface distances of one picture at each threshold.

    Empty masks as in `surfaces.OutlineDistances`: both 0, one the width of the picture. Arguments as
    in `iou_curve`.
    """
    crack, inside = truth_and_inside(truth, roi)
    passed = _passed(score, truth, rule)
    classes = np.where(inside, crack, np.uint8(255)).astype(np.uint8)
    counts = _from_top(passed[inside])
    rows: list[tuple[float, ...]] = []
    for at in range(len(_LIMITS)):
        # masks only shrink from threshold to threshold: as many pixels are the same pixels
        if not at or counts[at] != counts[at - 1]:
            found = outline_distances(passed > at, classes)
            row = (*(found.hausdorff(p) for p in percentiles), found.mean())
        rows.append(row)
    table = np.array(rows, np.float64).T
    return SurfaceCurves({float(p): table[i] for i, p in enumerate(percentiles)}, table[-1])


@dataclass(frozen=True)
class OverThresholds:
    """`best` of the mean curve and the `threshold` where it is reached, and the `mean` of everything.

    Of IoU curves: IoU_max and AIU. Of Hausdorff curves with percentile 95: HD95_min and AHD95.
    """

    best: float
    threshold: float
    mean: float


def over_thresholds(curves: Sequence[Curve], *, lowest: bool = False) -> OverThresholds:
    """The mean curve of the pictures, summed up. `lowest`: the best value is the least, as of distances.

    Raises ValueError when there is no curve.
    """
    if not len(curves):
        raise ValueError("there is no picture to score")
    mean = np.mean(np.asarray(curves), axis=0)
    at = int(np.argmin(mean) if lowest else np.argmax(mean))
    return OverThresholds(float(mean[at]), THRESHOLDS[at], float(mean.mean()))


def _passed(score: UnitScores, truth: BoolPlane | ClassMask, rule: Rule) -> NDArray[np.intp]:
    """How many of the thresholds each pixel passes: 0..99, (H, W)."""
    if score.shape != truth.shape:
        raise ValueError(f"score {score.shape} and truth {truth.shape} differ in size")
    if score.dtype == np.uint8:
        return _passed_of_steps(rule)[score]
    if not np.issubdtype(score.dtype, np.floating):
        raise ValueError(f"scores are uint8 or floats in 0..1, not {score.dtype}")
    values = score.astype(np.float32)
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError("scores lie in 0..1")
    return np.searchsorted(_LIMITS, values, side=_side(rule))


def _passed_of_steps(rule: Rule) -> NDArray[np.intp]:
    """How many of the thresholds each score step passes: (256,)."""
    return np.searchsorted(_LIMITS, np.arange(256, dtype=np.float32) / 255, side=_side(rule))


def _side(rule: Rule) -> Literal["left", "right"]:
    return "right" if rule == "at least" else "left"


def _from_top(passed: NDArray[np.intp]) -> NDArray[np.int64]:
    """How many of the pixels are predicted at each of the thresholds: int64 (99,)."""
    histogram = np.bincount(passed, minlength=len(_LIMITS) + 1).astype(np.int64)
    return histogram[::-1].cumsum()[::-1][1:]
