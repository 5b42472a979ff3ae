"""How the published recipes cut a training picture, one description each. Every one is a frozen value
with `crop(pixels, mask, rng)`, a function of its arguments alone; names are in `AUGMENTATIONS`.

Masks are uint8 (H, W): 0, 1, 255 undecided; crops are uint8 (crop, crop, 3) and uint8 (crop, crop).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import cv2
import numpy as np
from numpy.random import Generator

from crackcore.arrays import UNDECIDED, ClassMask, RgbImage
from crackcore.training import rotated_crops
from crackcore.training.augmentation import AugmentSettings
from crackcore.training.photometric import CGNET_HUE_DEG, blurred_by_chance, distorted, jittered

Crop = tuple[RgbImage, ClassMask]


class Augmentation(Protocol):
    """Anything that makes training crops. `variants`: how many forms of a picture make an epoch."""

    @property
    def crop_px(self) -> int: ...

    @property
    def variants(self) -> int: ...

    def crop(self, pixels: RgbImage, mask: ClassMask, rng: Generator) -> Crop: ...


@dataclass(frozen=True)
class PlainCrop:
    """A crop from anywhere and a mirroring of either kind with probability 0.5; nothing else."""

    crop_px: int = 256
    variants: ClassVar[int] = 1

    def crop(self, pixels: RgbImage, mask: ClassMask, rng: Generator) -> Crop:
        pixels, mask = _cut(pixels, mask, self.crop_px, rng)
        for axis in (0, 1):
            if rng.random() < 0.5:
                pixels, mask = np.flip(pixels, axis), np.flip(mask, axis)
        return _whole(pixels, mask)


@dataclass(frozen=True)
class TipCrop:
    """Zou's DeepCrack: one of the 135 forms of `rotated_crops`, each as likely as the next.

    With `online`, as in the released code: colour jitter with probability 0.5, then a blur of some
    kind with 0.2. The paper mentions neither.
    """

    crop_px: int = rotated_crops.CROP_PX
    online: bool = True
    variants: ClassVar[int] = rotated_crops.VARIANTS

    def crop(self, pixels: RgbImage, mask: ClassMask, rng: Generator) -> Crop:
        rotation = int(rng.integers(rotated_crops.ROTATIONS))
        crop = int(rng.integers(rotated_crops.CROPS)) + 1
        mirror = int(rng.integers(rotated_crops.MIRRORS))
        _, out, label = rotated_crops.variant(pixels, mask, rotation, crop, mirror, crop_px=self.crop_px)
        if self.online and rng.random() < 0.5:
            out = jittered(out, rng)
        if self.online and rng.random() < 0.2:
            out = blurred_by_chance(out, rng)
        return out, label


@dataclass(frozen=True)
class LiuCrop:
    """Liu's DeepCrack: the whole picture brought to a square (bicubic, its aspect lost), then mirrored
    with probability 0.5, half the time sideways, half upside down. The label goes the same way and is
    cut at half.

    With `affine` (an option the released script leaves off), with probability 0.5: turned by up to 45
    degrees, scaled by 0.8 to 1.2, shifted by up to 32 px, black beyond the picture.
    """

    crop_px: int = 256
    affine: bool = False
    variants: ClassVar[int] = 1

    def crop(self, pixels: RgbImage, mask: ClassMask, rng: Generator) -> Crop:
        """The whole photo at (crop, crop), sides not kept in proportion; flipped and turned by chance."""
        pixels, mask = _resized(pixels, mask, (self.crop_px, self.crop_px), cv2.INTER_CUBIC)
        if rng.random() < 0.5:
            axis = 1 if rng.random() < 0.5 else 0
            pixels, mask = np.flip(pixels, axis), np.flip(mask, axis)
        if self.affine and rng.random() < 0.5:
            middle = (self.crop_px - 1) / 2
            turn = cv2.getRotationMatrix2D((middle, middle), rng.uniform(-45, 45), rng.uniform(0.8, 1.2))
            turn[:, 2] += rng.uniform(-32, 32, 2)
            size = (self.crop_px, self.crop_px)
            pixels = np.asarray(cv2.warpAffine(np.ascontiguousarray(pixels), turn, size), np.uint8)
            label = cv2.warpAffine(np.ascontiguousarray(mask), turn, size, flags=cv2.INTER_NEAREST)
            mask = np.asarray(label, np.uint8)
        return _whole(pixels, mask)


@dataclass(frozen=True)
class CgnetCrop:
    """CGNet on DeepCrack-537: the picture fitted into (1024, 768) times 0.5..2 with its aspect kept,
    cropped (up to ten tries until the largest class holds less than 99 %), mirrored sideways with
    probability 0.5, distorted. Beyond the picture: its mean colour, which normalises to 0, as there,
    and undecided labels.
    """

    crop_px: int = 1024
    smallest: float = 0.5
    largest: float = 2.0
    largest_share: float = 0.99
    fill: tuple[int, int, int] = (72, 83, 73)
    variants: ClassVar[int] = 1

    def crop(self, pixels: RgbImage, mask: ClassMask, rng: Generator) -> Crop:
        """A piece of the photo at a random size, (crop, crop); what is missing is filled and undecided."""
        factor = rng.uniform(self.smallest, self.largest)
        longer, shorter = max(mask.shape), min(mask.shape)
        fit = min(1024 * factor / longer, 768 * factor / shorter) * (self.crop_px / 1024)
        size = (max(1, round(mask.shape[1] * fit)), max(1, round(mask.shape[0] * fit)))
        pixels, mask = _resized(pixels, mask, size, cv2.INTER_LINEAR)
        box = _place(mask.shape, self.crop_px, rng)
        for _ in range(10):
            counts = np.bincount(mask[box].ravel(), minlength=256)[[0, 1]]
            if counts.all() and counts.max() / counts.sum() < self.largest_share:
                break
            box = _place(mask.shape, self.crop_px, rng)
        pixels, mask = pixels[box], mask[box]
        if rng.random() < 0.5:
            pixels, mask = pixels[:, ::-1], mask[:, ::-1]
        pixels = distorted(pixels, rng, hue_deg=CGNET_HUE_DEG, swap_channels=False, keep_in_range=True)
        out = np.empty((self.crop_px, self.crop_px, 3), np.uint8)
        out[:] = self.fill
        label = np.full((self.crop_px, self.crop_px), UNDECIDED, np.uint8)
        out[: mask.shape[0], : mask.shape[1]] = pixels
        label[: mask.shape[0], : mask.shape[1]] = mask
        return out, label


@dataclass(frozen=True)
class CssrCrop:
    """CSSR: mirrored sideways with probability 0.5, distorted, and a square of 0.6 to 1.0 of the area
    brought to the crop's size. In pictures that are not square it is at most as long as the short side.
    """

    crop_px: int = 448
    smallest_share: float = 0.6
    variants: ClassVar[int] = 1

    def crop(self, pixels: RgbImage, mask: ClassMask, rng: Generator) -> Crop:
        if rng.random() < 0.5:
            pixels, mask = pixels[:, ::-1], mask[:, ::-1]
        side = np.sqrt(rng.uniform(self.smallest_share, 1.0) * mask.size)
        box = _place(mask.shape, max(1, min(int(side), *mask.shape)), rng)
        pixels, mask = _resized(pixels[box], mask[box], (self.crop_px, self.crop_px), cv2.INTER_LINEAR)
        return distorted(pixels, rng), mask


@dataclass(frozen=True)
class CsbsrCrop:
    """CSBSR: mirrored sideways with probability 0.5 and cropped. The vertical flip that its
    configuration names is never made. Blur and noise are made with the low-resolution picture
    (`degradation.BlurAndNoise`)."""

    crop_px: int = 224
    variants: ClassVar[int] = 1

    def crop(self, pixels: RgbImage, mask: ClassMask, rng: Generator) -> Crop:
        if rng.random() < 0.5:
            pixels, mask = pixels[:, ::-1], mask[:, ::-1]
        return _whole(*_cut(pixels, mask, self.crop_px, rng))


@dataclass(frozen=True)
class DegradedCrop:
    """Any crop of the modern recipe as a worse camera takes it, with probability `chance`.

    Blurred by an anisotropic Gaussian as CSBSR's low-resolution pictures are (`degradation`), half of
    them reduced by up to `reduction` and enlarged again, then Gaussian noise. `noise` is the range of
    its standard deviation in grey levels.
    """

    crop_px: int = 256
    base: AugmentSettings = AugmentSettings(blur=0.0, noise=0.0)
    chance: float = 0.5
    sigma_range_px: tuple[float, float] = (0.2, 4.0)  # degradation.SIGMA_RANGE_PX
    reduction: float = 4.0
    noise: tuple[float, float] = (0.0, 12.0)
    variants: ClassVar[int] = 1

    def crop(self, pixels: RgbImage, mask: ClassMask, rng: Generator) -> Crop:
        """What `base` gives, then blurred, reduced and made noisy by chance; the mask stays sharp."""
        pixels, mask = replace(self.base, crop_px=self.crop_px).crop(pixels, mask, rng)
        if rng.random() >= self.chance:
            return pixels, mask
        from crackcore.training.degradation import random_kernel  # torch: settings are read without it

        kernel = random_kernel(rng, sigma_range_px=self.sigma_range_px).numpy()
        values = cv2.filter2D(pixels.astype(np.float32), -1, kernel, borderType=cv2.BORDER_REFLECT_101)
        if rng.random() < 0.5:
            side = max(1, round(self.crop_px / rng.uniform(1.0, self.reduction)))
            small = cv2.resize(values, (side, side), interpolation=cv2.INTER_LINEAR)
            values = cv2.resize(small, (self.crop_px, self.crop_px), interpolation=cv2.INTER_CUBIC)
        values = values + rng.normal(0.0, rng.uniform(*self.noise), values.shape)
        return np.clip(values, 0, 255).round().astype(np.uint8), mask


AUGMENTATIONS: dict[str, type] = {
    "modern": AugmentSettings,
    "plain": PlainCrop,
    "deepcrack_tip": TipCrop,
    "deepcrack_liu": LiuCrop,
    "cgnet": CgnetCrop,
    "cssr": CssrCrop,
    "csbsr": CsbsrCrop,
    "degraded": DegradedCrop,
}


def _place(shape: tuple[int, ...], side: int, rng: Generator) -> tuple[slice, slice]:
    """A square of `side` anywhere in a picture; less where the picture is smaller."""
    starts = [int(rng.integers(0, max(0, length - side) + 1)) for length in shape[:2]]
    return slice(starts[0], starts[0] + side), slice(starts[1], starts[1] + side)


def _cut(pixels: RgbImage, mask: ClassMask, side: int, rng: Generator) -> Crop:
    """A square from anywhere; a smaller picture goes on mirrored at its edges."""
    box = _place(mask.shape, side, rng)
    pixels, mask = np.ascontiguousarray(pixels[box]), np.ascontiguousarray(mask[box])
    below, right = side - mask.shape[0], side - mask.shape[1]
    if below or right:
        edges = (0, below, 0, right, cv2.BORDER_REFLECT_101)
        pixels = np.asarray(cv2.copyMakeBorder(pixels, *edges), np.uint8)
        mask = np.asarray(cv2.copyMakeBorder(mask, *edges), np.uint8)
    return pixels, mask


def _resized(pixels: RgbImage, mask: ClassMask, size: tuple[int, int], method: int) -> Crop:
    """Both to `size` (width, height); crack where the resized mask is above half."""
    crack = np.where(mask == 1, 255, 0).astype(np.uint8)
    unknown = np.where(mask == UNDECIDED, 255, 0).astype(np.uint8)
    crack = np.asarray(cv2.resize(crack, size, interpolation=method), np.uint8)
    unknown = np.asarray(cv2.resize(unknown, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    label = np.where(unknown > 0, UNDECIDED, crack > 127).astype(np.uint8)
    return np.asarray(cv2.resize(np.ascontiguousarray(pixels), size, interpolation=method), np.uint8), label


def _whole(pixels: RgbImage, mask: ClassMask) -> Crop:
    return np.ascontiguousarray(pixels), np.ascontiguousarray(mask)
