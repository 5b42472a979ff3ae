"""DeepCrack of Zou: encoder and decoder of SegNet's kind, joined at every scale.

Source: Zou et al., "DeepCrack: Learning Hierarchical Convolutional Features for Crack Detection",
IEEE TIP 28(3) (2019), 1498-1512, in the form of its released PyTorch network (30,905,011 parameters),
which differs from the paper's (see `deepcrack_tip_paper`). Weights carry the names of its checkpoints.

Input (N, 3, H, W) float, BGR, pixels / 255. Convolutions are 3x3 with bias and ReLU but where noted:

========== ======================================================== ===================== =====
part       what                                                     channels              scale
========== ======================================================== ===================== =====
down1      convs; then max pool 2/2 that remembers where            3-64-64               1
down2      the same                                                 64-128-128            1/2
down3      the same                                                 128-256-256-256       1/4
down4      the same                                                 256-512-512-512       1/8
down5      the same                                                 512-512-512-512       1/16
up5        unpooled to where the maxima were, to the size before    512-512-512-512       1/16
           pooling; convs
up4        the same                                                 512-512-512-256       1/8
up3        the same                                                 256-256-256-128       1/4
up2        the same                                                 128-128-64            1/2
up1        the same                                                 64-64-64              1
fuseK      downK before pooling joined with upK; bilinear (align    1024, 768, 384, 192,  1
(K = 5..1) corners False) to full size; conv to 64; conv to 1       128 - 64 - 1
           without activation
final      conv on fuse5..fuse1 joined, without activation          5-1                   1
========== ======================================================== ===================== =====

Output: six logit maps (N, 1, H, W): output, fuse5, fuse4, fuse3, fuse2, fuse1; probability = sigmoid.

Sides that are no multiples of 16, or under 32, are refused by the original; here they are continued
by reflection and the maps cropped. At the sixteenth sides may be odd (48 x 80 px: 3 x 5, pooled to
1 x 2): the last line then pools to nothing and is unpooled to zeros.

Quirk that is reproduced: the fuse stages enlarge before they convolve (the paper: after), so that
their widest map has 1024 channels at full size; the deploy form does without it.

Not copied, as mistakes of the published scripts: a validation list whose pictures are those trained
on, a setting that is read and does not exist, losses divided by the batch twice, an accuracy that
compares logits with 0.5 and overwrites the prediction, a test that needs a label for every picture.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from crackcore.models.any_size import reflected
from crackcore.models.width import scaled_channels

MULTIPLE_PX, MINIMUM_PX = 16, 32
DOWN = ((3, 64, 64), (64, 128, 128), (128, 256, 256, 256), (256, 512, 512, 512), (512, 512, 512, 512))
UP = ((64, 64, 64), (128, 128, 64), (256, 256, 256, 128), (512, 512, 512, 256), (512, 512, 512, 512))
FUSED_CHANNELS = 64
SCALES = (1, 2, 3, 4, 5)


class ConvRelu(nn.Module):
    """conv 3x3 with bias, ReLU."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.conv(x))


class _Convs(nn.Module):
    """The convolutions of one stage."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.nn = nn.Sequential(*(ConvRelu(a, b) for a, b in pairwise(channels)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.nn(x)
        return out


class Fuse(nn.Module):
    """Encoder and decoder map of one scale to one logit map at full size."""

    def __init__(self, inside: int, middle: int, times: int) -> None:
        super().__init__()
        self.times = times
        self.nn = ConvRelu(inside, middle)
        self.conv = nn.Conv2d(middle, 1, 3, padding=1)

    def forward(self, down: Tensor, up: Tensor) -> Tensor:
        joined = torch.cat([down, up], 1)
        if self.times > 1:
            joined = functional.interpolate(
                joined, scale_factor=self.times, mode="bilinear", align_corners=False
            )
        out: Tensor = self.conv(self.nn(joined))
        return out


class DeepCrackTip(nn.Module):
    """The released network. `forward` gives (output, fuse5, fuse4, fuse3, fuse2, fuse1)."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        down = [tuple(c if c == 3 else scaled_channels(c, width) for c in row) for row in DOWN]
        up = [tuple(scaled_channels(c, width) for c in row) for row in UP]
        for k in SCALES:
            self.add_module(f"down{k}", _Convs(down[k - 1]))
        for k in SCALES:
            self.add_module(f"up{k}", _Convs(up[k - 1]))
        middle = scaled_channels(FUSED_CHANNELS, width)
        for k in reversed(SCALES):
            self.add_module(f"fuse{k}", Fuse(down[k - 1][-1] + up[k - 1][-1], middle, 2 ** (k - 1)))
        self.final = nn.Conv2d(len(SCALES), 1, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """(output, fuse5, fuse4, fuse3, fuse2, fuse1), logits (N, 1, H, W) each, of pictures (N, 3, H, W)."""
        height, width = x.shape[2:]
        y = reflected(x, multiple=MULTIPLE_PX, minimum=MINIMUM_PX)
        downs: list[Tensor] = []
        where: list[Tensor] = []
        for k in SCALES:
            y = self.get_submodule(f"down{k}")(y)
            downs.append(y)
            y, at = functional.max_pool2d(y, 2, return_indices=True)
            where.append(at)
        ups: dict[int, Tensor] = {}
        for k in reversed(SCALES):
            size = list(downs[k - 1].shape[2:])
            y = functional.max_unpool2d(y, where[k - 1], [2, 2], output_size=size)
            ups[k] = y = self.get_submodule(f"up{k}")(y)
        fused = [self.get_submodule(f"fuse{k}")(downs[k - 1], ups[k]) for k in reversed(SCALES)]
        output = self.final(torch.cat(fused, 1))
        output, fuse5, fuse4, fuse3, fuse2, fuse1 = (m[:, :, :height, :width] for m in (output, *fused))
        return output, fuse5, fuse4, fuse3, fuse2, fuse1


def build(width: float = 1.0) -> DeepCrackTip:
    """The network for a `ModelSpec` with architecture "deepcrack_tip".

    Its start is torch's own, as that of the published network.
    """
    return DeepCrackTip(width)
