"""DBPN: super-resolution by going up and down again and learning from what was lost on the way.

Source: Haris, Shakhnarovich, Ukita, "Deep Back-Projection Networks for Super-Resolution", CVPR 2018,
dense version, as used by CSSR (Kondo and Ukita, MVA 2021) with six stages, x4: 8,802,094 parameters
(four stages: 5,578,142). Weights carry the names of the CSSR checkpoints.

Input (N, 3, H, W) float, RGB 0..1, any size from 1 px; output (N, 3, sH, sW), not clipped. Every
convolution has a bias and, but for the last, a PReLU with one slope. Layers for scale s, with the
kernel / stride / padding k = 6/2/2 (x2), 8/4/2 (x4), 12/8/2 (x8):

=========== ============================================================ ========= =====
part        what                                                         channels  scale
=========== ============================================================ ========= =====
feat0       conv 3x3                                                     256       1
feat1       conv 1x1                                                     64        1
up unit     h = deconv k(x); l = conv k(h); h + deconv k(l - x)          64        s
down unit   l = conv k(h); g = deconv k(l); l + conv k(g - h)            64        1
order       up1, down1, up2; then down j on conv 1x1 of all high maps,   64        -
            up j+1 on conv 1x1 of all low maps, the newest map first
output_conv conv 3x3 of all high maps, no activation                     3         s
=========== ============================================================ ========= =====

There is no skip from the input to the output. The published training loads its start weights
without checking names; a file of ours is checked.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crackcore.models.width import scaled_channels

KERNELS = {2: (6, 2, 2), 4: (8, 4, 2), 8: (12, 8, 2)}
"""Kernel, stride and padding by the factor of enlargement."""


class _Conv(nn.Module):
    """conv - PReLU with one slope; without an activation for the output."""

    def __init__(
        self,
        inside: int,
        outside: int,
        kernel: tuple[int, int, int],
        *,
        active: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, *kernel)
        self.act: nn.Module | None = nn.PReLU() if active else None

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out if self.act is None else self.act(out)


class _Deconv(nn.Module):
    """Transposed conv - PReLU with one slope."""

    def __init__(self, channels: int, kernel: tuple[int, int, int]) -> None:
        super().__init__()
        self.deconv = nn.ConvTranspose2d(channels, channels, *kernel)
        self.act = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(self.deconv(x))
        return out


class UpUnit(nn.Module):
    """From low to high resolution; `joined` maps are reduced to one first where there are several."""

    def __init__(self, channels: int, kernel: tuple[int, int, int], joined: int = 1) -> None:
        super().__init__()
        self.conv = _Conv(channels * joined, channels, (1, 1, 0)) if joined > 1 else None
        self.up_conv1 = _Deconv(channels, kernel)
        self.up_conv2 = _Conv(channels, channels, kernel)
        self.up_conv3 = _Deconv(channels, kernel)

    def forward(self, x: Tensor) -> Tensor:
        if self.conv is not None:
            x = self.conv(x)
        high: Tensor = self.up_conv1(x)
        lost: Tensor = self.up_conv3(self.up_conv2(high) - x)
        return high + lost


class DownUnit(nn.Module):
    """From high to low resolution, otherwise as `UpUnit`."""

    def __init__(self, channels: int, kernel: tuple[int, int, int], joined: int = 1) -> None:
        super().__init__()
        self.conv = _Conv(channels * joined, channels, (1, 1, 0)) if joined > 1 else None
        self.down_conv1 = _Conv(channels, channels, kernel)
        self.down_conv2 = _Deconv(channels, kernel)
        self.down_conv3 = _Conv(channels, channels, kernel)

    def forward(self, x: Tensor) -> Tensor:
        if self.conv is not None:
            x = self.conv(x)
        low: Tensor = self.down_conv1(x)
        lost: Tensor = self.down_conv3(self.down_conv2(low) - x)
        return low + lost


class Dbpn(nn.Module):
    """Dense back-projection with `stages` up units and one down unit fewer."""

    def __init__(self, scale: int = 4, stages: int = 6, width: float = 1.0) -> None:
        super().__init__()
        if scale not in KERNELS:
            raise ValueError(f"DBPN enlarges by 2, 4 or 8, not by {scale}")
        if stages < 2:
            raise ValueError(f"DBPN has at least 2 stages, not {stages}")
        self.scale = scale
        self.stages = stages
        kernel = KERNELS[scale]
        channels = scaled_channels(64, width)
        first = scaled_channels(256, width)
        self.feat0 = _Conv(3, first, (3, 1, 1))
        self.feat1 = _Conv(first, channels, (1, 1, 0))
        # the second units of each kind still see one map only: there is nothing to join before
        for number in range(1, stages + 1):
            self.add_module(f"up{number}", UpUnit(channels, kernel, max(1, number - 1)))
            if number < stages:
                self.add_module(f"down{number}", DownUnit(channels, kernel, number))
        self.output_conv = _Conv(channels * stages, 3, (3, 1, 1), active=False)
        self.reset()

    def reset(self) -> None:
        """The published start: Kaiming for all convolutions, biases 0, slopes 0.25."""
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """`sr` (N, 3, scale H, scale W) of pictures (N, 3, H, W); not clipped."""
        low: Tensor = self.feat1(self.feat0(x))
        high: Tensor = self.get_submodule("up1")(low)
        low = self.get_submodule("down1")(high)
        high = torch.cat([self.get_submodule("up2")(low), high], 1)
        for number in range(2, self.stages):
            newest: Tensor = self.get_submodule(f"down{number}")(high)
            low = torch.cat([newest, low], 1)
            newest = self.get_submodule(f"up{number + 1}")(low)
            high = torch.cat([newest, high], 1)
        sr: Tensor = self.output_conv(high)
        return sr


def build(scale: int = 4, stages: int = 6, width: float = 1.0) -> Dbpn:
    """The network for a `ModelSpec` with architecture "dbpn"."""
    return Dbpn(scale, stages, width)
