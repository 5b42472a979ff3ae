"""A network tried once on a fixed small picture: sizes, finite numbers, and whether it says anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crackcore.domain.model_spec import ModelSpec, Preprocessing
from crackcore.errors import NotAnalysed
from crackcore.models.architectures import Architecture

_SIDE_PX = 64
_ENLARGED_SIDE_PX = 16  # networks that enlarge do sixteen times the work on every pixel


@dataclass(frozen=True)
class Trial:
    """Shapes of all outputs, and the range (0..1) of the score or of the enlarged picture.

    `constant` says that every pixel got the same value: possible, but hardly what was meant.
    """

    shapes: dict[str, tuple[int, ...]]
    low: float
    high: float
    constant: bool


def trial_picture(side_px: int) -> NDArray[np.uint8]:
    """uint8 (side, side, 3): a grainy grey wall with a dark crack and a shadow; always the same."""
    rows, columns = np.mgrid[0:side_px, 0:side_px].astype(np.float64)
    grain = 12.0 * np.sin(12.9898 * columns + 78.233 * rows + 0.5 * rows * columns)
    wall = 150.0 + grain + 30.0 * columns / side_px
    crack = np.abs(rows - side_px * (0.5 + 0.2 * np.sin(6.0 * columns / side_px))) < 1.5
    wall[crack] = 40.0
    tinted = wall[:, :, None] * np.array([1.0, 0.97, 0.92])
    return np.asarray(np.clip(np.rint(tinted), 0, 255), np.uint8)


def try_network(network: nn.Module, spec: ModelSpec, architecture: Architecture) -> Trial:
    """Run the network (in eval mode) once on the CPU; raises NotAnalysed with the fault it shows."""
    scale = output_scale_of(architecture, spec.arguments)
    side = _ENLARGED_SIDE_PX if scale > 1 else _SIDE_PX
    side = max(side, -(-spec.minimum_px // 16) * 16)
    with torch.inference_mode():
        outputs = network(as_input(trial_picture(side), spec.preprocessing))
    listed = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
    names = architecture.outputs or tuple(f"output{n}" for n in range(len(listed)))
    if len(listed) != len(names) or not all(isinstance(o, Tensor) for o in listed):
        raise NotAnalysed("its network does not give the outputs it should.")
    found: dict[str, Tensor] = dict(zip(names, listed, strict=True))
    for name, output in found.items():
        if not bool(torch.isfinite(output).all()):
            raise NotAnalysed(f"on a trial picture its output {name} is not a number.")
    shown = found[architecture.score or names[0]]
    right = side * scale
    if shown.ndim != 4 or min(shown.shape[2:]) < right:
        raise NotAnalysed("on a trial picture it gives a map of a wrong size.")
    values = _turned(shown, spec.activation)
    low, high = float(values.min()), float(values.max())
    return Trial({k: tuple(v.shape) for k, v in found.items()}, low, high, high - low < 1e-6)


def output_scale_of(architecture: Architecture, arguments: Mapping[str, Any]) -> int:
    """Map pixels along one input pixel, of the network with these arguments."""
    if architecture.output_scale == 1:
        return 1
    return int(arguments.get("scale", architecture.output_scale))


def as_input(pixels: NDArray[np.uint8], before: Preprocessing) -> Tensor:
    """Float32 (1, 3, H, W) of uint8 RGB pixels, ordered and normalised; neither enlarged nor padded."""
    ordered = pixels[:, :, ::-1] if before.channel_order == "BGR" else pixels
    values = torch.from_numpy(ordered.astype(np.float32, order="C")).permute(2, 0, 1)[None].contiguous()
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (before.mean, before.std))
    return (values * before.scale - mean) / std


def _turned(output: Tensor, activation: str) -> Tensor:
    if activation == "softmax":
        return torch.softmax(output, 1)[:, -1]
    return torch.sigmoid(output) if activation == "sigmoid" else output
