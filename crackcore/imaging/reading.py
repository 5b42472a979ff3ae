"""The one function that opens photographs, for window, worker, training, thumbnails and export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import RgbImage, read_only
from crackcore.imaging.decoding import Decoded, Header, decode, read_header, refusing
from crackcore.imaging.depth import to_8_bit
from crackcore.imaging.file_bytes import read_file
from crackcore.imaging.limits import Limits
from crackcore.imaging.mask_reading import MaskPicture, read_mask, read_mask_picture

__all__ = [
    "Limits",
    "MaskPicture",
    "Photo",
    "PhotoFacts",
    "photo_facts",
    "read_mask",
    "read_mask_picture",
    "read_photo",
    "rgb_of",
]


@dataclass(frozen=True)
class PhotoFacts:
    """What is known of a photograph besides its pixels.

    format : JPEG, PNG, TIFF, BMP, GIF, WEBP or JPEG2000, by content, not by name.
    mode : how the file stores its pixels, in the decoder's words.
    width_px, height_px : of the upright picture.
    pages : pictures in the file; the first is used.
    bit_depth : bits per sample in the file.
    mapping : how the file's values became 0..255; "" when nothing was decoded.
    orientation : EXIF orientation 1..8 that was applied.
    sha256, bytes : of the file.
    taken_at : the camera's clock, ISO 8601 without zone, or "".
    notes : sentences a person should see.
    """

    format: str
    mode: str
    width_px: int
    height_px: int
    pages: int
    bit_depth: int
    mapping: str
    orientation: int
    sha256: str
    bytes: int
    taken_at: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Photo:
    """uint8 (H, W, 3) sRGB pixels, upright and read-only, with what is known of the file."""

    pixels: RgbImage
    facts: PhotoFacts


def read_photo(path: Path | str, *, limits: Limits = Limits()) -> Photo:
    """Open any photograph as upright 8-bit RGB.

    Mapping of deeper values: see `crackcore.imaging.depth`. CMYK is converted without profiles,
    alpha is dropped, the first page or frame is taken; colour profiles are ignored.

    Raises
    ------
    PhotoMissing : the file is not there.
    InputRefused : it is empty, incomplete, damaged, too large or no picture; one plain sentence.
    """
    file = read_file(path, max_bytes=limits.max_bytes)
    decoded = decode(path, file.data, limits)
    with refusing(path):
        pixels, mapping, notes = rgb_of(decoded)
    facts = _facts(decoded.header, file.sha256, len(file.data), mapping, notes)
    return Photo(read_only(pixels), facts)


def photo_facts(path: Path | str, *, limits: Limits = Limits()) -> PhotoFacts:
    """Header and digest only, nothing is decoded; raises like `read_photo`.

    A file that passes may still turn out to be damaged when it is decoded.
    """
    file = read_file(path, max_bytes=limits.max_bytes)
    return _facts(read_header(path, file.data, limits), file.sha256, len(file.data), "", ())


def rgb_of(decoded: Decoded) -> tuple[RgbImage, str, tuple[str, ...]]:
    """uint8 (H, W, 3) of decoded values, the mapping in words, and all notes."""
    if decoded.palette is not None:
        colours: NDArray[np.uint8] = decoded.palette[decoded.values]
        return colours, "8 bit, by palette", decoded.notes
    mapped = to_8_bit(decoded.values)
    values = mapped.values
    if values.ndim == 2:
        values = cv2.cvtColor(values, cv2.COLOR_GRAY2RGB)
    notes = (*decoded.notes, mapped.note) if mapped.note else decoded.notes
    return np.ascontiguousarray(values), decoded.mapping or mapped.mapping, notes


def _facts(header: Header, sha256: str, size: int, mapping: str, notes: tuple[str, ...]) -> PhotoFacts:
    return PhotoFacts(
        format=header.format,
        mode=header.mode,
        width_px=header.width_px,
        height_px=header.height_px,
        pages=header.pages,
        bit_depth=header.bit_depth,
        mapping=mapping,
        orientation=header.orientation,
        sha256=sha256,
        bytes=size,
        taken_at=header.taken_at,
        notes=notes,
    )
