"""U-Net with the encoder of VGG-16, in three forms of its decoder.

Source: Iglovikov and Shvets' TernausNet in the form of khanhha's crack_segmentation, as changed by
CSSR (Kondo and Ukita, MVA 2021): one pool and one decoder block less, pixel shuffle by default
(29,500,033 parameters with that). Weights carry the names of its checkpoints, which list the encoder
twice: `encoder.0.weight` and `conv1.0.weight` are the same tensor.

Input (N, 3, H, W) float, RGB, /255, ImageNet mean and std (in the joint networks: normalised by the
picture itself). Layers:

======= ============================================== ===================== ========
part    what                                           channels              scale
======= ============================================== ===================== ========
conv1-5 VGG-16 stages, max pool 2/2 between them       64, 128, 256, 512,512 1 .. 1/16
center  decoder block on conv5                         512 - (1024) - 256    1/8
dec4    decoder block on center and conv4 joined       768 - (1024) - 256    1/4
dec3    decoder block on dec4 and conv3 joined         512 - (512) - 128     1/2
dec2    decoder block on dec3 and conv2 joined         256 - (256) - 64      1
dec1    conv 3x3 + ReLU on dec2 and conv1 joined       128 - 32              1
final   conv 1x1 (logit), sigmoid (prob)               1                     1
======= ============================================== ===================== ========

Decoder block, a - (m) - b channels: "pixel_shuffle": conv 3x3 a-m, ReLU, pixel shuffle x2 (m = 4b),
ReLU. "deconv": conv 3x3 a-m, ReLU, deconvolution 4/2/1 m-b, ReLU. "bilinear": bilinear x2 (corners
not aligned), conv 3x3 a-m, ReLU, conv 3x3 m-b, ReLU.

Output: `prob` and `logit` (N, 1, H, W). Sides that are multiples of 16 are taken as the original
does; others are continued by reflection and the maps cropped.

Not copied: the original downloads ImageNet weights to be made at all (see `starts` here); its
second ReLU of the pixel-shuffle block, which changes nothing after the first, is left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crackcore.models.any_size import reflected
from crackcore.models.vgg16 import CONV_NUMBERS, vgg16_features
from crackcore.models.width import scaled_channels

DECODERS = ("pixel_shuffle", "deconv", "bilinear")
MULTIPLE_PX = 16


class ConvRelu(nn.Module):
    """Conv 3x3 with bias, ReLU."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 3, padding=1)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.activation(self.conv(x))
        return out


class DecoderBlock(nn.Module):
    """Twice the size, from `inside` to `outside` channels, in one of the three ways."""

    def __init__(self, decoder: str, inside: int, middle: int, outside: int) -> None:
        super().__init__()
        if decoder == "pixel_shuffle":
            self.block = nn.Sequential(ConvRelu(inside, 4 * outside), nn.PixelShuffle(2))
        elif decoder == "deconv":
            self.block = nn.Sequential(
                ConvRelu(inside, middle),
                nn.ConvTranspose2d(middle, outside, 4, stride=2, padding=1),
                nn.ReLU(inplace=True),
            )
        else:
            self.block = nn.Sequential(
                nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
                ConvRelu(inside, middle),
                ConvRelu(middle, outside),
            )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block(x)
        return out


class UNet16(nn.Module):
    """VGG-16 down, decoder blocks up, each joined with the encoder's map of its size."""

    def __init__(self, decoder: str = "pixel_shuffle", width: float = 1.0) -> None:
        if decoder not in DECODERS:
            raise ValueError(f"decoder must be one of {', '.join(DECODERS)}, not {decoder!r}")
        super().__init__()
        self.decoder = decoder

        def channels(count: int) -> int:
            return scaled_channels(count, width)

        self.pool = nn.MaxPool2d(2)
        self.encoder = vgg16_features(width)
        for stage, numbers in enumerate(CONV_NUMBERS, 1):
            convs_and_relus = [self.encoder[n + step] for n in numbers for step in (0, 1)]
            self.add_module(f"conv{stage}", nn.Sequential(*convs_and_relus))
        self.center = DecoderBlock(decoder, channels(512), channels(1024), channels(256))
        self.dec4 = DecoderBlock(decoder, channels(512) + channels(256), channels(1024), channels(256))
        self.dec3 = DecoderBlock(decoder, channels(256) * 2, channels(512), channels(128))
        self.dec2 = DecoderBlock(decoder, channels(128) * 2, channels(256), channels(64))
        self.dec1 = ConvRelu(channels(64) * 2, channels(32))
        self.final = nn.Conv2d(channels(32), 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(prob, logit), each (N, 1, H, W), of pictures (N, 3, H, W)."""
        height, width = x.shape[2:]
        x = reflected(x, multiple=MULTIPLE_PX, minimum=MULTIPLE_PX)
        stages: list[Tensor] = []
        for stage in range(1, len(CONV_NUMBERS) + 1):
            x = self.get_submodule(f"conv{stage}")(self.pool(x) if stages else x)
            stages.append(x)
        y = self.center(stages.pop())
        for part in (self.dec4, self.dec3, self.dec2, self.dec1):
            y = part(torch.cat([y, stages.pop()], 1))
        logit: Tensor = self.final(y)[:, :, :height, :width]
        return torch.sigmoid(logit), logit


def build(decoder: str = "pixel_shuffle", width: float = 1.0) -> UNet16:
    """The network for a `ModelSpec` with architecture "unet16".

    Raises ValueError for an unknown decoder or a width outside 0..4.
    """
    return UNet16(decoder, width)
