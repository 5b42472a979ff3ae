"""Colour and blur of the published recipes: what they do to pixels, never to masks.

`distorted` is the distortion of SSD (Liu et al., ECCV 2016) as CSSR trains with it, and, with a wider
hue and values kept in range, the one of CGNet's configuration. `jittered` and `blurred_by_chance` are
the online steps of Zou's DeepCrack as released. Pictures are uint8 (H, W, 3), RGB; so are answers.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from crackcore.arrays import RgbImage

Values = NDArray[np.float32]

CSSR_HUE_DEG = 18.0
CGNET_HUE_DEG = 36.0
"""Both are written 18 at their origins: CSSR turns a hue of 0..360, CGNet's library one of 0..180."""


def distorted(
    pixels: RgbImage,
    rng: Generator,
    *,
    brightness: float = 32.0,
    contrast: tuple[float, float] = (0.5, 1.5),
    saturation: tuple[float, float] = (0.5, 1.5),
    hue_deg: float = CSSR_HUE_DEG,
    swap_channels: bool = True,
    keep_in_range: bool = False,
) -> RgbImage:
    """Brightness, contrast (before or after the colours, by chance), saturation, hue, channel order.

    Each with probability 0.5. `keep_in_range` clips to 0..255 after every step, as 8-bit pictures do;
    else only the result is clipped.
    """
    values = pixels.astype(np.float32)

    def ready(changed: Values) -> Values:
        return np.clip(changed, 0, 255) if keep_in_range else changed

    if rng.random() < 0.5:
        values = ready(values + np.float32(rng.uniform(-brightness, brightness)))
    contrast_first = rng.random() < 0.5
    if contrast_first and rng.random() < 0.5:
        values = ready(values * np.float32(rng.uniform(*contrast)))
    if rng.random() < 0.5:
        values = ready(_saturated(values, rng.uniform(*saturation)))
    if rng.random() < 0.5:
        values = ready(_hue_turned(values, rng.uniform(-hue_deg, hue_deg)))
    if not contrast_first and rng.random() < 0.5:
        values = ready(values * np.float32(rng.uniform(*contrast)))
    if swap_channels and rng.random() < 0.5:
        values = values[:, :, rng.permutation(3)]
    return _as_pixels(values)


def jittered(pixels: RgbImage, rng: Generator) -> RgbImage:
    """Brightness +-32, contrast 1+-0.5 around the mean grey, saturation 1+-0.5, hue +-0.1 of a turn.

    Each with probability 0.5, in this order.
    """
    values = pixels.astype(np.float32)
    if rng.random() < 0.5:
        values = np.clip(values + np.float32(rng.uniform(-32, 32)), 0, 255)
    if rng.random() < 0.5:
        mean = np.float32(cv2.cvtColor(np.asarray(values, np.float32), cv2.COLOR_RGB2GRAY).mean())
        values = np.clip(mean + (values - mean) * np.float32(rng.uniform(0.5, 1.5)), 0, 255)
    if rng.random() < 0.5:
        grey = cv2.cvtColor(np.asarray(values, np.float32), cv2.COLOR_RGB2GRAY)[:, :, None]
        values = np.clip(grey + (values - grey) * np.float32(rng.uniform(0.5, 1.5)), 0, 255)
    if rng.random() < 0.5:
        values = _hue_turned(values, rng.uniform(-36, 36))
    return _as_pixels(values)


def blurred_by_chance(pixels: RgbImage, rng: Generator) -> RgbImage:
    """Gaussian of 5 px with probability 0.2, else box of 5 px with 0.15, else median of 5 px with 0.1."""
    if rng.random() < 0.2:
        return np.asarray(cv2.GaussianBlur(pixels, (5, 5), 0), np.uint8)
    if rng.random() < 0.15:
        return np.asarray(cv2.blur(pixels, (5, 5)), np.uint8)
    if rng.random() < 0.1:
        return np.asarray(cv2.medianBlur(pixels, 5), np.uint8)
    return pixels


def _saturated(values: Values, factor: float) -> Values:
    """Saturation of the HSV model times `factor`, hue and value as they are."""
    # s = 1 - min / max, so that a factor on s moves every channel away from max by that factor
    largest = values.max(axis=2, keepdims=True)
    return np.asarray(largest - (largest - values) * np.float32(factor), np.float32)


def _hue_turned(values: Values, degrees: float) -> Values:
    hsv = cv2.cvtColor(np.ascontiguousarray(values, np.float32), cv2.COLOR_RGB2HSV)
    hsv[:, :, 0] = (hsv[:, :, 0] + np.float32(degrees)) % 360.0
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.float32)


def _as_pixels(values: Values) -> RgbImage:
    return np.ascontiguousarray(np.clip(values, 0, 255).round().astype(np.uint8))
