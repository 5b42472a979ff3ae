"""All 256 thresholds at once, exactly, from four histograms.

Predicted at threshold t means score >= t, t in 0..255 score steps, as everywhere in the program.
Instead of 256 masks per picture: the histogram of all scores gives what is predicted, that of the
scores near the truth what of it is correct, and that of the highest score near each truth pixel
what is found; each is then summed from the top.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import ClassMask, ScoreMap
from crackcore.evaluation.tolerance import BoolPlane, disk, highest_near, near, truth_and_inside

Counts = NDArray[np.int64]
Curve = NDArray[np.float64]

STEPS = 256
_EXACT = 1 << 24  # whole numbers up to here stand exactly in single precision
ALL_STEPS: tuple[int, ...] = tuple(range(1, STEPS))


def step_above(share: float) -> int:
    """The score step at which `score >= step` equals `score / 255 > share`, 0..256 (256: never).

    Papers threshold 0..1 maps with "greater than"; the program thresholds steps with "at least".
    The comparison is made on the quotient itself, so that rounding cannot move the limit.
    """
    return int(np.searchsorted(np.arange(STEPS) / 255.0, share, side="right"))


PAPER_STEPS: tuple[int, ...] = tuple(step_above(t) for t in np.arange(1, 100) / 100.0)
"""The thresholds 0.01, 0.02, ... 0.99 of the literature."""


@dataclass(frozen=True)
class Best:
    """The threshold with the highest F1, and what it gives."""

    threshold: int
    f1: float
    precision: float
    recall: float


@dataclass(frozen=True, eq=False)
class SweepCounts:
    """Pixel counts of one picture or, added up, of many; index t of each array is score >= t.

    `predicted`, `correct` (predicted, truth within the tolerance), `found` (truth, prediction within
    the tolerance) and `overlap` (both, at the very pixel) are int64 (256,). `truth` and `pixels` are
    the crack pixels and all pixels that count; `images` says how many pictures went in.
    """

    tolerance_px: float
    predicted: Counts
    correct: Counts
    found: Counts
    overlap: Counts
    truth: int
    pixels: int
    images: int = 1
    _cache: dict[str, Curve] = field(default_factory=dict, repr=False)

    @classmethod
    def nothing(cls, tolerance_px: float) -> SweepCounts:
        """The neutral element of adding."""
        none = np.zeros(STEPS, np.int64)
        return cls(tolerance_px, none, none, none, none, 0, 0, 0)

    def __add__(self, other: SweepCounts) -> SweepCounts:
        """Pooled counts. Raises ValueError when the tolerances differ."""
        if not isinstance(other, SweepCounts):
            return NotImplemented
        if self.tolerance_px != other.tolerance_px:
            raise ValueError(f"tolerances differ: {self.tolerance_px} px and {other.tolerance_px} px")
        return SweepCounts(
            self.tolerance_px,
            self.predicted + other.predicted,
            self.correct + other.correct,
            self.found + other.found,
            self.overlap + other.overlap,
            self.truth + other.truth,
            self.pixels + other.pixels,
            self.images + other.images,
        )

    def __radd__(self, other: Any) -> SweepCounts:
        """So that `sum(counts)` works, which starts at 0."""
        if isinstance(other, int) and other == 0:
            return self
        return NotImplemented

    # Curves: float64 (256,), index t is score >= t.

    def precisions(self) -> Curve:
        """Correct / predicted; 1 where nothing is predicted (nothing wrong was said)."""
        return self._once("precision", lambda: _share(self.correct, self.predicted, empty=1.0))

    def recalls(self) -> Curve:
        """Found / truth; 1 where there is nothing to find."""
        whole = np.full(STEPS, self.truth, np.int64)
        return self._once("recall", lambda: _share(self.found, whole, empty=1.0))

    def f1s(self) -> Curve:
        """Harmonic mean of both. Nothing there and nothing said is right: 1."""

        def made() -> Curve:
            p, r = self.precisions(), self.recalls()
            return _share(2 * p * r, p + r, empty=0.0)

        return self._once("f1", made)

    def ious(self) -> Curve:
        """Exact overlap / union of crack pixels, whatever the tolerance; 1 where both are empty."""
        union = self.predicted + self.truth - self.overlap
        return self._once("iou", lambda: _share(self.overlap, union, empty=1.0))

    def mean_ious(self) -> Curve:
        """Mean of the exact IoU of crack and of everything else (for comparison with papers)."""

        def made() -> Curve:
            union = self.predicted + self.truth - self.overlap
            both_sound = self.pixels - union
            return (self.ious() + _share(both_sound, self.pixels - self.overlap, empty=1.0)) / 2

        return self._once("mean_iou", made)

    def false_shares(self) -> Curve:
        """Predicted but not correct / all pixels: on crack-free pictures, the share of false crack."""
        whole = np.full(STEPS, self.pixels, np.int64)
        return self._once("false", lambda: _share(self.predicted - self.correct, whole, empty=0.0))

    # Values at one threshold, a score step 0..255.

    def precision(self, threshold: int) -> float:
        return float(self.precisions()[threshold])

    def recall(self, threshold: int) -> float:
        return float(self.recalls()[threshold])

    def f1(self, threshold: int) -> float:
        return float(self.f1s()[threshold])

    def iou(self, threshold: int) -> float:
        return float(self.ious()[threshold])

    def mean_iou(self, threshold: int) -> float:
        return float(self.mean_ious()[threshold])

    def false_share(self, threshold: int) -> float:
        return float(self.false_shares()[threshold])

    def best(self, steps: Sequence[int] = ALL_STEPS) -> Best:
        """The first of `steps` with the highest F1; steps above 255 predict nothing and are left out."""
        steps = [step for step in steps if step < STEPS]
        at = steps[int(np.argmax(self.f1s()[np.asarray(steps)]))]
        return Best(at, self.f1(at), self.precision(at), self.recall(at))

    def _once(self, name: str, made: Any) -> Curve:
        if name not in self._cache:
            curve: Curve = made()
            curve.flags.writeable = False
            self._cache[name] = curve
        return self._cache[name]


def sweeps(
    score: ScoreMap,
    truth: BoolPlane | ClassMask,
    tolerances_px: Sequence[float],
    roi: BoolPlane | None = None,
) -> dict[float, SweepCounts]:
    """`sweep` at several tolerances at once, by tolerance in px. Arguments and errors as there.

    Four histograms each: all scores; scores near the truth; the highest score near each truth pixel;
    scores on the truth itself. What does not depend on the tolerance is counted once.
    """
    if score.dtype != np.uint8 or score.shape != truth.shape:
        raise ValueError(f"score {score.dtype} {score.shape} does not fit truth {truth.shape}")
    crack, inside = truth_and_inside(truth, roi)
    # What does not count must not match either: as if cut away.
    cut = score if inside.all() else np.where(inside, score, np.uint8(0))
    everything, overlap = histogram(score, inside), histogram(score, crack)
    predicted, both = _at_least(everything), _at_least(overlap)
    made: dict[float, SweepCounts] = {}
    for tolerance in map(float, tolerances_px):
        correct = found = both
        if tolerance >= 1:
            correct = _at_least(histogram(score, near(crack, tolerance) & inside))
            found = _at_least(histogram(highest_near(cut, tolerance), crack))
        else:
            disk(tolerance)  # refuses nonsense
        truth_px, pixels = int(overlap.sum()), int(everything.sum())
        made[tolerance] = SweepCounts(tolerance, predicted, correct, found, both, truth_px, pixels)
    return made


def sweep(
    score: ScoreMap, truth: BoolPlane | ClassMask, tolerance_px: float = 0, roi: BoolPlane | None = None
) -> SweepCounts:
    """Counts of one picture at all 256 thresholds.

    Parameters
    ----------
    score : uint8 (H, W).
    truth : bool (H, W), or uint8 (H, W) classes: 1 crack, 255 undecided (left out), others sound.
    tolerance_px : Euclidean distance in px within which a hit is a hit.
    roi : bool (H, W); pixels outside are left out and match nothing.

    Raises ValueError when shapes or types do not fit.

    >>> import numpy as np
    >>> score = np.array([[0, 200, 90, 0]], np.uint8)
    >>> counts = sweep(score, np.array([[False, True, False, False]]))
    >>> counts.f1(100), counts.f1(90), counts.best().threshold
    (1.0, 0.6666666666666666, 91)
    """
    return sweeps(score, truth, (tolerance_px,), roi)[float(tolerance_px)]


def pooled(counts: Iterable[SweepCounts], tolerance_px: float = 0) -> SweepCounts:
    """All pictures as one; `tolerance_px` is only for the answer to an empty list."""
    total: SweepCounts | None = None
    for one in counts:
        total = one if total is None else total + one
    return SweepCounts.nothing(float(tolerance_px)) if total is None else total


def ratio(part: float, whole: float) -> float:
    """part / whole; 1 when there is no whole (nothing to get wrong)."""
    return float(part / whole) if whole else 1.0


def harmonic(precision: float, recall: float) -> float:
    """F1 of a precision and a recall; 0 when both are."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def histogram(values: NDArray[np.uint8], among: BoolPlane | None = None) -> Counts:
    """How often each value of a plane (H, W) occurs, where `among` is True if given: int64 (256,)."""
    total = np.zeros(STEPS, np.int64)
    if not values.size:
        return total
    values = np.ascontiguousarray(values)
    chosen = None if among is None else np.ascontiguousarray(among).view(np.uint8)
    rows = max(1, _EXACT // values.shape[1])
    for top in range(0, len(values), rows):
        part = slice(top, top + rows)
        # ten times as fast as counting with numpy, but in single precision
        mask = None if chosen is None else chosen[part]
        counts = cv2.calcHist([values[part]], [0], mask, [STEPS], [0, STEPS])
        total += counts.ravel().astype(np.int64)
    return total


def _at_least(counted: Counts) -> Counts:
    return np.cumsum(counted[::-1])[::-1].copy()


def _share(part: NDArray[Any], whole: NDArray[Any], *, empty: float) -> Curve:
    out = np.full(STEPS, empty, np.float64)
    np.divide(part, whole, out=out, where=whole != 0)
    return out
