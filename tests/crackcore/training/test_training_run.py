"""A whole small training that provably learns, and what happens when it goes wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from training_walls import wall

from crackcore.domain.image_record import Threshold
from crackcore.errors import Cancelled, InputRefused, TrainingStopped, WeightsDoNotFit
from crackcore.evaluation.sweep import sweep
from crackcore.inference.predictor import Predictor
from crackcore.masks.threshold import thresholded
from crackcore.models.catalogue import create_network, read_installed
from crackcore.training import published_criteria
from crackcore.training import run as module
from crackcore.training.augmentation import AugmentSettings
from crackcore.training.pairs import TrainingPair
from crackcore.training.run import TrainRequest, TrainSettings, train

QUICK = TrainSettings(
    iterations=60,
    batch=4,
    learning_rate=3e-3,
    validate_every=60,
    average=0.9,
    augment=AugmentSettings(crop_px=64, smallest_scale=1, largest_scale=1, invert=0, joint=0, shadow=0),
)


def drawn_pair(number: int) -> TrainingPair:
    name = f"d{number}"
    return replace(wall(number), stem=name, set_name="drawn", path=Path(f"{name}.png"))


@pytest.fixture(scope="module")
def pairs() -> list[TrainingPair]:
    return [drawn_pair(n) for n in range(10)]


def test_it_learns_and_says_what_it_measured(pairs: list[TrainingPair], tmp_path: Path) -> None:
    request = TrainRequest(
        pairs, tmp_path / "tiny.safetensors", "tiny", settings=QUICK, licence="ours", device="cpu"
    )
    report = train(request)
    # a network that calls everything a crack, or nothing, stays below 0.35 here
    assert report.best_f1 > 0.6
    model = read_installed(tmp_path / "tiny.safetensors")
    assert model.spec.name == "tiny"
    assert model.spec.scores["sets"]["drawn"]["f1_2px"] == round(report.best_f1, 4)
    lines = [json.loads(line) for line in report.log_file.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", "check", "end"]
    assert model.spec.training_data[0]["trained_on"] + model.spec.training_data[0]["checked_on"] == 10

    # the figure in the file is what the file gives on the held-out pictures
    held = [p for p in pairs if f"{p.set_name}/{p.stem}" in report.held_out]
    predictor = Predictor.for_model(model, "cpu")
    counts = sum(sweep(predictor.predict(p.pixels).score, p.mask, 2) for p in held)
    step = round(model.spec.threshold * 255)
    assert counts.f1(step) == pytest.approx(report.best_f1, abs=0.02)
    fresh = drawn_pair(99)
    mask = thresholded(predictor.predict(fresh.pixels).score, Threshold(step, step))
    assert 0.2 < mask.sum() / fresh.mask.sum() < 4


def test_held_out_stems_check_and_never_train(pairs: list[TrainingPair], tmp_path: Path) -> None:
    request = TrainRequest(
        pairs,
        tmp_path / "m.safetensors",
        "m",
        settings=replace(QUICK, hold_out_share=0.1),
        held_out_stems=frozenset({"d3", "d4"}),
    )
    held = module.split(request)
    assert held[3]
    assert held[4]
    assert sum(held) == 2


def _spoilt_loss(monkeypatch: pytest.MonkeyPatch, at: int, factor: float) -> None:
    """From now on call number `at` of the loss gives its value times `factor`."""
    real, calls = published_criteria.crack_loss, []

    def poisoned(*args: object, **kwargs: object) -> torch.Tensor:
        calls.append(1)
        loss: torch.Tensor = real(*args, **kwargs)  # type: ignore[arg-type]
        return loss * factor if len(calls) == at else loss

    monkeypatch.setattr(published_criteria, "crack_loss", poisoned)


def test_a_loss_that_is_not_a_number_stops_and_keeps_the_best(
    pairs: list[TrainingPair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _spoilt_loss(monkeypatch, 6, float("nan"))
    out = tmp_path / "m.safetensors"
    settings = replace(QUICK, iterations=10, validate_every=4)
    with pytest.raises(TrainingStopped, match="step 5"):
        train(TrainRequest(pairs, out, "m", settings=settings))
    assert read_installed(out).spec.scores["iteration"] == 4


def test_before_the_first_check_the_weights_before_the_bad_step_are_kept(
    pairs: list[TrainingPair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _spoilt_loss(monkeypatch, 3, float("inf"))
    out = tmp_path / "m.safetensors"
    with pytest.raises(TrainingStopped, match=r"step 2\. The best model so far was kept\."):
        train(TrainRequest(pairs, out, "m", settings=replace(QUICK, iterations=5)))
    weights = safetensors.torch.load(out.read_bytes())
    assert all(torch.isfinite(t).all() for t in weights.values() if t.is_floating_point())


def test_a_gradient_that_is_not_a_number_stops_too_though_the_loss_is_one(
    pairs: list[TrainingPair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _spoilt_loss(monkeypatch, 3, 1e37)  # the loss is finite; the length of its gradient is not
    out = tmp_path / "m.safetensors"
    with pytest.raises(TrainingStopped, match="step 2"):
        train(TrainRequest(pairs, out, "m", settings=replace(QUICK, iterations=5)))
    weights = safetensors.torch.load(out.read_bytes())
    assert all(torch.isfinite(t).all() for t in weights.values() if t.is_floating_point())


def test_cancelling_leaves_the_best_so_far(pairs: list[TrainingPair], tmp_path: Path) -> None:
    def progress(done: int, total: int, note: str = "") -> None:
        if done == 3 and total == 8:
            raise Cancelled

    out = tmp_path / "m.safetensors"
    with pytest.raises(Cancelled):
        train(
            TrainRequest(pairs, out, "m", settings=replace(QUICK, iterations=8, validate_every=2)), progress
        )
    assert out.is_file()


def test_imagenet_weights_for_a_network_without_such_an_encoder_are_refused(
    pairs: list[TrainingPair], tmp_path: Path
) -> None:
    weights = tmp_path / "vgg16.safetensors"
    safetensors.torch.save_file({"features.0.weight": torch.zeros(64, 3, 3, 3)}, weights)
    out = tmp_path / "none.safetensors"
    request = TrainRequest(pairs, out, "none", settings=QUICK, device="cpu", imagenet_weights=weights)
    with pytest.raises(WeightsDoNotFit, match="no part that starts from ImageNet"):
        train(request)
    assert not out.exists()


def test_one_photo_cannot_check_itself(tmp_path: Path) -> None:
    same = [drawn_pair(1)] * 4
    with pytest.raises(InputRefused, match="too few"):
        train(TrainRequest(same, tmp_path / "m.safetensors", "m", settings=QUICK))


def test_only_networks_whose_gradients_can_be_trusted_are_trained_in_bfloat16_on_a_processor() -> None:
    trusted = {
        name: module._has_bfloat16_gradients(create_network(name, **arguments))
        for name, arguments in (("cgnet_m3n21", {}), ("pspnet", {"width": 0.125}))
    }
    assert trusted == {"cgnet_m3n21": False, "pspnet": True}
