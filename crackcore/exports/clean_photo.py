"""Photos without what they tell about people and places: no EXIF, GPS, comments or second pictures.

A JPEG or PNG keeps its coded pixels to the last bit; only blocks around them are left out. What a
reader would have to turn, or what few programs can read, becomes an 8-bit PNG of the upright picture
as this program saw and marked it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from crackcore.arrays import RgbImage
from crackcore.errors import InputRefused
from crackcore.exports.pictures import rgb_png
from crackcore.imaging.decoding import decode
from crackcore.imaging.limits import Limits
from crackcore.imaging.reading import PhotoFacts

_PNG = b"\x89PNG\r\n\x1a\n"
# What changes how pixels look or are read; nothing that names a person, place or device.
_PNG_KEPT = {
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"pHYs",
}  # fmt: skip


@dataclass(frozen=True)
class CleanPhoto:
    """A photo as it may be given away: its bytes, the suffix of its name, and what was done."""

    data: bytes
    suffix: str
    done: str


def clean_photo(data: bytes, facts: PhotoFacts, pixels: RgbImage) -> CleanPhoto:
    """`data` without metadata if its pixels can be kept as coded, else `pixels` as a PNG.

    `data` are the bytes that `pixels`, uint8 (H, W, 3), were decoded from. What is kept is decoded
    again and compared, so the result always shows exactly these pixels, in this place.
    """
    kind = facts.format.upper()
    if facts.orientation != 1:
        why = f"orientation {facts.orientation}"
    elif kind not in ("JPEG", "PNG"):
        why = f"format {facts.format}"
    elif facts.bit_depth != 8 or facts.mode not in ("RGB", "L"):
        why = f"{facts.bit_depth} bit, mode {facts.mode}"
    else:
        kept = without_jpeg_metadata(data) if kind == "JPEG" else without_png_metadata(data)
        if kept is not None and _shows(kept, pixels):
            done = "unchanged" if kept == data else "metadata removed, pixels as coded"
            return CleanPhoto(kept, ".jpg" if kind == "JPEG" else ".png", done)
        why = "metadata could not be told apart from pixels"
    return CleanPhoto(rgb_png(pixels), ".png", f"written as PNG ({why})")


def without_jpeg_metadata(data: bytes) -> bytes | None:
    """A JPEG with its coded picture, JFIF and Adobe marks and colour profile only; what follows the
    picture (phones append more) is left out. None when the blocks do not follow the rules."""
    if data[:2] != b"\xff\xd8":
        return None
    parts, at = [b"\xff\xd8"], 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        code = data[at + 1]
        if code == 0xFF:  # padding before a mark
            at += 1
            continue
        if code == 0xD9:
            return b"".join([*parts, b"\xff\xd9"])
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        if code in (0x00, 0x01) or 0xD0 <= code <= 0xD8 or length < 2 or end > len(data):
            return None
        if code == 0xDA:
            end = _end_of_scan(data, end)
        if _jpeg_block_stays(code, data[at + 4 : min(end, at + 20)]):
            parts.append(data[at:end])
        at = end
    if data[at : at + 2] == b"\xff\xd9":
        return b"".join([*parts, b"\xff\xd9"])
    return None


def _jpeg_block_stays(code: int, head: bytes) -> bool:
    if code == 0xFE:
        return False
    if not 0xE0 <= code <= 0xEF:
        return True
    return (
        (code == 0xE0 and head.startswith(b"JFIF\0"))
        or (code == 0xE2 and head.startswith(b"ICC_PROFILE\0"))
        or (code == 0xEE and head.startswith(b"Adobe"))
    )


def _end_of_scan(data: bytes, at: int) -> int:
    """The first mark after the coded pixels that is no restart mark."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            return len(data)
        code = data[at + 1]
        if code == 0xFF:
            at += 1
        elif code == 0x00 or 0xD0 <= code <= 0xD7:
            at += 2
        else:
            return at


def without_png_metadata(data: bytes) -> bytes | None:
    """A PNG with its pixels, palette, transparency and colour meaning only; None when it is broken."""
    if not data.startswith(_PNG):
        return None
    parts, at = [_PNG], len(_PNG)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            return None
        if kind in _PNG_KEPT:
            parts.append(data[at:end])
        if kind == b"IEND":
            return b"".join(parts)
        at = end
    return None


def _shows(data: bytes, pixels: RgbImage) -> bool:
    try:
        values = decode("photo", data, Limits()).values
    except InputRefused:
        return False
    if values.ndim == 2:
        values = values[..., None]
    return values.dtype == np.uint8 and bool(np.array_equal(np.broadcast_to(values, pixels.shape), pixels))
