"""Pictures of any size for networks that want multiples: continued by reflection, cropped afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import torch
from torch import Tensor

_as_given: ContextVar[bool] = ContextVar("sizes_as_given", default=False)


@contextlib.contextmanager
def sizes_as_given() -> Iterator[None]:
    """Within the block nothing is continued: every size is taken to be accepted.

    For tracing a network into a graph that takes many sizes, where a decision made for one of them
    would stand for all.
    """
    token = _as_given.set(True)
    try:
        yield
    finally:
        _as_given.reset(token)


def reflected(x: Tensor, *, multiple: int, minimum: int) -> Tensor:
    """`x` (N, C, H, W) continued at the bottom and the right to accepted sides; itself where they are.

    The border pixel is repeated (half-sample symmetry), again and again where the picture is
    smaller than what is to be added, so that one pixel is enough.
    """
    if _as_given.get():
        return x
    for axis in (2, 3):
        length = x.shape[axis]
        wanted = -(-max(length, minimum) // multiple) * multiple
        if wanted != length:
            steps = torch.arange(wanted, device=x.device) % (2 * length)
            x = x.index_select(axis, torch.where(steps < length, steps, 2 * length - 1 - steps))
    return x
