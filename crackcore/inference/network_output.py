"""From what a network gives to values on the picture's grid: which output, which size, which range."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from crackcore.domain.model_spec import ModelSpec
from crackcore.errors import NotAnalysed
from crackcore.inference.network_input import enlarged_size


@dataclass(frozen=True)
class Wanted:
    """One output to be brought home.

    `turn` says how its values become 0..1: softmax (last of two channels), sigmoid, or none.
    `scale` is how many values lie along one photo pixel afterwards. `channels` is 0 for a map of
    (h, w), 3 for a picture of (h, w, 3).
    """

    name: str
    turn: str
    scale: int = 1
    channels: int = 0


def values_of(
    output: Tensor,
    wanted: Wanted,
    size: tuple[int, ...],
    input_size: tuple[int, ...],
    spec: ModelSpec,
    native: int,
) -> Tensor:
    """Values of one output (1, C, h, w) for a picture of `size`: (H s, W s), or (H s, W s, 3).

    `input_size` is the network's input with its padding, `native` how many values its outputs have
    along one input pixel. Outputs are brought to the size they stand for first (bilinear,
    align_corners False), the padding is cut off, an enlarged picture is brought back; only then do
    logits become scores. Where s is smaller than `native`, the mean over each photo pixel's values
    is taken. Raises NotAnalysed for anything that is not a map of that kind.
    """
    needed = wanted.channels or (2 if wanted.turn == "softmax" else 1)
    if output.ndim != 4 or output.shape[1] < needed:
        raise NotAnalysed(f'"{spec.name}" does not give a map.', hint="Use another model.")
    full = tuple(native * n for n in input_size)
    if tuple(output.shape[2:]) != full:
        output = functional.interpolate(output, size=full, mode="bilinear", align_corners=False)
    enlarged = tuple(native * n for n in enlarged_size(size, spec))
    output = output[:, :, : enlarged[0], : enlarged[1]]
    right = tuple(native * n for n in size)
    if enlarged != right:
        output = functional.interpolate(output, size=right, mode="bilinear", align_corners=False)
    values = _turned(output.float(), wanted)
    if wanted.scale != native:
        values = functional.avg_pool2d(values[None], native // wanted.scale)[0]
    return values.permute(1, 2, 0) if wanted.channels else values[0]


def _turned(output: Tensor, wanted: Wanted) -> Tensor:
    """(channels or 1, h, w)"""
    if wanted.turn == "softmax":
        return torch.softmax(output, 1)[0, 1:2]
    first = output[0, : wanted.channels or 1]
    return torch.sigmoid(first) if wanted.turn == "sigmoid" else first


def score_of_logits(
    logits: Tensor, size: tuple[int, ...], input_size: tuple[int, ...], spec: ModelSpec
) -> Tensor:
    """Scores (H, W) in 0..1 from a network's logits (1, C, h, w) for a picture of `size`."""
    return values_of(logits, Wanted("", spec.activation), size, input_size, spec, 1)
