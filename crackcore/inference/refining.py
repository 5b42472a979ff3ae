"""A prediction refined, with the side map of its model as guide where the model has it."""

from __future__ import annotations

import time
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import RgbImage, read_only
from crackcore.domain.prediction import Prediction
from crackcore.errors import ModelProblem
from crackcore.imaging.enlarging import enlarged
from crackcore.inference.predictor import Predictor
from crackcore.models.catalogue import known_architecture
from crackcore.progress import Progress, unheard
from crackcore.refinement import known_refinement, refine


def guide_map(name: str, architecture: str) -> str:
    """The map of this architecture that the refinement follows; "" where it has none, or needs none.

    Raises UnknownModel for a name that is not known, ModelProblem for a refinement that cannot do
    without a map that this architecture does not have.
    """
    row = known_refinement(name)
    known = known_architecture(architecture)[0]
    if row.guide and any(one.name == row.guide for one in known.maps):
        return row.guide
    if row.needs_guide:
        raise ModelProblem(
            f'"{row.title}" ({name}) follows a side map that {known.title or architecture} does not have.',
            hint="Use guided-filter instead.",
        )
    return ""


def refined_prediction(
    name: str, prediction: Prediction, pixels: RgbImage, predictor: Predictor, progress: Progress = unheard
) -> Prediction:
    """The same prediction with a refined score; `seconds` has the time of it added.

    `predictor` is the one that made it, on `pixels`, uint8 (H, W, 3). Where the refinement follows a
    side map the network looks at the picture once more. Raises as `guide_map`, `refine` and
    `Predictor.maps` do.
    """
    started = time.perf_counter()
    wanted = guide_map(name, predictor.spec.architecture)

    def looking(done: int, total: int, note: str = "") -> None:
        progress(done, 2 * total, note)

    def refining(done: int, total: int, note: str = "") -> None:
        progress(total + done if wanted else done, 2 * total if wanted else total, note)

    guide = None
    if wanted:
        guide = predictor.maps(pixels, [wanted], prediction.settings, looking)[wanted]
    made = with_refined_score(name, prediction, pixels, guide, refining, threshold=predictor.spec.threshold)
    return replace(made, seconds=prediction.seconds + time.perf_counter() - started)


def with_refined_score(
    name: str,
    prediction: Prediction,
    pixels: RgbImage,
    guide: NDArray[np.uint8] | None = None,
    progress: Progress = unheard,
    *,
    threshold: float = 0.5,
) -> Prediction:
    """The same prediction with its score refined by `crackcore.refinement.refine`, whose arguments these are.

    `pixels` are those of the photo; where the score is finer, photo (bicubic) and guide (bilinear)
    are enlarged to it. `seconds` has the time of it added.
    """
    started = time.perf_counter()
    height, width = prediction.score.shape
    if guide is not None and guide.shape != prediction.score.shape:
        guide = np.asarray(cv2.resize(guide, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    pixels = enlarged(pixels, height // pixels.shape[0])
    score = refine(name, prediction.score, pixels, guide, progress, threshold=threshold)
    seconds = prediction.seconds + time.perf_counter() - started
    return replace(prediction, score=read_only(score), seconds=seconds)
