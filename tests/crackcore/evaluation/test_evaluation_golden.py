"""Published numbers of six demonstration pictures, and curves with answers one can work out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from crackcore.evaluation import ap, compare, ods, ois, pooled, step_above, sweep
from crackcore.evaluation.sweep import PAPER_STEPS
from crackcore.imaging.reading import read_mask, read_photo

MAPS = ("fused", "gf", "side1", "side2", "side3", "side4", "side5")


@pytest.fixture(scope="module")
def golden(shared: Path):
    folder = shared / "reference" / "golden"
    with np.load(folder / "demo_metrics.npz", allow_pickle=False) as arrays:
        return json.loads((folder / "demo_metrics.json").read_text()), dict(arrays)


@pytest.fixture(scope="module")
def demo(shared: Path, golden):
    folder = shared / "data" / "deepsegmentor-demo"

    def counts(kind: str, tolerance: float):
        return [
            sweep(
                np.ascontiguousarray(read_photo(folder / f"{name}_{kind}.png").pixels[..., 0]),
                read_mask(folder / f"{name}_label_viz.png"),
                tolerance,
            )
            for name in golden[0]["images"]
        ]

    return counts


@pytest.mark.parametrize("kind", ["fused", "gf"])
def test_counts_with_tolerance_2_are_the_golden_ones_to_the_pixel(kind, demo, golden):
    wanted = golden[1][f"{kind}_tol2_counts"]
    steps = np.array(PAPER_STEPS)
    for one, table in zip(demo(kind, 2), wanted, strict=True):
        found = np.stack(
            [one.correct[steps], one.predicted[steps], one.found[steps], np.full(99, one.truth)], axis=1
        )
        assert np.array_equal(found, table)


@pytest.mark.parametrize("kind", ["fused", "gf"])
def test_ods_ois_and_ap_are_the_golden_ones(kind, demo, golden):
    wanted, counts = golden[0]["tolerance2"][kind], demo(kind, 2)
    best = ods(counts, PAPER_STEPS)
    assert best.f1 == pytest.approx(wanted["ods"], abs=1e-12)
    assert best.precision == pytest.approx(wanted["ods_precision"], abs=1e-12)
    assert best.recall == pytest.approx(wanted["ods_recall"], abs=1e-12)
    assert best.threshold == step_above(wanted["ods_threshold"])
    each = ois(counts, PAPER_STEPS)
    assert each.f1 == pytest.approx(wanted["ois"], abs=1e-12)
    assert each.precision == pytest.approx(wanted["ois_precision"], abs=1e-12)
    assert each.recall == pytest.approx(wanted["ois_recall"], abs=1e-12)
    assert ap(counts, PAPER_STEPS) == pytest.approx(wanted["ap"], abs=1e-12)


@pytest.mark.parametrize("kind", MAPS)
def test_exact_curves_are_those_of_the_published_scripts(kind, demo, golden):
    total = pooled(demo(kind, 0))
    # Their threshold 0.00 means value > 0, our step 1; the upper end may predict nothing.
    steps = [step_above(t) for t in np.arange(100) / 100.0]
    prf, sem = golden[1][f"{kind}_prf"], golden[1][f"{kind}_sem"]
    for step, (_, p, r, f), (_, accuracy, class_accuracy, mean_iou) in zip(steps, prf, sem, strict=True):
        assert total.precision(step) == pytest.approx(p, abs=1e-9)
        assert total.recall(step) == pytest.approx(r, abs=1e-9)
        if not np.isnan(f):  # theirs divides by zero where nothing is right
            assert total.f1(step) == pytest.approx(f, abs=1e-9)
        assert total.mean_iou(step) == pytest.approx(mean_iou, abs=1e-9)
        agree = total.pixels - total.predicted[step] - total.truth + 2 * total.overlap[step]
        assert agree / total.pixels == pytest.approx(accuracy, abs=1e-9)
        sound = total.pixels - total.truth
        recalls = (
            total.overlap[step] / total.truth,
            (sound - total.predicted[step] + total.overlap[step]) / sound,
        )
        assert np.mean(recalls) == pytest.approx(class_accuracy, abs=1e-9)


def test_accuracies_of_one_mask_are_those_of_the_published_scripts(demo, golden, shared):
    folder = shared / "data" / "deepsegmentor-demo"
    step = step_above(golden[0]["results"]["fused"]["sem_at_best_f"]["threshold"])
    total = None
    for name in golden[0]["images"]:
        score = read_photo(folder / f"{name}_fused.png").pixels[..., 0]
        one = compare(score >= step, read_mask(folder / f"{name}_label_viz.png"))
        total = one if total is None else total + one
    assert total is not None
    wanted = golden[0]["results"]["fused"]["sem_at_best_f"]
    assert total.accuracy == pytest.approx(wanted["G"], abs=1e-9)
    assert total.class_accuracy == pytest.approx(wanted["C"], abs=1e-9)
    assert total.mean_iou == pytest.approx(wanted["mIoU"], abs=1e-9)
