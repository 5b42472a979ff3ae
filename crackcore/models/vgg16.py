"""The 13 convs of VGG-16 under the names and in the order of ImageNet files.

Source: Simonyan and Zisserman, "Very Deep Convolutional Networks", ICLR 2015. Five stages of
2, 2, 3, 3, 3 convs 3x3 with bias and ReLU, 64, 128, 256, 512 and 512 channels, a max pool 2/2 after
each; conv K of stage S has the number in `CONV_NUMBERS[S - 1][K - 1]`, so that a file's
`features.NUMBER.weight` fits.
"""

from __future__ import annotations

from torch import nn

from crackcore.models.width import scaled_channels

STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
CONV_NUMBERS = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))


def vgg16_features(width: float = 1.0) -> nn.Sequential:
    """Convs, ReLUs and pools as one sequence of 31 modules, with the start used without a file.

    That start is Kaiming by fan-out and biases 0, as where the ImageNet files come from.
    """
    layers: list[nn.Module] = []
    inside = 3
    for stage in STAGES:
        for channels in stage:
            outside = scaled_channels(channels, width)
            conv = nn.Conv2d(inside, outside, 3, padding=1)
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)
            layers += [conv, nn.ReLU(inplace=True)]
            inside = outside
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)
