"""Ask a model about pictures. torch lives on the device lane: it is imported inside the work only."""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.jobs.job import Job
from crackcore.arrays import RgbImage
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.names import shown_name
from crackcore.progress import Progress

if TYPE_CHECKING:
    from crackcore.models.catalogue import InstalledModel

_log = logging.getLogger(__name__)


class WarmPredictor:
    """The network that was used last, kept ready. Touched by the device lane only."""

    def __init__(self) -> None:
        self._key: tuple[str, str] | None = None
        self._predictor: Any = None

    def predict(
        self, installed: InstalledModel, pixels: RgbImage, settings: PredictSettings, progress: Progress
    ) -> Prediction:
        _preload_torch_libraries()
        from crackcore.inference.predictor import Predictor

        key = (installed.sha256, settings.device)
        if self._key != key:
            self._predictor, self._key = None, None  # the old one's memory goes first
            progress(0, 1, "Loading the model")
            self._predictor = Predictor.for_model(installed, settings.device)
            self._key = key
        prediction: Prediction = self._predictor.predict(pixels, settings, progress)
        return prediction


@dataclass(frozen=True)
class PredictRequest:
    """One picture, one model. `serial` tells the newest request from older ones."""

    image_id: str
    pixels: RgbImage = field(repr=False)
    model: InstalledModel = field(repr=False)
    settings: PredictSettings
    title: str


def predict_job(request: PredictRequest, warm: WarmPredictor, *, shown: bool = True) -> Job:
    def work(progress: Progress) -> Prediction:
        return warm.predict(request.model, request.pixels, request.settings, progress)

    return Job(f"Predicting {shown_name(request.title)}", work, shown=shown)


def read_for_prediction_job(path: Path) -> Job:
    """Pixels of a picture that is not open, read ahead on the cpu lane."""

    def work(progress: Progress) -> RgbImage:
        from crackcore.imaging.reading import read_photo

        return read_photo(path).pixels

    return Job(f"Reading {shown_name(path)}", work, shown=False)


def models_job() -> Job:
    def work(progress: Progress) -> list[InstalledModel]:
        from crackcore.models.catalogue import installed_models

        return installed_models()

    return Job("Looking for models", work, shown=False)


def device_job() -> Job:
    """Which device there is. The first call imports torch, a second or two on the device lane."""

    def work(progress: Progress) -> str:
        _preload_torch_libraries()
        from crackcore.models.devices import describe_device

        return describe_device()

    return Job("Looking for a graphics card", work, shown=False)


def _preload_torch_libraries() -> None:
    """Load torch's largest library before the import does, without holding Python's lock.

    `import` (and ctypes.CDLL) hold the lock while the system links a library, half a second for this
    one, and the window would stand still. A foreign call lets go of it, so the system's own loader
    is called that way. Only where its name is the same everywhere: Linux.
    """
    if "torch" in sys.modules or not sys.platform.startswith("linux"):
        return
    found = importlib.util.find_spec("torch")
    if found is None or not found.submodule_search_locations:
        return
    folder = Path(found.submodule_search_locations[0]) / "lib"
    load = ctypes.CDLL(None).dlopen
    load.restype, load.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    for name in ("libc10.so", "libtorch_cpu.so"):
        # When it does not load, the import says so, and better.
        if (folder / name).is_file() and not load(os.fsencode(folder / name), os.RTLD_NOW | os.RTLD_LOCAL):
            _log.info("not loaded ahead: %s", name)
            return
