"""Masks drawn elsewhere: which values mean crack, and what is said about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from crackcore.errors import InputRefused
from crackcore.imaging.reading import read_mask, read_mask_picture


def _stripes(*values: float, dtype: type = np.uint8) -> np.ndarray:
    """Forty rows of vertical stripes, eight columns for each value."""
    return np.tile(np.repeat(np.array(values, dtype), 8), (40, 1))


def _classes_of(path: Path, count: int) -> list[int]:
    mask = read_mask(path)
    assert mask.shape == (40, 8 * count)
    assert not mask.flags.writeable
    return [int(v) for v in mask[20, 4::8]]


@pytest.mark.parametrize(
    ("values", "classes", "noted"),
    [
        ((0, 255), [0, 1], False),
        ((0, 1), [0, 1], False),
        ((0,), [0], False),
        ((255,), [1], False),
        ((1,), [1], False),
        ((0, 1, 255), [0, 1, 255], True),
        ((0, 127, 255), [0, 255, 1], True),
        ((0, 127), [0, 255], True),
        ((0, 2), [0, 1], True),
        ((0, 3, 38, 75), [0, 1, 1, 1], True),
        ((0, 100, 127, 129, 200, 255), [0, 0, 0, 1, 1, 1], True),
    ],
)
def test_grey_values(values: tuple[int, ...], classes: list[int], noted: bool, tmp_path: Path) -> None:
    for name, options in (("a.png", {}), ("a.tif", {"compression": "tiff_lzw"}), ("a.bmp", {})):
        Image.fromarray(_stripes(*values)).save(tmp_path / name, **options)
        assert _classes_of(tmp_path / name, len(values)) == classes, name
        assert bool(read_mask_picture(tmp_path / name).notes) == noted


@pytest.mark.parametrize(
    ("values", "classes"),
    [((0, 65535), [0, 1]), ((0, 1), [0, 1]), ((0, 255), [0, 1]), ((0, 256, 700), [0, 1, 1])],
)
def test_sixteen_bit_values_never_wrap(values: tuple[int, ...], classes: list[int], tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", _stripes(*values, dtype=np.uint16), photometric="minisblack")
    assert _classes_of(tmp_path / "a.tif", len(values)) == classes


def test_one_bit(tmp_path: Path) -> None:
    for name in ("a.png", "a.tif", "a.bmp"):
        Image.fromarray(_stripes(0, 255)).convert("1").save(tmp_path / name)
        assert _classes_of(tmp_path / name, 2) == [0, 1]


def test_float(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", _stripes(0, 0.4, 0.6, 1, dtype=np.float32), photometric="minisblack")
    assert _classes_of(tmp_path / "a.tif", 4) == [0, 0, 1, 1]
    tifffile.imwrite(tmp_path / "b.tif", _stripes(0, np.nan, dtype=np.float32), photometric="minisblack")
    with pytest.raises(InputRefused, match="NaN"):
        read_mask(tmp_path / "b.tif")


def _with_palette(values: tuple[int, ...], colours: dict[int, tuple[int, int, int]]) -> Image.Image:
    image = Image.fromarray(_stripes(*values)).convert("L")
    image = Image.frombytes("P", image.size, image.tobytes())
    table = [channel for i in range(256) for channel in colours.get(i, (0, 0, 0))]
    image.putpalette(table)
    return image


def test_a_palette_counts_by_index(tmp_path: Path) -> None:
    dark = {1: (1, 0, 0), 2: (0, 90, 0), 255: (224, 224, 192)}
    _with_palette((0, 1, 2, 255), dark).save(tmp_path / "a.png")
    assert _classes_of(tmp_path / "a.png", 4) == [0, 1, 1, 255]
    assert read_mask_picture(tmp_path / "a.png").notes


def test_a_black_and_white_palette_counts_by_colour(tmp_path: Path) -> None:
    _with_palette((0, 1), {0: (255, 255, 255), 1: (0, 0, 0)}).save(tmp_path / "a.png")
    assert _classes_of(tmp_path / "a.png", 2) == [1, 0]


def test_colours_count_by_the_brightest_channel(tmp_path: Path) -> None:
    colour = np.zeros((40, 24, 3), np.uint8)
    colour[:, 8:16] = (255, 0, 0)
    colour[:, 16:] = (255, 255, 255)
    Image.fromarray(colour).save(tmp_path / "a.png")
    assert _classes_of(tmp_path / "a.png", 3) == [0, 1, 1]
    assert "colour" in read_mask_picture(tmp_path / "a.png").notes[0]


def test_a_photograph_is_not_a_mask(tmp_path: Path) -> None:
    Image.fromarray(np.tile(np.arange(120, dtype=np.uint8), (40, 1))).save(tmp_path / "dark.png")
    with pytest.raises(InputRefused, match="mask"):
        read_mask(tmp_path / "dark.png")


def test_orientation_turns_masks_like_their_photographs(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    mask = _stripes(0, 255, 0)
    Image.fromarray(np.ascontiguousarray(np.rot90(mask))).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_mask(tmp_path / "a.png"), mask // 255)


def test_an_empty_mask_of_an_orthomosaic_is_not_taken_for_a_bomb(tmp_path: Path) -> None:
    """29 megapixels without a crack pack to 4 kB; as a photograph that would be refused."""
    Image.new("1", (5440, 5378)).save(tmp_path / "empty.png", optimize=True)
    assert (tmp_path / "empty.png").stat().st_size < 5440 * 5378 / 5000
    assert not read_mask(tmp_path / "empty.png").any()
