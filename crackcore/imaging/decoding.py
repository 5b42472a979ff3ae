"""From bytes to values: the one place of the program where pictures are decoded.

Whatever a third-party decoder raises becomes InputRefused here, with one plain sentence.
"""

from __future__ import annotations

import re
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from crackcore.errors import Cancelled, CrackError, InputRefused
from crackcore.imaging import containers, deep_tiff
from crackcore.imaging.depth import NotFinite
from crackcore.imaging.limits import Limits, check_size, too_large
from crackcore.imaging.orientation import is_turned, legal, upright

# No "MPO": two-picture phone JPEGs open as JPEG, and listing it breaks unknown files. Never EPS,
# PDF, FITS, PSD: they are not photographs, and some would call an outside program.
FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "GIF", "WEBP", "JPEG2000")

_ALPHA_MODES = ("RGBA", "LA", "PA", "RGBa", "La")
ALPHA_NOTE = "Parts of the picture are transparent; the transparency was ignored."
_decoder_lock = threading.Lock()


@dataclass(frozen=True)
class Header:
    """What a file says of itself; `width_px` and `height_px` are those of the upright picture."""

    format: str
    mode: str
    width_px: int
    height_px: int
    orientation: int
    bit_depth: int
    pages: int
    taken_at: str
    lossy: bool


@dataclass(frozen=True)
class Decoded:
    """Upright values at the depth of the file.

    values : (H, W) or (H, W, 3), uint8, uint16, other integers or float.
    palette : uint8 (256, 3) when the values are palette indices.
    alpha : uint8 (H, W), 255 opaque, when it was asked for and the file has it.
    mapping : said when the decoder itself already went from 16 bits to 8.
    """

    header: Header
    values: NDArray[Any]
    palette: NDArray[np.uint8] | None = None
    mapping: str = ""
    notes: tuple[str, ...] = ()
    alpha: NDArray[np.uint8] | None = None


def read_header(path: Path | str, data: bytes, limits: Limits) -> Header:
    """Size, kind and moment without decoding; raises InputRefused for what must not be decoded."""
    with refusing(path):
        if deep_tiff.is_needed(data):
            return deep_tiff.header(path, data, limits)
        with _opened(path, data, limits) as image:
            if containers.png_describes_late(data):
                image.load()
            return _header(image, data)


def decode(
    path: Path | str, data: bytes, limits: Limits, *, draft_px: int = 0, with_alpha: bool = False
) -> Decoded:
    """Decode the first page of a picture; `path` is only used for sentences.

    With `draft_px` a JPEG is decoded at the smallest scale that keeps its shorter side at least
    that long (up to eight times faster); the header still gives the full size. Transparency is
    left out unless `with_alpha`: masks may be drawn in it, photographs are not.
    """
    with refusing(path):
        if containers.ends_in_zeros(data):
            raise InputRefused(path, "the picture is incomplete; its end was lost and filled with zeros.")
        if deep_tiff.is_needed(data):
            return deep_tiff.decode(path, data, limits)
        with _opened(path, data, limits) as image:
            return _decode(image, data, draft_px, with_alpha)


@contextmanager
def refusing(path: Path | str) -> Iterator[None]:
    """The boundary: whatever a decoder raises becomes one sentence."""
    try:
        yield
    except (CrackError, Cancelled):
        raise
    except MemoryError as error:
        raise InputRefused(path, "the picture needs more memory than there is.") from error
    except NotFinite as error:
        raise InputRefused(
            path, "the picture holds values that are no numbers (NaN or infinite).", hint="Export it again."
        ) from error
    except Exception as error:
        raise InputRefused(path, _reason(error)) from error


def _reason(error: Exception) -> str:
    text = str(error).lower()
    if isinstance(error, EOFError | struct.error) or "truncated" in text or "incomplete" in text:
        return "the picture is incomplete; the end of the file is missing."
    if "not supported" in text or "unsupported" in text or isinstance(error, NotImplementedError):
        return "the picture is of a rare kind that cannot be read; save it as PNG or TIFF."
    return "the picture is damaged and cannot be read completely."


@contextmanager
def _opened(path: Path | str, data: bytes, limits: Limits) -> Iterator[Image.Image]:
    """A picture whose header was read and found within the limits; nothing is decoded yet."""
    _prepare_decoder(limits)
    data = containers.without_oversized_text(data)
    try:
        image: Image.Image = Image.open(BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise InputRefused(path, containers.why_unknown(data)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        found = re.search(r"\((\d+) pixels\)", str(error))
        raise too_large(path, int(found[1]) if found else limits.max_px, limits) from error
    with image:
        width, height = image.size
        check_size(
            path,
            width_px=width,
            height_px=height,
            file_bytes=len(data),
            limits=limits,
            memory_per_px=14 if image.mode in ("CMYK", "RGBA") else 10,
        )
        _check_tiles(path, image, limits)
        yield image


def _prepare_decoder(limits: Limits) -> None:
    """Settings of the decoder that hold for the whole process, set again whenever they are lost.

    They only ever grow, so threads with different limits do not disturb each other; the limits
    of this call are checked after the header was read. The two warning filters concern the
    decoder alone: its size warning is an error, its remarks about odd metadata are not printed.
    """
    first, second = ([*warnings.filters, None, None])[:2]
    ready = first is not None and first[:3:2] == ("error", Image.DecompressionBombWarning)
    ready = ready and second is not None and second[0] == "ignore" and second[3] is not None
    if ready and (Image.MAX_IMAGE_PIXELS or 0) >= limits.max_px:
        return
    with _decoder_lock:
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, limits.max_px)
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


def _check_tiles(path: Path | str, image: Image.Image, limits: Limits) -> None:
    """A TIFF may say that its tiles are far larger than the picture; one is decoded whole."""
    tags = getattr(image, "tag_v2", None)
    if tags is None:
        return
    width, height = tags.get(322, 0), tags.get(323, 0)
    if isinstance(width, int) and isinstance(height, int):
        deep_tiff.check_tile(path, width, height, image.size[0] * image.size[1])


def _header(image: Image.Image, data: bytes) -> Header:
    form = "JPEG" if image.format == "MPO" else str(image.format)
    orientation, taken_at = _exif(image)
    width, height = image.size
    if is_turned(orientation) and form != "TIFF":  # for TIFF the decoder gives upright sizes already
        width, height = height, width
    return Header(
        format=form,
        mode=image.mode,
        width_px=width,
        height_px=height,
        orientation=orientation,
        bit_depth=_bit_depth(image, data),
        pages=_pages(image, data),
        taken_at=taken_at,
        lossy=form in ("JPEG", "WEBP") or image.info.get("compression") in ("jpeg", "webp"),
    )


def _bit_depth(image: Image.Image, data: bytes) -> int:
    if depth := containers.png_depth(data):
        return depth
    if image.format == "JPEG2000" and (depth := containers.jpeg2000_depth(data)):
        return depth
    return {"1": 1, "I;16": 16, "I;16B": 16, "I;16L": 16, "I": 32, "F": 32}.get(image.mode, 8)


def _pages(image: Image.Image, data: bytes) -> int:
    if image.format == "TIFF":
        return containers.tiff_pages(data)
    if image.format == "GIF":
        return containers.gif_frames(data)
    return int(getattr(image, "n_frames", 1))


def _exif(image: Image.Image) -> tuple[int, str]:
    """Orientation 1..8 and moment (ISO 8601, local to the camera, or ""); damaged EXIF says nothing."""
    try:
        # Not image.getexif(): for a PNG that decodes the whole picture.
        exif = Image.Image.getexif(image)
        orientation = legal(exif.get(ExifTags.Base.Orientation))
    except Exception:  # noqa: BLE001 - damaged metadata is no reason to refuse good pixels
        return 1, ""
    try:
        said = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
        return orientation, moment(said or exif.get(ExifTags.Base.DateTime))
    except Exception:  # noqa: BLE001 - as above
        return orientation, ""


def moment(said: object) -> str:
    """An EXIF moment ("2024:05:31 12:00:00") as ISO 8601; "" when it says nothing."""
    found = re.match(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)", said) if isinstance(said, str) else None
    if not found or found[1] == "0000":
        return ""
    year, month, day, hour, minute, second = found.groups()
    return f"{year}-{month}-{day}T{hour}:{minute}:{second}"


def _decode(image: Image.Image, data: bytes, draft_px: int, with_alpha: bool) -> Decoded:
    if image.format == "TIFF" or not containers.png_describes_late(data):
        header = _header(image, data)  # a TIFF forgets its orientation when it is loaded
        if draft_px and header.format == "JPEG":
            image.draft(None, (draft_px, draft_px))
        image.load()
    else:
        image.load()
        header = _header(image, data)
    notes = [page_note(header)] if header.pages > 1 else []
    if _is_transparent(image):
        notes.append(ALPHA_NOTE)
    alpha = np.asarray(image.getchannel("A")) if with_alpha and image.mode in _ALPHA_MODES else None
    values, palette, mapping = _values(image, data, header.bit_depth)
    turn = 1 if header.format == "TIFF" else header.orientation  # TIFF: the decoder did it already
    turned = None if alpha is None else upright(alpha, turn)
    return Decoded(header, upright(values, turn), palette, mapping, tuple(notes), turned)


def page_note(header: Header) -> str:
    """That a file holds more than one picture."""
    many = f"at least {header.pages}" if header.pages >= containers.MAX_PAGES else f"{header.pages}"
    return f"The file holds {many} pictures (pages or frames); the first one is used."


def _is_transparent(image: Image.Image) -> bool:
    """Whether any pixel is less than fully opaque."""
    if image.mode in _ALPHA_MODES:
        return bool(image.getchannel("A").getextrema()[0] != 255)
    clear = image.info.get("transparency")
    if clear is None:
        return False
    if image.mode == "P" and isinstance(clear, bytes):
        see_through = {i for i, alpha in enumerate(clear) if alpha != 255}
        used = image.getcolors(256) or []
        return any(index in see_through for _, index in used)
    if isinstance(clear, int) and image.mode in ("P", "L", "1", "I;16", "I"):
        return bool((np.asarray(image) == (bool(clear) if image.mode == "1" else clear)).any())
    if isinstance(clear, tuple) and image.mode == "RGB":
        return bool((np.asarray(image) == np.array(clear, np.uint16)).all(axis=-1).any())
    return False


def _values(
    image: Image.Image, data: bytes, depth: int
) -> tuple[NDArray[Any], NDArray[np.uint8] | None, str]:
    """Values as decoded (not turned yet), the palette if they are indices, and the mapping if done."""
    mode = image.mode
    if mode in ("P", "PA"):
        indices = image if mode == "P" else image.getchannel("P")
        return np.asarray(indices), _palette(image), ""
    if mode == "1":
        return np.asarray(image.convert("L")), None, "1 bit: 0 and 255"
    if mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16, copy=False), None, ""
    mapping = ""
    if depth > 8 and mode in ("RGB", "RGBA", "LA"):  # 8 bits of them were decoded
        deep = _deep_png(image, data) if image.format == "PNG" else None
        if deep is not None:
            return deep, None, ""
        mapping = f"{depth} bit: the upper 8 bits"
    if mode in ("LA", "La"):
        image = image.getchannel("L") if mode == "LA" else image.convert("LA").getchannel("L")
    elif mode == "RGBa":
        image = image.convert("RGBA").convert("RGB")
    elif mode in ("RGBA", "RGBX", "CMYK", "YCbCr"):
        image = image.convert("RGB")
    elif mode not in ("L", "RGB", "I", "F"):
        raise NotImplementedError(f"mode {mode}")
    return np.asarray(image), None, mapping


def _palette(image: Image.Image) -> NDArray[np.uint8]:
    colours = np.zeros((256, 3), np.uint8)
    known = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)[:256]
    colours[: len(known)] = known
    return colours


def _deep_png(image: Image.Image, data: bytes) -> NDArray[np.uint16] | None:
    """All 16 bits of a colour PNG, of which Pillow keeps the upper 8 without a word.

    Pillow has decoded the file completely before, checksums included, so it is not damaged; that
    both decoders agree is checked all the same. None when they do not: then 8 bits must do.
    """
    try:
        deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # larger than OpenCV's own limit
        return None
    if deep is None or deep.dtype != np.uint16 or deep.ndim != 3 or deep.shape[2] not in (3, 4):
        return None
    if image.mode == "LA":
        grey: NDArray[np.uint16] = np.ascontiguousarray(deep[..., 0])
        return grey if _agree(grey, np.asarray(image.getchannel("L"))) else None
    colour: NDArray[np.uint16] = np.ascontiguousarray(deep[..., 2::-1])
    return colour if _agree(colour, np.asarray(image)[..., :3]) else None


def _agree(deep: NDArray[np.uint16], upper: NDArray[np.uint8]) -> bool:
    return deep.shape == upper.shape and np.array_equal(deep >> 8, upper)
