"""Broken, lying and strange files: always one sentence, never a grey fill, never a hang."""

from __future__ import annotations

import errno
import io
import json
import os
import random
import socket
import struct
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from crackcore.errors import InputRefused, PhotoMissing
from crackcore.imaging import containers, limits
from crackcore.imaging.decoding import decode, read_header
from crackcore.imaging.fingerprint import file_sha256
from crackcore.imaging.limits import Limits
from crackcore.imaging.reading import photo_facts, read_photo, rgb_of
from crackcore.imaging.thumbnails import make_thumbnail

NIGHTLY = os.environ.get("CRACKSCOPE_NIGHTLY") == "1"
DOORS: list[Callable[[Path], object]] = [read_photo, photo_facts, make_thumbnail]


def _picture() -> np.ndarray:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:96, 0:128]
    grey = 120 + 60 * np.sin(x / 9.0) * np.cos(y / 7.0) + 8 * rng.standard_normal((96, 128))
    return np.clip(np.stack([grey, grey * 0.8, 255 - grey], -1), 0, 255).astype(np.uint8)


def _saved(form: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(_picture()).save(out, form, **options)
    return out.getvalue()


def _tiff(deep: bool = True, **options: object) -> bytes:
    out = io.BytesIO()
    values = _picture().astype(np.uint16) * 257 if deep else _picture()
    tifffile.imwrite(out, values, photometric="rgb", **options)
    return out.getvalue()


def _sources() -> dict[str, bytes]:
    palette = io.BytesIO()
    Image.fromarray(_picture()).convert("P").save(palette, "PNG")
    animated = io.BytesIO()
    frames = [Image.fromarray(_picture()[:, ::step]) for step in (1, -1)]
    frames[0].save(animated, "GIF", save_all=True, append_images=frames[1:])
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "plain.jpg": _saved("JPEG", exif=exif),
        "progressive.jpg": _saved("JPEG", progressive=True),
        "plain.png": _saved("PNG", exif=exif),
        "palette.png": palette.getvalue(),
        "lossy.webp": _saved("WEBP"),
        "lossless.webp": _saved("WEBP", lossless=True),
        "plain.bmp": _saved("BMP"),
        "animated.gif": animated.getvalue(),
        "plain.jp2": _saved("JPEG2000"),
        "plain.tif": _saved("TIFF"),
        "lzw.tif": _saved("TIFF", compression="tiff_lzw"),
        "jpeg.tif": _saved("TIFF", compression="jpeg"),
        "deep.tif": _tiff(),
        "deep-lzw.tif": _tiff(compression="lzw"),
        "deep-tiles.tif": _tiff(compression="deflate", tile=(32, 32)),
        "deep-zstd.tif": _tiff(compression="zstd"),
        "png-inside.tif": _tiff(deep=False, compression="png"),
    }


SOURCES = _sources()


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_cut_short_is_refused_or_equal(name: str) -> None:
    """A lenient decoder fills what is missing with grey; that must never be shown."""
    data = SOURCES[name]
    whole = rgb_of(decode(name, data, Limits()))[0]
    cuts = {len(data) - i for i in range(1, 16)} | {len(data) * i // 24 for i in range(1, 24)}
    refused: list[str] = []
    for cut in sorted(cuts):
        try:
            pixels, _, _ = rgb_of(decode(name, data[:cut], Limits()))
        except InputRefused as error:
            refused.append(error.message)
        else:
            assert np.array_equal(pixels, whole), f"cut to {cut} of {len(data)} bytes"
    assert all(message.startswith(name) for message in refused)
    assert len(refused) >= 6  # what follows the pixels (end marks, further frames) may be missing


@pytest.mark.parametrize("name", ["plain.jpg", "progressive.jpg"])
def test_a_lost_end_filled_with_zeros_is_refused(name: str) -> None:
    data = SOURCES[name]
    with pytest.raises(InputRefused, match="zeros"):
        decode(name, data[: len(data) // 2] + bytes(len(data) // 2), Limits())
    padded = data + bytes(4096)  # as some cameras write it
    whole = rgb_of(decode(name, data, Limits()))[0]
    assert np.array_equal(rgb_of(decode(name, padded, Limits()))[0], whole)


def _mutated(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(min(len(out), 400) if rng.random() < 0.6 else len(out))
        match rng.randrange(5):
            case 0:
                out[at] = rng.randrange(256)
            case 1:
                out[at] ^= 1 << rng.randrange(8)
            case 2:
                out[at : at + 4] = rng.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\0\0\x40\0"))
            case 3:
                del out[at : at + rng.randrange(1, 50)]
            case _:
                out[at:at] = rng.randbytes(rng.randrange(1, 20))
        out = out or bytearray(b"?")
    return bytes(out)


def test_damaged_files_give_a_picture_or_a_sentence() -> None:
    rng = random.Random(None if NIGHTLY else 11)
    names = sorted(SOURCES)
    opened = 0
    messages: list[tuple[str, str]] = []
    for i in range(20_000 if NIGHTLY else 300):
        name = names[i % len(names)]
        data = _mutated(SOURCES[name], rng)
        started = time.monotonic()
        try:
            pixels, _, _ = rgb_of(decode(name, data, Limits()))
        except InputRefused as error:
            messages.append((name, error.message))
        else:
            opened += 1
            header = read_header(name, data, Limits())
            assert pixels.dtype == np.uint8
            assert pixels.shape == (header.height_px, header.width_px, 3)
        assert time.monotonic() - started < 2.0, data.hex()
    assert opened > 10
    assert len(messages) > 10
    assert all(message.startswith(name + ": ") for name, message in messages)


# ---------------------------------------------------------------- lying headers


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(width: int, height: int, *chunks: bytes) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return containers.PNG + head + b"".join(chunks) + _chunk(b"IEND", b"")


GIF_3600_MPX = (
    b"GIF89a" + struct.pack("<HHBBB", 60000, 60000, 0x80, 0, 0) + bytes(6)  # screen and two colours
    + b"," + struct.pack("<HHHHB", 0, 0, 60000, 60000, 0) + b"\x02\x02\x44\x01\0;"
)  # fmt: skip
WEBP_67_MPX = bytes.fromhex("524946461a000000574542505650384c0e0000002ffeffff03071011fd0f4444ff03")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (WEBP_67_MPX, "67.1 megapixels"),
        (_png(6000, 6000, _chunk(b"IDAT", zlib.compress(bytes(6000 * 751)))), "36 megapixels"),
        (_png(100_000, 1, _chunk(b"IDAT", zlib.compress(bytes(12501)))), "65535"),
        (GIF_3600_MPX, "3600 megapixels"),
        (
            b"BM" + struct.pack("<IIIIiiHHIIIIII", 60, 0, 54, 40, 50000, 50000, 1, 24, 0, 0, 0, 0, 0, 0),
            "2500",
        ),
    ],
)
def test_pictures_that_claim_too_much_are_refused_from_their_header(
    door: Callable[[Path], object], data: bytes, words: str, tmp_path: Path
) -> None:
    (tmp_path / "bomb").write_bytes(data)
    started = time.monotonic()
    with pytest.raises(InputRefused, match=words):
        door(tmp_path / "bomb")
    assert time.monotonic() - started < 1.0


def _patched_tag(data: bytes, tag: int, value: int) -> bytes:
    """A little-endian classic TIFF with the value of one tag replaced."""
    (at,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, at)
    for i in range(entries):
        entry = at + 2 + 12 * i
        if struct.unpack_from("<H", data, entry)[0] == tag:
            return data[: entry + 2] + struct.pack("<HII", 4, 1, value) + data[entry + 12 :]
    raise AssertionError(f"no tag {tag}")


@pytest.mark.parametrize("deep", [True, False])
def test_tiles_far_larger_than_the_picture_are_refused(deep: bool) -> None:
    data = _tiff(deep, tile=(32, 32))
    data = _patched_tag(_patched_tag(data, 322, 40_000), 323, 40_000)
    with pytest.raises(InputRefused, match="far larger"):
        decode("a.tif", data, Limits())


@pytest.mark.parametrize("name", ["deep.tif", "deep-lzw.tif", "deep-tiles.tif", "deep-zstd.tif"])
def test_a_cut_deep_tiff_is_called_incomplete(name: str) -> None:
    data = SOURCES[name]
    with pytest.raises(InputRefused, match="incomplete"):
        decode("a.tif", data[: len(data) * 9 // 10], Limits())


def test_thousands_of_channels_are_refused() -> None:
    with pytest.raises(InputRefused, match="rare kind"):
        decode("bands.tif", _patched_tag(_tiff(), 277, 60_000), Limits())


def test_strips_that_are_not_in_the_file_are_not_filled_with_black() -> None:
    data = _tiff(rowsperstrip=200)
    with pytest.raises(InputRefused, match="incomplete"):
        decode("strips.tif", _patched_tag(data, 278, 8), Limits())


def test_a_hundred_thousand_pages_are_counted_in_no_time() -> None:
    tags = ((256, 4), (257, 4), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 4), (279, 16))
    size, count = 2 + 12 * len(tags) + 4, 100_000
    parts = [b"II*\0", struct.pack("<I", 24), bytes(range(16))]
    for i in range(count):
        parts.append(struct.pack("<H", len(tags)))
        parts += [struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags]
        parts.append(struct.pack("<I", 24 + size * (i + 1) if i + 1 < count else 0))
    started = time.monotonic()
    decoded = decode("pages.tif", b"".join(parts), Limits())
    assert time.monotonic() - started < 2.0
    assert decoded.header.pages == containers.MAX_PAGES
    assert "at least 10000" in decoded.notes[0]
    assert decoded.values.ravel().tolist() == list(range(16))


def test_directories_in_a_circle_end() -> None:
    data = bytearray(_saved("TIFF"))
    (first,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * entries, first)
    assert containers.tiff_pages(bytes(data)) == 1
    assert decode("circle.tif", bytes(data), Limits()).header.pages == 1


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
@pytest.mark.parametrize("count", [1, 300])
def test_packed_text_of_any_size_is_left_out(kind: bytes, count: int) -> None:
    packed = zlib.compress(bytes((1 << 20) - 100 if count > 1 else 40 << 20), 9)
    body = b"a\0\1\0\0\0" + packed if kind == b"iTXt" else b"a\0\0" + packed
    data = SOURCES["plain.png"]
    at = data.index(b"IDAT") - 4
    bomb = data[:at] + _chunk(kind, body) * count + data[at:]
    started = time.monotonic()
    pixels = rgb_of(decode("text.png", bomb, Limits()))[0]
    assert time.monotonic() - started < 2.0
    assert np.array_equal(pixels, rgb_of(decode("plain.png", data, Limits()))[0])


def test_ordinary_text_stays_where_it_is() -> None:
    assert containers.without_oversized_text(SOURCES["plain.png"]) is SOURCES["plain.png"]
    assert containers.without_oversized_text(b"no PNG") == b"no PNG"


# ---------------------------------------------------------------- limits


def test_limits_are_the_callers(tmp_path: Path) -> None:
    Image.new("L", (300, 200)).save(tmp_path / "a.png")
    size = (tmp_path / "a.png").stat().st_size
    assert read_photo(tmp_path / "a.png", limits=Limits(max_px=60_000, max_bytes=size)).pixels.size
    for tight in (Limits(max_px=59_999), Limits(max_side_px=299), Limits(max_bytes=size - 1)):
        with pytest.raises(InputRefused):
            read_photo(tmp_path / "a.png", limits=tight)


def test_little_free_memory_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (3000, 2000)).save(tmp_path / "a.png")
    monkeypatch.setattr(limits, "free_memory", lambda: 90 << 20)
    with pytest.raises(InputRefused, match="memory") as refused:
        read_photo(tmp_path / "a.png")
    assert refused.value.hint
    monkeypatch.setattr(limits, "free_memory", lambda: None)
    assert read_photo(tmp_path / "a.png").pixels.shape == (2000, 3000, 3)


def test_free_memory_is_believable() -> None:
    free = limits.free_memory()
    assert free is None or 10 << 20 < free < 1 << 50


def test_a_decoder_out_of_memory_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image, "open", no_memory)
    with pytest.raises(InputRefused, match="memory"):
        decode("a.png", SOURCES["plain.png"], Limits())


def test_threads_with_different_limits_do_not_disturb_each_other(tmp_path: Path) -> None:
    filters = list(warnings.filters)
    Image.new("L", (400, 400)).save(tmp_path / "a.png")

    def attempt(i: int) -> bool:
        tight = i % 2 == 0
        try:
            read_photo(tmp_path / "a.png", limits=Limits(max_px=100_000 if tight else 200_000))
        except InputRefused:
            return tight
        return not tight

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(attempt, range(200)))
    assert len(warnings.filters) <= len(filters) + 2
    with pytest.raises(UserWarning, match="still heard"):
        warnings.warn("still heard")


# ---------------------------------------------------------------- what is no file


@pytest.mark.parametrize("door", [*DOORS, file_sha256])
def test_places_that_are_no_pictures(door: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(PhotoMissing, match="not there"):
        door(tmp_path / "absent.jpg")
    with pytest.raises(InputRefused, match="folder"):
        door(tmp_path)
    with pytest.raises(PhotoMissing, match="name"):
        door(Path("null\0byte.jpg"))
    with pytest.raises((InputRefused, PhotoMissing)):
        door(tmp_path / ("x" * 5000 + ".jpg"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
@pytest.mark.parametrize("door", [*DOORS, file_sha256])
def test_a_pipe_or_a_socket_does_not_block(
    door: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # a socket's path may have 108 bytes only
        server.bind("socket.jpg")
        for name in ("pipe.jpg", "socket.jpg"):
            outcome: list[BaseException] = []

            def attempt(name: str = name, outcome: list[BaseException] = outcome) -> None:
                try:
                    door(tmp_path / name)
                except BaseException as error:
                    outcome.append(error)

            thread = threading.Thread(target=attempt, daemon=True)
            thread.start()
            thread.join(5)
            assert not thread.is_alive()
            assert isinstance(outcome[0], InputRefused)
            assert "regular" in str(outcome[0])


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EACCES, "permission"), (errno.EIO, "cannot be read"), (errno.ENAMETOOLONG, "too long")],
)
def test_what_the_system_refuses_is_said(
    number: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jpg").write_bytes(SOURCES["plain.jpg"])

    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(InputRefused, match=words):
            read_photo(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04aa", "ZIP"),
        (b"version https://git-lfs.github.com/spec/v1", "not downloaded"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"  <!DOCTYPE html><html>", "web page"),
        (bytes(4000), "zeros"),
        (b"\xff\xd8\xff", "damaged or incomplete"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "damaged"),
        (b"hello", "not a picture"),
    ],
)
def test_strangers_are_named(start: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(start)
    with pytest.raises(InputRefused, match=words):
        read_photo(tmp_path / "a.jpg")


def _hostile_names(shared: Path) -> list[str]:
    listed = shared / "data" / "bad-inputs" / "names" / "hostile-names.json"
    return [str(name) for name in json.loads(listed.read_text("utf-8"))]


def test_every_name_the_system_holds_can_be_read(shared: Path, tmp_path: Path) -> None:
    good = (shared / "data" / "bad-inputs" / "images" / "good.jpg").read_bytes()
    held = 0
    for name in _hostile_names(shared):
        path = tmp_path / name
        try:
            path.write_bytes(good)
        except (OSError, ValueError):
            with pytest.raises((InputRefused, PhotoMissing)) as refused:
                read_photo(path)
            refused.value.sentence().encode("utf-8")
            continue
        held += 1
        assert read_photo(path).pixels.shape == (120, 160, 3)
        assert make_thumbnail(path, 32).shape == (24, 32, 3)
        path.write_bytes(good[:100])
        with pytest.raises(InputRefused) as refused:
            read_photo(path)
        sentence = refused.value.sentence()
        sentence.encode("utf-8")  # no lone surrogate
        assert sentence.isprintable()
    assert held >= (40 if sys.platform == "linux" else 20)
