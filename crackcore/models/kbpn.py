"""KBPN: super-resolution of blurred pictures that estimates the blur on the way.

Source: Kondo and Ukita, "Joint Learning of Blind Super-Resolution and Crack Segmentation for
Realistic Degraded Images" (CSBSR), IEEE TIM 73 (2024), and its code; four stages, x4, kernels of
7x7 brought to 21x21: 61,158,563 parameters. Weights carry the names of its checkpoints.

Input (N, 3, H, W) float, RGB 0..1, any size from 1 px. Output: the enlarged picture (N, 3, 4H, 4W),
not clipped; its residual over plain bicubic enlargement; the estimated kernel (N, 1, 21, 21), its
sum 1; the kernel that the estimate started from, likewise. Kernel values may be negative.

Convolutions 8 / 4 / 2 (kernel, stride, padding) and their transposes have no bias, the 1x1 ones
have. "act" is a PReLU with one slope (start 0.01) unless another one is named.

============ ==================================================================== ======== =====
part         what                                                                 channels scale
============ ==================================================================== ======== =====
feat         four VGG-16 convs 3x3 with bias and ReLU, no pool between            128      1
predictor    3 x (conv 3x3, act) to 49, mean over the picture, 7x7 bicubic to     441      -
             21x21, divided by the sum
up           conv 1x1 + act; then as in DBPN                                      128      4
kernel block look = conv 3x3 of all high maps; kernel refined by the look;        128      4
             look blurred by the kernel and reduced, less the input; that error
             through deconv 3-128 + act is added to the newest high map
down         conv 1x1 + act of all high maps; then as in DBPN (not at the last)   128      1
sft          low maps * sigmoid(two convs) + two convs, each of [low maps, kernel k x 128  1
             as 441 constant maps]; LeakyReLU 0.1 between                         k x 128  1
output_conv  conv 3x3 of all high maps; plus the input enlarged by bicubic        3        4
============ ==================================================================== ======== =====

Refining a kernel: features of the look (conv 3x3 + ReLU to 49, 1x1 to 32, twice 3x3, 3x3 to 49,
LeakyReLU 0.01) and of the kernel as constant maps (3x3 to 49 twice, LeakyReLU), joined; 1x1 to 32,
3x3, 3x3 to 49, mean over the picture, 7x7 bicubic to 21x21; added to the kernel, and the sum is
divided by its sum.

Quirks that are reproduced: the newest map is joined last (in DBPN first); each stage gets low maps
that were modulated, but the ones joined later are those before modulation; kernels are divided by
their sum, which nothing keeps away from zero; constant maps meet zero padding, so that a picture's
border sees another kernel than its inside.

Not copied, as mistakes of the published code: the ImageNet start of `feat` is overwritten by Kaiming
values right after loading; weights are frozen and freed inside `forward` by the iteration's number.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from crackcore.models.blur import blurred
from crackcore.models.width import scaled_channels

SCALE = 4
UP_OR_DOWN = (8, 4, 2)
ESTIMATED_SIDE_PX = 7
KERNEL_SIDE_PX = 21
ESTIMATED = ESTIMATED_SIDE_PX**2
KERNEL = KERNEL_SIDE_PX**2


class _Block(nn.Module):
    """A convolution or its transpose, and what follows it."""

    def __init__(self, layer: nn.Module, act: nn.Module | None = None) -> None:
        super().__init__()
        self.layer = layer
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x)
        return out if self.act is None else self.act(out)


def _slope() -> nn.PReLU:
    return nn.PReLU(init=0.01)


def _conv(inside: int, outside: int, side: int = 3, act: nn.Module | None = None) -> _Block:
    return _Block(nn.Conv2d(inside, outside, side, padding=side // 2, bias=False), act)


def _reduction(inside: int, outside: int) -> _Block:
    return _Block(nn.Conv2d(inside, outside, 1), _slope())


def _down(channels: int) -> _Block:
    return _Block(nn.Conv2d(channels, channels, *UP_OR_DOWN, bias=False), _slope())


def _up(inside: int, outside: int) -> _Block:
    return _Block(nn.ConvTranspose2d(inside, outside, *UP_OR_DOWN, bias=False), _slope())


class _UpUnit(nn.Module):
    def __init__(self, channels: int, joined: int) -> None:
        super().__init__()
        self.conv = _reduction(channels * joined, channels)
        self.up_conv2 = _down(channels)
        self.up_conv1 = _up(channels, channels)
        self.up_conv3 = _up(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        high: Tensor = self.up_conv1(x)
        lost: Tensor = self.up_conv3(self.up_conv2(high) - x)
        return high + lost


class _DownUnit(nn.Module):
    def __init__(self, channels: int, joined: int) -> None:
        super().__init__()
        self.conv = _reduction(channels * joined, channels)
        self.down_conv1 = _down(channels)
        self.down_conv3 = _down(channels)
        self.down_conv2 = _up(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        low: Tensor = self.down_conv1(x)
        lost: Tensor = self.down_conv3(self.down_conv2(low) - x)
        return low + lost


def _enlarged_kernel(values: Tensor) -> Tensor:
    """Kernels (N, 49, 1, 1) brought from 7x7 to 21x21, as (N, 441, 1, 1)."""
    small = values.reshape(-1, 1, ESTIMATED_SIDE_PX, ESTIMATED_SIDE_PX)
    large = functional.interpolate(small, size=KERNEL_SIDE_PX, mode="bicubic", align_corners=False)
    return large.reshape(-1, KERNEL, 1, 1)


def _sum_one(kernel: Tensor) -> Tensor:
    return kernel / kernel.sum(1, keepdim=True)


def _as_picture(kernel: Tensor) -> Tensor:
    return kernel.reshape(-1, 1, KERNEL_SIDE_PX, KERNEL_SIDE_PX)


class _Predictor(nn.Module):
    """A first kernel (N, 441, 1, 1), its sum 1, from the features of the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.feat_ext = nn.Sequential(
            _conv(channels, channels, act=_slope()),
            _conv(channels, channels, act=_slope()),
            _conv(channels, ESTIMATED, act=_slope()),
        )

    def forward(self, features: Tensor) -> Tensor:
        return _sum_one(_enlarged_kernel(self.feat_ext(features).mean((2, 3), keepdim=True)))


class KernelRefinement(nn.Module):
    """What to add to a kernel (N, 441, 1, 1), seeing what the picture (N, 3, H, W) looks like now."""

    def __init__(self) -> None:
        super().__init__()
        inner = 32
        self.fe_SR = nn.Sequential(
            _conv(3, ESTIMATED, act=nn.ReLU()),
            _conv(ESTIMATED, inner, 1, nn.LeakyReLU(0.01)),
            _conv(inner, inner, act=nn.LeakyReLU(0.01)),
            _conv(inner, inner, act=nn.LeakyReLU(0.01)),
            _conv(inner, ESTIMATED, act=nn.LeakyReLU(0.01)),
        )
        self.fe_kernel = nn.Sequential(
            _conv(KERNEL, ESTIMATED, act=nn.LeakyReLU(0.01)),
            _conv(ESTIMATED, ESTIMATED, act=nn.LeakyReLU(0.01)),
        )
        self.fe_cat = nn.Sequential(
            _conv(2 * ESTIMATED, inner, 1, nn.LeakyReLU(0.01)),
            _conv(inner, inner, act=nn.LeakyReLU(0.01)),
            _conv(inner, ESTIMATED),
        )

    def forward(self, look: Tensor, kernel: Tensor) -> Tensor:
        seen = self.fe_SR(look)
        known = self.known(kernel, (look.shape[2], look.shape[3]))
        change: Tensor = self.fe_cat(torch.cat([seen, known], 1))
        return _enlarged_kernel(change.mean((2, 3), keepdim=True))

    def known(self, kernel: Tensor, size: tuple[int, int]) -> Tensor:
        """Features of the kernel as maps of `size`; the deploy form has a shorter way."""
        features: Tensor = self.fe_kernel(kernel.expand(-1, -1, *size))
        return features


class _KernelBlock(nn.Module):
    def __init__(self, channels: int, joined: int) -> None:
        super().__init__()
        self.sr_reconst = _conv(channels * joined, 3)
        self.kernel_predictor = KernelRefinement()
        self.up_conv1 = _up(3, channels)

    def forward(
        self, high: Tensor, newest: Tensor, x: Tensor, kernel: Tensor, *, refine: bool
    ) -> tuple[Tensor, Tensor]:
        look: Tensor = self.sr_reconst(high)
        if refine:
            kernel = kernel + self.kernel_predictor(look, kernel)
        kernel = _sum_one(kernel)
        error = blurred(look, _as_picture(kernel), stride=SCALE) - x
        return newest + self.up_conv1(error), kernel


class KernelModulation(nn.Module):
    """Low maps scaled and shifted by what the kernel (N, 441, 1, 1) says."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        joined = channels + KERNEL
        self.SFT_scale_conv0 = nn.Conv2d(joined, joined, 3, padding=1)
        self.SFT_scale_conv1 = nn.Conv2d(joined, channels, 3, padding=1)
        self.SFT_shift_conv0 = nn.Conv2d(joined, joined, 3, padding=1)
        self.SFT_shift_conv1 = nn.Conv2d(joined, channels, 3, padding=1)

    def forward(self, low: Tensor, kernel: Tensor) -> Tensor:
        joined = torch.cat([low, kernel.expand(-1, -1, *low.shape[2:])], 1)
        scale = self.SFT_scale_conv1(functional.leaky_relu(self.SFT_scale_conv0(joined), 0.1))
        shift: Tensor = self.SFT_shift_conv1(functional.leaky_relu(self.SFT_shift_conv0(joined), 0.1))
        return low * torch.sigmoid(scale) + shift


class _Stage(nn.Module):
    """Stage k of `stages`: up, kernel block, and (but for the last) down and modulation."""

    def __init__(self, channels: int, number: int, *, last: bool) -> None:
        super().__init__()
        self.up = _UpUnit(channels, max(1, number - 1))
        self.kb = _KernelBlock(channels, number)
        self.down = None if last else _DownUnit(channels, number)
        self.sft = None if last else KernelModulation(channels * number)

    def forward(
        self, low: Tensor, highs: list[Tensor], x: Tensor, kernel: Tensor, *, refine: bool
    ) -> tuple[Tensor, Tensor]:
        """The newest high map and the kernel as it is now."""
        newest: Tensor = self.up(low)
        out: tuple[Tensor, Tensor] = self.kb(torch.cat([*highs, newest], 1), newest, x, kernel, refine=refine)
        return out


class Kbpn(nn.Module):
    """Kernelised back-projection. Returns (sr, residual, kernel, first kernel), see above."""

    def __init__(self, stages: int = 4, width: float = 1.0) -> None:
        super().__init__()
        if stages < 2:
            raise ValueError(f"KBPN has at least 2 stages, not {stages}")
        half, channels = scaled_channels(64, width), scaled_channels(128, width)
        layers: list[nn.Module] = []
        for inside, outside in ((3, half), (half, half), (half, channels), (channels, channels)):
            layers += [nn.Conv2d(inside, outside, 3, padding=1), nn.ReLU()]
        self.feat = nn.Sequential(*layers)
        self.predictor = _Predictor(channels)
        self.back_projection_stages = nn.ModuleList(
            _Stage(channels, number, last=number == stages) for number in range(1, stages + 1)
        )
        self.output_conv = _conv(channels * stages, 3)
        self.reset()

    def reset(self) -> None:
        """The published start: Kaiming for all convolutions, biases 0, slopes 0.01."""
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor, true_kernel: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """`true_kernel` (N, 1, 21, 21) is taken as known and not refined: the first phase of training."""
        features = self.feat(x)
        first: Tensor = (
            self.predictor(features) if true_kernel is None else true_kernel.reshape(-1, KERNEL, 1, 1)
        )
        kernel = first
        low: Tensor = features
        lows: list[Tensor] = []
        highs: list[Tensor] = []
        for stage in self.back_projection_stages:
            assert isinstance(stage, _Stage)
            newest, kernel = stage(low, highs, x, kernel, refine=true_kernel is None)
            highs.append(newest)
            if stage.down is not None and stage.sft is not None:
                lows.append(stage.down(torch.cat(highs, 1)))
                low = stage.sft(torch.cat(lows, 1), kernel)
        residual: Tensor = self.output_conv(torch.cat(highs, 1))
        plain = functional.interpolate(x, scale_factor=SCALE, mode="bicubic", align_corners=False)
        return residual + plain, residual, _as_picture(kernel), _as_picture(first)


def build(stages: int = 4, width: float = 1.0) -> Kbpn:
    """The network for a `ModelSpec` with architecture "kbpn"."""
    return Kbpn(stages, width)
