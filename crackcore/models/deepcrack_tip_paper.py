"""DeepCrack of Zou as the paper describes it: SegNet with batch norm, its two halves fused at every scale.

Source: Zou et al., "DeepCrack: Learning Hierarchical Convolutional Features for Crack Detection",
IEEE TIP 28(3) (2019), 1498-1512, sections III.A and IV.A, figures 2 and 3; a Caffe network whose code
and weights are not published (`deepcrack_tip` is what was). There is no checkpoint to be equal to:
names of weights are our own, given below.

Input (N, 3, H, W) float, BGR, /255. "conv" is conv 3x3 with bias, batch norm, ReLU. s is 1, 2, 4, 8,
16 at scales k = 1..5. Layers:

============== ==================================================== ================ =====
part           what                                                 channels         scale
============== ==================================================== ================ =====
down1, down2   2 conv (Dk), then max pool 2/2 with its indices      64, 128          1, 1/2
down3 .. down5 3 conv (Dk), then the same pool                      256, 512, 512    1/s
up5 .. up3     unpool to Dk's size by its indices, 3 conv (Uk)      512, 512, 256    1/s
up2, up1       the same with 2 conv (Uk)                            128, 64          1/2, 1
reduce3 .. 1   conv 1x1, batch norm, ReLU between Uk+1 and the
               unpooling of scale k                                 256, 128, 64     1/2s
score5 .. 1    conv 1x1 on Dk and Uk joined                         1                1/s
deconv5 .. 1   deconvolution by s (kernel 2s, 1 at scale 1, one
               channel, no bias), cropped to the picture            1                1
final          conv 1x1 on the five maps joined                     5 - 1            1
============== ==================================================== ================ =====

Output: six logit maps (N, 1, H, W): output, fuse5, fuse4, fuse3, fuse2, fuse1; the probability is
the sigmoid of the first. 31,207,388 parameters.

Names: `down1.0.weight` (conv), `down1.1.weight` (batch norm), `down1.3.weight` (next conv), and so on;
`reduce3.0.weight`, `score5.weight`, `deconv5.weight`, `final.weight`.

Start: convs by He's rule ("msra"), biases 0, deconvolutions bilinear (all of them are learnt).

Differences to the release: batch norm; decoder stages keep their channels to the end; a conv 1x1 to
one channel before the enlarging instead of 3x3 convs after it; a 1x1 fusion. Our own readings, where
the paper says nothing: `reduceK`, for figure 2 gives U4 512 channels and the indices that U4 is
unpooled by have 256; pools that keep an incomplete last window and crops from the middle of the
enlarged map, as Caffe and its networks of this kind have them.

Any size from 1 px is taken as it is. In training one picture of at most 16 x 16 px, whose batch norm
would see a single value, is continued by reflection.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from crackcore.models.any_size import reflected
from crackcore.models.width import scaled_channels

CHANNELS = (64, 128, 256, 512, 512)
CONVS = (2, 2, 3, 3, 3)
SCALES = (1, 2, 3, 4, 5)
COARSEST = 16


class BilinearDeconvolution(nn.ConvTranspose2d):
    """One channel enlarged `times` by a learnt filter that starts as bilinear interpolation."""

    def __init__(self, times: int) -> None:
        self.times = times
        super().__init__(1, 1, 2 * times - times % 2, stride=times, bias=False)

    def reset_parameters(self) -> None:
        side = self.kernel_size[0]
        places = torch.arange(side, dtype=torch.float32)
        line = 1 - (places - (side - 1) / 2).abs() / self.times
        with torch.no_grad():
            self.weight.copy_(torch.outer(line, line)[None, None])

    def onto(self, score: Tensor, height: int, width: int) -> Tensor:
        """`score` (N, 1, h, w) enlarged and cropped to (N, 1, height, width)."""
        border = (self.kernel_size[0] - self.times) // 2
        enlarged: Tensor = self(score)
        return enlarged[:, :, border : border + height, border : border + width]


class DeepCrackTipPaper(nn.Module):
    """Five scales down and up, a map from each, and their fusion."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        channels = [scaled_channels(c, width) for c in CHANNELS]
        for k, inside, outside in zip(SCALES, (3, *channels), channels, strict=False):
            self.add_module(f"down{k}", _convs(inside, outside, CONVS[k - 1]))
        for k in reversed(SCALES):
            here = channels[k - 1]
            if k < len(SCALES) and channels[k] != here:
                self.add_module(f"reduce{k}", _convs(channels[k], here, 1, kernel=1))
            self.add_module(f"up{k}", _convs(here, here, CONVS[k - 1]))
        for k in reversed(SCALES):
            self.add_module(f"score{k}", nn.Conv2d(2 * channels[k - 1], 1, 1))
        for k in reversed(SCALES):
            self.add_module(f"deconv{k}", BilinearDeconvolution(2 ** (k - 1)))
        self.final = nn.Conv2d(len(SCALES), 1, 1)
        self.reset()

    def reset(self) -> None:
        """The paper's start; batch norm weights 1, biases 0."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, (BilinearDeconvolution, nn.BatchNorm2d)):
                module.reset_parameters()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """(output, fuse5, fuse4, fuse3, fuse2, fuse1), logits (N, 1, H, W) each, of pictures (N, 3, H, W)."""
        height, width = x.shape[2:]
        x = self._accepted(x)
        downs: list[Tensor] = []
        where: list[Tensor] = []
        for k in SCALES:
            x = self.get_submodule(f"down{k}")(x)
            downs.append(x)
            x, indices = functional.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
            where.append(indices)
        maps: list[Tensor] = []
        for k in reversed(SCALES):
            down = downs[k - 1]
            if hasattr(self, f"reduce{k}"):
                x = self.get_submodule(f"reduce{k}")(x)
            x = functional.max_unpool2d(x, where[k - 1], [2, 2], output_size=list(down.shape[2:]))
            x = self.get_submodule(f"up{k}")(x)
            score = self.get_submodule(f"score{k}")(torch.cat([down, x], 1))
            deconvolution = self.get_submodule(f"deconv{k}")
            assert isinstance(deconvolution, BilinearDeconvolution)
            maps.append(deconvolution.onto(score, height, width))
        output: Tensor = self.final(torch.cat(maps, 1))
        fuse5, fuse4, fuse3, fuse2, fuse1 = maps
        return output, fuse5, fuse4, fuse3, fuse2, fuse1

    def _accepted(self, x: Tensor) -> Tensor:
        if self.training and x.shape[0] == 1 and max(x.shape[2:]) <= COARSEST:
            return reflected(x, multiple=1, minimum=2 * COARSEST)
        return x


def _convs(inside: int, outside: int, count: int, *, kernel: int = 3) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(count):
        conv = nn.Conv2d(inside, outside, kernel, padding=kernel // 2)
        layers += [conv, nn.BatchNorm2d(outside), nn.ReLU(inplace=True)]
        inside = outside
    return nn.Sequential(*layers)


def build(width: float = 1.0) -> DeepCrackTipPaper:
    """The network for a `ModelSpec` with architecture "deepcrack_tip_paper"."""
    return DeepCrackTipPaper(width)
