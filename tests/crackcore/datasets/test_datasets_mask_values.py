"""Masks as they are met: which values were taken for crack is right, said, and asked when unclear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from set_making import HEIGHT, WIDTH, line, mask, photo

from crackcore.datasets import Dataset, mask_rule, read_dataset, read_sample
from crackcore.errors import InputRefused
from crackcore.imaging.mask_rules import MaskRule, stated_rule
from crackcore.imaging.reading import read_mask_picture

CRACK = line() // 255


def a_set(folder: Path, *masks: Any, suffix: str = ".png") -> Dataset:
    for number, values in enumerate(masks):
        photo(folder / "images" / f"{number}.jpg", number)
        path = folder / "masks" / f"{number}{suffix}"
        path.parent.mkdir(exist_ok=True)
        if isinstance(values, Image.Image):
            values.save(path)
        elif suffix == ".tif":
            tifffile.imwrite(path, values, photometric="minisblack")
        else:
            mask(path, values)
    return read_dataset(folder)


def read_all(found: Dataset, rule: MaskRule | None = None) -> list[np.ndarray]:
    rule = rule or mask_rule(found)
    return [read_sample(s, rule).mask for s in found.pairs]


def coloured(*colours: tuple[int, int, int], ground: tuple[int, int, int] = (0, 0, 0)) -> np.ndarray:
    """A line of each colour below the other, on a ground."""
    values = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    values[:] = ground
    for number, colour in enumerate(colours):
        values[6 + 6 * number : 9 + 6 * number, 4:40] = colour
    return values


def opaque(values: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.dstack([values, alpha])


# ---------------------------------------------------------------- clear cases


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (line(), "255"),
        (line(crack=1), "1"),
        (line(crack=128), "128"),
        (line(crack=38), "38"),
        (line().astype(np.uint16) * 257, "255"),
        (line(crack=1).astype(np.uint16) * 700, "700"),
        (np.dstack([line()] * 3), "255"),
        (line() > 0, "255"),
    ],
    ids=["0/255", "0/1", "0/128", "0/38", "16 bit", "16 bit label", "grey as RGB", "1 bit"],
)
def test_one_value_above_nothing_is_crack(values: np.ndarray, words: str, tmp_path: Path) -> None:
    empty = np.zeros_like(values)
    if values.dtype == np.uint16:
        found = a_set(tmp_path, values, empty, suffix=".tif")
    else:
        found = a_set(tmp_path, values, empty)
    rule = mask_rule(found)
    assert (rule.words, rule.question) == (words, "")
    first, second = read_all(found)
    assert np.array_equal(first, CRACK)
    assert not second.any()


def test_a_set_of_empty_masks_marks_nothing_and_lets_nothing_in_by_chance(tmp_path: Path) -> None:
    found = a_set(tmp_path, np.zeros((HEIGHT, WIDTH), np.uint8))
    assert mask_rule(found).words == ""
    mask(tmp_path / "masks" / "1.png", line())
    photo(tmp_path / "images" / "1.jpg")
    with pytest.raises(InputRefused, match="holds 255, unlike those that were looked at"):
        read_sample(read_dataset(tmp_path).pairs[1], mask_rule(found))


def test_jpeg_masks_are_cut_in_the_middle(tmp_path: Path) -> None:
    found = a_set(tmp_path, line(), suffix=".jpg")
    rule = mask_rule(found)
    assert (rule.words, rule.question) == ("brighter than 127", "")
    assert np.array_equal(read_all(found)[0], CRACK)


def test_a_jpeg_among_pngs_keeps_a_rule_of_its_own(tmp_path: Path) -> None:
    a_set(tmp_path, line(crack=1))
    photo(tmp_path / "images" / "9.jpg")
    mask(tmp_path / "masks" / "9.jpg", line())
    found = read_dataset(tmp_path)
    assert mask_rule(found).words == "1; brighter than 127"
    assert all(np.array_equal(m, CRACK) for m in read_all(found))


def test_smooth_edges_do_not_disturb(tmp_path: Path) -> None:
    soft = line().astype(int)
    soft[11] = soft[15] = np.where(line()[12] > 0, 90, 0)
    soft[15, 10:30:3] = 60
    found = a_set(tmp_path, soft.astype(np.uint8))
    assert mask_rule(found).question == ""
    assert np.array_equal(read_all(found)[0], CRACK)


def test_one_colour_on_black(tmp_path: Path) -> None:
    found = a_set(tmp_path, coloured((128, 0, 0)))
    rule = mask_rule(found)
    assert (rule.words, rule.question) == ("#800000", "")
    assert read_all(found)[0][7, 20] == 1


def test_a_palette_counts_by_index(tmp_path: Path) -> None:
    image = Image.frombytes("P", (WIDTH, HEIGHT), line(crack=1).tobytes())
    image.putpalette([0, 0, 0, 1, 0, 0] + [0] * 756 + [224, 224, 192])
    found = a_set(tmp_path, image)
    assert mask_rule(found).words == "label 1"
    assert np.array_equal(read_all(found)[0], CRACK)


def test_a_mask_drawn_in_the_transparency(tmp_path: Path) -> None:
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    found = a_set(tmp_path, opaque(black, line()))
    assert mask_rule(found).words == "255"
    assert np.array_equal(read_all(found)[0], CRACK)


def test_what_is_transparent_is_no_crack_whatever_its_colour(tmp_path: Path) -> None:
    """Red strokes on a transparent ground that happens to be white underneath."""
    red = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    red[line() > 0] = (255, 0, 0)
    found = a_set(tmp_path, opaque(red, line()))
    rule = mask_rule(found)
    assert (rule.words, rule.question) == ("#ff0000", "")
    assert np.array_equal(read_all(found)[0], CRACK)
    assert any("Transparent" in n for n in read_sample(found.pairs[0], rule).notes)


def test_our_own_values(tmp_path: Path) -> None:
    ours = line()
    ours[:, 44:] = 127
    found = a_set(tmp_path, ours, np.where(ours == 255, 0, ours))
    assert (mask_rule(found).words, mask_rule(found).question) == ("255", "")
    first, second = read_all(found)
    assert set(np.unique(first)) == {0, 1, 255}
    assert set(np.unique(second)) == {0, 255}


def test_padding_is_told_from_crack_by_the_other_masks(tmp_path: Path) -> None:
    """Alone, a mask of 0 and 255 says that 255 is crack; beside masks with 1 it does not."""
    padded = line(crack=1)
    padded[:, 44:] = 255
    only_padding = np.where(padded == 1, 0, padded)
    found = a_set(tmp_path, padded, only_padding)
    assert mask_rule(found).question == ""
    assert not (read_all(found)[1] == 1).any()
    assert (read_mask_picture(tmp_path / "masks" / "1.png").mask == 1).any()


# ---------------------------------------------------------------- unclear cases


@pytest.mark.parametrize(
    ("masks", "words"),
    [
        ([line(crack=1) + line(20, crack=2) + line(26, crack=3)], "1, 2, 3; which of them"),
        ([line(crack=127)], "0 and 127 only"),
        ([line(crack=1), line(crack=255)], "Some masks hold 0 and 1, others 0 and 255"),
        ([255 - line()], "inverted"),
        ([1 - line(crack=1)], "inverted"),
        ([coloured((255, 0, 0), (0, 255, 0))], "#00ff00, #ff0000; which"),
        ([coloured((255, 0, 0), ground=(255, 255, 255))], "which"),
        ([np.tile(np.arange(0, 240, 5, dtype=np.uint8), (HEIGHT, 1))], "many grey values"),
        ([np.tile(np.arange(0, 48, dtype=np.uint8), (HEIGHT, 1))], "none of them bright"),
    ],
)
def test_what_is_not_clear_is_asked(masks: list[np.ndarray], words: str, tmp_path: Path) -> None:
    assert words in mask_rule(a_set(tmp_path, *masks)).question


def test_training_does_not_start_on_masks_that_are_not_clear(tmp_path: Path) -> None:
    from crackcore.training.pairs import read_pairs

    a_set(tmp_path, line(crack=2) + line(20, crack=3))
    with pytest.raises(InputRefused, match="2, 3; which of them are crack"):
        read_pairs(tmp_path)
    found = read_pairs(tmp_path, rule=stated_rule("3"))
    assert found.crack_values == "3"
    assert np.array_equal(found.pairs[0].mask, line(20, crack=1))


# ---------------------------------------------------------------- stated by a person


@pytest.mark.parametrize(
    ("values", "said", "undecided", "expected"),
    [
        (255 - line(), "0", "", CRACK),
        (255 - line(), "<128", "", CRACK),
        (line(crack=100), ">90", "", CRACK),
        (line(crack=100), ">100", "", CRACK * 0),
        (line(crack=2) + line(20, crack=3), "2", "3", CRACK + line(20)),
        (coloured((255, 0, 0), (0, 255, 0)), "#ff0000", "", line(6, crack=1)),
        (coloured((255, 0, 0), (0, 255, 0)), "#FF0000,#00ff00", "", line(6, crack=1) + line(12, crack=1)),
        (coloured((200, 0, 0)), ">150", "", line(6, crack=1)),
    ],
)
def test_a_person_says_what_is_crack(
    values: np.ndarray, said: str, undecided: str, expected: np.ndarray, tmp_path: Path
) -> None:
    found = a_set(tmp_path, values)
    assert np.array_equal(read_all(found, stated_rule(said, undecided))[0], expected)


def test_limits_hold_for_sixteen_bits_too(tmp_path: Path) -> None:
    found = a_set(tmp_path, line(crack=1).astype(np.uint16) * 40_000, suffix=".tif")
    assert np.array_equal(read_all(found, stated_rule(">127"))[0], CRACK)
    assert not read_all(found, stated_rule(">160"))[0].any()


def test_a_rule_for_colours_does_not_fit_grey_masks(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="grey values"):
        read_all(a_set(tmp_path, line()), stated_rule("#ff0000"))


@pytest.mark.parametrize("text", ["", "x", "1,>3", ">1,<2", "#ff00", "-1", "1;2"])
def test_nonsense_is_no_rule(text: str) -> None:
    with pytest.raises(ValueError):
        stated_rule(text)


def test_undecided_is_no_limit() -> None:
    with pytest.raises(ValueError, match="not a limit"):
        stated_rule("1", ">3")


def test_the_reader_of_single_masks_says_what_it_took(tmp_path: Path) -> None:
    assert read_mask_picture(mask(tmp_path / "a.png", line(crack=1))).taken == "1"
    assert read_mask_picture(mask(tmp_path / "b.jpg")).taken == "brighter than 127"
