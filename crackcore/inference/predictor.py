"""One network on one device: pixels in, a score map out, whatever the picture's size.

"No cracks" is an answer only when the network gave finite numbers everywhere; anything else raises
NotAnalysed. Out of memory halves the tile and goes on, then falls back to the CPU, and says so.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from crackcore.arrays import RgbImage, ScoreMap, read_only
from crackcore.domain.model_spec import ModelSpec, Preprocessing
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.errors import DeviceLost, NotAnalysed, OutOfDeviceMemory
from crackcore.inference.tiling import BandSum, plan_tiles
from crackcore.models import devices
from crackcore.models.folding import folded
from crackcore.models.model_files import load_network
from crackcore.progress import Progress, unheard

if TYPE_CHECKING:
    from crackcore.models.catalogue import InstalledModel

log = logging.getLogger(__name__)

SMALLEST_TILE_PX = 256
TRIAL_SIDE_PX = 96


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
    ) -> None:
        self.spec = spec
        self.model_sha256 = model_sha256
        self.device = device or devices.cpu()
        self._threads = threads or devices.usable_cores()
        placed = folded(network.eval()).to(self.device.torch_device)
        self._network: nn.Module = placed.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

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
        )
        predictor._trial()
        return predictor

    def predict(
        self, pixels: RgbImage, settings: PredictSettings = PredictSettings(), progress: Progress = unheard
    ) -> Prediction:
        """The score map of a picture, uint8 (H, W), and what made it.

        `pixels` is uint8 (H, W, 3) RGB of any size from 1 px. Raises NotAnalysed when any value is
        NaN or Inf, OutOfDeviceMemory when even small tiles on the CPU do not fit, Cancelled.
        """
        started = time.perf_counter()
        tile = settings.tile_px or self.spec.tile_px
        overlap = self.spec.overlap_px if settings.overlap_px < 0 else settings.overlap_px
        while True:
            try:
                score = self._score(pixels, tile, min(overlap, tile // 2), progress)
                break
            except (torch.OutOfMemoryError, MemoryError) as error:
                tile = self._smaller(tile, error)
            except RuntimeError as error:
                if _is_cpu_memory(error):
                    tile = self._smaller(tile, error)
                elif self.device.kind != "cpu" and _is_device_error(error):
                    self._to_cpu(f"{self.device.label} stopped answering")
                else:
                    raise
        return Prediction(
            score=read_only(score),
            model=self.spec.name,
            model_sha256=self.model_sha256,
            device=f"{self.device.label} ({self.device.why})" if self.device.why else self.device.label,
            settings=replace(settings, tile_px=tile, overlap_px=min(overlap, tile // 2)),
            seconds=time.perf_counter() - started,
        )

    # ------------------------------------------------------------------ one picture

    def _score(self, pixels: RgbImage, tile_px: int, overlap_px: int, progress: Progress) -> ScoreMap:
        height, width = pixels.shape[:2]
        plan = plan_tiles(
            height, width, tile_px=tile_px, overlap_px=overlap_px, align_px=self.spec.multiple_px
        )
        band = BandSum(height, width, plan)
        done = 0
        progress(0, plan.count)
        threads_before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            for row in range(len(plan.rows)):
                for box in plan.row_boxes(row):
                    band.add(box, self._tile_score(pixels[box.slices]))
                    done += 1
                    progress(done, plan.count)
                band.finish_row(row)
        finally:
            torch.set_num_threads(threads_before)
        return band.score

    def _tile_score(self, pixels: RgbImage) -> NDArray[np.float32]:
        with torch.inference_mode():
            inputs = network_input(pixels, self.spec).to(self.device.torch_device)
            inputs = inputs.contiguous(memory_format=torch.channels_last)
            logits = main_output(self._network(inputs))
            score = score_of_logits(logits, pixels.shape[:2], tuple(inputs.shape[2:]), self.spec)
            # checked before anything is clipped or rounded, where NaN would turn into "sound"
            if not bool(torch.isfinite(logits).all()) or not bool(torch.isfinite(score).all()):
                raise NotAnalysed(
                    f'"{self.spec.name}" gave values that are not numbers; the picture was not analysed.',
                    hint="Use another model.",
                )
            return score.float().cpu().numpy()

    def _trial(self) -> None:
        ramp = np.linspace(40, 200, TRIAL_SIDE_PX, dtype=np.uint8)
        picture = np.ascontiguousarray(
            np.broadcast_to(ramp[:, None, None], (TRIAL_SIDE_PX, TRIAL_SIDE_PX, 3))
        )
        score = self._tile_score(picture)
        if score.shape != picture.shape[:2]:
            raise NotAnalysed(f'"{self.spec.name}" gives maps of a wrong size.', hint="Use another model.")

    # ------------------------------------------------------------------ when it does not fit

    def _smaller(self, tile_px: int, error: BaseException) -> int:
        log.warning("out of memory at a tile of %d px on %s", tile_px, self.device.label)
        if self.device.kind == "cuda":
            torch.cuda.empty_cache()
        if tile_px > SMALLEST_TILE_PX:
            return max(SMALLEST_TILE_PX, tile_px // 2)
        if self.device.kind != "cpu":
            self._to_cpu(f"{self.device.label} ran out of memory")
            return self.spec.tile_px
        raise OutOfDeviceMemory(
            "There is not enough memory to analyse this picture.",
            hint="Close other programs, or choose a lighter model.",
        ) from error

    def _to_cpu(self, why: str) -> None:
        log.warning("%s; going on with the CPU", why)
        try:
            self._network = self._network.to("cpu")
        except RuntimeError as error:  # a lost device may not even give its weights back
            raise DeviceLost(f"{why}.", hint="Start the program again; it can use the CPU.") from error
        self.device = devices.cpu(why)


# ---------------------------------------------------------------------- pixels to score


def network_input(pixels: RgbImage, spec: ModelSpec) -> Tensor:
    """Float32 (1, 3, h, w) for the network: enlarged, padded, ordered, normalised.

    `pixels` is uint8 (H, W, 3). Enlarging is bilinear on uint8 with sizes rounded to int(x s + 0.5),
    as the published test pipelines do. Sides are then continued by reflection, at the bottom and the
    right, to a multiple of `spec.multiple_px` and at least `spec.minimum_px`: a network that works
    at 1/8 of the size and is brought back to another size than 8 times its own would stretch its
    map, by up to 7 px at the far edge.
    """
    before: Preprocessing = spec.preprocessing
    if before.input_scale != 1.0:
        size = (
            int(pixels.shape[1] * before.input_scale + 0.5),
            int(pixels.shape[0] * before.input_scale + 0.5),
        )
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    more = [_padding(n, spec) for n in pixels.shape[:2]]
    if any(more):
        pixels = np.asarray(cv2.copyMakeBorder(pixels, 0, more[0], 0, more[1], cv2.BORDER_REFLECT), np.uint8)
    if before.channel_order == "BGR":
        pixels = pixels[:, :, ::-1]
    # a copy: pictures travel read-only, which torch cannot wrap
    values = torch.from_numpy(pixels.astype(np.float32, order="C")).permute(2, 0, 1)[None]
    mean = torch.tensor(before.mean).view(1, 3, 1, 1)
    std = torch.tensor(before.std).view(1, 3, 1, 1)
    return (values * before.scale - mean) / std


def _padding(length: int, spec: ModelSpec) -> int:
    wanted = max(length, spec.minimum_px)
    return -(-wanted // spec.multiple_px) * spec.multiple_px - length


def score_of_logits(
    logits: Tensor, size: tuple[int, ...], input_size: tuple[int, ...], spec: ModelSpec
) -> Tensor:
    """Scores (H, W) in 0..1 from the network's output (1, C, h, w) for a picture of `size`.

    Logits are brought to the picture's size first (bilinear, align_corners False), then become
    scores: softmax of the crack channel, or sigmoid.
    """
    scale = spec.preprocessing.input_scale
    wanted = (int(size[0] * scale + 0.5), int(size[1] * scale + 0.5)) if scale != 1.0 else tuple(size)
    if logits.shape[2:] != torch.Size(input_size):
        logits = functional.interpolate(logits, size=input_size, mode="bilinear", align_corners=False)
    logits = logits[:, :, : wanted[0], : wanted[1]]
    if wanted != tuple(size):
        logits = functional.interpolate(logits, size=tuple(size), mode="bilinear", align_corners=False)
    if spec.activation == "softmax":
        return torch.softmax(logits.float(), 1)[0, 1]
    return torch.sigmoid(logits.float())[0, 0]


def main_output(output: Any) -> Tensor:
    """The map to use: networks with several outputs give the final one first."""
    tensor = output[0] if isinstance(output, (tuple, list)) else output
    if not isinstance(tensor, Tensor) or tensor.ndim != 4:
        raise NotAnalysed("The model does not give a map.", hint="Use another model.")
    return tensor


def _is_cpu_memory(error: RuntimeError) -> bool:
    text = str(error)
    return "DefaultCPUAllocator" in text or "not enough memory" in text


def _is_device_error(error: RuntimeError) -> bool:
    kinds: tuple[type[BaseException], ...] = tuple(
        kind for kind in (getattr(torch, "AcceleratorError", None),) if kind is not None
    )
    return isinstance(error, kinds) or "CUDA error" in str(error)
