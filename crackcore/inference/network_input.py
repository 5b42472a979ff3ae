"""From pixels to what a network takes: enlarged, padded, ordered, normalised."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from torch import Tensor

from crackcore.arrays import RgbImage
from crackcore.domain.model_spec import ModelSpec, Preprocessing


def network_input(pixels: RgbImage, spec: ModelSpec, *, multiple_px: int = 1) -> Tensor:
    """Float32 (1, 3, h, w) for the network: enlarged, padded, ordered, normalised.

    `pixels` is uint8 (H, W, 3). Enlarging is bilinear on uint8 with sizes rounded to int(x s + 0.5),
    as the published test pipelines do. Sides are then continued by reflection, at the bottom and the
    right, to a multiple of `spec.multiple_px` (and of `multiple_px`, what the architecture itself
    accepts) and at least `spec.minimum_px`: a network that works at 1/8 of the size and is brought
    back to another size than 8 times its own would stretch its map, by up to 7 px at the far edge.
    """
    before: Preprocessing = spec.preprocessing
    if before.input_scale != 1.0:
        pixels = np.asarray(
            cv2.resize(pixels, enlarged_size(pixels.shape, spec)[::-1], interpolation=cv2.INTER_LINEAR),
            np.uint8,
        )
    multiple = math.lcm(max(1, spec.multiple_px), multiple_px)
    more = [-(-max(n, spec.minimum_px) // multiple) * multiple - n for n in pixels.shape[:2]]
    if any(more):
        pixels = np.asarray(cv2.copyMakeBorder(pixels, 0, more[0], 0, more[1], cv2.BORDER_REFLECT), np.uint8)
    if before.channel_order == "BGR":
        pixels = pixels[:, :, ::-1]
    # a copy: pictures travel read-only, which torch cannot wrap
    values = torch.from_numpy(pixels.astype(np.float32, order="C")).permute(2, 0, 1)[None]
    mean = torch.tensor(before.mean).view(1, 3, 1, 1)
    std = torch.tensor(before.std).view(1, 3, 1, 1)
    return (values * before.scale - mean) / std


def enlarged_size(size: tuple[int, ...], spec: ModelSpec) -> tuple[int, int]:
    """(height, width) of a picture of `size` after the enlargement that the spec wants."""
    scale = spec.preprocessing.input_scale
    return int(size[0] * scale + 0.5), int(size[1] * scale + 0.5)
