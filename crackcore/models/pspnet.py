"""PSPNet with a dilated ResNet-34: every place sees the whole picture through a pyramid of means.

Source: Zhao et al., "Pyramid Scene Parsing Network", CVPR 2017, in the form that CSSR and CSBSR
(Kondo and Ukita, MVA 2021 and IEEE TIM 73, 2024) use: one class, pictures of 448 x 448 px, an
auxiliary branch that is always computed (28,091,141 parameters). Weights carry the names of its
checkpoints.

Input (N, 3, H, W) float, RGB, /255, ImageNet mean and std (in the joint networks: normalised by the
picture itself). h = ceil(H / 8), w = ceil(W / 8). Layers:

================== =========================================================== ======== =======
part               what                                                        channels size
================== =========================================================== ======== =======
feats              ResNet-34 (see there), layers 3 and 4                       256, 512 h x w
psp.stages.0..3    mean over a grid of 1, 2, 3, 6; conv 1x1 without bias;
                   bilinear back                                               4 x 512  h x w
psp.bottleneck     the four joined, features last; conv 1x1, ReLU, dropout 0.3 1024     h x w
up_1, up_2, up_3   bilinear x2, conv 3x3, batch norm, PReLU (one slope),
                   dropout 0.15                                                256, 64, 64  8h x 8w
final              conv 1x1 (logit), sigmoid (prob)                            1        8h x 8w
aux                layer 3: conv 3x3 without bias, batch norm, ReLU,
                   dropout 0.1, conv 1x1 (aux_logit_low), sigmoid              1        h x w
aux_prob           bilinear, corners aligned                                   1        H x W
================== =========================================================== ======== =======

Dropout drops whole channels and acts in training only. Output: `prob` (N, 1, 8h, 8w), `aux_prob`
(N, 1, H, W), `aux_logit_low` (N, 1, h, w), `logit` (N, 1, 8h, 8w).

Quirks that are reproduced: `prob` and `logit` are 8 ceil(side / 8) long (75 x 101 px give 80 x 104)
and lie over the picture from its upper left corner; `aux_prob` is the upsampled probability, not the
probability of an upsampled logit.

Any size from 1 px is taken as the original does. Where that fails (one picture of at most 8 x 8 px in
training, whose batch norm would see a single value) the picture is continued by reflection.

Not copied: the original needs a download of ImageNet weights to be made at all (see `starts` here),
and gives no auxiliary branch to a network made in eval mode.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from crackcore.models.any_size import reflected
from crackcore.models.resnet34 import ResNet34
from crackcore.models.width import scaled_channels

GRIDS = (1, 2, 3, 6)
STRIDE_PX = 8


class Pyramid(nn.Module):
    """Means over coarse grids, beside the features they were taken from."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(grid), nn.Conv2d(inside, inside, 1, bias=False))
            for grid in GRIDS
        )
        self.bottleneck = nn.Conv2d(inside * (len(GRIDS) + 1), outside, 1)

    def forward(self, features: Tensor) -> Tensor:
        size = features.shape[2:]
        priors = [
            functional.interpolate(stage(features), size=size, mode="bilinear", align_corners=False)
            for stage in self.stages
        ]
        return functional.relu(self.bottleneck(torch.cat([*priors, features], 1)))


class Upsampler(nn.Module):
    """Twice the size, then a conv block."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.PReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        size = [2 * side for side in x.shape[2:]]
        out: Tensor = self.conv(functional.interpolate(x, size=size, mode="bilinear", align_corners=False))
        return out


class PSPNet(nn.Module):
    """ResNet-34, pyramid, three upsamplers, and an auxiliary branch from layer 3."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self.feats = ResNet34(width)
        third, fourth = self.feats.channels[2:]
        joined, middle, last = (scaled_channels(c, width) for c in (1024, 256, 64))
        self.psp = Pyramid(fourth, joined)
        self.drop_1 = nn.Dropout2d(0.3)
        self.up_1 = Upsampler(joined, middle)
        self.up_2 = Upsampler(middle, last)
        self.up_3 = Upsampler(last, last)
        self.drop_2 = nn.Dropout2d(0.15)
        self.final = nn.Sequential(nn.Conv2d(last, 1, 1), nn.Sigmoid())
        self.aux = nn.Sequential(
            nn.Conv2d(third, middle, 3, padding=1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(inplace=True),
            nn.Dropout2d(0.1),
            nn.Conv2d(middle, 1, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(prob, aux_prob, aux_logit_low, logit) of pictures (N, 3, H, W); their sizes are above."""
        height, width = x.shape[2:]
        rows, columns = -(-height // STRIDE_PX), -(-width // STRIDE_PX)
        x = self._accepted(x)
        fourth, third = self.feats(x)
        y = self.drop_1(self.psp(fourth))
        for up in (self.up_1, self.up_2, self.up_3):
            y = self.drop_2(up(y))
        logit: Tensor = self.final[0](y)[:, :, : STRIDE_PX * rows, : STRIDE_PX * columns]
        aux_logit: Tensor = self.aux[:-1](third)
        aux_prob = functional.interpolate(
            torch.sigmoid(aux_logit), size=x.shape[2:], mode="bilinear", align_corners=True
        )
        return (
            torch.sigmoid(logit),
            aux_prob[:, :, :height, :width],
            aux_logit[:, :, :rows, :columns],
            logit,
        )

    def _accepted(self, x: Tensor) -> Tensor:
        if self.training and x.shape[0] == 1 and max(x.shape[2:]) <= STRIDE_PX:
            return reflected(x, multiple=1, minimum=2 * STRIDE_PX)
        return x


def build(width: float = 1.0) -> PSPNet:
    """The network for a `ModelSpec` with architecture "pspnet"."""
    return PSPNet(width)
