"""Masks, scores and overlays as encoded pictures in memory.

Grey values of a mask picture: 0 sound, 255 crack, 127 undecided. `imaging.read_mask` reads them back;
whoever reads them elsewhere asks for 255, not for "above 127".
"""

from __future__ import annotations

from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crackcore.arrays import CRACK, UNDECIDED, ClassMask, RgbImage, ScoreMap
from crackcore.errors import FileProblem

SOUND_GREY, UNDECIDED_GREY, CRACK_GREY = 0, 127, 255

OVERLAY_QUALITY = 92
_JPEG_SIDE_PX = 65_500  # the format's own limit in libjpeg

# Orange and blue are told apart with every kind of colour blindness. The bright fill stands out from
# dark surfaces, the dark line around it from light ones, and each from the other (contrast above 3)
# on those in between. A crack is dark itself, so half a coat of orange would look brown.
_FILL = np.array((255, 165, 0), np.float32)
_FILL_OPACITY = 0.75
_LINE = np.array((0, 40, 110), np.uint8)
_UNDECIDED = np.array((86, 180, 233), np.float32)
_UNDECIDED_OPACITY = 0.4


def mask_png(mask: ClassMask) -> bytes:
    """A mask as an 8-bit grey PNG: 255 crack, 127 undecided, 0 everything else.

    `mask` is uint8 (H, W): 1 crack, 255 undecided. Other classes of a project are "not crack" here.
    """
    table = np.zeros(256, np.uint8)
    table[CRACK] = CRACK_GREY
    table[UNDECIDED] = UNDECIDED_GREY
    return _png(cv2.LUT(_plane(mask), table))


def score_png(score: ScoreMap) -> bytes:
    """A score map, uint8 (H, W), as an 8-bit grey PNG; loses nothing."""
    return _png(_plane(score))


def rgb_png(pixels: RgbImage) -> bytes:
    """A picture, uint8 (H, W, 3) RGB, as an 8-bit RGB PNG without any metadata; loses nothing."""
    return _png(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))


def overlay_jpeg(pixels: RgbImage, mask: ClassMask) -> bytes:
    """The photo with its cracks marked, as a JPEG of quality 92 without chroma subsampling.

    Cracks are filled with a transparent orange and ringed in dark blue just outside their edge,
    undecided areas are tinted light blue; all other pixels stay those of the photo (as far as
    JPEG goes). The ring grows with the picture, so that it is still there on a screen.

    `pixels` is uint8 (H, W, 3) RGB, `mask` uint8 (H, W). Raises ValueError when sizes differ, and
    FileProblem when a side is longer than JPEG can hold.
    """
    if max(mask.shape) > _JPEG_SIDE_PX:
        raise FileProblem(f"An overlay is a JPEG, which holds sides up to {_JPEG_SIDE_PX} px.")
    buffer = BytesIO()
    Image.fromarray(overlay(pixels, mask)).save(buffer, "JPEG", quality=OVERLAY_QUALITY, subsampling=0)
    return buffer.getvalue()


def overlay(pixels: RgbImage, mask: ClassMask) -> RgbImage:
    """What `overlay_jpeg` encodes: a new uint8 (H, W, 3) RGB array."""
    if pixels.shape != (*mask.shape, 3):
        raise ValueError(f"picture {pixels.shape} and mask {mask.shape} differ in size")
    out = pixels.copy()
    crack = (mask == CRACK).astype(np.uint8)
    if crack.any():
        _tint(out, crack != 0, _FILL, _FILL_OPACITY)
        line_px = max(1, round(max(mask.shape) / 2000))
        around = cv2.dilate(crack, np.ones((2 * line_px + 1, 2 * line_px + 1), np.uint8))
        out[(around != 0) & (mask != CRACK)] = _LINE
    undecided = mask == UNDECIDED
    if undecided.any():
        _tint(out, undecided, _UNDECIDED, _UNDECIDED_OPACITY)
    return out


def _tint(out: RgbImage, where: NDArray[np.bool_], colour: NDArray[np.float32], opacity: float) -> None:
    mixed = out[where] * (1 - opacity) + colour * opacity
    out[where] = np.rint(mixed).astype(np.uint8)


def _plane(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if array.ndim != 2 or array.dtype != np.uint8 or array.size == 0:
        raise ValueError(f"need uint8 (H, W) with pixels in it, not {array.dtype} {array.shape}")
    return np.ascontiguousarray(array)


def _png(array: NDArray[np.uint8]) -> bytes:
    # In memory only: OpenCV never sees a path.
    done, data = cv2.imencode(".png", array, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        raise FileProblem("The picture could not be written as PNG.")
    return data.tobytes()
