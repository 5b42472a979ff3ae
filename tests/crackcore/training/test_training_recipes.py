"""Recipes: their figures are those of the sources, they can be written down, and each makes a step."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from crackcore.__main__ import main
from crackcore.errors import TrainingStopped, UnknownModel
from crackcore.models import create_network
from crackcore.models.catalogue import known_architecture
from crackcore.training.batches import batch_of, normalised
from crackcore.training.criteria import Moment
from crackcore.training.pairs import TrainingPair
from crackcore.training.published_criteria import CsbsrCriterion, create_criterion
from crackcore.training.recipes import PUBLISHED, all_recipes, recipe
from crackcore.training.settings import TrainSettings
from crackcore.training.starting import STARTS

SMALL: dict[str, dict[str, object]] = {
    "deepcrack_tip": {"width": 0.125},
    "deepcrack_tip_paper": {"width": 0.125},
    "deepcrack_liu": {"width": 0.125},
    "cgnet_m3n21": {},
    "unet16": {"width": 0.125},
    "pspnet": {"width": 0.125},
    "cssr": {"width": 0.125, "stages": 2},
    "csbsr": {"width": 0.125, "stages": 2},
}


def wall(number: int) -> TrainingPair:
    rng = np.random.default_rng(number)
    mask = np.zeros((96, 128), np.uint8)
    cv2.line(mask, (5, int(rng.integers(20, 70))), (120, int(rng.integers(20, 70))), 1, 5)
    pixels = np.clip(rng.normal(150, 12, (96, 128, 3)) - 100 * mask[:, :, None], 0, 255).astype(np.uint8)
    return TrainingPair(f"w{number}", "walls", "pairs", Path(f"w{number}.png"), "", pixels, mask)


def test_every_network_that_finds_cracks_has_both() -> None:
    assert {r.architecture for r in all_recipes()} == set(SMALL) == set(PUBLISHED)
    assert {r.kind for r in all_recipes()} == {"published", "modern"}
    with pytest.raises(UnknownModel):
        recipe("dbpn")
    with pytest.raises(UnknownModel):
        recipe("cgnet_m3n21", "secret")


def test_published_figures() -> None:
    """A few of models.md sections 1 to 5 that the training depends on most."""
    cgnet = recipe("cgnet_m3n21", "published").settings
    assert cgnet.rate(0, 300) == pytest.approx(1e-3)
    assert cgnet.rate(10_000, 300) == pytest.approx(1e-4 + 9e-4 * (1 - 10_000 / 19_999) ** 0.9)
    assert cgnet.rate(19_999, 300) == pytest.approx(1e-4)
    liu = recipe("deepcrack_liu", "published").settings
    assert liu.for_set(300).iterations == 700 * 300
    assert liu.rate(40 * 300 - 1, 300) == pytest.approx(1e-4)
    assert liu.rate(40 * 300, 300) == pytest.approx(1e-5)
    tip = recipe("deepcrack_tip", "published").settings
    assert tip.per_epoch(260) == -(-35_100 // 8)
    paper = recipe("deepcrack_tip_paper", "published").settings
    assert [paper.rate(i, 260) for i in (9_999, 10_000)] == pytest.approx([1e-5, 1e-6])


def test_descriptions_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["recipes"]
    assert len(rows) == 2 * len(SMALL)
    row = next(r for r in rows if r["architecture"] == "cgnet_m3n21" and r["recipe"] == "published")
    assert row["settings"]["schedule"] == {
        "kind": "Polynomial",
        "lr": 1e-3,
        "iterations": 20_000,
        "floor": 1e-4,
        "power": 0.9,
    }
    assert row["settings"]["augment"]["kind"] == "CgnetCrop"
    assert main(["recipes", "--architecture", "deepcrack_liu"]) == 0
    assert "SGD" in capsys.readouterr().out.upper()


def test_the_modern_recipe_teaches_csbsr_too() -> None:
    network = create_network("csbsr", **SMALL["csbsr"]).train()
    criterion = create_criterion(recipe("csbsr").settings, "csbsr", 2)
    labels = torch.zeros(1, 64, 64, dtype=torch.uint8)
    labels[:, 30:34] = 1
    criterion(network, torch.rand(1, 3, 64, 64), labels).backward()
    assert all(p.grad is not None for n, p in network.named_parameters() if n.startswith("sr_model.output"))


@pytest.mark.parametrize("name", list(SMALL))
def test_the_published_recipe_makes_steps_that_change_what_learns(name: str) -> None:
    torch.manual_seed(1)
    chosen = recipe(name, "published")
    s = replace(chosen.settings, batch=2, augment=replace(chosen.settings.augment, crop_px=64))
    network = create_network(name, **SMALL[name]).train()
    STARTS[s.start](network)
    pixels, labels = batch_of([wall(1), wall(2)], s, 0)
    pictures = normalised(pixels, known_architecture(name)[0].preprocessing)
    criterion = create_criterion(s, name, 2)
    moment = Moment(0, (0, 0))
    loss = criterion(network, pictures, torch.from_numpy(labels), moment)
    again = criterion(network, pictures, torch.from_numpy(labels), moment)
    if name not in ("pspnet", "csbsr"):  # these drop channels by chance
        assert loss.item() == pytest.approx(again.item(), rel=1e-4)
    assert torch.isfinite(loss)
    loss.backward()
    learning = [
        float(p.grad.abs().max())
        for n, p in network.named_parameters()
        if p.grad is not None and criterion.learns(n, moment)
    ]
    assert max(learning) > 0


def test_csbsr_learns_in_four_phases() -> None:
    s = replace(recipe("csbsr", "published").settings, options={"phases": (1, 2, 3)}, batch=2)
    criterion = create_criterion(s, "csbsr", 2)
    assert isinstance(criterion, CsbsrCriterion)
    network = create_network("csbsr", **SMALL["csbsr"])
    names = [n for n, _ in network.named_parameters()]
    learns = [{n for n in names if criterion.learns(n, Moment(i))} for i in range(4)]
    assert learns[3] == set(names)
    assert learns[2] == {n for n in names if n.startswith("sr_model.")}
    assert learns[0] | learns[1] == learns[2]
    assert not learns[0] & learns[1]
    assert all("predictor" in n for n in learns[1])
    pictures, labels = torch.rand(2, 3, 64, 64), torch.zeros(2, 64, 64, dtype=torch.uint8)
    labels[:, 30:34] = 1
    network.train()
    for iteration in range(4):
        network.zero_grad()
        criterion(network, pictures, labels, Moment(iteration)).backward()
        moved = {n for n, p in network.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
        assert moved & learns[iteration], f"phase {iteration + 1} teaches nothing"


def test_a_criterion_must_fit_the_network() -> None:
    with pytest.raises(TrainingStopped, match="does not fit"):
        create_criterion(TrainSettings(criterion="cssr"), "deepcrack_liu", 10)
    with pytest.raises(TrainingStopped, match="No criterion"):
        create_criterion(TrainSettings(criterion="guess"), "deepcrack_liu", 10)
