"""Retraining: the hold-out is fixed, what was learned never checks, the old model stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from crackcore.domain.model_spec import ModelSpec
from crackcore.errors import InputRefused
from crackcore.models.catalogue import InstalledModel, create_network, known_architecture
from crackcore.models.model_files import save_model
from crackcore.training.going_on import fixed_hold_out, gentler, trained_on
from crackcore.training.pairs import TrainingPair
from crackcore.training.recipes import modern
from crackcore.training.retraining import RetrainRequest, retrain


def pair(number: int, name: str = "mine") -> TrainingPair:
    rng = np.random.default_rng(number)
    pixels = rng.normal(120, 8, (96, 96, 3)) + cv2.resize(rng.normal(0, 30, (5, 5)), (96, 96))[..., None]
    mask = np.zeros((96, 96), np.uint8)
    ends = rng.integers(10, 86, 2)
    cv2.line(mask, (4, int(ends[0])), (92, int(ends[1])), 1, 6)
    pixels[mask == 1] -= 70
    done = np.clip(pixels, 0, 255).astype(np.uint8)
    return TrainingPair(f"p{number}", name, "pairs", Path(f"p{number}.png"), f"{number:064x}", done, mask)


def test_a_photo_keeps_its_side_whatever_is_added() -> None:
    pairs = [pair(n) for n in range(12)]
    few, many = fixed_hold_out(pairs[:8], 0.4), fixed_hold_out(pairs, 0.4)
    assert 0 < len(few) < 8
    assert few == {digest for digest in many if int(digest, 16) < 8}


def test_copies_go_to_the_same_side() -> None:
    pairs = [pair(n) for n in range(6)]
    held = fixed_hold_out(pairs, 0.4)
    one = next(p for p in pairs if p.sha256 in held)
    copy = replace(one, sha256="f" * 64, stem="copy", pixels=np.ascontiguousarray(one.pixels[:, ::-1]))
    assert {one.sha256, copy.sha256} <= fixed_hold_out([*pairs, copy], 0.0, always=frozenset({one.sha256}))


def test_what_the_model_has_learned_never_checks() -> None:
    pairs = [pair(n) for n in range(5)]
    known = frozenset(p.sha256 for p in pairs[:4])
    assert fixed_hold_out(pairs, 0.9, never=known, always=known) == {pairs[4].sha256}
    assert fixed_hold_out(pairs[:4], 0.9, never=known) == frozenset()


def test_some_learn_and_some_check_when_there_are_two_photos() -> None:
    for share in (0.0, 1.0):
        assert len(fixed_hold_out([pair(1), pair(2)], share)) == 1
    assert fixed_hold_out([pair(1)], 0.0) == frozenset()


@pytest.fixture
def base(tmp_path: Path) -> InstalledModel:
    torch.manual_seed(0)
    facts = known_architecture("deepcrack_liu")[0]
    spec = ModelSpec(
        name="base",
        architecture="deepcrack_liu",
        arguments={"width": 0.1},
        preprocessing=facts.preprocessing,
        activation="sigmoid",
        multiple_px=1,
        licence="Apache-2.0",
        training_data=({"set": "first", "trained_on": 3, "sha256": [f"{0:064x}"]},),
    )
    return save_model(tmp_path / "base.safetensors", create_network("deepcrack_liu", width=0.1), spec)


def test_a_retrained_model_is_a_new_file_that_says_what_it_is(base: InstalledModel, tmp_path: Path) -> None:
    before = base.path.read_bytes()
    recipe = modern("deepcrack_liu")
    settings = gentler(replace(recipe, learning_rate=1e-2, batch=2), 12)
    settings = replace(settings, augment=replace(settings.augment, crop_px=64))
    corrected = [pair(n) for n in range(6)]
    request = RetrainRequest(
        base,
        corrected,
        tmp_path / "new.safetensors",
        name="new",
        old=[pair(n, "old") for n in range(20, 24)],
        settings=settings,
        device="cpu",
    )
    report = retrain(request)
    assert base.path.read_bytes() == before
    assert f"{0:064x}" not in report.held_out
    assert report.corrected.pictures == len({p.sha256 for p in corrected} & report.held_out) > 0
    assert report.old is not None
    assert report.corrected.difference.difference.estimate == pytest.approx(
        report.corrected.after - report.corrected.before
    )
    spec = report.model.spec
    assert (spec.name, spec.architecture, spec.licence) == ("new", "deepcrack_liu", "Apache-2.0")
    assert spec.training_data[0]["set"] == "first"
    assert spec.scores["retrained"]["base_sha256"] == base.sha256
    learned = {p.sha256 for p in corrected} - report.held_out
    assert trained_on(report.model) == learned | {f"{0:064x}"}

    unsure = replace(report, better=False)
    with pytest.raises(InputRefused, match="not known to be better"):
        unsure.install(tmp_path / "models" / "new.safetensors")
    installed = unsure.install(tmp_path / "models" / "new.safetensors", insist=True)
    assert installed.sha256 == report.model.sha256
    with pytest.raises(InputRefused, match="already"):
        retrain(request)


def test_too_few_photos_are_refused(base: InstalledModel, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="too few corrected photos"):
        retrain(RetrainRequest(base, [pair(1)], tmp_path / "new.safetensors"))
    with pytest.raises(InputRefused, match="too few corrected photos"):
        retrain(RetrainRequest(base, [pair(0)], tmp_path / "new.safetensors"))
