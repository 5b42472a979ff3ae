"""What belongs to a family is marked wherever its results go; what a user makes inherits only the limit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crackcore.domain.model_families import RESEARCH_MARK, family_made_from, research_note
from crackcore.domain.model_spec import ModelSpec
from crackcore.domain.prediction import Prediction
from crackcore.inference.predictor import Predictor
from crackcore.models.catalogue import create_network
from crackcore.models.model_files import save_model
from crackcore.projects.prediction_facts import PredictionFacts
from crackcore.training.run import _first_spec
from crackcore.training.settings import TrainRequest

SPEC = ModelSpec("fine-research", "cgnet_m3n21", family="research")


def test_the_family_travels_with_the_spec_and_an_old_spec_has_none() -> None:
    assert ModelSpec.from_json(SPEC.to_json()).family == "research"
    raw = json.loads(SPEC.to_json())
    del raw["family"]
    assert ModelSpec.from_json(json.dumps(raw)).family == ""
    with pytest.raises(TypeError):
        ModelSpec.from_json(json.dumps({**raw, "family": ["research"]}))


def test_a_prediction_and_its_facts_carry_the_family() -> None:
    network = create_network("cgnet_m3n21").eval()
    pixels = np.zeros((40, 48, 3), np.uint8)
    prediction = Predictor(network, SPEC).predict(pixels)
    assert prediction.family == "research"
    entry = json.loads(json.dumps(PredictionFacts.of(prediction).to_entry()))
    assert PredictionFacts.from_entry(entry) == PredictionFacts.of(prediction)
    assert PredictionFacts.from_entry(entry).family == "research"


def test_a_prediction_without_a_family_is_written_as_ever() -> None:
    facts = PredictionFacts.of(Prediction(np.zeros((2, 2), np.uint8), "m", "0" * 64))
    assert "family" not in facts.to_entry()
    assert PredictionFacts.from_entry(facts.to_entry()).family == ""


def test_a_restriction_is_inherited_and_a_promise_is_not() -> None:
    assert [family_made_from(f) for f in ("research", "open", "")] == ["research", "", ""]
    assert research_note("open", "m") == research_note("", "m") == ""
    assert research_note("research") == RESEARCH_MARK
    assert research_note("research", "m\n") == "Made with a model for non-commercial research only (m\\x0a)."


def test_training_on_from_a_research_model_gives_a_research_model(tmp_path: Path) -> None:
    base = save_model(tmp_path / "base.safetensors", create_network("cgnet_m3n21"), SPEC)
    request = TrainRequest((), tmp_path / "new.safetensors", "new", start_from=base)
    assert _first_spec(request, (), ()).family == "research"
    open_base = replace(base, spec=replace(SPEC, family="open"))
    assert _first_spec(replace(request, start_from=open_base), (), ()).family == ""
