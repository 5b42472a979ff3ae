"""What a training crop goes through: geometry, light, dirt on the lens, joints that are no cracks.

All of it happens on uint8 pixels with OpenCV, in one affine warp plus a few table look-ups, so that
one core keeps a network on the other busy. Each step says what it imitates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.random import Generator

from crackcore.arrays import UNDECIDED, ClassMask, RgbImage


@dataclass(frozen=True)
class AugmentSettings:
    """Ranges and chances. Scales are factors on the photo's size (CGNet's recipe: 0.5 to 2)."""

    crop_px: int = 256
    smallest_scale: float = 0.5
    largest_scale: float = 2.0
    turn_deg: float = 20.0  # on top of quarter turns and mirrors
    invert: float = 0.06  # bright (sealed, lime-filled) cracks
    shadow: float = 0.25
    joint: float = 0.15  # a straight dark line that is not a crack
    blur: float = 0.25
    noise: float = 0.25
    jpeg: float = 0.25
    variants: ClassVar[int] = 1  # forms of a picture that make an epoch

    def crop(self, pixels: RgbImage, mask: ClassMask, rng: Generator) -> tuple[RgbImage, ClassMask]:
        """`random_crop` by these settings."""
        return random_crop(pixels, mask, rng, self)


def random_crop(
    pixels: RgbImage, mask: ClassMask, rng: Generator, settings: AugmentSettings
) -> tuple[RgbImage, ClassMask]:
    """One augmented crop: uint8 (crop, crop, 3) and uint8 (crop, crop).

    Beyond the photo's edge both go on mirrored. The mask follows the geometry (area-true threshold
    of a linear warp, so that thin cracks keep their width when the picture shrinks); light and dirt
    touch only the pixels.
    """
    side = settings.crop_px
    scale = float(np.exp(rng.uniform(np.log(settings.smallest_scale), np.log(settings.largest_scale))))
    angle = float(rng.integers(4)) * 90.0 + float(rng.uniform(-1, 1)) * settings.turn_deg
    centre = _centre(mask, rng, side / scale)
    turn = cv2.getRotationMatrix2D((centre[1], centre[0]), angle, scale)
    if rng.random() < 0.5:
        turn[0] *= -1.0
    at = turn @ np.array([centre[1], centre[0], 1.0])
    turn[:, 2] += side / 2 - at

    source = pixels
    if scale < 0.7:  # a linear warp would skip pixels: soften first, as a lens would
        source = np.asarray(cv2.GaussianBlur(pixels, (0, 0), 0.35 / scale), np.uint8)
    out = cv2.warpAffine(
        source, turn, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    crack = (mask == 1).astype(np.uint8) * 255
    if scale < 0.7:
        crack = np.asarray(cv2.GaussianBlur(crack, (0, 0), 0.35 / scale), np.uint8)
    crack = cv2.warpAffine(
        crack, turn, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    ignored = np.where(mask == UNDECIDED, 255, 0).astype(np.uint8)
    ignored = cv2.warpAffine(
        ignored, turn, (side, side), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101
    )
    label = np.where(ignored > 0, UNDECIDED, crack > 100).astype(np.uint8)
    return _light_and_dirt(np.asarray(out, np.uint8), rng, settings), label


def _centre(mask: ClassMask, rng: Generator, span: float) -> tuple[float, float]:
    """Mostly near a crack pixel, else anywhere: cracks are some 3 % of the pixels.

    `span` is the crop's side in photo pixels; the crop is kept inside the photo where it fits.
    """
    centre = [float(rng.uniform(0, mask.shape[0])), float(rng.uniform(0, mask.shape[1]))]
    if rng.random() < 0.7:
        ys, xs = np.nonzero(mask == 1)
        if len(ys):
            i = int(rng.integers(len(ys)))
            away = rng.uniform(-0.4, 0.4, 2) * span
            centre = [float(ys[i]) + float(away[0]), float(xs[i]) + float(away[1])]
    kept = []
    for at, length in zip(centre, mask.shape, strict=True):
        half = min(span, length) / 2
        kept.append(min(max(at, half), length - half))
    return kept[0], kept[1]


def _light_and_dirt(pixels: RgbImage, rng: Generator, s: AugmentSettings) -> RgbImage:
    side = pixels.shape[0]
    if rng.random() < s.joint:
        pixels = _joint(pixels, rng)
    values = pixels.astype(np.float32)
    if rng.random() < s.shadow:
        values *= _shadow(side, rng)[:, :, None]
    # brightness +-32, contrast and saturation 0.5..1.5 around the grey mean, a colour cast
    if rng.random() < 0.8:
        values += rng.uniform(-32, 32)
        mean = values.mean()
        values = mean + (values - mean) * rng.uniform(0.5, 1.5)
        grey = values.mean(axis=2, keepdims=True)
        values = grey + (values - grey) * rng.uniform(0.2, 1.5)
        values *= rng.uniform(0.92, 1.08, 3).astype(np.float32)
    if rng.random() < 0.3:
        values = 255.0 * (np.clip(values, 0, 255) / 255.0) ** rng.uniform(0.6, 1.6)
    if rng.random() < s.invert:
        values = 255.0 - values
    if rng.random() < s.blur:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), rng.uniform(0.4, 1.6)), np.float32)
    if rng.random() < s.noise:
        values += rng.normal(0, rng.uniform(2, 12), values.shape).astype(np.float32)
    out: RgbImage = np.clip(values, 0, 255).astype(np.uint8)
    if rng.random() < s.jpeg:
        quality = int(rng.integers(30, 90))
        _, data = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, quality])
        out = np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8)
    return out


def _shadow(side: int, rng: Generator) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """A soft- or hard-edged dark patch: trees, cars, the person with the camera."""
    corners = rng.uniform(-0.3 * side, 1.3 * side, (int(rng.integers(3, 7)), 2))
    hull = cv2.convexHull(corners.astype(np.float32)).astype(np.int32)
    field = np.ones((side, side), np.float32)
    cv2.fillConvexPoly(field, hull, float(rng.uniform(0.35, 0.8)))
    soft = float(rng.uniform(0.5, 12.0))
    return np.asarray(cv2.GaussianBlur(field, (0, 0), soft), np.float32)


def _joint(pixels: RgbImage, rng: Generator) -> RgbImage:
    """A straight, even line from edge to edge, dark or light: form-work joint, saw cut, marking."""
    side = pixels.shape[0]
    angle = float(rng.integers(4)) * np.pi / 4 + float(rng.normal(0, 0.1))
    middle = rng.uniform(0.1 * side, 0.9 * side, 2)
    reach = 1.5 * side * np.array([np.cos(angle), np.sin(angle)])
    thick = int(rng.integers(2, 14))
    field = np.zeros((side, side), np.uint8)
    a, b = (middle - reach).astype(int), (middle + reach).astype(int)
    cv2.line(field, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), 255, thick, cv2.LINE_AA)
    weight = (field.astype(np.float32) / 255.0 * rng.uniform(0.4, 0.9))[:, :, None]
    tone = np.full(3, 15.0 if rng.random() < 0.6 else 225.0, np.float32) + rng.uniform(-15, 15, 3)
    mixed = pixels * (1 - weight) + tone.astype(np.float32) * weight
    out: RgbImage = np.clip(mixed, 0, 255).astype(np.uint8)
    return out
