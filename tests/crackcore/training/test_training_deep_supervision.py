"""A deep-supervision network learns from nothing, end to end, well beyond one that has not learnt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from training_walls import TINY, tiny_request, wall

from crackcore.evaluation.sweep import SweepCounts, sweep
from crackcore.inference.predictor import Predictor
from crackcore.models import create_network
from crackcore.training.checking import evaluate_network, ranking
from crackcore.training.recipes import recipe
from crackcore.training.run import train


def test_liu_learns_by_the_modern_recipe(tmp_path: Path) -> None:
    settings = replace(
        recipe("deepcrack_liu", "modern").settings,
        iterations=50,
        batch=4,
        learning_rate=5e-3,
        warm_up=5,
        validate_every=50,
        average=0.9,
        augment=TINY.augment,
    )
    report = train(tiny_request(tmp_path / "liu.safetensors", settings))

    # pictures that neither trained nor checked
    fresh = [wall(n) for n in range(100, 104)]
    torch.manual_seed(0)
    untrained = create_network("deepcrack_liu", width=0.125).eval()
    before, _ = evaluate_network(untrained, report.model.spec, fresh)
    predictor = Predictor.for_model(report.model, "cpu")
    counts = sum((sweep(predictor.predict(p.pixels).score, p.mask, 2) for p in fresh), SweepCounts.nothing(2))
    after = counts.f1(round(report.model.spec.threshold * 255))
    assert after > 0.6
    assert after > ranking(before) + 0.2  # which chose its threshold on these very pictures
    assert report.best_f1 > 0.6
