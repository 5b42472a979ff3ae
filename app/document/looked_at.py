"""A map that is looked at in place of the result: another output of a network, a refined score, a picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.document.planes import MaxLevels
from crackcore.arrays import RgbImage
from crackcore.imaging.pyramid import photo_levels


@dataclass(frozen=True)
class LookedAtClass:
    """One entry of a legend: what a pixel is, its colour (RGB 0..255) and how opaque."""

    title: str
    colour: tuple[int, int, int]
    opacity: float = 1.0


@dataclass(frozen=True, eq=False)
class LookedAt:
    """One map in levels, ready for the canvas; exactly one of `heat` and `picture` is there.

    With `classes`, the values of `heat` are numbers of what a pixel is, 1 for the first entry, and are
    drawn in its colours; 0 is nothing. Made smaller, the largest number of a block is seen.
    """

    title: str
    factor: int
    heat: MaxLevels | None = None
    picture: tuple[RgbImage, ...] | None = None
    classes: tuple[LookedAtClass, ...] = ()

    @property
    def covers_mask(self) -> bool:
        """Whether it is drawn in place of mask and score; a picture only takes the photo's place."""
        return self.heat is not None


def looked_at(
    title: str,
    pixels: NDArray[np.uint8],
    size_px: tuple[int, int],
    classes: tuple[LookedAtClass, ...] = (),
) -> LookedAt:
    """Build the levels of a map for a document of `size_px` (height, width); runs on any thread.

    `pixels` is uint8 (H, W), a score or with `classes` their numbers, or (H, W, 3), a picture in RGB.
    A map that is not a whole number of times as fine as the document (a document four times finer
    than its photo, say) is brought to the document's size.
    """
    factor = max(1, pixels.shape[0] // size_px[0])
    fitting = (size_px[0] * factor, size_px[1] * factor)
    if pixels.shape[:2] != fitting:
        between = cv2.INTER_NEAREST if classes else cv2.INTER_LINEAR
        pixels = np.asarray(cv2.resize(pixels, fitting[::-1], interpolation=between), np.uint8)
    if pixels.ndim == 3:
        return LookedAt(title, factor, picture=tuple(photo_levels(np.ascontiguousarray(pixels))))
    return LookedAt(title, factor, heat=MaxLevels(pixels), classes=classes)
