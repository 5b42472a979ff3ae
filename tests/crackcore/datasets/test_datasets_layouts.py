"""Published layouts are recognised, and what is not one of them is refused with what was expected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from set_making import HEIGHT, WIDTH, crack_forest, line, mask, photo

from crackcore.datasets import Dataset, mask_rule, read_dataset, read_sample
from crackcore.errors import InputRefused


def pairs_in(
    folder: Path, photos: str, masks: str, stems: str, *, ending: str = ".png", suffix: str = ".jpg"
) -> None:
    for number, stem in enumerate(stems.split()):
        photo(folder / photos / f"{stem}{suffix}", number)
        mask(folder / masks / f"{stem}{ending}")


def keys(dataset: Dataset) -> list[str]:
    return [s.key for s in dataset.pairs]


def crack_of(dataset: Dataset, at: int = 0) -> np.ndarray:
    return read_sample(dataset.pairs[at], mask_rule(dataset)).mask


def test_a_plain_folder(tmp_path: Path) -> None:
    pairs_in(tmp_path, "images", "masks", "b2 b10 a-1")
    photo(tmp_path / "images" / "lonely.jpg")
    mask(tmp_path / "masks" / "orphan.png")
    (tmp_path / "images" / "._b2.jpg").write_bytes(b"a Mac's shadow")
    found = read_dataset(tmp_path)
    assert (found.kind, found.name, found.sides) == ("plain", tmp_path.name, {})
    assert keys(found) == ["a-1", "b2", "b10"]
    assert {(p.file.name, p.reason) for p in found.problems} == {
        ("lonely.jpg", "there is no mask with this name."),
        ("orphan.png", "there is no photograph for this mask."),
    }
    assert np.array_equal(crack_of(found), line() // 255)


@pytest.mark.parametrize(
    ("photos", "masks", "ending"),
    [
        ("Image", "GroundTruth", "_mask.png"),
        ("imgs", "labels", "_LABEL.bmp"),
        ("JPEGImages", "SegmentationClass", ".png"),
    ],
)
def test_other_names_for_the_same(photos: str, masks: str, ending: str, tmp_path: Path) -> None:
    pairs_in(tmp_path, photos, masks, "x y", ending=ending)
    assert keys(read_dataset(tmp_path)) == ["x", "y"]


@pytest.mark.parametrize("inside", [True, False])
def test_a_plain_folder_that_is_split(inside: bool, tmp_path: Path) -> None:
    for side in ("train", "valid", "test"):
        where = (f"{side}/images", f"{side}/masks") if inside else (f"images/{side}", f"masks/{side}")
        pairs_in(tmp_path, *where, "x y")
    found = read_dataset(tmp_path)
    assert found.kind == "plain"
    assert found.sides == {"train": 2, "val": 2, "test": 2}
    assert len(set(keys(found))) == 6


def test_sides_are_read_from_names_when_every_name_has_one(tmp_path: Path) -> None:
    pairs_in(tmp_path, "images", "masks", "train_11158 train_11160-1 test_11216")
    found = read_dataset(tmp_path)
    assert found.sides == {"train": 2, "test": 1}
    assert {s.group for s in found.pairs} == {"11158", "11160", "11216"}
    pairs_in(tmp_path, "images", "masks", "other")
    assert read_dataset(tmp_path).sides == {}


def test_deepcrack_537(tmp_path: Path) -> None:
    pairs_in(tmp_path, "train_img", "train_lab", "7Q3A9060-1 11125-1")
    pairs_in(tmp_path, "test_img", "test_lab", "11125-2")
    found = read_dataset(tmp_path)
    assert found.kind == "deepcrack537"
    assert found.sides == {"train": 2, "test": 1}
    assert [s.group for s in found.pairs if s.stem.startswith("11125")] == ["11125", "11125"]
    assert found.notes == ("DeepCrack-537 was published with 537 pictures; here are 3.",)


def test_deepcrack_537_as_cgnet_was_trained_on_it(tmp_path: Path) -> None:
    """Labels 0 and 1, padding 255, `_binary_label` behind the name; a mask may hold only some of them."""
    padded = line(crack=1)
    padded[:, 44:] = 255
    only_padding = np.where(padded == 1, 0, padded)
    photo(tmp_path / "train_img" / "1.jpg")
    photo(tmp_path / "train_img" / "2.jpg")
    mask(tmp_path / "train_lab" / "1_binary_label.png", padded)
    mask(tmp_path / "train_lab" / "2_binary_label.png", only_padding)
    found = read_dataset(tmp_path, "deepcrack537")
    assert mask_rule(found).words == "1"
    assert np.array_equal(crack_of(found, 0), padded)
    assert np.array_equal(crack_of(found, 1), only_padding)
    assert not (crack_of(found, 1) == 1).any()


def test_deepcrack_537_with_a_half_missing(tmp_path: Path) -> None:
    pairs_in(tmp_path, "train_img", "labels", "1")
    with pytest.raises(InputRefused, match='there is "train_img", but "train_lab" is missing'):
        read_dataset(tmp_path)


def test_crack_forest_takes_two_and_four_not_the_slab_between(tmp_path: Path) -> None:
    for number in range(3):
        photo(tmp_path / "image" / f"{number:03}.jpg", number)
        truth = crack_forest(tmp_path / "groundTruth" / f"{number:03}.mat")
    (tmp_path / "seg").mkdir()
    found = read_dataset(tmp_path)
    rule = mask_rule(found)
    assert found.kind == "cfd"
    assert (rule.words, rule.question) == ("regions 2 and 4", "")
    assert np.array_equal(crack_of(found), truth)
    assert not crack_of(found)[16, 20]


def test_crack_forest_as_packed_by_others(tmp_path: Path) -> None:
    pairs_in(tmp_path, "cfd_image", "cfd_gt/seg_gt", "001 002")
    assert read_dataset(tmp_path).kind == "cfd"


def test_crack500(tmp_path: Path) -> None:
    for clock, side in ((1011, "train"), (1031, "val"), (1102, "test")):
        where = f"{side}crop/{side}crop" if side == "val" else f"{side}crop"
        pairs_in(tmp_path, where, where, f"20160222_08{clock}_1_361 20160222_08{clock}_641_361")
    (tmp_path / "traindata").mkdir()
    found = read_dataset(tmp_path)
    assert found.kind == "crack500"
    assert found.sides == {"train": 2, "val": 2, "test": 2}
    assert len({s.group for s in found.pairs}) == 3
    assert any("left out" in note for note in found.notes)


def test_whole_photos_of_crack500(tmp_path: Path) -> None:
    for side in ("train", "test"):
        pairs_in(tmp_path, f"{side}data", f"{side}data", f"2016{side}", ending="_mask.png")
    assert keys(read_dataset(tmp_path)) == ["train/2016train", "test/2016test"]


def test_gaps(tmp_path: Path) -> None:
    pairs_in(tmp_path, "croppedimg", "croppedgt", "train_0001_1_1 train_0001_541_1 test_0007_1_641")
    found = read_dataset(tmp_path)
    assert found.kind == "gaps384"
    assert found.sides == {"train": 2, "test": 1}
    assert len({s.group for s in found.pairs}) == 2


def test_khanhha(tmp_path: Path) -> None:
    for side in ("train", "test"):
        for number, stem in enumerate(
            (
                "CFD_001",
                "CRACK500_20160222_081011_1_361",
                "CRACK500_20160222_081011_641_361",
                "noncrack_a_1_2.jpg",
            )
        ):
            photo(tmp_path / side / "images" / f"{stem}{side[0]}.jpg", number)
            mask(tmp_path / side / "masks" / f"{stem}{side[0]}.jpg")
    photo(tmp_path / "images" / "CFD_001.jpg")
    mask(tmp_path / "masks" / "CFD_001.jpg")
    found = read_dataset(tmp_path)
    assert found.kind == "khanhha"
    assert found.sides == {"train": 4, "test": 4}
    assert {s.source for s in found.pairs} == {"CFD", "CRACK500", "noncrack"}
    assert any("left out" in note for note in found.notes)
    rule = mask_rule(found)
    assert (rule.words, rule.question) == ("brighter than 127", "")
    assert np.array_equal(crack_of(found), line() // 255)


def test_the_four_sets_of_the_tip_paper(tmp_path: Path) -> None:
    pairs_in(tmp_path / "a" / "CrackTree260", "image", "gt", "6192 6207", ending=".bmp")
    pairs_in(tmp_path / "b", "CRKWH100", "CRKWH100_GT", "1000 1014", ending=".bmp", suffix=".png")
    pairs_in(tmp_path / "c" / "CrackLS315", ".", "CrackLS315_gt", "0001-2 0001-3", ending=".bmp")
    assert read_dataset(tmp_path / "a" / "CrackTree260").kind == "cracktree260"
    assert read_dataset(tmp_path / "b").kind == "crkwh100"
    assert len({s.group for s in read_dataset(tmp_path / "c" / "CrackLS315").pairs}) == 1


def test_stone331_counts_inside_its_surface_only(tmp_path: Path) -> None:
    pairs_in(tmp_path, "Stone331", "Stone331_gt", "738 739", ending=".bmp")
    surface = np.zeros((HEIGHT, WIDTH), np.uint8)
    surface[:, :24] = 255
    for stem in ("738", "739"):
        mask(tmp_path / "Stone331_mask" / f"{stem}.bmp", surface)
    found = read_dataset(tmp_path)
    loaded = read_sample(found.pairs[0], mask_rule(found))
    assert found.kind == "stone331"
    assert loaded.roi is not None
    assert np.array_equal(loaded.roi, surface > 0)
    assert np.array_equal(loaded.mask, line() // 255)
    assert (loaded.mask_inside[:, 24:] == 255).all()
    assert np.array_equal(loaded.mask_inside[:, :24], line()[:, :24] // 255)


def test_surface_masks_are_not_taken_for_labels(tmp_path: Path) -> None:
    pairs_in(tmp_path, "Stone331", "Stone331_mask", "738")
    with pytest.raises(InputRefused, match=r"labels.*is missing; the surface masks are not labels"):
        read_dataset(tmp_path)
    pairs_in(tmp_path / "Stone331x", "image", "mask", "738")
    with pytest.raises(InputRefused, match="surface masks are not labels"):
        read_dataset(tmp_path / "Stone331x", "stone331")


def test_a_folder_in_a_folder_as_archives_leave_it(tmp_path: Path) -> None:
    pairs_in(tmp_path / "outer" / "DeepCrack", "train_img", "train_lab", "1 2")
    found = read_dataset(tmp_path)
    assert found.kind == "deepcrack537"
    assert found.name == tmp_path.name
    assert 'It was found in "DeepCrack" inside.' in found.notes


# ---------------------------------------------------------------- what is not one


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("cfd", '"groundTruth" with .mat files'),
        ("deepcrack537", '"train_img" with "train_lab"'),
        ("crack500", '"traincrop"'),
        ("gaps384", '"croppedimg"'),
        ("stone331", '"Stone331_gt"'),
        ("khanhha", "one .jpg name"),
        ("index-files", "a photograph and its mask on every line"),
        ("training-set", "manifest.json"),
    ],
)
def test_the_wrong_kind_says_what_was_expected(kind: str, words: str, tmp_path: Path) -> None:
    folder = tmp_path / "road"
    pairs_in(folder, "images", "masks", "a b")
    with pytest.raises(InputRefused) as caught:
        read_dataset(folder, kind)
    assert caught.value.message.startswith("road: ")
    assert words in caught.value.message


def test_the_refusal_says_what_it_looks_like(tmp_path: Path) -> None:
    pairs_in(tmp_path, "train_img", "train_lab", "1")
    with pytest.raises(InputRefused) as caught:
        read_dataset(tmp_path, "cfd")
    assert "DeepCrack-537" in caught.value.hint


def test_unknown_folders_say_what_is_in_them(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="found nothing"):
        read_dataset(tmp_path)
    (tmp_path / "left").mkdir()
    (tmp_path / "right").mkdir()
    with pytest.raises(InputRefused, match='found the folders "left", "right"'):
        read_dataset(tmp_path)
    with pytest.raises(InputRefused, match="there is no such folder"):
        read_dataset(tmp_path / "nowhere")


def test_photographs_alone_are_never_taken_for_crack_free(tmp_path: Path) -> None:
    photo(tmp_path / "images" / "wall.jpg")
    with pytest.raises(InputRefused, match="no masks") as caught:
        read_dataset(tmp_path)
    assert "crack-free" in caught.value.hint
    found = read_dataset(tmp_path, "crack-free")
    assert not crack_of(found).any()


def test_names_that_do_not_meet_are_shown(tmp_path: Path) -> None:
    photo(tmp_path / "images" / "IMG_1.jpg")
    mask(tmp_path / "masks" / "0001.png")
    with pytest.raises(
        InputRefused, match=r'"IMG_1.jpg" would need "IMG_1.png" in "masks", which holds "0001.png"'
    ):
        read_dataset(tmp_path)


def test_two_masks_or_two_photographs_of_one_name(tmp_path: Path) -> None:
    pairs_in(tmp_path, "images", "masks", "a b")
    mask(tmp_path / "masks" / "a.bmp")
    photo(tmp_path / "images" / "b.png")
    found = read_dataset(tmp_path)
    assert keys(found) == ["b"]
    assert sorted(p.reason for p in found.problems) == [
        '"b.jpg" has the same name.',
        'there are two masks for it, "a.bmp" and "a.png".',
    ]


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    pairs_in(tmp_path / "real", "images", "masks", "a")
    linked = tmp_path / "linked"
    linked.mkdir()
    try:
        (linked / "images").symlink_to(tmp_path / "real" / "images", target_is_directory=True)
    except OSError:
        pytest.skip("no links on this system")
    with pytest.raises(InputRefused, match="not followed"):
        read_dataset(linked)


def test_a_mask_of_another_size_is_refused_not_stretched(tmp_path: Path) -> None:
    photo(tmp_path / "images" / "a.jpg", size=(WIDTH, HEIGHT))
    mask(tmp_path / "masks" / "a.png")
    found = read_dataset(tmp_path)
    with pytest.raises(InputRefused, match="48 x 32 px, the picture 32 x 48 px; it looks rotated"):
        read_sample(found.pairs[0], mask_rule(found))


def test_the_page_names_every_kind() -> None:
    import crackcore.datasets as room

    page = (Path(room.__file__).parent / "LAYOUTS.md").read_text(encoding="utf-8")
    table = page.partition("## ")[0]
    assert [kind for kind in room.KINDS if f"`{kind}`" not in table] == []
