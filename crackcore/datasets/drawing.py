"""A data set that is drawn: cracked surfaces of many kinds with masks that are true by construction.

What a network has never seen it takes for cracks: mortar, grout, form-work joints, board marks. The sets
that may be passed on show concrete and asphalt only. Drawn pictures show the rest, and belong to nobody.
They only teach: nothing is ever measured on them.
"""

from __future__ import annotations

import cv2
import numpy as np

from crackcore.arrays import ClassMask, RgbImage
from crackcore.datasets.drawn_cracks import courses, drawn_over
from crackcore.datasets.drawn_surfaces import surface


def drawn_picture(seed: int, number: int, side: int = 448) -> tuple[RgbImage, ClassMask]:
    """Picture uint8 (side, side, 3) and mask uint8 (side, side), 0 sound, 1 crack.

    The same numbers give the same picture.
    """
    rng = np.random.default_rng([seed, number])
    values, joints = surface(side, rng)
    values, mask = drawn_over(values, courses(side, rng, joints), rng)
    if rng.random() < 0.5:  # uneven light
        light = np.linspace(rng.uniform(0.6, 1.0), rng.uniform(0.8, 1.2), side, dtype=np.float32)
        values = values * np.rot90(np.tile(light, (side, 1)), int(rng.integers(4)))[:, :, None]
    values = np.asarray(cv2.GaussianBlur(values, (0, 0), rng.uniform(0.3, 0.9)), np.float32)
    values = values + rng.normal(0, rng.uniform(0.5, 4), values.shape).astype(np.float32)
    return np.clip(values, 0, 255).round().astype(np.uint8), mask
