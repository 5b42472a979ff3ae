"""Encoded masks, scores and overlays, and photos without metadata, read back by other means."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from crackcore.errors import FileProblem
from crackcore.exports.clean_photo import clean_photo, without_jpeg_metadata, without_png_metadata
from crackcore.exports.pictures import mask_png, overlay, overlay_jpeg, rgb_png, score_png
from crackcore.imaging.reading import read_mask, read_photo

shapes = st.tuples(st.integers(1, 30), st.integers(1, 30))
SECRET = b"Jane Doe 52.5200 13.4050"


def _opened(data: bytes) -> np.ndarray:
    with Image.open(BytesIO(data)) as image:
        return np.array(image)


@given(shapes.flatmap(lambda s: arrays(np.uint8, s, elements=st.sampled_from([0, 1, 2, 254, 255]))))
def test_a_mask_picture_has_the_documented_values(mask):
    grey = _opened(mask_png(mask))
    assert np.array_equal(grey == 255, mask == 1)
    assert np.array_equal(grey == 127, mask == 255)
    assert np.array_equal(grey == 0, (mask != 1) & (mask != 255))


@pytest.mark.parametrize("values", [[0], [1], [255], [0, 1], [0, 255], [1, 255], [0, 1, 255]])
def test_a_mask_picture_is_read_back_to_the_same_mask(values, tmp_path):
    mask = np.random.default_rng(1).choice(np.array(values, np.uint8), (37, 41))
    path = tmp_path / "mask.png"
    path.write_bytes(mask_png(mask))
    assert np.array_equal(read_mask(path), mask)


@given(shapes.flatmap(lambda s: arrays(np.uint8, s)))
def test_scores_lose_nothing(score):
    assert np.array_equal(_opened(score_png(score)), score)
    assert np.array_equal(_opened(score_png(np.asfortranarray(score))), score)


def test_what_is_no_plane_is_refused():
    for bad in (np.zeros((2, 2), np.bool_), np.zeros((0, 3), np.uint8), np.zeros((2, 2, 3), np.uint8)):
        with pytest.raises(ValueError, match="uint8"):
            mask_png(bad)
    with pytest.raises(ValueError, match="differ in size"):
        overlay(np.zeros((2, 3, 3), np.uint8), np.zeros((3, 2), np.uint8))
    with pytest.raises(FileProblem, match="JPEG"):
        overlay_jpeg(np.zeros((1, 65_501, 3), np.uint8), np.zeros((1, 65_501), np.uint8))


# ---------------------------------------------------------------- overlays


def _luminance(rgb: np.ndarray) -> float:
    linear = np.where(rgb / 255 <= 0.04045, rgb / 255 / 12.92, ((rgb / 255 + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


@pytest.mark.parametrize("surface", [0, 25, 70, 100, 128, 190, 230, 255])
def test_cracks_stand_out_from_dark_and_light_surfaces(surface):
    mask = np.zeros((40, 40), np.uint8)
    mask[18:22, 5:35] = 1
    pixels = np.full((40, 40, 3), surface, np.uint8)
    pixels[mask == 1] //= 3  # a crack is darker than its surface
    marked = overlay(pixels, mask)

    def contrast(a: np.ndarray, b: np.ndarray) -> float:
        high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    fill, line, around = marked[20, 20], marked[17, 20], marked[5, 5]
    assert contrast(fill, line) >= 3.0, "WCAG's limit for graphics; holds whatever lies around"
    assert max(contrast(fill, around), contrast(line, around)) >= 2.0
    # Orange against blue: apart in the blue-yellow channel, which red-green blindness leaves intact.
    assert int(fill[0]) - int(fill[2]) > 60
    assert int(line[2]) - int(line[0]) > 60


def test_pixels_away_from_marks_stay_those_of_the_photo():
    rng = np.random.default_rng(2)
    pixels = rng.integers(0, 256, (80, 90, 3), dtype=np.uint8)
    before = pixels.copy()
    mask = np.zeros((80, 90), np.uint8)
    mask[10:12, 5:80] = 1
    mask[60:70, 60:70] = 255
    marked = overlay(pixels, mask)
    near = np.zeros(mask.shape, np.bool_)
    near[9:13, 4:81] = True
    near[60:70, 60:70] = True
    assert np.array_equal(marked[~near], pixels[~near])
    assert (marked[near] != pixels[near]).any(axis=-1).mean() > 0.95
    assert np.array_equal(pixels, before), "the photo itself is not touched"
    assert np.array_equal(overlay(pixels, np.zeros_like(mask)), pixels)


def test_overlay_files_are_fine_jpegs_without_metadata():
    smooth = np.indices((64, 96)).sum(0).astype(np.uint8)[..., None].repeat(3, axis=2)
    data = overlay_jpeg(smooth, np.zeros((64, 96), np.uint8))
    with Image.open(BytesIO(data)) as image:
        assert image.format == "JPEG"
        assert image.size == (96, 64)
        assert not image.getexif()
        assert all(step[1:3] == (1, 1) for step in image.layer), "colour is kept at full resolution"
        assert np.abs(np.array(image).astype(int) - smooth).max() <= 8


# ---------------------------------------------------------------- photos without metadata


def _photo(size: tuple[int, int] = (48, 64)) -> Image.Image:
    y, x = np.indices(size)
    planes = [(x * 3) % 256, (y * 4) % 256, (x * y) % 256]
    return Image.fromarray(np.stack(planes, -1).astype(np.uint8))


def _exif(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x013B] = SECRET.decode()  # artist
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return exif


def _cleaned(path: Path, data: bytes) -> tuple[np.ndarray, bytes, str, str]:
    path.write_bytes(data)
    photo = read_photo(path)
    clean = clean_photo(data, photo.facts, photo.pixels)
    again = path.with_name("clean" + clean.suffix)
    again.write_bytes(clean.data)
    assert np.array_equal(read_photo(again).pixels, photo.pixels), "what goes out is what was marked"
    return photo.pixels, clean.data, clean.suffix, clean.done


def _jpeg(**options: object) -> bytes:
    buffer = BytesIO()
    _photo().save(buffer, "JPEG", quality=85, comment=SECRET, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("restart", [0, 2])
def test_a_jpeg_keeps_its_coded_pixels_and_loses_what_it_tells(progressive, restart, tmp_path):
    data = _jpeg(exif=_exif(), progressive=progressive, restart_marker_blocks=restart)
    assert SECRET in data
    assert b"Exif" in data
    _, clean, suffix, done = _cleaned(tmp_path / "a.jpg", data)
    assert suffix == ".jpg"
    assert done == "metadata removed, pixels as coded"
    assert SECRET not in clean
    assert b"Exif" not in clean
    assert clean[-2:] == b"\xff\xd9"
    scan = data.index(b"\xff\xda")
    assert data[scan:-2] in clean, "the coded pixels are the same bytes"


def test_a_jpeg_keeps_its_colour_profile(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    _, clean, _, _ = _cleaned(tmp_path / "a.jpg", _jpeg(icc_profile=profile, exif=_exif()))
    with Image.open(BytesIO(clean)) as image:
        assert image.info["icc_profile"] == profile


def test_the_second_picture_of_a_phone_and_its_position_stay_at_home(tmp_path):
    first, second = _photo(), _photo()
    buffer = BytesIO()
    first.save(buffer, "MPO", save_all=True, append_images=[second], exif=_exif())
    data = buffer.getvalue() + _jpeg(exif=_exif())
    _, clean, suffix, _ = _cleaned(tmp_path / "a.jpg", data)
    assert suffix == ".jpg"
    assert clean.count(b"\xff\xd8") == 1
    assert SECRET not in clean


def test_a_photo_without_metadata_goes_out_byte_by_byte(tmp_path):
    data = rgb_png(np.asarray(_photo()))
    _, clean, _, done = _cleaned(tmp_path / "a.png", data)
    assert clean == data
    assert done == "unchanged"


@pytest.mark.parametrize("late", [False, True])
def test_a_png_loses_its_texts_and_keeps_its_pixels(late, tmp_path):
    texts = PngInfo()
    texts.add_text("Author", SECRET.decode())
    texts.add_itxt("Place", SECRET.decode(), zip=True)
    buffer = BytesIO()
    _photo().save(buffer, "PNG", pnginfo=texts, exif=_exif(), dpi=(72, 72))
    data = buffer.getvalue()
    if late:  # behind the pixels, where some programs write it
        body = b"Comment\0" + SECRET
        chunk = struct.pack(">I", len(body)) + b"tEXt" + body
        data = data[:-12] + chunk + struct.pack(">I", zlib.crc32(chunk[4:])) + data[-12:] + SECRET
    _, clean, suffix, done = _cleaned(tmp_path / "a.png", data)
    assert suffix == ".png"
    assert done == "metadata removed, pixels as coded"
    for told in (SECRET, b"tEXt", b"iTXt", b"eXIf"):
        assert told not in clean
    assert b"pHYs" in clean


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_photo_is_written_upright(orientation, tmp_path):
    pixels, clean, suffix, done = _cleaned(tmp_path / "a.jpg", _jpeg(exif=_exif(orientation)))
    assert suffix == ".png"
    assert str(orientation) in done
    assert np.array_equal(_opened(clean), pixels)
    assert SECRET not in clean


@pytest.mark.parametrize(
    ("format", "mode"),
    [
        ("TIFF", "RGB"),
        ("TIFF", "I;16"),
        ("BMP", "RGB"),
        ("WEBP", "RGB"),
        ("JPEG2000", "RGB"),
        ("JPEG", "CMYK"),
        ("GIF", "P"),
        ("PNG", "P"),
        ("PNG", "1"),
        ("PNG", "RGBA"),
        ("PNG", "I;16"),
    ],
)
def test_what_few_programs_read_is_written_as_a_plain_png(format, mode, tmp_path):
    buffer = BytesIO()
    picture = _photo()
    if mode == "I;16":
        picture = Image.fromarray((np.asarray(picture.convert("L")).astype(np.uint16)) * 257)
    else:
        picture = picture.convert(mode)
    picture.save(buffer, format)
    pixels, clean, suffix, done = _cleaned(tmp_path / "a.bin", buffer.getvalue())
    assert suffix == ".png"
    assert done.startswith("written as PNG")
    assert np.array_equal(_opened(clean), pixels)


def test_a_grey_jpeg_stays_a_jpeg(tmp_path):
    buffer = BytesIO()
    _photo().convert("L").save(buffer, "JPEG", exif=_exif())
    _, clean, suffix, _ = _cleaned(tmp_path / "a.jpg", buffer.getvalue())
    assert suffix == ".jpg"
    assert SECRET not in clean


@given(st.data())
def test_damaged_files_never_break_the_cleaning(data):
    jpeg = bytearray(_jpeg(exif=_exif()))
    png = bytearray(rgb_png(np.asarray(_photo((8, 8)))))
    for file, clean in ((jpeg, without_jpeg_metadata), (png, without_png_metadata)):
        for _ in range(data.draw(st.integers(1, 4))):
            file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
        cut = bytes(file[: data.draw(st.integers(0, len(file)))])
        kept = clean(cut)
        assert kept is None or len(kept) <= len(cut) + 2
