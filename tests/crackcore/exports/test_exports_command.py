"""`crackcore export` as a person or a script runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image

from crackcore.__main__ import main
from crackcore.domain.change import MaskFrozen, Predicted, RecordChanged
from crackcore.domain.image_record import Review
from crackcore.domain.prediction import Prediction
from crackcore.domain.project import Project
from crackcore.exports import FORMATS
from crackcore.imaging.scanning import record_for
from crackcore.projects.store import ProjectStore


@pytest.fixture
def project_file(tmp_path: Path) -> Path:
    """One approved picture, one only predicted, one that nobody has looked at."""
    path = tmp_path / "bridge.crack"
    with ProjectStore.create(path, Project("Bridge", str(uuid4()))) as store:
        for number, review in enumerate((Review.APPROVED, Review.PREDICTED, Review.NEW)):
            photo = tmp_path / f"{review.value}.png"
            Image.fromarray(np.full((20, 30, 3), 40 * number, np.uint8)).save(photo)
            record = record_for(photo, tmp_path)
            store.append(RecordChanged(record))
            score = np.zeros((20, 30), np.uint8)
            score[5:8, 3:25] = 200
            if review is not Review.NEW:
                store.append(Predicted(record.id, Prediction(score, "tiny", "ef" * 32)))
            if review is Review.APPROVED:
                store.append(MaskFrozen(record.id, (score > 100).astype(np.uint8)))
            store.append(RecordChanged(replace(record, review=review)))
    return path


@pytest.mark.parametrize("format", list(FORMATS))
def test_json_is_one_object_and_the_status_says_whether_all_went_out(format, project_file, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["export", str(project_file), "--format", format, "--out", str(out), "--json"]) == 1
    printed = capsys.readouterr()
    answer = json.loads(printed.out)
    assert printed.out.count("\n") == 1
    assert printed.err == ""
    assert answer["written"] == (1 if format == "training-set" else 2)
    assert {"picture": "new.png", "reason": "not analysed"} in answer["skipped"]
    for file in answer["files"]:
        assert (out / file).is_file()
    assert Path(answer["out"]) == out


def test_all_done_is_zero(project_file, tmp_path, capsys):
    with ProjectStore.open(project_file) as store:
        record = store.project.images[2]
        store.append(MaskFrozen(record.id, np.zeros((20, 30), np.uint8)))
        store.append(RecordChanged(replace(record, review=Review.APPROVED)))
    arguments = ["export", str(project_file), "--format", "png", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    assert "3 pictures exported" in capsys.readouterr().out


def test_only_approved_and_what_was_left_out_is_said(project_file, tmp_path, capsys):
    arguments = ["export", str(project_file), "--format", "coco", "--out", str(tmp_path / "out")]
    assert main([*arguments, "--only-approved"]) == 1
    printed = capsys.readouterr()
    assert "1 picture exported" in printed.out
    assert printed.err.splitlines() == ["predicted.png: not approved", "new.png: not approved"]


def test_unreviewed_pictures_come_along_when_asked_for(project_file, tmp_path, capsys):
    arguments = ["export", str(project_file), "--out", str(tmp_path / "out"), "--json"]
    assert main([*arguments, "--format", "training-set", "--include-unreviewed"]) == 1
    assert json.loads(capsys.readouterr().out)["written"] == 2
    assert main([*arguments, "--format", "png", "--include-unreviewed"]) == 2


def test_wrong_use_is_two_and_one_sentence(project_file, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["export", str(project_file), "--format", "cocoa", "--out", out]) == 2
    assert main(["export", str(tmp_path / "none.crack"), "--format", "png", "--out", out]) == 2
    assert main(["export", str(tmp_path / "new.png"), "--format", "png", "--out", out]) == 2
    capsys.readouterr()
    assert main(["export", str(project_file), "--format", "png", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "not empty" in said.err
    assert "Traceback" not in said.err
    assert not Path(out).exists()


def test_exporting_does_not_change_the_project_nor_wait_for_the_window(project_file, tmp_path, capsys):
    before = project_file.read_bytes()
    with ProjectStore.open(project_file) as window:
        unsaved = window.project.images[1]
        window.append(RecordChanged(replace(unsaved, notes="seen")))
        assert main(["export", str(project_file), "--format", "csv", "--out", str(tmp_path / "out")]) == 1
        capsys.readouterr()
        assert project_file.read_bytes() == before
        window.append(RecordChanged(unsaved))  # its journal is still its own
    assert "predicted.png" in (tmp_path / "out/summary.csv").read_text("utf-8-sig")


def test_it_needs_neither_torch_nor_a_window(project_file, tmp_path, repository):
    arguments = ["export", str(project_file), "--format", "training-set", "--out", str(tmp_path / "out")]
    code = (
        f"import sys; from crackcore.__main__ import main; assert main({arguments!r}) == 1; "
        "assert not {'torch', 'PySide6'} & set(sys.modules), 'loaded'"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
