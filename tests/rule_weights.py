"""Networks with weights from a rule: a size each that keeps values in bounds, no zeros or ones anywhere."""

from __future__ import annotations

import zlib
from typing import Any

import torch
from torch import nn

from crackcore.models.catalogue import create_network

GAINS = {
    "cgnet_m3n21": {"": 0.8},
    "pspnet": {"feats.": 0.6, "": 1.05},
    "dbpn": {"": 1.1},
    "kbpn": {"kernel_predictor": 0.6, "": 1.0},
    "cssr": {"segmentation_model.": 1.0, "": 1.1},
    "csbsr": {
        "segmentation_model.feats.": 0.6,
        "kernel_predictor": 0.6,
        "segmentation_model.": 1.05,
        "": 1.0,
    },
}
"""By part of a weight's name, first match: times sqrt(2 / inputs), the spread of convolutions."""


def rule_made(name: str, **arguments: Any) -> nn.Module:
    """The network of this (own) name in eval mode; the same every time."""
    network: nn.Module = create_network(name, **arguments)
    gains = GAINS.get(name, {"": 1.0})
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                seed = torch.Generator().manual_seed(zlib.crc32(key.encode()))
                values = torch.randn(tensor.shape, generator=seed)
                tensor.copy_(_sized(key, values, gains))
    return network.eval()


def _sized(key: str, values: torch.Tensor, gains: dict[str, float]) -> torch.Tensor:
    if values.ndim >= 2:
        gain = next(value for part, value in gains.items() if part in key)
        return values * gain * (2.0 / values[0].numel()) ** 0.5
    if key.endswith("running_var"):
        return 1 + 0.1 * values.abs()
    if key.endswith("running_mean"):
        return 0.1 * values
    if key.endswith("weight"):  # of a norm, or a slope
        return 0.25 + 0.05 * values if values.numel() == 1 else 1 + 0.1 * values
    return 0.05 * values
