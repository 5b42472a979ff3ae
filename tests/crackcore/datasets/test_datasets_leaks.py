"""What is twice in a set or in two of them is found; what only looks alike is not."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from set_making import mask, photo

from crackcore.arrays import RgbImage
from crackcore.datasets import read_dataset
from crackcore.datasets.grouping import photo_groups
from crackcore.datasets.leaks import find_leaks, find_leaks_between_sides, path_of, side_of
from crackcore.datasets.near_duplicates import likeness, near_duplicates
from crackcore.errors import InputRefused
from crackcore.imaging.reading import read_photo


def surface(seed: int, height: int = 240, width: int = 320) -> RgbImage:
    """A stained, grainy surface; no two seeds alike."""
    rng = np.random.default_rng(seed)
    stains = cv2.resize(rng.integers(90, 170, (7, 9)).astype(np.uint8), (width, height), interpolation=2)
    pebbles = cv2.GaussianBlur(rng.normal(0, 60, (height, width)), (0, 0), 2.5)
    grey = np.clip(stains + 3 * pebbles + rng.normal(0, 4, (height, width)), 0, 255)
    return np.dstack([grey.astype(np.uint8)] * 3)


def saved_again(pixels: RgbImage, quality: int) -> RgbImage:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


CHANGES = {
    "saved again": lambda p: saved_again(p, 30),
    "squeezed": lambda p: cv2.resize(p, (224, 224), interpolation=cv2.INTER_AREA),
    "half size": lambda p: cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "brighter": lambda p: np.clip(p.astype(int) * 1.15 + 20, 0, 255).astype(np.uint8),
    "transposed": lambda p: np.ascontiguousarray(p.transpose(1, 0, 2)),
    "mirrored": lambda p: np.ascontiguousarray(p[:, ::-1]),
    "upside down": lambda p: np.ascontiguousarray(p[::-1, ::-1]),
    "blurred": lambda p: cv2.GaussianBlur(p, (5, 5), 1.5),
}


TURNED = {"transposed", "mirrored", "upside down"}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_copy_is_recognised(name: str) -> None:
    change = CHANGES[name]
    pictures = [surface(seed) for seed in range(12)]
    known = [likeness(p) for p in pictures]
    assert near_duplicates(known) == []
    copies = [likeness(change(p)) for p in pictures[:6]]
    found = near_duplicates(copies, known)
    assert sorted((m.a, m.b) for m in found) == [(i, i) for i in range(6)]
    assert {m.turned for m in found} == {name in TURNED}


def test_plain_walls_are_not_all_one_picture() -> None:
    plain = [likeness(np.full((40, 50, 3), v, np.uint8)) for v in (90, 90, 120)]
    assert near_duplicates(plain) == []


def test_groups_join_copies_across_sets_and_names_within_one() -> None:
    pictures = [surface(1), surface(2), surface(3), saved_again(surface(1), 60), surface(4)]
    groups = photo_groups(
        pictures,
        sets=["road", "road", "road", "wall", "wall"],
        names=["a", "b", "b", "b", ""],
    )
    assert groups == [0, 1, 1, 0, 2]


def a_split_set(folder: Path) -> Path:
    """DeepCrack's layout: one copy saved anew, two crops of one photo, two that share a name only."""
    large = surface(50, 300, 500)
    pictures = {
        "train": {"11158": surface(1), "7-1": large[:, :320], "9-1": surface(3), "20": surface(4)},
        "test": {
            "11216": saved_again(surface(1), 92),
            "8": large[:, 150:],
            "9-2": surface(5),
            "30": surface(6),
        },
    }
    for side, named in pictures.items():
        for stem, pixels in named.items():
            path = folder / f"{side}_img" / f"{stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.ascontiguousarray(pixels)).save(path)
            values = np.zeros(pixels.shape[:2], np.uint8)
            values[100:104] = 255
            mask(folder / f"{side}_lab" / f"{stem}.png", values)
    return folder


def test_leaks_between_the_halves_of_a_set(tmp_path: Path) -> None:
    found = read_dataset(a_split_set(tmp_path))
    (report,) = find_leaks_between_sides(found)
    assert (report.a, report.b, report.pictures) == ("train", "test", (4, 4))
    assert [(x.how, x.a.stem, x.b.stem) for x in report.leaks] == [
        ("same picture", "11158", "11216"),
        ("overlap", "7-1", "8"),
        ("same photo by name", "9-1", "9-2"),
    ]
    assert report.sentence() == "3 leaks between train and test (4 and 4 pictures)."
    (quick,) = find_leaks_between_sides(found, by_overlap=False)
    assert [x.how for x in quick.leaks] == ["same picture", "same photo by name"]
    assert "not looked for" in quick.sentence()


def test_leaks_between_two_sets_do_not_go_by_name(tmp_path: Path) -> None:
    whole = read_dataset(a_split_set(tmp_path / "a"))
    train, test = side_of(whole, "train"), side_of(whole, "test")
    assert [x.how for x in find_leaks(train, test).leaks] == ["same picture", "overlap", "same photo by name"]
    elsewhere = replace(test, place=tmp_path / "b")
    assert [x.how for x in find_leaks(train, elsewhere).leaks] == ["same picture", "overlap"]
    assert [x.how for x in find_leaks(train, train).leaks if x.a.stem == x.b.stem] == ["same file"] * 4
    with pytest.raises(InputRefused, match='no side "val"; it has train, test'):
        side_of(whole, "val")


def test_a_set_that_is_not_split_cannot_leak(tmp_path: Path) -> None:
    photo(tmp_path / "images" / "a.jpg")
    mask(tmp_path / "masks" / "a.png")
    with pytest.raises(InputRefused, match="not split"):
        find_leaks_between_sides(read_dataset(tmp_path))


def test_a_side_is_named_behind_the_place() -> None:
    assert path_of("data/x:train") == (Path("data/x"), "train")
    assert path_of("C:/data") == (Path("C:/data"), "")
    assert path_of("data/x:y") == (Path("data/x:y"), "")


def test_the_published_split_of_deepcrack_537_leaks(shared: Path) -> None:
    """train_11158 and test_11216 are one picture; 11289-3 and 11142 were cut into both halves."""
    found = read_dataset(shared / "data" / "deepcrack537")
    stems = {"train_11158", "test_11216", "train_11289-3", "test_11289-3", "train_11142", "test_11142-2"}
    drawn = [s for i, s in enumerate(found.pairs) if s.stem in stems or i % 28 == 0]
    (report,) = find_leaks_between_sides(replace(found, pairs=tuple(drawn)))
    strong = {(x.how, x.a.stem, x.b.stem) for x in report.leaks if x.how != "same photo by name"}
    assert strong == {
        ("same picture", "train_11158", "test_11216"),
        ("overlap", "train_11289-3", "test_11289-3"),
        ("overlap", "train_11142", "test_11142-2"),
    }


def test_training_keeps_the_two_on_one_side(shared: Path) -> None:
    folder = shared / "data" / "deepcrack537" / "images"
    stems = ("train_11158", "test_11216", "train_11289-3", "test_11289-3")
    pictures = [read_photo(folder / f"{stem}.jpg").pixels for stem in stems]
    a, b, c, d = photo_groups(pictures)
    assert a == b != c == d
