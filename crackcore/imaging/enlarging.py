"""A photo enlarged to the finer grid that its mask lies on, and whether that grid is too large."""

from __future__ import annotations

from pathlib import Path

import cv2

from crackcore.arrays import RgbImage, read_only
from crackcore.errors import InputRefused
from crackcore.imaging.limits import Limits, free_memory, megapixels

BYTES_PER_PX = 10
"""What a picture in the window needs for each pixel of its grid: photo in levels (4), hand plane, score,
frozen mask and hysteresis map with their levels."""


def enlarged(pixels: RgbImage, factor: int) -> RgbImage:
    """uint8 (H, W, 3) as (H factor, W factor, 3), bicubic; the very array when `factor` is 1.

    Each photo pixel lies over its block of `factor` x `factor` pixels, so a mask on that grid fits.
    """
    if factor == 1:
        return pixels
    height, width = pixels.shape[:2]
    size = (width * factor, height * factor)
    larger: RgbImage = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)
    return read_only(larger)


def too_large_to_be_finer(size: tuple[int, int], factor: int, limits: Limits = Limits()) -> str:
    """Why a photo of `size` (height, width) cannot have a grid `factor` times finer, or "".

    The limits are those of the reader, for a picture of that many pixels. Looks at nothing else.
    """
    height, width = size[0] * factor, size[1] * factor
    if height * width > limits.max_px:
        return f"it would have {megapixels(height * width)}, and the limit is {megapixels(limits.max_px)}."
    if max(height, width) > limits.max_side_px:
        return f"a side would have {max(height, width)} pixels, and the limit is {limits.max_side_px}."
    return ""


def check_finer(path: Path | str, size: tuple[int, int], factor: int, limits: Limits = Limits()) -> None:
    """Raise InputRefused when a grid `factor` times finer than a photo of `size` (height, width) is
    beyond the reader's limits or the memory that is free; `path` is for the sentence."""
    if factor == 1:
        return
    reason = too_large_to_be_finer(size, factor, limits)
    if reason:
        raise InputRefused(path, reason, hint="Use it in photo pixels, or cut the photo into parts.")
    free, needed = free_memory(), size[0] * size[1] * factor * factor * BYTES_PER_PX
    if free is not None and needed > free // 3:
        raise InputRefused(
            path,
            f"enlarged {factor} times it needs {needed / 2**30:.1f} GiB of memory, more than a third of the "
            f"{free / 2**30:.1f} GiB that are free.",
            hint="Close other programs, or cut the photo into parts.",
        )
