"""How large a network is and how much work it does, counted without computing anything."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from crackcore.models.catalogue import create_network

SIDE_PX = 512


def parameter_count(network: nn.Module) -> int:
    """Numbers that training changes; a tensor that is listed twice counts once."""
    return sum(p.numel() for p in network.parameters())


def gflop(network: nn.Module, *, height_px: int = SIDE_PX, width_px: int = SIDE_PX) -> float:
    """Billions of additions and multiplications for one picture of that many photo pixels.

    Those of convolutions and products of matrices of the plain network in eval mode, each
    multiplication with its addition counted as two. The network has to be on the meta device
    (see `weightless`): shapes are enough.
    """
    picture = torch.empty(1, 3, height_px, width_px, device="meta")
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(picture)
    return float(counter.get_total_flops()) / 1e9


def weightless(name: str, **arguments: Any) -> nn.Module:
    """The network of this name without memory for weights, in eval mode; raises UnknownModel."""
    with torch.device("meta"):
        network: nn.Module = create_network(name, **arguments)
    return network.eval()
