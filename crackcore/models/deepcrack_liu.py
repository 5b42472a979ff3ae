"""DeepCrack of Liu: VGG-16 layers, a crack map from every scale, and their weighted sum.

Source: Liu et al., "DeepCrack: A Deep Hierarchical Feature Learning Architecture for Crack
Segmentation", Neurocomputing 338 (2019), 139-153, in the form of its released PyTorch network (one
class, batch norm, 64 base channels; 14,720,389 parameters). Weights carry the names of its
checkpoints (`latest_net_G.pth`).

Input (N, 3, H, W) float, RGB, (pixels / 255 - 0.5) / 0.5. Layers:

========== ==================================================== ======== =====
part       what                                                 channels scale
========== ==================================================== ======== =====
conv1      2 x (conv 3x3 without bias, batch norm, ReLU)        64       1
conv2      max pool 2/2, 2 x the same                           128      1/2
conv3      max pool, 3 x the same                               256      1/4
conv4      max pool, 3 x the same                               512      1/8
conv5      max pool, 3 x the same                               512      1/16
side_convK conv 1x1 without bias on the last map of each stage  1        -
upsampling bilinear, corners aligned, to the input's size       1        1
fuse_conv  conv 1x1 without bias on side1..side5 joined         1        1
========== ==================================================== ======== =====

Output: six logit maps (N, 1, H, W): side1, side2, side3, side4, side5, fused; the probability is
their sigmoid. Sides from 16 px are taken as the original does; smaller pictures are continued by
reflection and the maps cropped.

Quirks that are reproduced:

- The released test script never leaves training mode unless told so: its batch norm runs on the
  statistics of the one picture at hand. `batch_statistics=True` computes that in eval mode, each
  picture of a batch by itself and without touching the running statistics. The score of a tile then
  depends on that tile, so whole pictures should be given. There 16 px a side are not enough, for one
  value has no spread: a picture under 32 px in both directions is continued to 32 px.
- Upsampling aligns corners, which stretches coarse maps against the picture: at 1/16 by some 8 px at
  every edge, and by up to 23 px at the far ones where a side is no multiple of 16.

Not copied, as mistakes of the published scripts: defaults that give another network than the
trained one (two classes, instance norm), the loss mode "bce" that cannot run, integer labels,
grayscale pictures that crash, labels found by the text before the first dot of a file name, a
learning rate that has fallen to 1e-8 by epoch 161 of 700.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from crackcore.models.any_size import reflected
from crackcore.models.width import scaled_channels

STAGES = (((64,) * 2), ((128,) * 2), ((256,) * 3), ((512,) * 3), ((512,) * 3))
SMALLEST_SIDE_PX = 16
SMALLEST_SIDE_FOR_STATISTICS_PX = 32


class PictureNorm(nn.InstanceNorm2d):
    """Batch norm that uses the statistics of each single picture in eval mode.

    The same weights and buffers as `nn.BatchNorm2d`, which it is not on purpose: nothing that folds
    batch norm by its running statistics may take it for one. In training mode it is a batch norm
    over the batch and keeps running statistics, so that the weights serve both ways.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=True, track_running_stats=True)

    def forward(self, x: Tensor) -> Tensor:
        """`x` (N, C, H, W) normalised: by each picture's own figures, in training by the batch's."""
        if not self.training:
            return functional.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        return functional.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=True,
            momentum=0.1 if self.momentum is None else self.momentum,
            eps=self.eps,
        )


class DeepCrackLiu(nn.Module):
    """Five VGG-16 stages with batch norm, a side output each, and the fused map."""

    def __init__(self, width: float = 1.0, *, batch_statistics: bool = False) -> None:
        super().__init__()
        self.batch_statistics = batch_statistics
        inside = 3
        for number, channels in enumerate(STAGES, 1):
            outside = tuple(scaled_channels(c, width) for c in channels)
            self.add_module(f"conv{number}", _stage((inside, *outside), batch_statistics))
            self.add_module(f"side_conv{number}", nn.Conv2d(outside[-1], 1, 1, bias=False))
            inside = outside[-1]
        self.fuse_conv = nn.Conv2d(len(STAGES), 1, 1, bias=False)
        self.reset()

    def reset(self) -> None:
        """The published start: Xavier with gain 0.02, norm weights N(1, 0.02), nothing pretrained."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_normal_(module.weight, gain=0.02)
            elif isinstance(module, (nn.BatchNorm2d, PictureNorm)):
                nn.init.normal_(module.weight, 1.0, 0.02)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """side1 ... side5, fused: logits (N, 1, H, W) each of pictures (N, 3, H, W)."""
        height, width = x.shape[2:]
        x = self._accepted(x)
        sides = []
        features = x
        for number in range(1, len(STAGES) + 1):
            if number > 1:
                features = functional.max_pool2d(features, 2)
            features = self.get_submodule(f"conv{number}")(features)
            side: Tensor = self.get_submodule(f"side_conv{number}")(features)
            if number > 1:
                side = functional.interpolate(side, size=x.shape[2:], mode="bilinear", align_corners=True)
            sides.append(side)
        fused: Tensor = self.fuse_conv(torch.cat(sides, 1))
        side1, side2, side3, side4, side5 = (side[:, :, :height, :width] for side in sides)
        return side1, side2, side3, side4, side5, fused[:, :, :height, :width]

    def _accepted(self, x: Tensor) -> Tensor:
        # one value at 1/16 has no spread: it needs a second one, from the batch or from the picture
        alone = x.shape[0] == 1 if self.training else self.batch_statistics
        needed = SMALLEST_SIDE_FOR_STATISTICS_PX
        if alone and max(x.shape[2:]) < needed:
            return reflected(x, multiple=1, minimum=needed)
        return reflected(x, multiple=1, minimum=SMALLEST_SIDE_PX)


def _stage(channels: tuple[int, ...], batch_statistics: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inside, outside in pairwise(channels):
        norm = PictureNorm(outside) if batch_statistics else nn.BatchNorm2d(outside)
        layers += [nn.Conv2d(inside, outside, 3, padding=1, bias=False), norm, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def build(width: float = 1.0, batch_statistics: bool = False) -> DeepCrackLiu:
    """The network for a `ModelSpec` with architecture "deepcrack_liu"."""
    return DeepCrackLiu(width, batch_statistics=batch_statistics)
