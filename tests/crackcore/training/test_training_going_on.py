"""How a retraining learns and how it is judged: who checks, what is mixed in, when a model is better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from crackcore.evaluation.intervals import Difference, Interval
from crackcore.training import run
from crackcore.training.augmentation import AugmentSettings
from crackcore.training.batches import batch_of
from crackcore.training.going_on import (
    FORGIVEN,
    OLD_SHARE,
    fixed_hold_out,
    forgets,
    gentler,
    is_better,
    shares,
    some_of,
)
from crackcore.training.pairs import TrainingPair
from crackcore.training.published_augmentation import CgnetCrop
from crackcore.training.recipes import modern
from crackcore.training.settings import TrainRequest, TrainSettings


def pair(number: int, name: str = "mine") -> TrainingPair:
    rng = np.random.default_rng(number)
    grey = cv2.resize(rng.normal(120, 40, (6, 6)), (64, 64))[..., None] + rng.normal(0, 8, (64, 64, 3))
    pixels = np.clip(grey, 0, 255).astype(np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[30:33] = 1
    return TrainingPair(f"p{number}", name, "pairs", Path(f"p{number}.png"), f"{number:064x}", pixels, mask)


def difference(estimate: float, second_better: float) -> Difference:
    return Difference(Interval(estimate, estimate - 0.1, estimate + 0.1, 0.95), second_better)


@pytest.mark.parametrize(("photos", "least"), [(2, 1), (3, 1), (4, 2), (9, 2), (10, 3), (16, 3)])
def test_enough_check_and_enough_learn_however_the_lots_fall(photos: int, least: int) -> None:
    pairs = [pair(n) for n in range(photos)]
    for seed in range(3):
        assert len(fixed_hold_out(pairs, 0.0, seed=seed)) == least
        assert len(fixed_hold_out(pairs, 1.0, seed=seed)) == max(1, photos // 2)


def test_what_checked_before_goes_on_checking_beyond_half_of_the_photos() -> None:
    pairs = [pair(n) for n in range(6)]
    always = frozenset(p.sha256 for p in pairs[:5])
    assert fixed_hold_out(pairs, 0.25, always=always) == always
    everything = frozenset(p.sha256 for p in pairs)
    assert len(fixed_hold_out(pairs, 0.25, always=everything)) == 5


def test_of_many_old_samples_the_same_ones_of_every_set_take_part() -> None:
    old = [pair(n, "large") for n in range(20)] + [pair(n, "small") for n in range(20, 23)]
    taken = some_of(old, 9)
    assert [p.set_name for p in taken].count("small") == 3
    assert len(taken) == 9
    assert {p.sha256 for p in taken} == {p.sha256 for p in some_of(old[::-1], 9)}
    assert some_of(old, 23) == old


def test_corrected_pictures_get_their_share_of_the_crops_however_many_old_ones_there_are() -> None:
    marked = np.ones((64, 64), np.uint8)  # all of it, so that every crop says where it comes from
    corrected = [replace(pair(n, "mine" if n < 3 else "yours"), mask=marked) for n in (1, 2, 3)]
    old = [replace(pair(n, "old"), mask=0 * marked) for n in range(10, 60)]
    wanted = shares(corrected, [*corrected, *old])
    assert wanted == pytest.approx({"mine": (1 - OLD_SHARE) * 2 / 3, "yours": (1 - OLD_SHARE) / 3})
    assert shares(corrected, corrected) == {}
    settings = TrainSettings(batch=16, augment=AugmentSettings(crop_px=32), set_shares=wanted)

    def drawn(settings: TrainSettings) -> float:
        labels = [batch_of([*corrected, *old], settings, i)[1] for i in range(25)]
        return float(np.mean([crop.mean() > 0.5 for batch in labels for crop in batch]))

    assert drawn(settings) == pytest.approx(1 - OLD_SHARE, abs=0.1)
    assert drawn(replace(settings, set_shares={})) < 0.4


def test_going_on_is_gentler_than_starting_and_as_long_as_asked() -> None:
    recipe = modern("cgnet_m3n21")
    settings = gentler(recipe, 40, seed=5)
    assert settings.iterations == 40
    assert settings.seed == 5
    assert settings.learning_rate < recipe.learning_rate
    assert settings.validate_every == 10
    assert settings.hold_out_share == 0
    assert isinstance(settings.augment, AugmentSettings)
    assert isinstance(recipe.augment, AugmentSettings)
    assert settings.augment.smallest_scale > recipe.augment.smallest_scale
    other = replace(recipe, augment=CgnetCrop(64))
    assert gentler(other, 40).augment == CgnetCrop(64)


@pytest.mark.parametrize(("doubt", "kept"), [(0.0, 1), (0.05, 2)])
def test_later_weights_are_kept_unless_they_are_worse_beyond_doubt(
    doubt: float, kept: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = iter([0.80, 0.77, 0.60])
    monkeypatch.setattr(run, "ranking", lambda _: next(found))
    crop = AugmentSettings(crop_px=32)
    settings = TrainSettings(iterations=3, batch=2, validate_every=1, doubt=doubt, augment=crop)
    out = tmp_path / "model.safetensors"
    request = TrainRequest([pair(n) for n in range(4)], out, "model", settings=settings, device="cpu")
    report = run.train(request)
    assert report.model.spec.scores["iteration"] == kept
    assert report.best_f1 == {1: 0.80, 2: 0.77}[kept]


def test_a_model_is_better_when_enough_pictures_say_so_and_little_is_forgotten() -> None:
    gained = difference(FORGIVEN, 0.95)
    assert is_better(gained, 2)
    assert not is_better(gained, 1)
    assert not is_better(difference(0.1, 0.6), 8)
    assert not is_better(difference(-0.1, 0.05), 8)
    lost = difference(-1.5 * FORGIVEN, 0.02)
    assert forgets(gained, lost)
    assert not is_better(gained, 8, lost)
    for forgiven in (difference(-FORGIVEN / 2, 0.02), difference(-1.5 * FORGIVEN, 0.4), None):
        assert not forgets(gained, forgiven)
        assert is_better(gained, 8, forgiven)
    assert is_better(difference(4 * FORGIVEN, 0.95), 8, lost)
