"""Every model file that ships: whole, small, rightly described, with its card, and it finds a crack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crackcore.domain.model_families import OPEN, RESEARCH, RESEARCH_MARK
from crackcore.domain.prediction import PredictSettings
from crackcore.imaging.reading import read_photo
from crackcore.inference.predictor import Predictor
from crackcore.masks.threshold import score_step
from crackcore.models.catalogue import DEFAULT_MODEL, InstalledModel, known_architecture, read_installed
from crackcore.resources import resources_folder
from crackcore.training.checking import reduced_picture
from crackcore.training.training_log import log_lines

FOLDER = resources_folder() / "models"
FILES = sorted(FOLDER.glob("*.safetensors"))
MAY_SHIP = ("CC0", "MIT", "BSD", "Apache-2.0")
LARGEST_BYTES, ALL_BYTES = 40_000_000, 150_000_000

CROP = (slice(0, 256), slice(32, 288))  # of concrete_crack.jpg
CENTRE = {
    8: 87, 24: 89, 40: 83, 56: 81, 72: 89, 88: 100, 104: 102, 120: 126, 136: 131, 152: 132, 168: 140,
    184: 146, 200: 155, 216: 167, 232: 167, 248: 173,
}  # fmt: skip
"""Row -> column of the middle of the crack, from the mask that its source drew by hand."""


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.stem)
def model(request: Any) -> InstalledModel:
    return read_installed(request.param)


def test_together_they_are_small_enough_and_the_first_one_is_open() -> None:
    assert sum(path.stat().st_size for path in FILES) <= ALL_BYTES
    assert read_installed(FOLDER / f"{DEFAULT_MODEL}.safetensors").spec.family == OPEN


def test_the_file_is_small_enough_and_described_in_full(model: InstalledModel) -> None:
    spec = model.spec
    assert model.bytes <= LARGEST_BYTES
    assert model.path.stem == model.name
    assert known_architecture(spec.architecture)[0].finds_cracks
    assert spec.summary.endswith(".")
    assert spec.source
    assert not spec.source_sha256, "made here, not imported"
    assert 0.02 < spec.threshold < 0.98
    assert spec.training_data
    measured = spec.scores["sets"]
    assert all(0 < row["f1_2px"] <= 1 for row in measured.values() if "f1_2px" in row)


def test_the_family_and_the_licence_follow_from_what_it_learned(model: InstalledModel) -> None:
    spec = model.spec
    assert spec.family == (RESEARCH if "-research" in model.name else OPEN)
    terms = [str(row.get("terms", "")) for row in spec.training_data if row.get("kind") != "drawn"]
    assert all(terms), "no set without stated terms"
    if spec.family == OPEN:
        assert spec.licence == "Apache-2.0"
        assert all(term.startswith(MAY_SHIP) for term in terms)
    else:
        assert "research" in spec.licence
        assert not all(term.startswith(MAY_SHIP) for term in terms)


def test_the_card_is_about_this_very_file(model: InstalledModel) -> None:
    card = model.path.with_suffix(".md").read_text(encoding="utf-8")
    assert card.startswith(f"# {model.name}\n")
    assert model.sha256 in card, "packaging/model_scores.py --write has not seen this file"
    for part in ("**For.**", "**Licence.**", "**Trained on**", "**Made by**", "**Known faults**"):
        assert part in card
    for row in model.spec.training_data:
        assert str(row["set"]) in card
    assert (RESEARCH_MARK[:-1] in card) == (model.spec.family == RESEARCH)


def test_the_log_of_its_training_is_there_and_ended(model: InstalledModel) -> None:
    lines = log_lines(FOLDER / model.spec.scores["trained"]["log"])
    assert lines[0]["event"] == "start"
    assert lines[-1]["event"] in ("end", "stopped")


def test_what_was_measured_was_measured_with_this_file(model: InstalledModel) -> None:
    kept = FOLDER / "scores.json"
    assert kept.is_file(), "packaging/model_scores.py makes it"
    row = json.loads(kept.read_text(encoding="utf-8"))["models"][model.name]
    assert row["sha256"] == model.sha256
    assert row["family"] == model.spec.family
    assert len(row["sets"]) >= 5


def test_it_finds_the_crack_of_a_sample_picture(model: InstalledModel, samples: Path) -> None:
    pixels = np.ascontiguousarray(read_photo(samples / "concrete_crack.jpg").pixels[CROP])
    # one that enlarges is made for photos of low resolution
    factor = known_architecture(model.spec.architecture)[0].output_scale
    settings = PredictSettings(precision="float32", result_scale=factor)
    seen = pixels if factor == 1 else reduced_picture(pixels, factor)
    score = Predictor.for_model(model, "cpu").predict(seen, settings).score
    crack = score >= score_step(model.spec.threshold)
    column = np.interp(np.arange(256), list(CENTRE), list(CENTRE.values())) - CROP[1].start
    distance = np.abs(np.arange(256)[None] - column[:, None])
    found = [bool(crack[row][distance[row] <= 6].any()) for row in CENTRE]
    assert np.mean(found) >= 0.8, "most of the crack is marked"
    assert crack[distance <= 20].sum() >= 0.6 * crack.sum(), "and little else"


def test_the_cards_are_of_files_that_are_there() -> None:
    cards = {path.stem for path in FOLDER.glob("*.md")} - {"README"}
    assert cards <= {path.stem for path in FILES}
