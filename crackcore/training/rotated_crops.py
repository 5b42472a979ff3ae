"""The 135 forms of a photo that Zou's DeepCrack trains on: 9 rotations x 5 crops x 3 mirrorings.

260 photos make 260 x 135 = 35,100 (Zou et al., IEEE TIP 28(3), 2019). The script that made them was
never released; file names show `rot0..8`, `crop1..5`, `mirror0..2`. The geometry here is therefore
ours, where the paper leaves it open:

- rotation r turns the photo by 10 r degrees (0..80, counter-clockwise) about its centre, on a canvas
  of the photo's size;
- crops 1..4 lie in the corners of that canvas (upper left, upper right, lower left, lower right),
  crop 5 in its middle. A photo shorter than the crop is centred in it;
- what lies beyond the photo is the photo mirrored at its edge, in the mask as well: no black corners,
  no invented edges;
- mirror 0 leaves the crop, 1 swaps left and right, 2 top and bottom.

Rotation 0 copies pixels. For others picture and mask are sampled linearly, the mask then cut at 100
of 255: a line of one pixel stays one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from crackcore.arrays import UNDECIDED, ClassMask, RgbImage

ROTATIONS, CROPS, MIRRORS = 9, 5, 3
VARIANTS = ROTATIONS * CROPS * MIRRORS
STEP_DEG = 10.0
CROP_PX = 512


class Variant(NamedTuple):
    """One form: `name` as in the published file names, uint8 (crop, crop, 3) and uint8 (crop, crop)."""

    name: str
    pixels: RgbImage
    mask: ClassMask


def all_variants(pixels: RgbImage, mask: ClassMask, *, crop_px: int = CROP_PX) -> Iterator[Variant]:
    """The 135 forms of one photo, made one at a time."""
    for rotation in range(ROTATIONS):
        for crop in range(1, CROPS + 1):
            for mirror in range(MIRRORS):
                yield variant(pixels, mask, rotation, crop, mirror, crop_px=crop_px)


def variant(
    pixels: RgbImage, mask: ClassMask, rotation: int, crop: int, mirror: int, *, crop_px: int = CROP_PX
) -> Variant:
    """One form: `rotation` 0..8, `crop` 1..5, `mirror` 0..2. Raises ValueError for other numbers.

    `pixels` is uint8 (H, W, 3), `mask` uint8 (H, W): 0, 1, 255 undecided.
    """
    if not (0 <= rotation < ROTATIONS and 1 <= crop <= CROPS and 0 <= mirror < MIRRORS):
        raise ValueError(f"no form has rotation {rotation}, crop {crop}, mirror {mirror}")
    height, width = mask.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), STEP_DEG * rotation, 1.0)
    left, top = _corner(width, crop_px, crop in (2, 4), crop), _corner(height, crop_px, crop in (3, 4), crop)
    turn[:, 2] -= (left, top)
    if rotation == 0:  # exact: whole pixels
        turn = np.array([[1.0, 0.0, -left], [0.0, 1.0, -top]])
    size = (crop_px, crop_px)
    mirrored = cv2.BORDER_REFLECT_101
    out = cv2.warpAffine(pixels, turn, size, flags=cv2.INTER_LINEAR, borderMode=mirrored)
    crack = np.where(mask == 1, 255, 0).astype(np.uint8)
    crack = cv2.warpAffine(crack, turn, size, flags=cv2.INTER_LINEAR, borderMode=mirrored)
    unknown = np.where(mask == UNDECIDED, 255, 0).astype(np.uint8)
    unknown = cv2.warpAffine(unknown, turn, size, flags=cv2.INTER_NEAREST, borderMode=mirrored)
    label = np.where(unknown > 0, UNDECIDED, crack > 100).astype(np.uint8)
    if mirror:
        out, label = np.flip(out, 2 - mirror), np.flip(label, 2 - mirror)
    return Variant(
        f"rot{rotation}_crop{crop}_mirror{mirror}",
        np.ascontiguousarray(out, np.uint8),
        np.ascontiguousarray(label, np.uint8),
    )


def _corner(length: int, crop_px: int, far: bool, crop: int) -> int:
    """Where the crop begins along one side of the canvas; negative where the photo is shorter."""
    rest = length - crop_px
    if crop == CROPS or rest < 0:
        return rest // 2
    return rest if far else 0
