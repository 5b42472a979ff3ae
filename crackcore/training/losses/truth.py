"""What labels say to a loss: where crack is, and which pixels count."""

from __future__ import annotations

import torch
from torch import Tensor

from crackcore.arrays import CRACK, UNDECIDED


def crack_and_decided(labels: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """(crack, decided): 1.0 where labels say crack, and where they say anything; both (N, 1, H, W).

    Parameters
    ----------
    labels : integer (N, H, W) or (N, 1, H, W); 1 crack, 255 undecided, all else sound.
    like : the map (N, 1, H, W) that the loss looks at; gives type and device.

    Raises ValueError when the labels have another size than the map.
    """
    planes = labels[:, None] if labels.ndim == 3 else labels
    if planes.shape != (like.shape[0], 1, *like.shape[2:]):
        raise ValueError(f"labels {tuple(labels.shape)} do not fit a map {tuple(like.shape)}")
    planes = planes.to(like.device)
    return (planes == CRACK).to(like.dtype), (planes != UNDECIDED).to(like.dtype)


def at_least_single(values: Tensor) -> Tensor:
    """The same in float32 where it came in half precision: logarithms and long sums need it."""
    return values if values.dtype == torch.float64 else values.float()


def mean_of_decided(values: Tensor, decided: Tensor) -> Tensor:
    """Mean of values (N, 1, H, W) over the decided pixels of each sample: (N,); 0 where none is."""
    pixels = decided.sum((1, 2, 3))
    return (values * decided).sum((1, 2, 3)) / pixels.clamp(min=1.0)


def fitted(maps: Tensor, labels: Tensor) -> Tensor:
    """Maps (N, C, H', W') cut at the bottom and the right to the size of the labels (N, H, W).

    PSPNet answers at 8 ceil(side / 8). A map that is smaller is returned as it is.
    """
    height, width = labels.shape[-2:]
    return maps[..., :height, :width]
