"""Figures over both classes, crack and everything else, as papers print them.

All are exact (no tolerance) and come from pooled counts. G, C and I/U are those of DeepCrack (Liu et
al., Neurocomputing 338, 2019): global accuracy, mean of the class recalls, mean of the class IoUs.
aAcc, mAcc, mIoU, mPrecision, mRecall and mFscore are those of mmsegmentation's IoUMetric, which
prints them in percent with two decimals.

A class that neither occurs nor is predicted has nothing to get wrong: its figures are 1 here. The
originals give nan, which mmsegmentation then leaves out of its means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crackcore.evaluation.masks import MaskCounts
from crackcore.evaluation.sweep import SweepCounts, harmonic, ratio, step_above

PRF_THRESHOLDS: tuple[float, ...] = tuple(i / 100 for i in range(100))
"""0.00, 0.01, ... 0.99 of DeepSegmentor's curves; predicted is value / 255 > t."""


@dataclass(frozen=True)
class ClassScores:
    """Shares, 0..1. `crack` and `sound` figures, and the means of both."""

    accuracy: float  # G, aAcc
    crack_precision: float
    crack_recall: float
    crack_f1: float
    crack_iou: float
    sound_precision: float
    sound_recall: float
    sound_f1: float
    sound_iou: float

    @property
    def class_accuracy(self) -> float:
        """C, mAcc, mRecall."""
        return (self.crack_recall + self.sound_recall) / 2

    @property
    def mean_iou(self) -> float:
        """I/U, mIoU."""
        return (self.crack_iou + self.sound_iou) / 2

    @property
    def mean_precision(self) -> float:
        return (self.crack_precision + self.sound_precision) / 2

    @property
    def mean_f1(self) -> float:
        """mFscore."""
        return (self.crack_f1 + self.sound_f1) / 2

    def percentages(self) -> dict[str, float]:
        """By mmsegmentation's names, in percent with two decimals."""
        named = {
            "aAcc": self.accuracy,
            "mIoU": self.mean_iou,
            "mAcc": self.class_accuracy,
            "mFscore": self.mean_f1,
            "mPrecision": self.mean_precision,
            "mRecall": self.class_accuracy,
        }
        return {name: round(100 * value, 2) for name, value in named.items()}


def class_scores(counts: MaskCounts | SweepCounts, threshold: int | None = None) -> ClassScores:
    """Of the counts of one mask, or of a sweep at a score step 0..256; any tolerance, it is not used.

    Raises ValueError when a sweep comes without a threshold.
    """
    if isinstance(counts, MaskCounts):
        return _scores(counts.overlap, counts.predicted, counts.truth, counts.pixels)
    if threshold is None:
        raise ValueError("a sweep has scores at a threshold only")
    at = [0, 0] if threshold > 255 else [int(counts.overlap[threshold]), int(counts.predicted[threshold])]
    return _scores(at[0], at[1], counts.truth, counts.pixels)


def prf_rows(counts: SweepCounts, thresholds: Sequence[float] = PRF_THRESHOLDS) -> NDArray[np.float64]:
    """Threshold, precision, recall, F of pooled counts: float64 (n, 4), DeepSegmentor's `.prf`.

    Precision is 1 where nothing is predicted. F is 0 where nothing is right, for which the original
    divides 0 by 0.
    """
    found = [class_scores(counts, step_above(t)) for t in thresholds]
    rows = [
        (t, s.crack_precision, s.crack_recall, s.crack_f1) for t, s in zip(thresholds, found, strict=True)
    ]
    return np.array(rows, np.float64)


def sem_rows(counts: SweepCounts, thresholds: Sequence[float] = PRF_THRESHOLDS) -> NDArray[np.float64]:
    """Threshold, G, C, I/U of pooled counts: float64 (n, 4)."""
    found = [class_scores(counts, step_above(t)) for t in thresholds]
    rows = [(t, s.accuracy, s.class_accuracy, s.mean_iou) for t, s in zip(thresholds, found, strict=True)]
    return np.array(rows, np.float64)


def prf_text(rows: NDArray[np.float64]) -> str:
    """Rows as in a `.prf` file: tabs between, four decimals, a line each."""
    return "".join("\t".join(f"{v:.4f}" for v in row) + "\n" for row in rows)


def read_prf(text: str) -> NDArray[np.float64]:
    """The rows of a `.prf` file: float64 (n, 4); nan where it says so. Raises ValueError for other text."""
    rows = [[float(v) for v in line.split()] for line in text.splitlines() if line.strip()]
    if not rows or any(len(row) != 4 for row in rows):
        raise ValueError("a .prf file has lines of four numbers: threshold, precision, recall, F")
    return np.array(rows, np.float64)


def _scores(overlap: int, predicted: int, truth: int, pixels: int) -> ClassScores:
    union = predicted + truth - overlap
    agree_sound = pixels - union
    crack_p, crack_r = ratio(overlap, predicted), ratio(overlap, truth)
    sound_p, sound_r = ratio(agree_sound, pixels - predicted), ratio(agree_sound, pixels - truth)
    return ClassScores(
        accuracy=ratio(overlap + agree_sound, pixels),
        crack_precision=crack_p,
        crack_recall=crack_r,
        crack_f1=harmonic(crack_p, crack_r),
        crack_iou=ratio(overlap, union),
        sound_precision=sound_p,
        sound_recall=sound_r,
        sound_f1=harmonic(sound_p, sound_r),
        sound_iou=ratio(agree_sound, pixels - overlap),
    )
