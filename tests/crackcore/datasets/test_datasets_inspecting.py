"""A data set in figures, at a glance, and from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from set_making import HEIGHT, WIDTH, line, mask, photo

from crackcore.__main__ import main
from crackcore.datasets import mask_rule, read_dataset
from crackcore.datasets.contact_sheet import CELL_PX, contact_sheet
from crackcore.datasets.inspecting import inspect_dataset, local_widths


@pytest.mark.parametrize("thick", [1, 2, 3, 4, 7, 12])
def test_widths_are_those_drawn(thick: int) -> None:
    lying = np.zeros((60, 200), np.uint8)
    lying[20 : 20 + thick] = 1
    for plane in (lying, np.ascontiguousarray(lying.T)):
        assert float(np.median(local_widths(plane))) == pytest.approx(thick, abs=0.5)
    assert len(local_widths(lying)) == pytest.approx(200, abs=thick + 2)
    assert local_widths(lying * 255).size == 0  # undecided is no crack


def test_widths_of_slanting_lines() -> None:
    rows, columns = np.mgrid[:150, :150]
    for across in (3.0, 6.0):
        slanting = (np.abs(rows - columns) / np.sqrt(2) <= across / 2).astype(np.uint8)
        assert float(np.median(local_widths(slanting))) == pytest.approx(across, abs=0.8)


@pytest.fixture
def small_set(tmp_path: Path) -> Path:
    """Five pairs: two of them one picture, one without a crack, one partly undecided, one of another size."""
    folder = tmp_path / "road"
    for number, values in enumerate((line(), line(thick=5), line() * 0, line())):
        values = values.copy()
        if number == 3:
            values[:, 40:] = 127
        photo(folder / "images" / f"p{number}.png", number)
        mask(folder / "masks" / f"p{number}.png", values)
    photo(folder / "images" / "large.png", 1, size=(2 * HEIGHT, 2 * WIDTH))
    mask(folder / "masks" / "large.png", np.repeat(np.repeat(line(), 2, axis=0), 2, axis=1))
    (folder / "images" / "broken.jpg").write_bytes(b"\xff\xd8broken")
    mask(folder / "masks" / "broken.png")
    photo(folder / "images" / "lonely.png", 9)
    return folder


def test_figures(small_set: Path) -> None:
    found = inspect_dataset(read_dataset(small_set))
    assert found.pictures == 5
    assert found.sizes == {(WIDTH, HEIGHT): 4, (2 * WIDTH, 2 * HEIGHT): 1}
    assert found.crack_free == 1
    assert found.crack_share.most == pytest.approx(5 * 36 / (HEIGHT * WIDTH))
    assert found.crack_share.least == 0
    widths = found.widths_px  # 36 px long each: two lines of 3 px, one of 5; one of 6 px and 72 long
    assert (widths.p10, widths.median, widths.p90) == pytest.approx((3, 5, 6), abs=0.1)
    assert found.undecided_share == pytest.approx(8 * HEIGHT / (8 * HEIGHT * WIDTH))
    assert [(t.how, t.a.stem, t.b.stem) for t in found.twins] == [("same picture", "large", "p1")]
    assert sorted(p.file.name for p in found.problems) == ["broken.jpg", "lonely.png"]


def test_the_command_says_them(small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "sheet.png"
    arguments = ["dataset", "inspect", str(small_set), "--json", "--contact-sheet", str(sheet)]
    assert main(arguments) == 1  # two files are left out
    said = json.loads(capsys.readouterr().out)
    assert (said["name"], said["kind"], said["pictures"], said["crack_values"]) == ("road", "plain", 5, "255")
    assert said["mask_width_px"]["median"] == pytest.approx(5, abs=0.1)
    assert said["twins"] == [
        {"a": "large", "b": "p1", "how": "same picture", "measure": pytest.approx(1, abs=0.05)}
    ]
    with Image.open(sheet) as opened:
        assert opened.size[0] > 5 * CELL_PX
    assert main(["dataset", "inspect", str(small_set)]) == 1
    answer = capsys.readouterr()
    assert "road (plain): 5 pictures" in answer.out
    assert "lonely.png: there is no mask with this name." in answer.err


def test_the_command_asks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo(tmp_path / "images" / "a.jpg")
    mask(tmp_path / "masks" / "a.png", line(crack=2) + line(20, crack=3))
    assert main(["dataset", "inspect", str(tmp_path)]) == 1
    assert "which of them are crack? Say it with --crack-values." in capsys.readouterr().err
    assert main(["dataset", "inspect", str(tmp_path), "--crack-values", "3", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["crack_values"], said["question"]) == ("3", "")
    assert said["crack_share"]["mean"] == pytest.approx(3 * 36 / (HEIGHT * WIDTH), abs=1e-6)


@pytest.mark.parametrize(
    "more",
    [
        ["--crack-values", "red"],
        ["--undecided-values", "3"],
        ["--contact-sheet", "sheet.gif"],
        ["--kind", "cfd"],
    ],
)
def test_wrong_use(more: list[str], small_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "inspect", str(small_set), *more]) == 2
    assert capsys.readouterr().err.strip()


def test_leaks_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for side, seeds in (("train", (1, 2)), ("test", (2, 3))):
        for seed in seeds:
            photo(tmp_path / f"{side}_img" / f"{side[0]}{seed}x.png", seed)
            mask(tmp_path / f"{side}_lab" / f"{side[0]}{seed}x.png")
    assert main(["dataset", "check-leak", str(tmp_path), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["leaks"] == 1
    assert said["comparisons"][0]["leaks"] == [
        {"a": "train/t2x", "b": "test/t2x", "how": "same file", "measure": 1.0}
    ]
    assert main(["dataset", "check-leak", f"{tmp_path}:train", f"{tmp_path}:test", "--no-overlaps"]) == 1
    assert "same file: train/t2x, test/t2x" in capsys.readouterr().out
    (tmp_path / "test_img" / "t2x.png").unlink()
    (tmp_path / "test_lab" / "t2x.png").unlink()
    assert main(["dataset", "check-leak", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "No leak between train and test (2 and 1 pictures).\n"


def test_a_sheet_shows_cracks_that_would_vanish_when_reduced(tmp_path: Path) -> None:
    photo(tmp_path / "images" / "a.png", size=(600, 800))
    thin = np.zeros((600, 800), np.uint8)
    thin[300] = 255
    mask(tmp_path / "masks" / "a.png", thin)
    found = read_dataset(tmp_path)
    sheet = contact_sheet(found, mask_rule(found)).astype(int)
    orange = (sheet[..., 0] - sheet[..., 2] > 100) & (sheet[..., 0] > 150)
    assert orange.any(axis=0).sum() > 0.95 * CELL_PX


def test_every_kind_is_listed_with_what_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    from crackcore.datasets import KINDS

    assert main(["dataset", "layouts", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["layouts"]
    assert [row["kind"] for row in rows] == list(KINDS)
    assert all(row["title"] and row["holds"] for row in rows)
    assert main(["dataset", "layouts"]) == 0
    assert '"train_img" with "train_lab"' in capsys.readouterr().out
