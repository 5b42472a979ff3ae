"""Lists of pairs, MATLAB masks, our own training sets and projects as data sets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from set_making import HEIGHT, WIDTH, crack_forest, line, mask, photo

from crackcore.datasets import mask_rule, read_dataset, read_sample
from crackcore.datasets.mat_files import MatFiles, read_mat
from crackcore.errors import InputRefused

# ---------------------------------------------------------------- lists


def listed(folder: Path, name: str, *lines: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def zou(folder: Path, *stems: str) -> None:
    for number, stem in enumerate(stems):
        photo(folder / "crack_train_image" / f"{stem}.jpg", number)
        mask(folder / "crack_train_mask" / f"{stem}.png")


def test_a_published_list_of_another_computer_is_found_by_its_ends(tmp_path: Path) -> None:
    stems = ("6192_rot0_crop1_mirror0", "6192_rot8_crop5_mirror2", "DSCN6428_rot0_crop1_mirror0")
    zou(tmp_path, *stems)
    there = "/Users/somebody/deepcrack/data/CrackTree/crack_train_"
    listed(tmp_path, "train_example.txt", *(f"{there}image/{s}.jpg {there}mask/{s}.png" for s in stems))
    found = read_dataset(tmp_path)
    assert found.kind == "index-files"
    assert [s.key for s in found.pairs] == [f"train/{s}" for s in stems]
    assert [s.group for s in found.pairs] == ["6192", "6192", "dscn6428"]
    assert found.notes == (
        "The list names places of another computer; the files were found here by their ends.",
    )
    assert np.array_equal(read_sample(found.pairs[0], mask_rule(found)).mask, line() // 255)


def test_several_lists_are_sides_and_each_picture_counts_once(tmp_path: Path) -> None:
    zou(tmp_path, "a", "b", "c")
    row = "crack_train_image/{0}.jpg\tcrack_train_mask/{0}.png".format
    listed(tmp_path, "train.txt", row("a"), "", row("b"))
    listed(tmp_path, "val.txt", row("c"), row("a"))
    found = read_dataset(tmp_path)
    assert found.sides == {"train": 2, "val": 1}
    assert [p.reason for p in found.problems] == ["it is listed also in train.txt."]
    only = read_dataset(tmp_path / "val.txt")
    assert [s.key for s in only.pairs] == ["val/c", "val/a"]


def test_names_with_blanks_and_backslashes(tmp_path: Path) -> None:
    photo(tmp_path / "my photos" / "a 1.jpg")
    mask(tmp_path / "my masks" / "a 1.png")
    listed(tmp_path, "list.txt", r"C:\data\my photos\a 1.jpg C:\data\my masks\a 1.png")
    assert [s.stem for s in read_dataset(tmp_path).pairs] == ["a 1"]


def test_lines_that_lead_nowhere_are_listed(tmp_path: Path) -> None:
    zou(tmp_path, "a")
    good = "crack_train_image/a.jpg crack_train_mask/a.png"
    listed(
        tmp_path, "list.txt", good, "crack_train_image/x.jpg crack_train_mask/a.png", "one two three", good
    )
    reasons = [p.reason for p in read_dataset(tmp_path).problems]
    assert reasons == [
        'line 2: "x.jpg" is not in this folder.',
        "line 3 does not name a photograph and a mask.",
        "it is listed twice.",
    ]


def test_a_list_reaches_nothing_outside_its_folder(tmp_path: Path) -> None:
    secret = tmp_path / "outside"
    zou(secret, "a")
    inside = tmp_path / "inside"
    for row in (
        "../outside/crack_train_image/a.jpg ../outside/crack_train_mask/a.png",
        f"{secret}/crack_train_image/a.jpg {secret}/crack_train_mask/a.png",
    ):
        listed(inside, "list.txt", row)
        with pytest.raises(InputRefused, match="none of the files it lists is in its folder") as caught:
            read_dataset(inside)
        assert "Put the list beside" in caught.value.hint


def test_text_that_is_no_list_is_left_alone(tmp_path: Path) -> None:
    photo(tmp_path / "images" / "a.jpg")
    mask(tmp_path / "masks" / "a.png")
    listed(tmp_path, "readme.txt", "Crack pictures of 2019.")
    assert read_dataset(tmp_path).kind == "plain"
    with pytest.raises(InputRefused, match="no data set; expected a folder"):
        read_dataset(tmp_path / "readme.txt")


# ---------------------------------------------------------------- MATLAB


def test_the_corpus_of_bad_matlab_files(shared: Path) -> None:
    corpus = shared / "data" / "bad-inputs"
    rows = [r for r in json.loads((corpus / "expectations.json").read_text()) if r["file"].startswith("mat/")]
    files = tuple(corpus / row["file"] for row in rows)
    shelf = MatFiles(files)  # one child, brought down by one of them; the others have their answers
    for row, file in zip(rows, files, strict=True):
        if row["expect"] == "open":
            found = shelf.values(file)
            assert found.values.shape == (120, 160)
            assert len(found.counts()) == 2
        else:
            with pytest.raises(InputRefused) as caught:
                shelf.values(file)
            if "v73" in file.name or "crash" in file.name:
                assert "-v7" in caught.value.hint


def test_matlab_files_in_many_forms(tmp_path: Path) -> None:
    truth = crack_forest(tmp_path / "forest.mat")
    savemat(tmp_path / "logical.mat", {"mask": line() > 0})
    savemat(tmp_path / "double.mat", {"gt": (line() > 0) * 2.0, "name": "a"})
    savemat(tmp_path / "two.mat", {"a": line(), "b": line()})
    savemat(tmp_path / "half.mat", {"a": line() * 0.5 / 255})
    savemat(tmp_path / "words.mat", {"a": "nothing here"})
    savemat(tmp_path / "fields.mat", {"groundTruth": {"Boundaries": line()}})
    people = np.empty((1, 2), object)
    people[0, 0] = {"Segmentation": np.where(line() > 0, 2, 1)}
    people[0, 1] = {"Segmentation": np.ones((HEIGHT, WIDTH))}
    savemat(tmp_path / "people.mat", {"groundTruth": people})
    names = ["forest", "logical", "double", "two", "half", "words", "fields", "people"]
    shelf = MatFiles(tuple(tmp_path / f"{n}.mat" for n in names))

    def of(name: str):
        return shelf.values(tmp_path / f"{name}.mat")

    def why(name: str) -> str:
        with pytest.raises(InputRefused) as caught:
            of(name)
        return caught.value.reason

    assert np.array_equal(np.isin(of("forest").values, (2, 4)), truth)
    assert of("forest").space == "regions"
    assert set(of("logical").counts()) == {0, 1}
    assert set(of("double").counts()) == {0, 2}
    assert np.array_equal(of("people").values == 2, line() > 0)
    assert "2 people" in of("people").notes[0]
    assert "several arrays (a, b)" in why("two")
    assert "whole numbers" in why("half")
    assert "no array" in why("words")
    assert "only Boundaries" in why("fields")


def test_a_lying_child_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import base64
    import zlib

    from crackcore.datasets import mat_files

    crack_forest(tmp_path / "a.mat")
    packed = base64.b64encode(zlib.compress(bytes(100))).decode()
    row = {"height": 10, "width": 10, "values": packed, "regions": False, "notes": [], "sha256": ""}
    for wrong in ({"height": 1 << 40}, {"width": 11}, {"values": "x"}, {"height": None}):
        monkeypatch.setattr(mat_files, "ask_child", lambda *_, wrong=wrong, **__: [row | wrong])
        with pytest.raises(InputRefused, match="makes no sense"):
            read_mat(tmp_path / "a.mat")
    monkeypatch.setattr(mat_files, "ask_child", lambda *_, **__: [row])
    assert read_mat(tmp_path / "a.mat").values.shape == (10, 10)


# ---------------------------------------------------------------- our own


def test_a_training_set_of_ours(tmp_path: Path) -> None:
    rows = []
    for number, (stem, side) in enumerate((("a", "train"), ("b", "test"), ("c", "train"))):
        photo(tmp_path / "images" / f"{stem}.jpg", number)
        values = line()
        values[:, 44:] = 127
        mask(tmp_path / "masks" / f"{stem}.png", values if number else np.where(values == 255, 0, values))
        rows.append({"image": f"images/{stem}.jpg", "mask": f"masks/{stem}.png", "group": "g", "split": side})
    rows += [
        {"image": "images/gone.jpg", "mask": "masks/a.png", "split": "train"},
        {"image": "../../etc/x.jpg", "mask": "masks/a.png"},
        {"image": "images/a.jpg", "mask": "C:\\a.png"},
        "nonsense",
        rows[0],
    ]
    manifest = {"format": "crackscope-training-set", "format_version": 1, "pictures": rows}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    photo(tmp_path / "images" / "extra.jpg")
    found = read_dataset(tmp_path)
    assert found.kind == "training-set"
    assert [s.key for s in found.pairs] == ["train/a", "train/c", "test/b"]
    assert {s.group for s in found.pairs} == {"g"}
    assert len(found.problems) == 6
    # 127 alone stays undecided: the layout says so, not the values
    assert set(np.unique(read_sample(found.pairs[0], mask_rule(found)).mask)) == {0, 255}

    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"format_version": 2}))
    with pytest.raises(InputRefused, match="format 2"):
        read_dataset(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": "crackscope-training-set", "a": NaN}')
    with pytest.raises(InputRefused, match="damaged"):
        read_dataset(tmp_path)


def test_a_project_gives_what_a_person_has_seen(tmp_path: Path) -> None:
    from dataclasses import replace

    from crackcore.domain.change import RecordChanged
    from crackcore.domain.image_record import Review
    from crackcore.domain.project import Project
    from crackcore.imaging.scanning import record_for
    from crackcore.projects.store import ProjectStore

    files = [
        photo(tmp_path / f"{stem}.png", number) for number, stem in enumerate(("w_crop1", "w_crop2", "x"))
    ]
    records = [record_for(file, tmp_path) for file in files]
    where = tmp_path / "bridge.crackscope"
    with ProjectStore.create(where, Project("bridge", "", tuple(records))) as store:
        for record in store.project.images[:2]:
            store.append(RecordChanged(replace(record, review=Review.APPROVED)))
    with read_dataset(where) as found:
        assert (found.kind, found.name) == ("project", "bridge.crackscope")
        assert [s.stem for s in found.pairs] == ["w_crop1", "w_crop2"]
        assert found.pairs[0].group == found.pairs[1].group
        assert [p.file.name for p in found.problems] == ["x.png"]
        loaded = read_sample(found.pairs[0], mask_rule(found))
        assert loaded.mask.shape == (HEIGHT, WIDTH)
        assert not loaded.mask.any()
    with read_dataset(where, "project") as again:
        assert len(again.pairs) == 2


def test_a_file_that_brought_a_reader_down_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crackcore.children import ChildEnded
    from crackcore.datasets import mat_files

    crack_forest(tmp_path / "a.mat")
    asked = []

    def dies(*arguments, **_):
        asked.append(arguments)
        raise ChildEnded("crash")

    monkeypatch.setattr(mat_files, "ask_child", dies)
    for _ in range(2):
        with pytest.raises(InputRefused, match="brought the reader down"):
            read_mat(tmp_path / "a.mat")
    assert len(asked) == 1


def test_answers_too_long_for_one_letter_come_in_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crackcore.datasets import mat_files

    files = tuple(tmp_path / f"{n}.mat" for n in range(5))
    truths = [crack_forest(file) for file in files]
    one = len(mat_files.read_in_child(lambda *_: None, [str(files[0])])[0]["values"])
    asked = []

    def here(work, names, **_):
        asked.append(len(names))
        return work(lambda *_: None, names)

    monkeypatch.setattr(mat_files, "ask_child", here)
    monkeypatch.setattr(mat_files, "_LONGEST_ANSWER", 2 * one + 1)
    shelf = MatFiles(files)
    for file, truth in zip(files, truths, strict=True):
        assert np.array_equal(np.isin(shelf.values(file).values, (2, 4)), truth)
    assert asked == [5, 3, 1]
    monkeypatch.setattr(mat_files, "_LONGEST_ANSWER", one - 1)
    with pytest.raises(InputRefused, match="too large"):
        read_mat(files[0])
