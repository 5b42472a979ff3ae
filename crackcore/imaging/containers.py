"""What can be said of a picture file from its bytes alone: kind, pages, text that must not be read."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}
_TEXT_CHUNK_LIMIT = 1 << 20  # the decoder refuses the whole picture above this
_TEXT_TOTAL_LIMIT = 8 << 20
MAX_PAGES = 10_000

# What people mistake for a picture: first bytes, and what to say.
_STRANGERS = (
    (b"%PDF", "this is a PDF document, not a picture."),
    (b"%!PS", "this is a PostScript file, not a picture."),
    (b"\xc5\xd0\xd3\xc6", "this is a PostScript file, not a picture."),
    (b"PK\x03\x04", "this is a ZIP archive, not a picture."),
    (b"version https://git-lfs", "the real file was not downloaded (this is a Git LFS pointer)."),
    (b"8BPS", "this is a Photoshop file; save it as TIFF or PNG."),
    (b"SIMPLE  =", "this is a FITS file; save it as TIFF."),
    (b"\x89HDF\r\n\x1a\n", "this is an HDF5 file, not a picture."),
)
_PICTURE_STARTS = (
    b"\xff\xd8\xff",
    PNG,
    *_TIFF,
    b"BM",
    b"GIF8",
    b"\0\0\0\x0cjP  ",
    b"\xff\x4f\xff\x51",
)
KINDS = "JPEG, PNG, TIFF, BMP, GIF, WebP or JPEG 2000"


def why_unknown(data: bytes) -> str:
    """One sentence about bytes that no decoder took."""
    for start, reason in _STRANGERS:
        if data.startswith(start):
            return reason
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"mif1", b"hevc", b"msf1", b"avif"):
        return "this is a HEIC or AVIF picture; save it as JPEG or PNG."
    if data[:1024].lstrip().lower().startswith((b"<!doctype", b"<html", b"<svg", b"<?xml")):
        return "this is a web page or drawing as text, not a picture."
    if data.startswith(_PICTURE_STARTS) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
        return "the beginning of the picture is damaged or incomplete."
    if not data.strip(b"\0"):
        return "the file holds nothing but zeros; it was probably not copied completely."
    return f"this is not a picture ({KINDS})."


def ends_in_zeros(data: bytes) -> bool:
    """Whether a JPEG's end was lost and filled with zeros, as a broken copy leaves it.

    Zeros are valid JPEG data, so the decoder would show grey there without a word. Padding behind
    a proper end mark is fine.
    """
    if not data.startswith(b"\xff\xd8") or not data.endswith(bytes(512)):
        return False
    return not data.rstrip(b"\0").endswith(b"\xff\xd9")


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, first byte and byte after the end (length, type and checksum included) of every chunk.

    Stops without a word at the first one that does not fit into the file.
    """
    at = len(PNG)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 12 + length
        if end > len(data):
            return
        yield data[at + 4 : at + 8], at, end
        at = end


def png_depth(data: bytes) -> int:
    """Bits per sample as the header says; 0 when this is not a PNG."""
    return data[24] if data.startswith(PNG) and len(data) > 24 else 0


def jpeg2000_depth(data: bytes) -> int:
    """Bits per sample of the first component, from the size marker; 0 when there is none."""
    at = data.find(b"\xff\x4f\xff\x51", 0, 1 << 16)
    depth_at = at + 4 + 38  # behind length, profile, eight sizes and the number of components
    return (data[depth_at] & 0x7F) + 1 if at >= 0 and depth_at < len(data) else 0


def png_describes_late(data: bytes) -> bool:
    """Whether a PNG keeps EXIF or text behind its pixels, where only a full decode finds it."""
    pixels_seen = False
    for kind, _, _ in png_chunks(data):
        pixels_seen = pixels_seen or kind == b"IDAT"
        if pixels_seen and kind in (b"eXIf", b"tEXt", b"zTXt", b"iTXt"):
            return True
    return False


def without_oversized_text(data: bytes) -> bytes:
    """A PNG without those packed text and profile blocks that unpack to more than is sensible.

    The decoder would refuse the whole picture for them, though its pixels are good. Returns the
    same object when there is nothing to leave out.
    """
    if not data.startswith(PNG):
        return data
    keep_from, parts, unpacked = 0, [], 0
    for kind, start, end in png_chunks(data):
        if kind not in (b"zTXt", b"iTXt", b"iCCP"):
            continue
        size = _unpacked_size(kind, data[start + 8 : end - 4])
        if size > _TEXT_CHUNK_LIMIT or unpacked + size > _TEXT_TOTAL_LIMIT:
            parts.append(data[keep_from:start])
            keep_from = end
        else:
            unpacked += size
    return b"".join([*parts, data[keep_from:]]) if parts else data


def _unpacked_size(kind: bytes, body: bytes) -> int:
    """Bytes a text block unpacks to, counted up to just above the limit."""
    _, _, rest = body.partition(b"\0")
    if kind == b"iTXt":
        if rest[:1] != b"\1":
            return len(rest)
        _, _, rest = rest[2:].partition(b"\0")  # language
        _, _, packed = rest.partition(b"\0")  # translated keyword
    else:
        packed = rest[1:]
    try:
        return len(zlib.decompressobj().decompress(packed, _TEXT_CHUNK_LIMIT + 1))
    except zlib.error:
        return 0  # the decoder ignores it


def is_tiff(data: bytes) -> bool:
    """Classic or Big TIFF, either byte order."""
    return data[:4] in _TIFF


def tiff_pages(data: bytes) -> int:
    """Full pictures in a TIFF; smaller versions of the first (overviews) and mask pages not counted.

    Walks the chain of directories itself: one step each, at most MAX_PAGES, loops end it. (The
    usual library needs 47 s for a 12 MB file with 100 000 of them.)
    """
    pages = 0
    seen: set[int] = set()
    form = _tiff_form(data)
    if form is None:
        return 1
    try:
        (at,) = struct.unpack_from(form.link, data, form.head)
        while at and at not in seen and len(seen) < MAX_PAGES:
            seen.add(at)
            first, entries = form.directory(data, at)
            kind = _tag_value(data, form, first, entries, 254)
            pages += not (kind or 0) & 0b101  # bit 0: smaller version, bit 2: mask
            (at,) = struct.unpack_from(form.link, data, first + entries * form.entry_size)
    except (struct.error, ValueError):  # the chain leads outside the file; what was counted stands
        pass
    return max(1, pages)


def tiff_value(data: bytes, tag: int) -> int:
    """The first value of a whole-number tag of the first directory; 0 when it is not there."""
    form = _tiff_form(data)
    if form is None:
        return 0
    try:
        (at,) = struct.unpack_from(form.link, data, form.head)
        return _tag_value(data, form, *form.directory(data, at), tag) or 0
    except (struct.error, ValueError):
        return 0


@dataclass(frozen=True)
class _TiffForm:
    """Byte order and field widths of one TIFF."""

    order: str
    big: bool

    @property
    def head(self) -> int:
        return 8 if self.big else 4

    @property
    def link(self) -> str:
        return self.order + ("Q" if self.big else "I")

    @property
    def entry_size(self) -> int:
        return 20 if self.big else 12

    def directory(self, data: bytes, at: int) -> tuple[int, int]:
        """Where the entries of the directory at `at` begin, and how many there are."""
        count = self.order + ("Q" if self.big else "H")
        (entries,) = struct.unpack_from(count, data, at)
        if entries > 4096:
            raise ValueError("a directory with more entries than there are tags")
        return at + struct.calcsize(count), entries


def _tiff_form(data: bytes) -> _TiffForm | None:
    order = _TIFF.get(data[:4])
    return _TiffForm(order, b"+" in data[2:4]) if order else None


def _tag_value(data: bytes, form: _TiffForm, first: int, entries: int, tag: int) -> int | None:
    for i in range(entries):
        at = first + i * form.entry_size
        found, kind = struct.unpack_from(form.order + "HH", data, at)
        if found != tag:
            continue
        (count,) = struct.unpack_from(form.link, data, at + 4)
        size = {1: 1, 3: 2, 4: 4, 16: 8}.get(kind)
        if size is None or count < 1:
            return None
        value_at = at + (12 if form.big else 8)
        if size * count > (8 if form.big else 4):
            (value_at,) = struct.unpack_from(form.link, data, value_at)
        letter = {1: "B", 2: "H", 4: "I", 8: "Q"}[size]
        return int(struct.unpack_from(form.order + letter, data, value_at)[0])
    return None


def gif_frames(data: bytes) -> int:
    """Pictures in a GIF, counted block by block, at most MAX_PAGES."""
    frames = 0
    try:
        at = 13 + _colour_table(data[10])
        while frames < MAX_PAGES:
            mark = data[at]
            if mark == 0x2C:
                frames += 1
                at += 10 + _colour_table(data[at + 9]) + 1
            elif mark == 0x21:
                at += 2
            else:
                break
            while data[at]:
                at += data[at] + 1
            at += 1
    except IndexError:  # cut short; the decoder will say so if the first frame is concerned
        pass
    return max(1, frames)


def _colour_table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
