"""A real network of three layers and a few kB for tests: finds thin lines darker than their surroundings."""

from __future__ import annotations

import torch
from torch import nn

LUMINANCE = (0.299, 0.587, 0.114)


def build(step: float = 0.12, steepness: float = 30.0) -> nn.Sequential:
    """The network; `step` is how much darker (of 0..1) a line must be to score one half."""
    smooth = nn.Conv2d(3, 2, 3, padding=1, padding_mode="replicate")
    contrast = nn.Conv2d(2, 1, 15, padding=7, padding_mode="replicate")
    logits = nn.Conv2d(1, 2, 1)
    with torch.no_grad():
        # Channel 0 is the lightness of a pixel, channel 1 its mean over 3 x 3 pixels.
        smooth.weight.zero_()
        smooth.weight[0, :, 1, 1] = torch.tensor(LUMINANCE)
        smooth.weight[1] = torch.tensor(LUMINANCE)[:, None, None] / 9
        # Its surroundings' mean less the mean of the pixel itself and its neighbours.
        contrast.weight[0, 0] = 1 / 225
        contrast.weight[0, 1] = 0
        contrast.weight[0, 1, 7, 7] = -1
        logits.weight.copy_(torch.tensor([0.0, steepness]).view(2, 1, 1, 1))
        for layer, bias in ((smooth, [0.0, 0.0]), (contrast, [0.0]), (logits, [0.0, -steepness * step])):
            assert layer.bias is not None
            layer.bias.copy_(torch.tensor(bias))
    return nn.Sequential(smooth, contrast, logits).eval()
