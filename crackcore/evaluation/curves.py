"""ODS, OIS and AP of a set of pictures, and their means, from the counts of each picture.

Definitions (those of the edge-detection literature, Arbelaez et al., PAMI 2011, with this project's
distance rule in place of pairing): ODS is the best F1 of the pooled counts at one threshold for all
pictures; OIS pools each picture's counts at its own best threshold; AP is a hundredth of the sum of the
linearly interpolated precision at recalls 0.00, 0.01, ... 1.00, where recalls that are not reached count
0. Those are 101 recalls, as in the literature's code; a perfect set, which that gives 1.01, has 1 here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crackcore.evaluation.sweep import ALL_STEPS, Best, SweepCounts, harmonic, pooled, ratio


@dataclass(frozen=True)
class PerImageBest:
    """F1, precision and recall of the counts pooled at each picture's own best threshold."""

    f1: float
    precision: float
    recall: float
    thresholds: tuple[int, ...]


def ods(counts: Sequence[SweepCounts], steps: Sequence[int] = ALL_STEPS) -> Best:
    """Best F1 at one threshold for all pictures (optimal data set scale).

    `counts` are those of single pictures with one tolerance; `steps` the thresholds to choose from,
    for figures comparable with papers `sweep.PAPER_STEPS`. Raises ValueError when there is none.
    """
    _some(counts)
    return pooled(counts).best(steps)


def ois(counts: Sequence[SweepCounts], steps: Sequence[int] = ALL_STEPS) -> PerImageBest:
    """F1 of the counts pooled at each picture's best threshold (optimal image scale)."""
    _some(counts)
    steps = [step for step in steps if step < 256]
    chosen = [one.best(steps).threshold for one in counts]
    correct = sum(int(one.correct[t]) for one, t in zip(counts, chosen, strict=True))
    predicted = sum(int(one.predicted[t]) for one, t in zip(counts, chosen, strict=True))
    found = sum(int(one.found[t]) for one, t in zip(counts, chosen, strict=True))
    truth = sum(one.truth for one in counts)
    precision, recall = ratio(correct, predicted), ratio(found, truth)
    return PerImageBest(harmonic(precision, recall), precision, recall, tuple(chosen))


def ap(counts: SweepCounts | Sequence[SweepCounts], steps: Sequence[int] = ALL_STEPS) -> float:
    """Average precision of pooled counts; 0 when the curve has a single recall."""
    total = counts if isinstance(counts, SweepCounts) else pooled(counts)
    at = np.asarray([step for step in steps if step < 256])
    precisions, recalls = total.precisions()[at], total.recalls()[at]
    recalls, first = np.unique(recalls, return_index=True)
    if len(recalls) < 2:
        return 0.0
    wanted = np.linspace(0.0, 1.0, 101)
    found = np.interp(wanted, recalls, precisions[first], left=0.0, right=0.0)
    return min(1.0, float(found.sum() / 100))


@dataclass(frozen=True)
class Means:
    """Plain means over pictures at one threshold. Large pictures weigh no more than small ones."""

    images: int
    f1: float
    precision: float
    recall: float
    iou: float
    mean_iou: float


def means(counts: Sequence[SweepCounts], threshold: int) -> Means:
    """Each picture's figures at a score step, averaged; a picture without crack on which none was
    predicted counts as 1 in all. Raises ValueError when there is no picture."""
    _some(counts)
    table = np.array(
        [
            (
                one.f1(threshold),
                one.precision(threshold),
                one.recall(threshold),
                one.iou(threshold),
                one.mean_iou(threshold),
            )
            for one in counts
        ]
    )
    return Means(len(counts), *(float(v) for v in table.mean(axis=0)))


def confidence(
    counts: Sequence[SweepCounts], threshold: int, *, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Bootstrap interval (low, high) of the pooled F1 at a score step, drawing whole pictures.

    The seed is fixed, so a report says the same twice. Raises ValueError when there is no picture.
    """
    _some(counts)
    table = np.array(
        [(c.correct[threshold], c.predicted[threshold], c.found[threshold], c.truth) for c in counts], float
    )
    rng = np.random.default_rng(seed)
    scores = np.empty(draws)
    for i in range(draws):
        sums = table[rng.integers(len(table), size=len(table))].sum(axis=0)
        scores[i] = harmonic(ratio(sums[0], sums[1]), ratio(sums[2], sums[3]))
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def false_share(counts: Sequence[SweepCounts], threshold: int) -> float:
    """Share of pixels predicted as crack on the pictures that hold none; 0 when there is no such."""
    clean = [one for one in counts if one.truth == 0]
    return pooled(clean).false_share(threshold) if clean else 0.0


def _some(counts: Sequence[SweepCounts]) -> None:
    if not counts:
        raise ValueError("there is no picture to score")
