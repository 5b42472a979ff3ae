"""Small pictures for the list, made by the same reader and the same rules."""

from __future__ import annotations

from pathlib import Path

import cv2

from crackcore.arrays import RgbImage, read_only
from crackcore.imaging.decoding import decode, refusing
from crackcore.imaging.file_bytes import read_file
from crackcore.imaging.limits import Limits
from crackcore.imaging.reading import rgb_of

_OVERSAMPLING = 2  # a JPEG is decoded at least this much larger than needed, then averaged


def make_thumbnail(
    path: Path | str,
    side_px: int = 160,
    *,
    limits: Limits = Limits(),
) -> RgbImage:
    """Upright uint8 (h, w, 3), longest side at most `side_px`, never enlarged; read-only.

    Raises PhotoMissing and InputRefused like `read_photo`.
    """
    if side_px < 1:
        raise ValueError("a thumbnail needs at least one pixel")
    file = read_file(path, max_bytes=limits.max_bytes)
    decoded = decode(path, file.data, limits, draft_px=_OVERSAMPLING * side_px)
    with refusing(path):
        pixels, _, _ = rgb_of(decoded)
        height, width = pixels.shape[:2]
        factor = side_px / max(height, width)
        if factor < 1:
            size = max(1, round(width * factor)), max(1, round(height * factor))
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return read_only(pixels)
