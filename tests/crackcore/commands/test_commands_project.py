"""`crackcore project` as its users see it: what is printed, which status, what lies on the disk."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from crackcore.__main__ import main
from crackcore.domain.change import HandEdited
from crackcore.masks.patch import difference
from crackcore.projects.store import ProjectStore


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photos, one in a folder below, and a file that only calls itself one."""
    folder = tmp_path / "photos"
    (folder / "pier").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("1.png", "pier/2.png"):
        Image.fromarray(rng.integers(0, 256, (20, 30, 3)).astype(np.uint8)).save(folder / name)
    return folder


def crackcore(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    status = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_project_from_a_folder_lists_and_checks(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "survey.crackscope"
    status, out, err = crackcore(capsys, "project", "new", project, photos, "--title", "Bridge 7", "--json")
    assert (status, err) == (0, "")
    answer = json.loads(out)
    assert answer["images"] == 2
    assert [a["file"] for a in answer["added"]] == ["photos/1.png", "photos/pier/2.png"]
    assert answer["refused"] == []

    status, out, _ = crackcore(capsys, "project", "info", project, "--json")
    info = json.loads(out)
    assert status == 0
    assert (info["title"], info["generation"], info["unsaved_changes"]) == ("Bridge 7", 1, 0)
    assert [(i["width_px"], i["height_px"], i["review"]) for i in info["images"]] == [(30, 20, "new")] * 2
    assert [i["id"] for i in info["images"]] == [a["id"] for a in answer["added"]]

    status, out, _ = crackcore(capsys, "project", "info", project)
    assert status == 0
    assert "Bridge 7: 2 pictures, save 1" in out
    assert "photos/pier/2.png" in out

    assert crackcore(capsys, "project", "check", project)[0] == 0
    status, out, _ = crackcore(capsys, "project", "check", project, "--json")
    assert status == 0
    assert json.loads(out)["ok"] is True
    assert json.loads(out)["photos_unchanged"] == 2
    assert sorted(os.listdir(tmp_path)) == ["photos", "survey.crackscope"]


def test_refused_pictures_are_listed_and_the_rest_is_taken(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "broken.png").write_bytes(b"no picture")
    project = tmp_path / "survey.crackscope"
    status, out, err = crackcore(capsys, "project", "new", project, "--from", photos, "--json")
    assert status == 1
    answer = json.loads(out)
    assert answer["images"] == 2
    assert [Path(r["path"]).name for r in answer["refused"]] == ["broken.png"]
    assert "broken.png" in err
    assert "Traceback" not in err


def test_nothing_is_made_when_nothing_can_be_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    (tmp_path / "empty").mkdir()
    project = tmp_path / "survey.crackscope"
    assert crackcore(capsys, "project", "new", project, tmp_path / "a.png")[0] == 1
    assert crackcore(capsys, "project", "new", project, tmp_path / "empty")[0] == 2
    assert crackcore(capsys, "project", "new", project)[0] == 2
    assert crackcore(capsys, "project", "new")[0] == 2
    assert crackcore(capsys, "project", "info", project)[0] == 2
    assert crackcore(capsys, "project", "add", project, tmp_path / "a.png")[0] == 2
    assert not project.exists()


def test_adding_passes_over_what_is_there_and_keeps_the_work(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "survey.crackscope"
    crackcore(capsys, "project", "new", project, photos / "1.png")
    with ProjectStore.open(project) as store:
        image = store.project.images[0].id
        blank = store.read_hand(image)
        drawn = blank.copy()
        drawn[3:9, 4:20] = 2
        store.append(HandEdited(image, difference(blank, drawn), "Brush"))
        store.close(save=False)
    assert crackcore(capsys, "project", "new", project, photos)[0] == 2  # never over what is there
    status, out, _ = crackcore(capsys, "project", "add", project, photos, "--json")
    answer = json.loads(out)
    assert status == 0
    assert (len(answer["added"]), answer["already_there"], answer["images"]) == (1, 1, 2)
    with ProjectStore.open(project) as store:
        assert np.array_equal(store.read_hand(image), drawn)
        assert store.project.images[0].id == image


def test_a_project_that_is_open_elsewhere_is_not_added_to(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "survey.crackscope"
    crackcore(capsys, "project", "new", project, photos / "1.png")
    with ProjectStore.open(project):
        status, _, err = crackcore(capsys, "project", "add", project, photos)
        assert status == 2
        assert "open in another window" in err
        assert crackcore(capsys, "project", "info", project)[0] == 0


def test_check_finds_changed_and_missing_photos_and_relocate_finds_them_again(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "survey.crackscope"
    crackcore(capsys, "project", "new", project, photos)
    (photos / "1.png").rename(tmp_path / "elsewhere.png")
    data = (photos / "pier" / "2.png").read_bytes()
    (photos / "pier" / "2.png").write_bytes(data + b"x")
    status, out, err = crackcore(capsys, "project", "check", project, "--json")
    assert status == 1
    assert [f["sentence"] for f in json.loads(out)["findings"]] == [
        "1.png is not where it was.",
        "2.png was changed since it was added.",
    ]
    assert "1.png is not where it was." in err

    status, out, _ = crackcore(capsys, "project", "relocate", project, tmp_path, "--json")
    assert status == 0
    assert [f["file"] for f in json.loads(out)["found"]] == ["elsewhere.png"]
    assert json.loads(out)["missing"] == []
    (tmp_path / "elsewhere.png").unlink()
    status, out, err = crackcore(capsys, "project", "relocate", project, tmp_path)
    assert status == 1
    assert "Still missing: elsewhere.png" in err


def test_check_of_a_damaged_file_names_the_backup(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "survey.crackscope"
    crackcore(capsys, "project", "new", project, photos / "1.png")
    crackcore(capsys, "project", "add", project, photos)
    data = bytearray(project.read_bytes())
    data[700] ^= 1
    project.write_bytes(data)
    status, out, err = crackcore(capsys, "project", "check", project, "--json")
    assert status == 1
    assert json.loads(out)["ok"] is False
    assert len(json.loads(out)["backups"]) == 1
    assert "The newest backup is save 1" in err
    assert project.read_bytes() == data
    status, _, err = crackcore(capsys, "project", "info", project)
    assert status == 2
    assert "The newest backup is save 1" in err


def test_a_file_of_another_kind_is_refused_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x").write_text("hello")
    status, out, err = crackcore(capsys, "project", "info", tmp_path / "x")
    assert (status, out) == (2, "")
    assert err == "x is not a project of this program.\n"
