"""Make what is looked at in place of the result: other outputs of a network, refined scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.jobs.job import Job
from app.jobs.predict import WarmPredictor, refined
from crackcore.arrays import RgbImage
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from crackcore.models.catalogue import InstalledModel


@dataclass(frozen=True)
class MapsRequest:
    """Some outputs of one model for one picture, by their names in `Architecture.maps`."""

    pixels: RgbImage = field(repr=False)
    model: InstalledModel = field(repr=False)
    names: tuple[str, ...]
    settings: PredictSettings


def maps_job(
    request: MapsRequest, warm: WarmPredictor, arrange: Callable[[str, NDArray[np.uint8]], object]
) -> Job:
    """Runs on the device lane; answers name -> what `arrange(name, pixels)` made for the canvas."""

    def work(progress: Progress) -> dict[str, object]:
        maps = warm.maps(request.model, request.pixels, request.names, request.settings, progress)
        return {name: arrange(name, pixels) for name, pixels in maps.items()}

    return Job(f"Asking {request.model.name} for its layers", work)


@dataclass(frozen=True)
class RefineRequest:
    """A score to refine, by a name of `crackcore.refinement`; `model` made it, if it is installed."""

    prediction: Prediction
    name: str
    title: str
    pixels: RgbImage = field(repr=False)
    model: InstalledModel | None = field(repr=False)
    settings: PredictSettings


def refine_job(
    request: RefineRequest, warm: WarmPredictor | None, arrange: Callable[[Prediction], object]
) -> Job:
    """The prediction with a refined score, and what `arrange` made of it.

    Runs on the device lane with `warm`, for a refinement that follows a map of the model; without it
    on the cpu lane, following the photo.
    """

    def work(progress: Progress) -> tuple[Prediction, object]:
        guide, threshold = None, 0.5
        if request.model is not None:
            threshold = request.model.spec.threshold
            if warm is not None:
                guide = warm.guide(request.model, request.name, request.pixels, request.settings, progress)
        made = refined(
            request.prediction, request.name, request.pixels, progress, guide=guide, threshold=threshold
        )
        return made, arrange(made)

    return Job(request.title, work)
