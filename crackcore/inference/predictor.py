"""One network on one device: pixels in, a score map out, whatever the picture's size.

"No cracks" is an answer only when the network gave finite numbers everywhere; anything else raises
NotAnalysed. Out of memory halves the tile and goes on, then falls back to the CPU, and says so.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from crackcore.arrays import RgbImage, read_only
from crackcore.domain.model_spec import ModelSpec
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.errors import DeviceLost, NotAnalysed, OutOfDeviceMemory, UnknownModel
from crackcore.inference.kept_memory import kept_memory
from crackcore.inference.network_input import network_input
from crackcore.inference.network_output import Wanted, score_of_logits, values_of
from crackcore.inference.precision_trial import has_bfloat16, quicker_precision
from crackcore.inference.tiling import BandSum, plan_tiles
from crackcore.models import devices
from crackcore.models.architectures import Architecture
from crackcore.models.catalogue import known_architecture
from crackcore.models.deploy import DeployForm, deploy_form
from crackcore.models.model_files import load_network
from crackcore.models.trial import trial_picture
from crackcore.progress import Progress, unheard

if TYPE_CHECKING:
    from crackcore.models.catalogue import InstalledModel

__all__ = ["Predictor", "network_input", "score_of_logits"]

log = logging.getLogger(__name__)

SMALLEST_TILE_PX = 256
TRIAL_SIDE_PX = 96
PRECISION_TRIAL_SIDE_PX = 256


class Predictor:
    """A network, warm and ready. Use from one thread at a time."""

    def __init__(
        self,
        network: nn.Module,
        spec: ModelSpec,
        *,
        model_sha256: str = "",
        device: devices.Device | None = None,
        threads: int | None = None,
        reload: Callable[[], nn.Module] | None = None,
    ) -> None:
        """`reload` gives the network again, for another precision than the first that is used; else
        the network itself is kept in memory for that."""
        self.spec = spec
        self.model_sha256 = model_sha256
        self.device = device or devices.cpu()
        self._threads = threads or devices.usable_cores()
        self._architecture, self.output_scale = _known(spec)
        self._multiple_px = math.lcm(max(1, spec.multiple_px), self._architecture.multiple_px)
        self._reload = reload or (lambda: network)
        self._forms = {"float32": self._placed(deploy_form(network))}
        self._auto_precision = "float32"

    @classmethod
    def for_model(
        cls, model: InstalledModel, device: str = "auto", *, threads: int | None = None
    ) -> Predictor:
        """Load a model file, put it on a device and try it once on a small picture.

        Raises ModelProblem for a bad file, NotAnalysed when the trial gives no finite numbers,
        DeviceProblem when the wished device is not there.
        """
        predictor = cls(
            load_network(model),
            model.spec,
            model_sha256=model.sha256,
            device=devices.choose_device(device),
            threads=threads,
            reload=lambda: load_network(model),
        )
        predictor._trial()
        predictor._choose_precision()
        return predictor

    def predict(
        self, pixels: RgbImage, settings: PredictSettings = PredictSettings(), progress: Progress = unheard
    ) -> Prediction:
        """The score map of a picture, uint8 (H, W), and what made it.

        `pixels` is uint8 (H, W, 3) RGB of any size from 1 px. A network that enlarges the picture s
        times (`output_scale`) finds s x s scores in every photo pixel: with `settings.result_scale`
        of s the map is (H s, W s); with 1 it is (H, W), each score the mean of those in its pixel,
        so that a crack thinner than a pixel lowers the score there. The settings in the answer say
        what was really done (tile, precision, scale; a scale that the network does not have is 1).
        Raises NotAnalysed when any value is NaN or Inf, or the network finds no cracks by itself,
        OutOfDeviceMemory when even small tiles on the CPU do not fit, Cancelled.
        """
        if not self._architecture.finds_cracks:
            raise NotAnalysed(
                f'"{self.spec.name}" enlarges photos and finds no cracks by itself.',
                hint="Use another model.",
            )
        started = time.perf_counter()
        scale = self.output_scale if settings.result_scale == self.output_scale else 1
        (score,), used = self._bands(pixels, [self._score_wanted(scale)], settings, progress)
        return Prediction(
            score=read_only(score),
            model=self.spec.name,
            model_sha256=self.model_sha256,
            device=f"{self.device.label} ({self.device.why})" if self.device.why else self.device.label,
            settings=replace(used, result_scale=scale),
            seconds=time.perf_counter() - started,
            family=self.spec.family,
        )

    def maps(
        self,
        pixels: RgbImage,
        names: Sequence[str],
        settings: PredictSettings = PredictSettings(),
        progress: Progress = unheard,
    ) -> dict[str, NDArray[np.uint8]]:
        """Other outputs of the network, to be looked at, by the names in `Architecture.maps`.

        Maps of scores are uint8 (H s, W s), 255 for certainty; pictures are uint8 RGB (H s, W s, 3);
        s is `output_scale`, whatever `settings.result_scale` says. Raises as `predict` does, and
        ValueError for a name that the network does not have.
        """
        kinds = {m.name: m.kind for m in self._architecture.maps}
        wanted = []
        for name in names:
            if name not in kinds:
                raise ValueError(f"{self.spec.architecture} has no map called {name!r}")
            turn = (
                ("softmax" if self.spec.activation == "softmax" else "sigmoid")
                if kinds[name] == "logit"
                else "none"
            )
            wanted.append(Wanted(name, turn, self.output_scale, 3 if kinds[name] == "picture" else 0))
        found, _ = self._bands(pixels, wanted, settings, progress)
        return dict(zip(names, found, strict=True))

    # ------------------------------------------------------------------ one picture

    def _score_wanted(self, scale: int) -> Wanted:
        return Wanted(
            self._architecture.score or self._form(PredictSettings()).score, self.spec.activation, scale
        )

    def _bands(
        self, pixels: RgbImage, wanted: Sequence[Wanted], settings: PredictSettings, progress: Progress
    ) -> tuple[list[NDArray[np.uint8]], PredictSettings]:
        """Every wished output for the whole picture, with the settings that were really used."""
        finer = (
            2 if self.output_scale > 1 else 1
        )  # 4 x 4 times the values: half the side, still twice the work
        tile = settings.tile_px or self.spec.tile_px // finer
        overlap = self.spec.overlap_px // finer if settings.overlap_px < 0 else settings.overlap_px
        while True:
            try:
                shared = min(overlap, tile // 2)
                found = self._tiled(pixels, wanted, tile, shared, settings, progress)
                precision = self._precision(settings)
                return found, replace(settings, tile_px=tile, overlap_px=shared, precision=precision)
            except (torch.OutOfMemoryError, MemoryError) as error:
                tile = self._smaller(tile, error)
            except RuntimeError as error:
                if _is_cpu_memory(error):
                    tile = self._smaller(tile, error)
                elif self.device.kind != "cpu" and _is_device_error(error):
                    self._to_cpu(f"{self.device.label} stopped answering")
                else:
                    raise

    def _tiled(
        self,
        pixels: RgbImage,
        wanted: Sequence[Wanted],
        tile_px: int,
        overlap_px: int,
        settings: PredictSettings,
        progress: Progress,
    ) -> list[NDArray[np.uint8]]:
        height, width = pixels.shape[:2]
        plan = plan_tiles(height, width, tile_px=tile_px, overlap_px=overlap_px, align_px=self._multiple_px)
        bands = [BandSum(height, width, plan, scale=w.scale, channels=w.channels) for w in wanted]
        done = 0
        progress(0, plan.count)
        with self._own_threads():
            for row in range(len(plan.rows)):
                for box in plan.row_boxes(row):
                    values = self._tile_values(pixels[box.slices], wanted, settings)
                    for band, here in zip(bands, values, strict=True):
                        band.add(box, here)
                    done += 1
                    progress(done, plan.count)
                for band in bands:
                    band.finish_row(row)
        return [band.score for band in bands]

    def _tile_values(
        self, pixels: RgbImage, wanted: Sequence[Wanted], settings: PredictSettings = PredictSettings()
    ) -> list[NDArray[np.float32]]:
        found: list[NDArray[np.float32]] = []
        with torch.inference_mode():
            inputs = network_input(pixels, self.spec, multiple_px=self._architecture.multiple_px)
            inputs = inputs.to(self.device.torch_device).contiguous(memory_format=torch.channels_last)
            outputs = self._form(settings).maps(inputs, [w.name for w in wanted])
            size, input_size = pixels.shape[:2], tuple(inputs.shape[2:])
            for one in wanted:
                output = outputs.pop(one.name)
                values = values_of(output, one, size, input_size, self.spec, self.output_scale)
                # checked before anything is clipped or rounded, where NaN would turn into "sound"
                if not bool(torch.isfinite(output).all()) or not bool(torch.isfinite(values).all()):
                    raise NotAnalysed(
                        f'"{self.spec.name}" gave values that are not numbers; the picture was not analysed.',
                        hint="Use another model.",
                    )
                found.append(values.float().cpu().numpy())
        return found

    def _tile_score(self, pixels: RgbImage) -> NDArray[np.float32]:
        return self._tile_values(pixels, [self._score_wanted(1)])[0]

    def _trial(self) -> None:
        ramp = np.linspace(40, 200, TRIAL_SIDE_PX, dtype=np.uint8)
        picture = np.ascontiguousarray(
            np.broadcast_to(ramp[:, None, None], (TRIAL_SIDE_PX, TRIAL_SIDE_PX, 3))
        )
        if not self._architecture.finds_cracks:
            self.maps(picture, [m.name for m in self._architecture.maps])
        elif self._tile_score(picture).shape != picture.shape[:2]:
            raise NotAnalysed(f'"{self.spec.name}" gives maps of a wrong size.', hint="Use another model.")

    # ------------------------------------------------------------------ the network in use

    def _choose_precision(self) -> None:
        """bfloat16 where that is measurably quicker; light networks gain too little to ask."""
        if not self._architecture.score or self._architecture.speed_with(self.spec) in ("", "light"):
            return
        side = PRECISION_TRIAL_SIDE_PX // self.output_scale
        picture = trial_picture(side)

        def run(precision: str) -> NDArray[np.float32]:
            return self._tile_values(picture, [self._score_wanted(1)], PredictSettings(precision=precision))[
                0
            ]

        with self._own_threads():
            self._auto_precision = quicker_precision(
                run, model_sha256=self.model_sha256, device=self.device, threads=self._threads
            )
        self._forms = {name: form for name, form in self._forms.items() if name == self._auto_precision}

    def _precision(self, settings: PredictSettings) -> str:
        return self._auto_precision if settings.precision == "auto" else settings.precision

    @contextmanager
    def _own_threads(self) -> Iterator[None]:
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            with kept_memory():
                yield
        finally:
            torch.set_num_threads(before)

    def _form(self, settings: PredictSettings) -> DeployForm:
        precision = self._precision(settings)
        if precision not in self._forms:
            self._forms[precision] = self._placed(deploy_form(self._reload(), precision=precision))
        return self._forms[precision]

    def _placed(self, form: DeployForm) -> DeployForm:
        placed: DeployForm = form.to(self.device.torch_device)
        return placed

    # ------------------------------------------------------------------ when it does not fit

    def _smaller(self, tile_px: int, error: BaseException) -> int:
        log.warning("out of memory at a tile of %d px on %s", tile_px, self.device.label)
        if self.device.kind == "cuda":
            torch.cuda.empty_cache()
        smallest = SMALLEST_TILE_PX // self.output_scale
        if tile_px > smallest:
            return max(smallest, tile_px // 2)
        if self.device.kind != "cpu":
            self._to_cpu(f"{self.device.label} ran out of memory")
            return self.spec.tile_px // (2 if self.output_scale > 1 else 1)
        raise OutOfDeviceMemory(
            "There is not enough memory to analyse this picture.",
            hint="Close other programs, or choose a lighter model.",
        ) from error

    def _to_cpu(self, why: str) -> None:
        log.warning("%s; going on with the CPU", why)
        try:
            self._forms = {name: form.to("cpu") for name, form in self._forms.items()}
        except RuntimeError as error:  # a lost device may not even give its weights back
            raise DeviceLost(f"{why}.", hint="Start the program again; it can use the CPU.") from error
        self.device = devices.cpu(why)
        if not has_bfloat16(self.device):
            self._auto_precision = "float32"


def _known(spec: ModelSpec) -> tuple[Architecture, int]:
    """What is known of the model's architecture, and how many times finer its maps are."""
    try:
        architecture, arguments = known_architecture(spec.architecture)
    except UnknownModel:  # a network made by the caller; its first output counts
        return Architecture(spec.architecture, ""), 1
    scale = {**arguments, **spec.arguments}.get("scale", architecture.output_scale)
    return architecture, int(scale) if architecture.output_scale > 1 else 1


def _is_cpu_memory(error: RuntimeError) -> bool:
    text = str(error)
    return "DefaultCPUAllocator" in text or "not enough memory" in text


def _is_device_error(error: RuntimeError) -> bool:
    kinds: tuple[type[BaseException], ...] = tuple(
        kind for kind in (getattr(torch, "AcceleratorError", None),) if kind is not None
    )
    return isinstance(error, kinds) or "CUDA error" in str(error)
