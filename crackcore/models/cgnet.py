"""CGNet M3N21: a light context-guided network, 491,956 parameters.

Source: Wu et al., "CGNet: A Light-weight Context Guided Network for Semantic Segmentation", IEEE
TIP 30 (2021), as configured for DeepCrack-537 by crack_gauge (1024x1024, two classes, FCN head
without convolutions). The names of the weights are those of its published checkpoints
(`backbone.*`, `decode_head.*`), so that those load as they are.

Input (N, 3, H, W) float; any size from 1 px works, useful from about 32 px. Layers:

=========== =============================================== ============== =====
part        what                                            channels       scale
=========== =============================================== ============== =====
stem        conv 3x3 (first with stride 2), three of them   32             1/2
+ input     average-pooled input joined, BN, PReLU          35             1/2
level1      3 context-guided blocks, dilation 2, gate /8    64             1/4
+ input     last, first and pooled input joined, BN, PReLU  131            1/4
level2      21 context-guided blocks, dilation 4, gate /16  128            1/8
join        first and last joined, BN, PReLU                256            1/8
head        conv 1x1 with bias                              2 classes      1/8
=========== =============================================== ============== =====

Batch norm uses eps 1e-3 throughout; convolutions before a norm have no bias. Each block ends in a
global gate, so that its receptive field is the whole input: a tile and the whole picture differ a
little, wherever the tile's surroundings differ.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

BN_EPS = 1e-3


class _ConvNormAct(nn.Module):
    """conv (no bias) - batch norm - PReLU with one slope a channel."""

    def __init__(self, inside: int, outside: int, kernel: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outside, eps=BN_EPS)
        self.activate = nn.PReLU(outside)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.activate(self.bn(self.conv(x)))
        return out


class _Gate(nn.Module):
    """Global context: each channel is weighed by what the whole map looks like."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // reduction),
            nn.ReLU(),
            nn.Linear(channels // reduction, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        weights: Tensor = self.fc(x.mean(dim=(2, 3)))
        return x * weights[:, :, None, None]


class ContextGuidedBlock(nn.Module):
    """Local and surrounding 3x3 depthwise features in parallel, joined, then gated globally."""

    def __init__(self, inside: int, outside: int, *, dilation: int, reduction: int, down: bool) -> None:
        super().__init__()
        width = outside if down else outside // 2
        self.down = down
        self.conv1x1 = _ConvNormAct(inside, width, 3 if down else 1, stride=2 if down else 1)
        self.f_loc = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.f_sur = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, groups=width, bias=False)
        self.bn = nn.BatchNorm2d(2 * width, eps=BN_EPS)
        self.activate = nn.PReLU(2 * width)
        if down:
            self.bottleneck = nn.Conv2d(2 * width, outside, 1, bias=False)
        self.f_glo = _Gate(outside, reduction)

    def forward(self, x: Tensor) -> Tensor:
        reduced = self.conv1x1(x)
        joined = torch.cat([self.f_loc(reduced), self.f_sur(reduced)], 1)
        out: Tensor = self.activate(self.bn(joined))
        if self.down:
            out = self.bottleneck(out)
        out = self.f_glo(out)
        return out if self.down else x + out


class _PooledInput(nn.Module):
    """The picture itself at 1/2 or 1/4: average pooling 3/2/1, padding counted in the mean."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.pool = nn.ModuleList(nn.AvgPool2d(3, stride=2, padding=1) for _ in range(times))

    def forward(self, x: Tensor) -> Tensor:
        for pool in self.pool:
            x = pool(x)
        return x


def _norm_act(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels, eps=BN_EPS), nn.PReLU(channels))


def _level(inside: int, outside: int, count: int, *, dilation: int, reduction: int) -> nn.ModuleList:
    return nn.ModuleList(
        ContextGuidedBlock(
            inside if i == 0 else outside, outside, dilation=dilation, reduction=reduction, down=i == 0
        )
        for i in range(count)
    )


class _Backbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _ConvNormAct(3, 32, 3, stride=2), _ConvNormAct(32, 32, 3), _ConvNormAct(32, 32, 3)
        )
        self.inject_2x = _PooledInput(1)
        self.inject_4x = _PooledInput(2)
        self.norm_prelu_0 = _norm_act(35)
        self.level1 = _level(35, 64, 3, dilation=2, reduction=8)
        self.norm_prelu_1 = _norm_act(131)
        self.level2 = _level(131, 128, 21, dilation=4, reduction=16)
        self.norm_prelu_2 = _norm_act(256)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        half, quarter = self.inject_2x(x), self.inject_4x(x)
        stage0: Tensor = self.norm_prelu_0(torch.cat([self.stem(x), half], 1))
        first = y = self.level1[0](stage0)
        for block in self.level1[1:]:
            y = block(y)
        stage1: Tensor = self.norm_prelu_1(torch.cat([y, first, quarter], 1))
        first = y = self.level2[0](stage1)
        for block in self.level2[1:]:
            y = block(y)
        stage2: Tensor = self.norm_prelu_2(torch.cat([first, y], 1))
        return stage0, stage1, stage2


class _Head(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv_seg = nn.Conv2d(256, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv_seg(x)
        return out


class CGNet(nn.Module):
    """CGNet M3N21 with a two-class head.

    `forward` gives logits (N, 2, H, W) at the input's size: background, crack. `stages` gives the
    three stage outputs, the logits at 1/8 and the full-size logits, as the published code has them.
    """

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.backbone = _Backbone()
        self.decode_head = _Head(classes)
        self.reset()

    def reset(self) -> None:
        """The start used without a pretrained checkpoint: Kaiming, BN weight 1, slopes 0."""
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.PReLU):
                nn.init.zeros_(module.weight)
        nn.init.normal_(self.decode_head.conv_seg.weight, 0.0, 0.01)

    def stages(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        stage0, stage1, stage2 = self.backbone(x)
        logits = self.decode_head(stage2)
        full = functional.interpolate(logits, size=x.shape[2:], mode="bilinear", align_corners=False)
        return stage0, stage1, stage2, logits, full

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)[-1]


def build(classes: int = 2) -> CGNet:
    """The network for a `ModelSpec` with architecture "cgnet_m3n21"."""
    return CGNet(classes)
