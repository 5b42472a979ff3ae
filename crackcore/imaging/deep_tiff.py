"""TIFF files with more than 8 bits a sample, or of a layout that only tifffile reads.

Pillow would cut 16-bit colour to 8 bits without a word. The same limits hold, and since tifffile
fills missing strips with zeros, every strip and tile must lie inside the file before any is read.
"""

from __future__ import annotations

import logging
import math
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crackcore.errors import InputRefused
from crackcore.imaging import containers
from crackcore.imaging.limits import Limits, check_size
from crackcore.imaging.orientation import is_turned, legal, upright

if TYPE_CHECKING:
    from crackcore.imaging.decoding import Decoded, Header

_MAX_SAMPLES = 64  # bands of a multispectral camera; a file with thousands was made to fill memory
_TILE_SLACK_PX = 16_000_000
# JPEG 2000, LERC, WebP, PNG and JPEG XL inside a TIFF, under all their numbers.
_BEYOND_PILLOW = frozenset({33003, 33004, 33005, 34712, 34887, 34927, 34933, 50001, 50002, 52546})
_COLOURS = {0: 1, 1: 1, 2: 3, 5: 4}  # samples that are colour, by PhotometricInterpretation
_WHITE_IS_ZERO, _SEPARATED = 0, 5


def is_needed(data: bytes) -> bool:
    """Whether this is a TIFF that Pillow would cut to 8 bits or not understand."""
    if not containers.is_tiff(data):
        return False
    bits, compression, photometric, samples, number_form = (
        containers.tiff_value(data, tag) for tag in (258, 259, 262, 277, 339)
    )
    return (
        bits > 8
        or compression in _BEYOND_PILLOW
        or samples > 4
        or (photometric in (0, 1) and samples > 2)
        or number_form == 2  # signed 8 bit, which Pillow takes for unsigned
        or data.startswith(b"MM\0+")  # big-endian BigTIFF
    )


def check_tile(path: Path | str, width_px: int, height_px: int, picture_px: int) -> None:
    """A tile is decoded whole, so one far larger than its picture would be a way to fill memory."""
    if width_px * height_px > 4 * picture_px + _TILE_SLACK_PX:
        raise InputRefused(
            path, f"its tiles of {width_px} x {height_px} pixels are far larger than the picture itself."
        )


def header(path: Path | str, data: bytes, limits: Limits) -> Header:
    """Read the first page's tags and check them against the limits."""
    with _file(data) as file:
        return _header(_page(path, file, data, limits), data)


def decode(path: Path | str, data: bytes, limits: Limits) -> Decoded:
    """Decode the first page at its own depth; upright, colour only."""
    from crackcore.imaging.decoding import ALPHA_NOTE, Decoded, page_note

    with _file(data) as file:
        page = _page(path, file, data, limits)
        head = _header(page, data)
        notes = [page_note(head)] if head.pages > 1 else []
        if any(count == 0 for count in page.databytecounts):
            notes.append("Parts of the picture are empty in the file; they are shown black.")
        values: NDArray[Any] = page.asarray(maxworkers=1)
        if page.axes == "SYX":
            values = np.moveaxis(values, 0, -1)
        elif page.axes not in ("YX", "YXS"):
            raise InputRefused(path, "the picture has an unusual layout; save it as a plain TIFF.")
        if values.ndim == 3:
            values, hides, left_out = _colour(path, page, values)
            notes += [ALPHA_NOTE] if hides else []
            if left_out:
                notes.append(f"The picture has {page.samplesperpixel} channels; only the first were used.")
        if page.photometric == _WHITE_IS_ZERO:
            values = _negative(values)
        values = upright(values, head.orientation)
    return Decoded(head, values, notes=tuple(notes))


def _file(data: bytes) -> Any:
    import tifffile  # only now: most pictures do not need it

    # It writes every oddity of a damaged file to the log; the refusal says it once, in words.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    return tifffile.TiffFile(BytesIO(data))


def _page(path: Path | str, file: Any, data: bytes, limits: Limits) -> Any:
    page = file.pages[0]
    dtype = page.dtype
    if dtype is None or page.imagedepth != 1 or page.samplesperpixel > _MAX_SAMPLES:
        raise InputRefused(path, "the picture is of a rare kind that cannot be read; save it as PNG or TIFF.")
    wide = int(page.samplesperpixel) * dtype.itemsize
    check_size(
        path,
        width_px=int(page.imagewidth),
        height_px=int(page.imagelength),
        file_bytes=len(data),
        limits=limits,
        memory_per_px=2 * wide + 6,
    )
    picture_px = int(page.imagewidth) * int(page.imagelength)
    check_tile(path, int(page.tilewidth), int(page.tilelength), picture_px)
    if len(page.dataoffsets) < math.prod(page.chunked):  # tifffile would fill in zeros without a word
        raise InputRefused(path, "the picture is incomplete; parts of it are not in the file.")
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        if count and (offset < 8 or offset + count > len(data)):
            raise InputRefused(path, "the picture is incomplete; the end of the file is missing.")
    if not any(page.databytecounts):
        raise InputRefused(path, "the file holds no pixels.")
    return page


def _header(page: Any, data: bytes) -> Header:
    from crackcore.imaging.decoding import Header, moment

    tag = page.tags.get(274)
    orientation = legal(tag.value if tag is not None else 1)
    width, height = int(page.imagewidth), int(page.imagelength)
    if is_turned(orientation):
        width, height = height, width
    taken = page.tags.get(306)
    return Header(
        format="TIFF",
        mode=f"{page.axes} {page.dtype}",
        width_px=width,
        height_px=height,
        orientation=orientation,
        bit_depth=int(page.bitspersample),
        pages=containers.tiff_pages(data),
        taken_at=moment(taken.value if taken is not None else None),
        lossy=int(page.compression) in (6, 7, 34892, 34927, 50001),  # JPEG and WebP
    )


def _colour(path: Path | str, page: Any, values: NDArray[Any]) -> tuple[NDArray[Any], bool, bool]:
    """Colour samples as (H, W) or (H, W, 3); whether alpha hides anything; whether bands are left out."""
    kind, samples = int(page.photometric), values.shape[2]
    if kind not in _COLOURS:
        raise InputRefused(path, "its way of storing colours is not known; save it as RGB.")
    colours = _COLOURS[kind]
    extra = tuple(int(e) for e in page.extrasamples)
    hides = any(
        e in (1, 2) and values[..., samples - len(extra) + i].min() < _full(values.dtype)
        for i, e in enumerate(extra)
        if 0 < len(extra) <= samples
    )
    unnamed = samples - colours - sum(e in (1, 2) for e in extra)
    if colours == 1 and unnamed >= 2:  # several grey bands, as multispectral cameras write them
        return values[..., :3], hides, unnamed > 2
    if kind == _SEPARATED:
        return _rgb_from_cmyk(values[..., :4]), hides, unnamed > 0
    colour = values[..., 0] if colours == 1 else values[..., :colours]
    return colour, hides, unnamed > 0


def _full(dtype: np.dtype[Any]) -> float:
    return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)


def _negative(values: NDArray[Any]) -> NDArray[Any]:
    return values if values.dtype.kind == "f" else np.iinfo(values.dtype).max - values


def _rgb_from_cmyk(values: NDArray[Any]) -> NDArray[Any]:
    """Plain conversion without profiles, at the depth of the values."""
    full = _full(values.dtype)
    ink = values.astype(np.float32) / full
    rgb = (1 - ink[..., :3]) * (1 - ink[..., 3:])
    return (rgb * full).round().astype(values.dtype) if values.dtype.kind != "f" else rgb
