"""How sure a figure is: bootstrap over pictures (Efron, 1979; percentile intervals), seed fixed.

Whole pictures are drawn, for pixels of one picture err together. All figures of one report, and both
models of a comparison, see the same draws.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from crackcore.evaluation.curves import ap
from crackcore.evaluation.sweep import ALL_STEPS, Curve, SweepCounts

DRAWS, LEVEL = 1000, 0.95
_KEPT = 4_000_000  # weights held at once, 8 bytes each

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
    return np.concatenate(list(_blocks(pictures, draws, seed)))


def _blocks(pictures: int, draws: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """The rows of `drawn_weights` some at a time, so that memory stays small for very many pictures."""
    if pictures < 1:
        raise ValueError("there is no picture to score")
    if draws * pictures <= _KEPT:  # every figure of a report asks for the same ones
        yield _kept_weights(pictures, draws, seed)
        return
    rng, rows = np.random.default_rng(seed), max(1, _KEPT // pictures)
    for start in range(0, draws, rows):
        yield _weights(rng, pictures, min(rows, draws - start))


@lru_cache(maxsize=2)
def _kept_weights(pictures: int, draws: int, seed: int) -> NDArray[np.int64]:
    weights = _weights(np.random.default_rng(seed), pictures, draws)
    weights.flags.writeable = False
    return weights


def _weights(rng: np.random.Generator, pictures: int, draws: int) -> NDArray[np.int64]:
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
    values = _pooled(counts, figure, _blocks(len(counts), draws, seed), threshold, steps)
    return _interval(_estimate(counts, figure, threshold, steps), values, level)


def mean_interval(
    values: Sequence[float], *, draws: int = DRAWS, level: float = LEVEL, seed: int = 0
) -> Interval:
    """Interval of the mean of one value a picture (clDice, IoU at one threshold, ...)."""
    each = np.asarray(values, np.float64)
    return _interval(float(each.mean()), _drawn_means(each, draws, seed), level)


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
    sides = []
    for counts, threshold in zip((first, second), thresholds or (None, None), strict=True):
        estimate = _estimate(counts, figure, threshold, steps)
        drawn = _blocks(len(first), draws, seed)  # the same for both
        sides.append((estimate, _pooled(counts, figure, drawn, threshold, steps)))
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
    values = _drawn_means(each, draws, seed)
    return Difference(_interval(float(each.mean()), values, level), float(np.mean(values > 0)))


def _drawn_means(each: Curve, draws: int, seed: int) -> Curve:
    """The mean of one value a picture in every draw: float64 (draws,)."""
    return np.concatenate([weights @ each / len(each) for weights in _blocks(len(each), draws, seed)])


def _interval(estimate: float, values: Curve, level: float) -> Interval:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high), level)


def _estimate(
    counts: Sequence[SweepCounts], figure: PooledFigure, threshold: int | None, steps: Sequence[int]
) -> float:
    return float(_pooled(counts, figure, [np.ones((1, len(counts)), np.int64)], threshold, steps)[0])


def _pooled(
    counts: Sequence[SweepCounts],
    figure: PooledFigure,
    blocks: Iterable[NDArray[np.int64]],
    threshold: int | None,
    steps: Sequence[int],
) -> Curve:
    """The figure of every draw: float64 (draws,); `blocks` are weights (some draws, pictures)."""
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
    tables = {
        name: np.array([getattr(one, name)[at] for one in counts], np.float64)
        for name in ("predicted", "correct", "found", "overlap")
    }
    sizes = np.array([(one.truth, one.pixels) for one in counts], np.float64)
    return np.concatenate([_of_draws(figure, weights, tables, sizes, at) for weights in blocks])


def _of_draws(
    figure: PooledFigure,
    weights: NDArray[np.int64],
    tables: dict[str, Curve],
    sizes: Curve,
    at: NDArray[np.int64],
) -> Curve:
    # Sums stay far below 2^53, so floats are exact, and their products fast.
    drawn = weights.astype(np.float64)
    predicted, correct, found = (drawn @ tables[name] for name in ("predicted", "correct", "found"))
    truth, pixels = (drawn @ sizes).T[:, :, None]
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
    overlap = drawn @ tables["overlap"]
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
