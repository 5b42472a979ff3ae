"""How sure a figure is: bootstrap over pictures (Efron, 1979; percentile intervals), seed fixed.

Whole pictures are drawn, for pixels of one picture err together. All figures of one report, and both
models of a comparison, see the same draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from crackcore.evaluation.curves import ap
from crackcore.evaluation.sweep import ALL_STEPS, Curve, SweepCounts

DRAWS, LEVEL = 1000, 0.95

SURE = 0.8
"""Share of bootstrap draws in which a new model must be better before it is called better."""

PooledFigure = Literal["f1", "precision", "recall", "iou", "mean_iou", "ods", "ap"]
"""Figures of pooled counts; the first five at one score step, the others over all."""


@dataclass(frozen=True)
class Interval:
    """A figure and the limits between which `level` of the draws lie."""

    estimate: float
    low: float
    high: float
    level: float = LEVEL


@dataclass(frozen=True)
class Difference:
    """Second minus first, its interval, and the share of draws in which the second is better, 0..1."""

    difference: Interval
    second_better: float


def drawn_weights(pictures: int, draws: int = DRAWS, seed: int = 0) -> NDArray[np.int64]:
    """How often each picture is drawn: int64 (draws, pictures), each row adds up to `pictures`.

    Raises ValueError when there is no picture.
    """
    if pictures < 1:
        raise ValueError("there is no picture to score")
    rng = np.random.default_rng(seed)
    return rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=draws).astype(np.int64)


def pooled_interval(
    counts: Sequence[SweepCounts],
    figure: PooledFigure,
    *,
    threshold: int | None = None,
    steps: Sequence[int] = ALL_STEPS,
    draws: int = DRAWS,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """Interval of a figure of the pooled counts of single pictures with one tolerance.

    `threshold` is the score step of the first five figures, `steps` are the thresholds of the others
    (the best one is chosen anew in every draw). Raises ValueError without pictures, for a figure
    that is not known, and when a threshold is missing.
    """
    weights = drawn_weights(len(counts), draws, seed)
    values = _pooled(counts, figure, weights, threshold, steps)
    return _interval(_estimate(counts, figure, threshold, steps), values, level)


def mean_interval(
    values: Sequence[float], *, draws: int = DRAWS, level: float = LEVEL, seed: int = 0
) -> Interval:
    """Interval of the mean of one value a picture (clDice, IoU at one threshold, ...)."""
    each = np.asarray(values, np.float64)
    weights = drawn_weights(len(each), draws, seed)
    return _interval(float(each.mean()), weights @ each / len(each), level)


def pooled_difference(
    first: Sequence[SweepCounts],
    second: Sequence[SweepCounts],
    figure: PooledFigure,
    *,
    thresholds: tuple[int, int] | None = None,
    steps: Sequence[int] = ALL_STEPS,
    draws: int = DRAWS,
    level: float = LEVEL,
    seed: int = 0,
) -> Difference:
    """How much better the second of two models is on the same pictures, in the same order.

    `thresholds` are the score steps of the first and the second. Raises ValueError when the numbers
    of pictures differ.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} pictures against {len(second)}; both must be of the same set")
    weights = drawn_weights(len(first), draws, seed)
    sides = []
    for counts, threshold in zip((first, second), thresholds or (None, None), strict=True):
        estimate = _estimate(counts, figure, threshold, steps)
        sides.append((estimate, _pooled(counts, figure, weights, threshold, steps)))
    (one, ones), (other, others) = sides
    return Difference(_interval(other - one, others - ones, level), float(np.mean(others > ones)))


def mean_difference(
    first: Sequence[float],
    second: Sequence[float],
    *,
    draws: int = DRAWS,
    level: float = LEVEL,
    seed: int = 0,
) -> Difference:
    """The same for the means of one value a picture."""
    if len(first) != len(second):
        raise ValueError(f"{len(first)} pictures against {len(second)}; both must be of the same set")
    each = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    values = drawn_weights(len(each), draws, seed) @ each / len(each)
    return Difference(_interval(float(each.mean()), values, level), float(np.mean(values > 0)))


def _interval(estimate: float, values: Curve, level: float) -> Interval:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high), level)


def _estimate(
    counts: Sequence[SweepCounts], figure: PooledFigure, threshold: int | None, steps: Sequence[int]
) -> float:
    return float(_pooled(counts, figure, np.ones((1, len(counts)), np.int64), threshold, steps)[0])


def _pooled(
    counts: Sequence[SweepCounts],
    figure: PooledFigure,
    weights: NDArray[np.int64],
    threshold: int | None,
    steps: Sequence[int],
) -> Curve:
    """The figure of every draw: float64 (draws,)."""
    if figure not in get_args(PooledFigure):
        raise ValueError(f'no figure is called "{figure}"')
    if len({one.tolerance_px for one in counts}) > 1:
        raise ValueError("tolerances differ")
    if figure in ("ods", "ap"):
        at = np.array([step for step in steps if step < 256])
    elif threshold is None:
        raise ValueError(f'"{figure}" is a figure at a threshold')
    else:
        at = np.array([threshold])
    # Sums stay far below 2^53, so floats are exact, and their products fast.
    drawn = weights.astype(np.float64)

    def summed(name: str) -> Curve:
        table = np.array([getattr(one, name)[at] for one in counts], np.float64)
        sums: Curve = drawn @ table
        return sums

    predicted, correct = summed("predicted"), summed("correct")
    found, overlap = summed("found"), summed("overlap")
    truth = (drawn @ np.array([one.truth for one in counts], np.float64))[:, None]
    pixels = (drawn @ np.array([one.pixels for one in counts], np.float64))[:, None]
    if figure == "ap":
        return np.array([_ap(*rows, at) for rows in zip(predicted, correct, found, truth[:, 0], strict=True)])
    precision, recall = _share(correct, predicted), _share(found, truth)
    if figure == "precision":
        return precision[:, 0]
    if figure == "recall":
        return recall[:, 0]
    if figure in ("f1", "ods"):
        both = _share(2 * precision * recall, precision + recall, empty=0.0)
        best: Curve = both.max(axis=1)
        return best
    union = predicted + truth - overlap
    iou = _share(overlap, union)
    if figure == "mean_iou":
        iou = (iou + _share(pixels - union, pixels - overlap)) / 2
    return iou[:, 0]


def _ap(predicted: Curve, correct: Curve, found: Curve, truth: float, at: NDArray[np.int64]) -> float:
    def whole(row: Curve) -> NDArray[np.int64]:
        out = np.zeros(256, np.int64)
        out[at] = row
        return out

    hits = whole(correct)
    return ap(SweepCounts(0.0, whole(predicted), hits, whole(found), hits, int(truth), 0), at.tolist())


def _share(part: Curve, whole: Curve, *, empty: float = 1.0) -> Curve:
    out = np.full(np.broadcast_shapes(part.shape, whole.shape), empty)
    np.divide(part, whole, out=out, where=np.broadcast_to(whole != 0, out.shape))
    return out
