"""Bootstrap intervals: they hold what they should, and equal drawing one by one."""

from __future__ import annotations

import numpy as np
import pytest

from crackcore.evaluation import SweepCounts, ap, confidence, ods, pooled, sweep
from crackcore.evaluation.intervals import (
    drawn_weights,
    mean_difference,
    mean_interval,
    pooled_difference,
    pooled_interval,
)


def _counts(seed: int, pictures: int = 12, sharp: float = 120, tolerance_px: float = 1) -> list[SweepCounts]:
    """Pictures of the same truth for every seed; scores by seed."""
    truths, scores = np.random.default_rng(0), np.random.default_rng(seed)
    out = []
    for _ in range(pictures):
        truth = truths.random((16, 16)) < 0.2
        score = np.clip(truth * sharp + scores.normal(60, 40, truth.shape), 0, 255).astype(np.uint8)
        out.append(sweep(score, truth, tolerance_px))
    return out


FIGURES = {
    "f1": lambda c: pooled(c).f1(100),
    "precision": lambda c: pooled(c).precision(100),
    "recall": lambda c: pooled(c).recall(100),
    "iou": lambda c: pooled(c).iou(100),
    "mean_iou": lambda c: pooled(c).mean_iou(100),
    "ods": lambda c: ods(c).f1,
    "ap": ap,
}


@pytest.mark.parametrize("figure", FIGURES)
def test_draws_equal_pooling_the_drawn_pictures_one_by_one(figure: str) -> None:
    counts = _counts(1)
    weights = drawn_weights(len(counts), draws=40, seed=7)
    each = [
        FIGURES[figure]([c for c, n in zip(counts, row, strict=True) for _ in range(n)]) for row in weights
    ]
    found = pooled_interval(counts, figure, threshold=100, draws=40, seed=7)  # type: ignore[arg-type]
    assert found.estimate == pytest.approx(FIGURES[figure](counts), abs=1e-12)
    assert (found.low, found.high) == pytest.approx(np.quantile(each, [0.025, 0.975]), abs=1e-12)
    assert found.low < found.estimate < found.high


def test_it_agrees_with_the_older_way_of_drawing() -> None:
    counts = _counts(2, pictures=40)
    found = pooled_interval(counts, "f1", threshold=100)
    assert (found.low, found.high) == pytest.approx(confidence(counts, 100), abs=0.004)


def test_means_of_pictures() -> None:
    values = np.random.default_rng(3).normal(0.7, 0.1, 100)
    found = mean_interval(values.tolist())
    assert found.estimate == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 10, rel=0.15)
    assert mean_interval([0.5]).low == 0.5


def test_a_better_model_is_better_in_nearly_all_draws_and_an_equal_one_in_half() -> None:
    worse, better = _counts(4, sharp=90), _counts(5, sharp=140)
    found = pooled_difference(worse, better, "ods")
    assert found.difference.low > 0
    assert found.second_better == 1
    assert found.difference.estimate == pytest.approx(ods(better).f1 - ods(worse).f1)
    back = pooled_difference(better, worse, "f1", thresholds=(120, 100))
    assert back.difference.estimate == pytest.approx(pooled(worse).f1(100) - pooled(better).f1(120))
    assert back.second_better == 0
    same = pooled_difference(worse, worse, "f1", thresholds=(100, 100))
    assert (same.difference.low, same.difference.high, same.second_better) == (0, 0, 0)
    noise = np.random.default_rng(6).normal(0, 1, 400)
    about = mean_difference(noise[:200].tolist(), noise[200:].tolist())
    assert about.difference.low < 0 < about.difference.high


def test_what_cannot_be_compared_is_refused() -> None:
    counts = _counts(1, pictures=3)
    with pytest.raises(ValueError, match="same set"):
        pooled_difference(counts, counts[:2], "ods")
    with pytest.raises(ValueError, match="same set"):
        mean_difference([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="no picture"):
        pooled_interval([], "ods")
    with pytest.raises(ValueError, match="at a threshold"):
        pooled_interval(counts, "f1")
    with pytest.raises(ValueError, match="no figure"):
        pooled_interval(counts, "f2")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="tolerances differ"):
        pooled_interval([*counts, *_counts(1, 1, tolerance_px=2)], "ods")
