"""What cameras, scanners and drones write: orientations, depths, colour forms, containers."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from crackcore.imaging.decoding import decode
from crackcore.imaging.depth import NotFinite, to_8_bit
from crackcore.imaging.limits import Limits
from crackcore.imaging.reading import photo_facts, read_photo, rgb_of
from crackcore.imaging.thumbnails import make_thumbnail

HEIGHT, WIDTH = 60, 80


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Smooth, without any symmetry, all channels different."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([x * 3, y * 4, (x + y) + 20], -1).astype(np.uint8)


def _difference(pixels: np.ndarray, expected: np.ndarray) -> int:
    assert pixels.shape == expected.shape
    return int(np.abs(pixels.astype(int) - expected).max())


# ---------------------------------------------------------------- orientation

_AS_STORED = {  # what the camera stored, when EXIF says the picture must be turned by `orientation`
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: np.rot90(a, 2),
    4: lambda a: a[::-1],
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.swapaxes(np.rot90(a, 2), 0, 1),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("form", "options", "tolerance"),
    [
        ("JPEG", {"quality": 98, "subsampling": 0}, 6),
        ("PNG", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("WEBP", {"lossless": True}, 0),
    ],
)
def test_every_orientation_comes_out_upright(
    form: str, options: dict[str, Any], tolerance: int, orientation: int, picture: np.ndarray, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned"
    stored = np.ascontiguousarray(_AS_STORED[orientation](picture))
    Image.fromarray(stored).save(path, form, exif=exif, **options)
    photo = read_photo(path)
    assert photo.facts.orientation == orientation
    assert (photo.facts.height_px, photo.facts.width_px) == (HEIGHT, WIDTH)
    assert _difference(photo.pixels, picture) <= tolerance
    facts = photo_facts(path)
    assert (facts.height_px, facts.width_px, facts.orientation) == (HEIGHT, WIDTH, orientation)
    assert _difference(make_thumbnail(path, WIDTH), picture) <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_tiffs_are_turned_too(orientation: int, picture: np.ndarray, tmp_path: Path) -> None:
    stored = np.ascontiguousarray(_AS_STORED[orientation](picture)).astype(np.uint16) * 257
    tag = (274, "H", 1, orientation, True)
    tifffile.imwrite(tmp_path / "deep.tif", stored, photometric="rgb", extratags=[tag])
    photo = read_photo(tmp_path / "deep.tif")
    assert photo.facts.orientation == orientation
    assert np.array_equal(photo.pixels, picture)
    assert photo_facts(tmp_path / "deep.tif").height_px == HEIGHT


def test_orientation_behind_the_pixels_of_a_png_is_found(picture: np.ndarray, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(_AS_STORED[6](picture))).save(stored, "PNG", exif=exif)
    data = stored.getvalue()
    at = data.index(b"eXIf") - 4
    length = 12 + int.from_bytes(data[at : at + 4])
    end = data.index(b"IEND") - 4
    moved = data[:at] + data[at + length : end] + data[at : at + length] + data[end:]
    (tmp_path / "late.png").write_bytes(moved)
    assert photo_facts(tmp_path / "late.png").height_px == HEIGHT
    assert np.array_equal(read_photo(tmp_path / "late.png").pixels, picture)


@pytest.mark.parametrize(
    "entry",
    [
        struct.pack("<HHII", 0x0112, 3, 1, 0),
        struct.pack("<HHII", 0x0112, 3, 1, 9),
        struct.pack("<HHII", 0x0112, 3, 1, 65535),
        struct.pack("<HHI", 0x0112, 2, 3) + b"up\0\0",  # text
        struct.pack("<HHII", 0x0112, 12, 1, 1 << 30),  # a number outside the block
    ],
)
def test_an_illegal_orientation_means_upright(entry: bytes, picture: np.ndarray, tmp_path: Path) -> None:
    exif = b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    Image.fromarray(picture).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_photo(tmp_path / "a.png").pixels, picture)


def test_the_moment_comes_from_the_camera(picture: np.ndarray, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0132] = "2024:06:01 10:00:00"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:31 12:34:56"
    Image.fromarray(picture).save(tmp_path / "a.jpg", exif=exif)
    assert photo_facts(tmp_path / "a.jpg").taken_at == "2024-05-31T12:34:56"
    exif[0x8769] = {0x9003: "yesterday"}
    Image.fromarray(picture).save(tmp_path / "b.jpg", exif=exif)
    assert photo_facts(tmp_path / "b.jpg").taken_at == ""


# ---------------------------------------------------------------- depth


def _save_deep_png(path: Path, values: np.ndarray) -> None:
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(values)))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("form", ["png", "tif"])
def test_sixteen_bits_are_not_cut_but_mapped(
    form: str, channels: int, picture: np.ndarray, tmp_path: Path
) -> None:
    colour = picture if channels > 2 else picture[..., 1:2]
    opaque = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    values = np.dstack([colour, opaque]) if channels in (2, 4) else colour
    expected = colour if channels > 2 else np.repeat(colour, 3, 2)
    for factor, name in ((257, "full range"), (16, "only the lower 12 bits")):
        path = tmp_path / f"{factor}.{form}"
        deep = values.astype(np.uint16) * factor
        if form == "png":
            _save_deep_png(path, deep if channels > 1 else deep[..., 0])
        else:
            alpha = {"extrasamples": ["unassalpha"]} if channels in (2, 4) else {}
            kind = "rgb" if channels > 2 else "minisblack"
            tifffile.imwrite(
                path, deep if channels > 1 else deep[..., 0], photometric=kind, planarconfig="contig", **alpha
            )
        photo = read_photo(path)
        assert photo.facts.bit_depth == 16
        if factor == 257:
            assert np.array_equal(photo.pixels, expected), name
            assert photo.facts.notes == ()
        else:
            low, high = colour.min(), colour.max()
            stretched = np.rint((expected.astype(float) - low) * 255 / (high - low))
            assert _difference(photo.pixels, stretched) <= 1, name
            assert any("spread" in note for note in photo.facts.notes)


def test_all_sixteen_bits_of_a_png_count(tmp_path: Path) -> None:
    """Values that differ in the lower byte only would be one flat grey for a reader that cuts."""
    values = np.zeros((HEIGHT, WIDTH, 3), np.uint16)
    values[...] = (0x4000 + np.arange(WIDTH) * 2)[None, :, None]
    _save_deep_png(tmp_path / "faint.png", values)
    assert len(np.unique(read_photo(tmp_path / "faint.png").pixels)) == WIDTH


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_both_byte_orders_and_big_tiff(
    byteorder: str, bigtiff: bool, picture: np.ndarray, tmp_path: Path
) -> None:
    for values in (picture, picture.astype(np.uint16) * 257):
        path = tmp_path / f"{values.itemsize}.tif"
        tifffile.imwrite(path, values, photometric="rgb", byteorder=byteorder, bigtiff=bigtiff)
        assert np.array_equal(read_photo(path).pixels, picture)


@pytest.mark.parametrize(
    ("values", "expected", "note"),
    [
        (np.array([[0, 65535]], np.uint16), [0, 255], ""),
        (np.array([[0, 255, 256, 511, 65535]], np.uint16), [0, 0, 1, 1, 255], ""),
        (np.array([[0, 4095]], np.uint16), [0, 255], "0 to 4095"),
        (np.array([[20000, 21000]], np.uint16), [0, 255], "20000 to 21000"),
        (np.array([[700, 700]], np.uint16), [2, 2], ""),
        (np.array([[-100, 20, 100]], np.int16), [0, 153, 255], "-100 to 100"),
        (np.array([[-5, 1, 5]], np.int8), [0, 153, 255], "-5 to 5"),
        (np.array([[0, 7, 255]], np.int32), [0, 7, 255], "0 to 255"),
        (np.array([[0, 4_000_000_000]], np.uint32), [0, 255], "4e+09"),
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255], "0 to 1"),
        (np.array([[0, 0.5, 1]], np.float16), [0, 128, 255], "0 to 1"),
        (np.array([[0, 99.6, 255]], np.float64), [0, 100, 255], "rounded"),
        (np.array([[-1.0, 3.0]], np.float64), [0, 255], "-1 to 3"),
        (np.array([[2e6, 2e6]], np.float64), [0, 0], "2e+06"),
        (np.array([[False, True]]), [0, 255], ""),
    ],
)
def test_the_mapping_is_the_documented_one(values: np.ndarray, expected: list[int], note: str) -> None:
    mapped = to_8_bit(values)
    assert mapped.values.dtype == np.uint8
    assert mapped.values.ravel().tolist() == expected
    assert note in mapped.note
    assert bool(note) == bool(mapped.note)
    assert mapped.mapping


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(NotFinite):
        to_8_bit(np.array([[0.1, bad, 0.9]], np.float32))


# ---------------------------------------------------------------- colour forms and containers

_COMPRESSIONS = (None, "lzw", "deflate", "packbits", "zstd", "lzma", "jpeg2000", "png", "lerc", "jpegxl")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("compression", _COMPRESSIONS)
def test_tiff_compressions(
    compression: str | None, planes: str, bits: int, picture: np.ndarray, tmp_path: Path
) -> None:
    values = picture if bits == 8 else picture.astype(np.uint16) * 257
    if planes == "separate":
        values = np.moveaxis(values, -1, 0)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, photometric="rgb", planarconfig=planes, compression=compression)
    photo = read_photo(path)
    assert photo.facts.bit_depth == bits
    assert np.array_equal(photo.pixels, picture)


@pytest.mark.parametrize(
    ("options", "values", "tolerance"),
    [
        ({"photometric": "rgb", "compression": "jpeg"}, lambda p: p, 8),
        ({"photometric": "rgb", "compression": "webp"}, lambda p: p, 12),
        ({"photometric": "rgb", "compression": "deflate", "predictor": True}, lambda p: p, 0),
        ({"photometric": "rgb", "tile": (16, 16), "compression": "lzw"}, lambda p: p, 0),
        ({"photometric": "rgb", "tile": (16, 16)}, lambda p: p.astype(np.uint16) * 257, 0),
        ({"photometric": "rgb", "rowsperstrip": 7}, lambda p: p.astype(np.uint16) * 257, 0),
        ({"photometric": "rgb"}, lambda p: (p / 255).astype(np.float32), 0),
        (
            {"photometric": "separated"},
            lambda p: np.dstack([255 - p, np.zeros(p.shape[:2], np.uint8)]),
            0,
        ),
        (
            {"photometric": "separated"},
            lambda p: np.dstack([255 - p, np.zeros(p.shape[:2], np.uint8)]).astype(np.uint16) * 257,
            0,
        ),
        (
            {"photometric": "rgb", "extrasamples": ["unspecified"] * 2},
            lambda p: np.dstack([p, p[..., :2]]),
            0,
        ),
        (
            {"photometric": "minisblack", "planarconfig": "separate"},
            lambda p: np.moveaxis(np.dstack([p, p[..., :2]]), -1, 0),
            0,
        ),
    ],
)
def test_tiff_layouts(
    options: dict[str, Any], values: Any, tolerance: int, picture: np.ndarray, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", values(picture), **options)
    assert _difference(read_photo(tmp_path / "a.tif").pixels, picture) <= tolerance


@pytest.mark.parametrize("bits", [8, 16])
def test_white_is_zero(bits: int, picture: np.ndarray, tmp_path: Path) -> None:
    grey = picture[..., 1]
    values = 255 - grey if bits == 8 else 65535 - grey.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="miniswhite")
    assert np.array_equal(read_photo(tmp_path / "a.tif").pixels[..., 2], grey)


def test_pages_that_are_smaller_versions_are_not_counted(picture: np.ndarray, tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "overviews.tif") as file:
        file.write(picture, photometric="rgb")
        file.write(picture[::2, ::2], photometric="rgb", subfiletype=1)
        file.write(picture[::4, ::4], photometric="rgb", subfiletype=1)
    photo = read_photo(tmp_path / "overviews.tif")
    assert photo.facts.pages == 1
    assert photo.facts.notes == ()


@pytest.mark.parametrize(
    ("mode", "form", "tolerance"),
    [
        ("CMYK", "TIFF", 0),
        ("CMYK", "JPEG", 8),
        ("CMYK", "JPEG2000", 0),
        ("YCbCr", "TIFF", 4),
        ("YCbCr", "JPEG", 12),
        ("RGBA", "TIFF", 0),
        ("RGBA", "PNG", 0),
        ("RGBA", "JPEG2000", 0),
        ("RGBX", "TIFF", 0),
        ("RGB", "BMP", 0),
        ("RGB", "JPEG2000", 0),
        ("RGB", "WEBP", 16),
        ("RGB", "JPEG", 12),
        ("RGB", "GIF", 40),
    ],
)
def test_colour_forms(mode: str, form: str, tolerance: int, picture: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "named.wrongly"
    Image.fromarray(picture).convert(mode).save(path, form)
    photo = read_photo(path)
    assert photo.facts.format == form
    assert _difference(photo.pixels, picture) <= tolerance
    assert photo.facts.notes == ()


@pytest.mark.parametrize(
    ("mode", "form"),
    [("L", f) for f in ("TIFF", "PNG", "BMP", "GIF", "JPEG2000")]
    + [("LA", f) for f in ("TIFF", "PNG", "JPEG2000")]
    + [("1", f) for f in ("TIFF", "PNG", "BMP", "GIF")]
    + [("P", f) for f in ("TIFF", "PNG", "BMP", "GIF")]
    + [("PA", "TIFF")],
)
def test_grey_one_bit_and_palette_come_out_as_shown(
    mode: str, form: str, picture: np.ndarray, tmp_path: Path
) -> None:
    image = Image.fromarray(picture).convert(mode)
    image.save(tmp_path / "a", form)
    expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(read_photo(tmp_path / "a").pixels, expected)


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_deep_jpeg_2000(bits: int, channels: int, picture: np.ndarray, tmp_path: Path) -> None:
    colour = picture if channels == 3 else picture[..., 1]
    deep = colour.astype(np.uint16) << (bits - 8)
    (tmp_path / "a.jp2").write_bytes(imagecodecs.jpeg2k_encode(deep, level=0, bitspersample=bits))
    photo = read_photo(tmp_path / "a.jp2")
    assert photo.facts.bit_depth == bits
    expected = colour if channels == 3 else np.repeat(colour[..., None], 3, 2)
    assert _difference(photo.pixels, expected) <= 1
    assert str(bits) in photo.facts.mapping or "16" in photo.facts.mapping


@pytest.mark.parametrize(
    ("mode", "clear", "noted"),
    [
        ("RGB", (0, 0, 20), True),
        ("RGB", (1, 2, 3), False),
        ("L", 18, True),
        ("L", 255, False),
        ("P", 0, None),
    ],
)
def test_transparency_by_colour_is_noted_when_a_pixel_has_it(
    mode: str, clear: Any, noted: bool | None, picture: np.ndarray, tmp_path: Path
) -> None:
    image = Image.fromarray(picture).convert(mode)
    image.save(tmp_path / "a.png", transparency=clear)
    if noted is None:
        noted = bool((np.asarray(image) == clear).any())
    elif mode == "L":
        noted = bool((np.asarray(image) == clear).any())
        assert noted == (clear == 18)
    assert bool(read_photo(tmp_path / "a.png").facts.notes) == noted


def test_a_phones_second_picture_is_noted(picture: np.ndarray, tmp_path: Path) -> None:
    image = Image.fromarray(picture)
    image.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[image.resize((20, 15))])
    photo = read_photo(tmp_path / "a.jpg")
    assert photo.facts.format == "JPEG"
    assert photo.facts.pages == 2
    assert photo.pixels.shape == picture.shape
    assert "2 pictures" in photo.facts.notes[0]


def test_an_inverted_cmyk_jpeg_is_not_shown_as_a_negative(picture: np.ndarray, tmp_path: Path) -> None:
    """Photoshop marks its CMYK JPEGs as Adobe and stores them inverted; Pillow writes the same form."""
    Image.fromarray(picture).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert b"Adobe" in (tmp_path / "a.jpg").read_bytes()[:200]
    assert np.corrcoef(read_photo(tmp_path / "a.jpg").pixels.ravel(), picture.ravel())[0, 1] > 0.99


def test_a_draft_is_smaller_and_the_header_tells_the_full_size(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (800, 1200, 3), np.uint8)
    pixels = cv2.GaussianBlur(pixels, (0, 0), 20)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=95)
    decoded = decode("a.jpg", data.getvalue(), Limits(), draft_px=100)
    assert (decoded.header.height_px, decoded.header.width_px) == (800, 1200)
    assert decoded.values.shape == (100, 150, 3)
    (tmp_path / "a.jpg").write_bytes(data.getvalue())
    thumbnail = make_thumbnail(tmp_path / "a.jpg", 50)
    assert thumbnail.shape == (33, 50, 3)
    expected = cv2.resize(pixels, (50, 33), interpolation=cv2.INTER_AREA)
    assert np.abs(thumbnail.astype(int) - expected).mean() < 2


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
@pytest.mark.parametrize("progressive", [False, True])
def test_thumbnails_of_large_turned_jpegs(mode: str, progressive: bool, tmp_path: Path) -> None:
    y, x = np.mgrid[0:900, 0:1400]
    pixels = np.stack([x // 6, y // 4, (x + y) // 10], -1).astype(np.uint8)
    upright = Image.fromarray(pixels).convert(mode)
    expected = np.asarray(upright.convert("RGB").resize((140, 90), Image.Resampling.BOX))
    exif = Image.Exif()
    exif[0x0112] = 8
    stored = upright.transpose(Image.Transpose.ROTATE_270)
    stored.save(tmp_path / "a.jpg", exif=exif, quality=92, progressive=progressive)
    thumbnail = make_thumbnail(tmp_path / "a.jpg", 140)
    assert _difference(thumbnail, expected) <= 12


def test_the_result_is_a_plain_array_of_its_own(picture: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(picture).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    pixels, mapping, notes = rgb_of(decode("a.png", data, Limits()))
    assert np.array_equal(pixels, picture)
    assert pixels.flags.c_contiguous
    assert mapping == "8 bit, as it is"
    assert notes == ()
