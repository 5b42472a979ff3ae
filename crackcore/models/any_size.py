"""Pictures of any size for networks that want multiples: continued by reflection, cropped afterwards."""

from __future__ import annotations

import torch
from torch import Tensor


def reflected(x: Tensor, *, multiple: int, minimum: int) -> Tensor:
    """`x` (N, C, H, W) continued at the bottom and the right to accepted sides; itself where they are.

    The border pixel is repeated (half-sample symmetry), again and again where the picture is
    smaller than what is to be added, so that one pixel is enough.
    """
    for axis in (2, 3):
        length = x.shape[axis]
        wanted = -(-max(length, minimum) // multiple) * multiple
        if wanted != length:
            steps = torch.arange(wanted, device=x.device) % (2 * length)
            x = x.index_select(axis, torch.where(steps < length, steps, 2 * length - 1 - steps))
    return x
