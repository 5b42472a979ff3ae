"""Every format says when what it holds may only be used for non-commercial research."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crackcore.domain.image_record import Review
from crackcore.exports import export
from crackcore.exports.terms import notes_on_terms

MARK = "Made with a model for non-commercial research only (fine)"


def marked(open_project, *, pictures: int, of: int):
    score = np.zeros((40, 60), np.uint8)
    score[10:12] = 255
    for number in range(of):
        record = open_project.add(f"{number}.png", score=score, review=Review.EDITED)
        if number < pictures:
            made = open_project.predictions[record.id]
            open_project.predictions[record.id] = replace(made, model="fine", family="research")
    return open_project


def test_the_sentence_counts_where_only_some_are_marked() -> None:
    rows = [{"model": "fine", "model_family": "research"}, {"model": "cgnet-open", "model_family": "open"}]
    assert notes_on_terms(rows) == (f"{MARK}: 1 of 2 pictures.",)
    assert notes_on_terms(rows[:1]) == (f"{MARK}.",)
    assert notes_on_terms(rows[1:]) == ()
    assert notes_on_terms([]) == ()


@pytest.mark.parametrize("format", ["png", "score", "overlay", "training-set"])
def test_manifest_and_report_are_marked(open_project, tmp_path: Path, format: str) -> None:
    project = marked(open_project, pictures=1, of=2)
    report = export(format, project.images(), tmp_path / "out", project=project.project)
    assert f"{MARK}: 1 of 2 pictures." in report.notes
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert f"{MARK}: 1 of 2 pictures." in told["notes"]
    assert sorted(p["model_family"] for p in told["pictures"]) == ["", "research"]


def test_coco_is_marked(open_project, tmp_path: Path) -> None:
    project = marked(open_project, pictures=2, of=2)
    report = export("coco", project.images(), tmp_path / "out", project=project.project)
    assert f"{MARK}." in report.notes
    told = json.loads((tmp_path / "out" / "instances.json").read_text())
    assert told["crackscope"]["notes"] == [f"{MARK}."]


def test_the_table_is_marked(open_project, tmp_path: Path) -> None:
    project = marked(open_project, pictures=1, of=2)
    report = export("csv", project.images(), tmp_path / "out", project=project.project)
    assert report.notes == (f"{MARK}: 1 of 2 pictures.",)
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["model_family"] for row in csv.DictReader(file)] == ["research", ""]


def test_nothing_is_said_of_other_models(open_project, tmp_path: Path) -> None:
    project = marked(open_project, pictures=0, of=2)
    assert export("png", project.images(), tmp_path / "out", project=project.project).notes == ()
    assert "notes" not in json.loads((tmp_path / "out" / "manifest.json").read_text())
