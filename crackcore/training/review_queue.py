"""The queue of pictures to be corrected: where most is in doubt comes first, each thing once.

What it is good for was measured (`python -m tests.benchmarks review_queue`) on sets that the shipped model
never saw. Of all length that it missed or invented, the first ten of 45 to 60 pictures held this share,
beside it that of any ten in the mean and the most that ten could hold: masonry 0.29 (0.17, 0.31), cfd 0.35
(0.22, 0.51), concrete_rissbilder_volker 0.32 (0.20, 0.37), uav75 0.26 (0.18, 0.31). Who follows the queue
meets the errors sooner; of a dozen other orders (length, entropy, disagreement, lower limits, ...) none
held more on all four.

As lessons its first pictures are no better than any others: hold-out F1 at 2 px after Adapt with the first
five or ten lay within what as many at random gave, once (masonry, five of 81: 0.44) below it (0.47 to 0.70).
Five other orders, one picture of each look among them, were no better on both sets they were tried on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from crackcore.arrays import RgbImage, ScoreMap
from crackcore.datasets.near_duplicates import Likeness, likeness, near_duplicates
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.errors import CrackError
from crackcore.evaluation.review_order import QueueRow, ReviewWorth, review_order, review_worth
from crackcore.inference.predictor import Predictor
from crackcore.masks.threshold import score_step
from crackcore.progress import Progress, unheard

FLIPS: tuple[tuple[int, ...], ...] = ((), (1,), (0,))
"""Axes that are mirrored for each view: as it stands, left and right, top and bottom."""


class Predicts(Protocol):
    """What is asked here: a `Predictor`, or whatever stands for one."""

    def predict(self, pixels: RgbImage, settings: PredictSettings) -> Prediction: ...


@dataclass(frozen=True)
class QueuePicture:
    """A name, and how to get the pixels, uint8 (H, W, 3); `read` is called once."""

    name: str
    read: Callable[[], RgbImage]
    corrected: bool = False


@dataclass(frozen=True)
class ReviewQueue:
    """`rows` in the order to be corrected, by places in the list given; `worths` of every picture
    (None where it was corrected already or could not be analysed); `failed` are names and sentences."""

    rows: tuple[QueueRow, ...]
    worths: tuple[ReviewWorth | None, ...]
    failed: tuple[tuple[str, str], ...]


def views(
    predictor: Predicts, pixels: RgbImage, settings: PredictSettings = PredictSettings()
) -> list[ScoreMap]:
    """Score maps uint8 (H, W) of the picture and of its mirror images, mirrored back.

    Raises as `Predictor.predict` does.
    """
    found = []
    for axes in FLIPS:
        turned = np.ascontiguousarray(np.flip(pixels, axes)) if axes else pixels
        score = predictor.predict(turned, replace(settings, result_scale=1)).score
        found.append(np.ascontiguousarray(np.flip(score, axes)) if axes else score)
    return found


def review_queue(
    pictures: Sequence[QueuePicture],
    predictor: Predictor,
    *,
    threshold: float | None = None,
    settings: PredictSettings = PredictSettings(),
    progress: Progress = unheard,
) -> ReviewQueue:
    """Rank pictures by what correcting them is worth; three predictions each.

    `threshold` is a share, else the model's own. Corrected pictures only serve to recognise others that
    look the same. A picture that cannot be read or analysed is listed and the others go on. Raises
    Cancelled.
    """
    step = score_step(predictor.spec.threshold if threshold is None else threshold)
    worths: list[ReviewWorth | None] = [None] * len(pictures)
    known: list[int] = []
    seen: list[Likeness] = []
    failed: list[tuple[str, str]] = []
    for index, picture in enumerate(pictures):
        progress(index, len(pictures), picture.name)
        try:
            pixels = picture.read()
            if not picture.corrected:
                worths[index] = review_worth(views(predictor, pixels, settings), step)
        except CrackError as error:
            failed.append((picture.name, error.sentence()))
            continue
        known.append(index)
        seen.append(likeness(pixels))
    progress(len(pictures), len(pictures))
    alike = [(known[m.a], known[m.b]) for m in near_duplicates(seen)]
    left_out = [i for i, w in enumerate(worths) if w is None]  # corrected ones, and those that failed
    values = [0.0 if w is None else w.worth_px for w in worths]
    return ReviewQueue(tuple(_order(values, alike, left_out)), tuple(worths), tuple(failed))


def _order(
    values: Sequence[float], alike: Iterable[tuple[int, int]], left_out: Sequence[int]
) -> list[QueueRow]:
    return review_order(values, alike, left_out)
