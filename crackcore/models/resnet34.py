"""ResNet-34 at an eighth of the picture's size: layers 3 and 4 keep their resolution and are dilated.

Source: He et al., "Deep Residual Learning", CVPR 2016, in the dilated form that CSSR's and CSBSR's
PSPNet uses. Weights carry the common names of ImageNet files (`conv1.weight`,
`layer1.0.conv1.weight`, ...), so that those fit unchanged, their classifier `fc` left out.

====== ================================================= ======== ===== ===============
part   what                                              channels scale dilation
====== ================================================= ======== ===== ===============
conv1  conv 7/2/3 without bias, batch norm, ReLU         64       1/2   1
pool   max pool 3/2/1                                    64       1/4   -
layer1 3 basic blocks                                    64       1/4   1
layer2 4 basic blocks, the first with stride 2           128      1/8   1
layer3 6 basic blocks                                    256      1/8   1, then 2 (x5)
layer4 3 basic blocks                                    512      1/8   1, then 4 (x2)
====== ================================================= ======== ===== ===============

Basic block: conv 3x3, batch norm, ReLU, conv 3x3, batch norm, plus the input (through a 1x1 conv and
batch norm where the channels or the size change), ReLU. No bias anywhere. A scale of 1/8 means
ceil(side / 8).

Quirk that is reproduced: the first block of layers 3 and 4 is not dilated, others are in both convs.
"""

from __future__ import annotations

from torch import Tensor, nn

from crackcore.models.width import scaled_channels

CHANNELS = (64, 128, 256, 512)
BLOCKS = (3, 4, 6, 3)
STRIDES = (1, 2, 1, 1)
DILATIONS = (1, 1, 2, 4)


class BasicBlock(nn.Module):
    """Two 3x3 convs beside a shortcut."""

    def __init__(self, inside: int, outside: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            inside, outside, 3, stride=stride, padding=dilation, dilation=dilation, bias=False
        )
        self.bn1 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.downsample: nn.Module | None = None
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride=stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        y = y + (x if self.downsample is None else self.downsample(x))
        out: Tensor = self.relu(y)
        return out


class ResNet34(nn.Module):
    """The dilated encoder. `forward` gives layer 4 and layer 3, (N, 512, h, w) and (N, 256, h, w)."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self.channels = tuple(scaled_channels(c, width) for c in CHANNELS)
        inside = self.channels[0]
        self.conv1 = nn.Conv2d(3, inside, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(inside)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        for number, outside in enumerate(self.channels):
            self.add_module(
                f"layer{number + 1}",
                _layer(inside, outside, BLOCKS[number], STRIDES[number], DILATIONS[number]),
            )
            inside = outside
        self.reset()

    def reset(self) -> None:
        """The start without an ImageNet file: Kaiming by fan-out, as where those files come from."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for name in ("layer1", "layer2"):
            x = self.get_submodule(name)(x)
        third: Tensor = self.get_submodule("layer3")(x)
        fourth: Tensor = self.get_submodule("layer4")(third)
        return fourth, third


def _layer(inside: int, outside: int, blocks: int, stride: int, dilation: int) -> nn.Sequential:
    rest = (BasicBlock(outside, outside, dilation=dilation) for _ in range(blocks - 1))
    return nn.Sequential(BasicBlock(inside, outside, stride=stride), *rest)
