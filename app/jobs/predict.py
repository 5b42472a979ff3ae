"""Ask a model about pictures. torch lives on the device lane: it is imported inside the work only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.jobs.job import Job
from app.jobs.torch_libraries import preload_torch_libraries
from crackcore.arrays import RgbImage
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.names import shown_name
from crackcore.progress import Progress

if TYPE_CHECKING:
    from crackcore.models.catalogue import InstalledModel


class WarmPredictor:
    """The network that was used last, kept ready. Touched by the device lane only."""

    def __init__(self) -> None:
        self._key: tuple[str, str] | None = None
        self._predictor: Any = None

    def predict(
        self, installed: InstalledModel, pixels: RgbImage, settings: PredictSettings, progress: Progress
    ) -> Prediction:
        prediction: Prediction = self._ready(installed, settings, progress).predict(
            pixels, settings, progress
        )
        return prediction

    def maps(
        self,
        installed: InstalledModel,
        pixels: RgbImage,
        names: tuple[str, ...],
        settings: PredictSettings,
        progress: Progress,
    ) -> dict[str, NDArray[np.uint8]]:
        """What the network gives beside its result; see `Predictor.maps`."""
        maps: dict[str, NDArray[np.uint8]] = self._ready(installed, settings, progress).maps(
            pixels, names, settings, progress
        )
        return maps

    def guide(
        self,
        installed: InstalledModel,
        refinement: str,
        pixels: RgbImage,
        settings: PredictSettings,
        progress: Progress,
    ) -> NDArray[np.uint8] | None:
        """The map of the model that a refinement follows; None where it follows the photo."""
        preload_torch_libraries()
        from crackcore.inference.refining import guide_map

        name = guide_map(refinement, installed.spec.architecture)
        return self.maps(installed, pixels, (name,), settings, progress)[name] if name else None

    def _ready(self, installed: InstalledModel, settings: PredictSettings, progress: Progress) -> Any:
        preload_torch_libraries()
        from crackcore.inference.predictor import Predictor

        key = (installed.sha256, settings.device)
        if self._key != key:
            self._predictor, self._key = None, None  # the old one's memory goes first
            progress(0, 1, "Loading the model")
            self._predictor = Predictor.for_model(installed, settings.device)
            self._key = key
        return self._predictor


@dataclass(frozen=True)
class PredictRequest:
    """One picture, one model. `serial` tells the newest request from older ones."""

    image_id: str
    pixels: RgbImage = field(repr=False)
    model: InstalledModel = field(repr=False)
    settings: PredictSettings
    title: str
    refinement: str = ""  # a name of crackcore.refinement.REFINEMENTS


def predict_job(request: PredictRequest, warm: WarmPredictor, *, shown: bool = True) -> Job:
    def work(progress: Progress) -> Prediction:
        model, pixels, settings = request.model, request.pixels, request.settings
        prediction = warm.predict(model, pixels, settings, progress)
        if not request.refinement:
            return prediction
        guide = warm.guide(model, request.refinement, pixels, settings, progress)
        return refined(
            prediction, request.refinement, pixels, progress, guide=guide, threshold=model.spec.threshold
        )

    return Job(f"Predicting {shown_name(request.title)}", work, shown=shown)


def refined(
    prediction: Prediction,
    name: str,
    pixels: RgbImage,
    progress: Progress,
    *,
    guide: NDArray[np.uint8] | None = None,
    threshold: float = 0.5,
) -> Prediction:
    """The same prediction with a refined score; its name says so, "cgnet-open + guided-filter".

    Arguments as in `crackcore.inference.refining.with_refined_score`.
    """
    from crackcore.inference.refining import with_refined_score
    from crackcore.refinement import REFINEMENTS

    progress(0, 0, REFINEMENTS[name].title)
    made = with_refined_score(name, prediction, pixels, guide, progress, threshold=threshold)
    return replace(made, model=f"{prediction.model} + {name}")


def read_for_prediction_job(path: Path) -> Job:
    """Pixels of a picture that is not open, read ahead on the cpu lane."""

    def work(progress: Progress) -> RgbImage:
        from crackcore.imaging.reading import read_photo

        return read_photo(path).pixels

    return Job(f"Reading {shown_name(path)}", work, shown=False)
