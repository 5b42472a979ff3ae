"""A whole set of pictures scored at once: everything a table, a report or a comparison of models needs.

Two passes over the pictures, each read anew so that a set of any size fits in memory: one counts at
all thresholds, which tells the best one; the other looks at the masks at that threshold and at the
one that was asked for.

Which mean is which: F1, IoU, mIoU and accuracies are of pooled pixels, completeness and correctness of
pooled lengths, width errors of all matched points together; clDice and HD95 are means over pictures,
as is AIU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import ClassMask, ScoreMap
from crackcore.errors import CrackError
from crackcore.evaluation.by_threshold import OverThresholds, iou_curve_of, over_thresholds
from crackcore.evaluation.class_scores import ClassScores, class_scores
from crackcore.evaluation.curves import PerImageBest, ap, ods, ois
from crackcore.evaluation.intervals import DRAWS, Interval, PooledFigure, mean_interval, pooled_interval
from crackcore.evaluation.lines import (
    WIDTH_TOLERANCE_PX,
    Axis,
    LineCounts,
    WidthSummary,
    centre_line_score,
    errors_of_width,
    false_length,
    line_counts,
    summed_up,
)
from crackcore.evaluation.surfaces import outline_distances
from crackcore.evaluation.sweep import ALL_STEPS, PAPER_STEPS, Best, SweepCounts, pooled, sweeps
from crackcore.evaluation.tolerance import BoolPlane, truth_and_inside
from crackcore.progress import Progress, unheard

Planes = tuple[ScoreMap, BoolPlane | ClassMask, BoolPlane | None]
"""Score uint8 (H, W); truth bool or classes (H, W), 255 undecided; region bool (H, W) or None."""

_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True)
class ScoredPicture:
    """A name, and how to get the planes; `read` is called twice, from any thread."""

    name: str
    read: Callable[[], Planes]


@dataclass(frozen=True)
class SetSettings:
    """`threshold` is a score step 0..256 (crack is score >= step); `steps` are those to choose from.

    The default steps are the 0.01 ... 0.99 of the literature. `outlines` also measures HD95 at both
    thresholds, which takes longer. `workers` are threads.
    """

    tolerances_px: tuple[float, ...] = (0.0, 2.0, 5.0)
    threshold: int = 128
    line_tolerance_px: float = WIDTH_TOLERANCE_PX
    steps: tuple[int, ...] = PAPER_STEPS
    outlines: bool = False
    draws: int = DRAWS
    workers: int = 2


@dataclass(frozen=True, eq=False)
class PictureAt:
    """One picture at one threshold. `hd95_px` is nan unless outlines were asked for."""

    threshold: int
    f1: dict[float, float]  # by tolerance
    classes: ClassScores
    cl_dice: float
    lines: LineCounts
    width_errors: NDArray[np.float32]
    hd95_px: float


@dataclass(frozen=True, eq=False)
class PictureScores:
    """All of one picture; `own_best` is by tolerance, `best` and `given` at the set's two thresholds."""

    name: str
    sweeps: dict[float, SweepCounts]
    own_best: dict[float, Best]
    best: PictureAt
    given: PictureAt


@dataclass(frozen=True)
class SetAt:
    """The set at one threshold (score step). Intervals are of 95 % of the draws of whole pictures."""

    threshold: int
    f1: dict[float, float]  # pooled, by tolerance
    f1_interval: dict[float, Interval]
    precision: dict[float, float]
    recall: dict[float, float]
    classes: ClassScores
    iou_interval: Interval
    cl_dice: float
    cl_dice_interval: Interval
    lines: LineCounts
    widths: WidthSummary
    false_length: float
    hd95_px: float


@dataclass(frozen=True, eq=False)
class SetScores:
    """Everything. `best` is at the threshold of the best exact F1, `given` at the one asked for."""

    settings: SetSettings
    ods: dict[float, Best]
    ods_interval: dict[float, Interval]
    ois: dict[float, PerImageBest]
    ap: dict[float, float]
    iou: OverThresholds
    best: SetAt
    given: SetAt
    pictures: tuple[PictureScores, ...]
    refused: tuple[tuple[str, str], ...] = ()  # name and sentence

    def pooled(self, tolerance_px: float = 0.0) -> SweepCounts:
        """The counts of all pictures, for curves."""
        return pooled([p.sweeps[tolerance_px] for p in self.pictures], tolerance_px)


def evaluate_set(
    pictures: Sequence[ScoredPicture], settings: SetSettings = SetSettings(), progress: Progress = unheard
) -> SetScores:
    """Score every picture and the set.

    `progress` counts pictures, each twice. A picture whose `read` raises a CrackError is left out and
    listed in the answer; the error flies when none is left. Cancelled flies through. Raises ValueError
    when there is no picture, or the planes of one do not fit each other.
    """
    if not pictures:
        raise ValueError("there is no picture to score")
    tolerances = tuple(dict.fromkeys((0.0, *map(float, settings.tolerances_px))))
    total = 2 * len(pictures)

    def counted(picture: ScoredPicture) -> dict[float, SweepCounts] | CrackError:
        try:
            score, truth, roi = picture.read()
        except CrackError as error:
            return error
        return sweeps(score, truth, tolerances, roi)

    found = list(zip(pictures, _each(counted, pictures, settings.workers, progress, 0, total), strict=True))
    refused = [(picture.name, one) for picture, one in found if isinstance(one, CrackError)]
    pictures = [picture for picture, one in found if not isinstance(one, CrackError)]
    first = [one for _, one in found if not isinstance(one, CrackError)]
    if not first:
        raise refused[0][1]
    counts = {t: [one[t] for one in first] for t in tolerances}
    best = ods(counts[0.0], settings.steps).threshold
    steps = (best, settings.threshold)

    def looked_at(at: int) -> tuple[PictureAt, PictureAt]:
        score, truth, roi = pictures[at].read()
        crack, inside = truth_and_inside(truth, roi)
        true = Axis(crack, inside)
        made = {step: _at(score, true, step, first[at], settings) for step in dict.fromkeys(steps)}
        return made[steps[0]], made[steps[1]]

    second = list(
        _each(looked_at, range(len(pictures)), settings.workers, progress, len(found), total - len(refused))
    )
    rows = tuple(
        PictureScores(
            picture.name,
            one,
            {t: one[t].best(settings.steps) for t in tolerances},
            *both,
        )
        for picture, one, both in zip(pictures, first, second, strict=True)
    )
    shown = tuple(float(t) for t in settings.tolerances_px)
    return SetScores(
        settings,
        ods={t: ods(counts[t], settings.steps) for t in shown},
        ods_interval={
            t: pooled_interval(counts[t], "ods", steps=settings.steps, draws=settings.draws) for t in shown
        },
        ois={t: ois(counts[t], settings.steps) for t in shown},
        ap={t: ap(counts[t], settings.steps) for t in shown},
        iou=over_thresholds([iou_curve_of(one, rule="above") for one in counts[0.0]]),
        best=_set_at(best, [row.best for row in rows], counts, settings),
        given=_set_at(settings.threshold, [row.given for row in rows], counts, settings),
        pictures=rows,
        refused=tuple((name, error.sentence()) for name, error in refused),
    )


def _at(
    score: ScoreMap, true: Axis, step: int, counts: dict[float, SweepCounts], settings: SetSettings
) -> PictureAt:
    said = Axis(score >= step if step < 256 else np.zeros(score.shape, np.bool_), true.inside)
    hd95 = float("nan")
    if settings.outlines:
        classes = np.where(true.inside, true.plane, np.uint8(255)).astype(np.uint8)
        hd95 = outline_distances(said.plane, classes).hausdorff(95.0)
    return PictureAt(
        step,
        {t: _f1(one, step) for t, one in counts.items()},
        class_scores(counts[0.0], step),
        centre_line_score(said, true).cl_dice,
        line_counts(said, true, settings.line_tolerance_px),
        errors_of_width(said, true, settings.line_tolerance_px),
        hd95,
    )


def _set_at(
    step: int, each: list[PictureAt], sweeps: dict[float, list[SweepCounts]], settings: SetSettings
) -> SetAt:
    sums = {t: pooled(counts, t) for t, counts in sweeps.items()}

    def interval(tolerance: float, figure: PooledFigure) -> Interval:
        if step > ALL_STEPS[-1]:  # nothing is predicted, whatever is drawn
            value = _f1(sums[tolerance], step)
            return Interval(value, value, value)
        return pooled_interval(sweeps[tolerance], figure, threshold=step, draws=settings.draws)

    lines = each[0].lines
    for one in each[1:]:
        lines = lines + one.lines
    cl_dice = [one.cl_dice for one in each]
    return SetAt(
        step,
        f1={t: _f1(one, step) for t, one in sums.items()},
        f1_interval={t: interval(t, "f1") for t in sweeps},
        precision={t: one.precision(step) if step < 256 else 1.0 for t, one in sums.items()},
        recall={t: one.recall(step) if step < 256 else _empty_recall(one) for t, one in sums.items()},
        classes=class_scores(sums[0.0], step),
        iou_interval=interval(0.0, "iou"),
        cl_dice=float(np.mean(cl_dice)),
        cl_dice_interval=mean_interval(cl_dice, draws=settings.draws),
        lines=lines,
        widths=summed_up([one.width_errors for one in each]),
        false_length=false_length([one.lines for one in each]),
        hd95_px=float(np.mean([one.hd95_px for one in each])),
    )


def _f1(counts: SweepCounts, step: int) -> float:
    if step < 256:
        return counts.f1(step)
    return 0.0 if counts.truth else 1.0


def _empty_recall(counts: SweepCounts) -> float:
    return 0.0 if counts.truth else 1.0


def _each(
    work: Callable[[_T], _R],
    items: Iterable[_T],
    workers: int,
    progress: Progress,
    done: int,
    total: int,
) -> Iterator[_R]:
    """The results in order; few are under way at a time, so that a stop is soon and memory small."""
    waiting = iter(items)
    with ThreadPoolExecutor(max(1, workers), "evaluate") as pool:
        running = [pool.submit(work, item) for item in islice(waiting, 2 * workers)]
        try:
            while running:
                progress(done, total)
                yield running.pop(0).result()
                done += 1
                running.extend(pool.submit(work, item) for item in islice(waiting, 1))
        finally:
            for future in running:
                future.cancel()
    progress(done, total)
