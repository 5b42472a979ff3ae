"""AIU, IoU_max, HD95, AHD95, PSNR, SSIM, class scores and curves against the published implementations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from crackcore.evaluation import pooled, sweep
from crackcore.evaluation.by_threshold import (
    THRESHOLDS,
    OverThresholds,
    Rule,
    iou_curve,
    over_thresholds,
    surface_curves,
)
from crackcore.evaluation.class_scores import class_scores, prf_rows, prf_text, read_prf, sem_rows
from crackcore.evaluation.masks import compare
from crackcore.evaluation.pictures import psnr, ssim
from crackcore.evaluation.surfaces import hausdorff_of_pixels
from crackcore.imaging.mask_reading import read_mask
from crackcore.imaging.reading import read_photo

if TYPE_CHECKING:
    from pathlib import Path

    from golden_networks import Golden

Case = tuple[dict[str, Any], dict[str, NDArray[Any]]]


@pytest.fixture(scope="module")
def cssr(golden: Golden) -> Case:
    return golden.case("losses_cssr")


@pytest.fixture(scope="module")
def csbsr(golden: Golden) -> Case:
    return golden.case("losses_csbsr")


def _pictures(values: dict[str, NDArray[Any]]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    return list(zip(values["pred"][:, 0], values["mask"][:, 0], strict=True))


def _ious(values: dict[str, NDArray[Any]], rule: Rule) -> list[NDArray[np.float64]]:
    return [iou_curve(score, truth, rule=rule) for score, truth in _pictures(values)]


def test_iou_curves_of_cssr(cssr: Case) -> None:
    described, values = cssr
    curves, wanted = _ious(values, "at least"), described["metrics"]
    np.testing.assert_allclose(curves, values["iou_by_threshold"], rtol=1e-12)
    assert [c[THRESHOLDS.index(0.5)] for c in curves] == pytest.approx(wanted["iou_at_0.5"], rel=1e-12)
    found = over_thresholds(curves)
    assert found.mean == pytest.approx(wanted["aiu"], rel=1e-12)
    assert found.best == pytest.approx(wanted["iou_max"], rel=1e-12)
    assert found.threshold == pytest.approx(wanted["iou_max_threshold"])


def test_iou_curves_of_csbsr(csbsr: Case) -> None:
    described, values = csbsr
    curves, wanted = _ious(values, "above"), described["metrics"]
    np.testing.assert_allclose(curves, values["iou_by_threshold"], rtol=1e-12)
    found = over_thresholds(curves)
    assert (found.best, found.mean) == pytest.approx((wanted["iou_max"], wanted["aiu"]), rel=1e-12)
    assert found.threshold == THRESHOLDS[wanted["iou_max_threshold_index"]]


def test_surface_distances_of_csbsr_with_the_percentile_of_the_paper_and_that_of_the_release(
    csbsr: Case,
) -> None:
    described, values = csbsr
    curves = [surface_curves(score, truth) for score, truth in _pictures(values)]
    for percentile in (95.0, 50.0):
        each = [c.hausdorff[percentile] for c in curves]
        np.testing.assert_allclose(each, values[f"hd{percentile:.0f}_by_threshold"], rtol=1e-12)
        found = over_thresholds(each, lowest=True)
        assert found.best == pytest.approx(described["metrics"][f"hd{percentile:.0f}_min"], rel=1e-12)
        assert found.mean == pytest.approx(described["metrics"][f"ahd{percentile:.0f}"], rel=1e-12)
    np.testing.assert_allclose([c.mean for c in curves], values["msd_by_threshold"], rtol=1e-12)
    mean = over_thresholds([c.mean for c in curves], lowest=True).mean
    assert mean == pytest.approx(described["metrics"]["msd_mean"], rel=1e-12)


def test_hausdorff_distance_of_cssr(cssr: Case) -> None:
    described, values = cssr
    pairs = _pictures(values)[:2]  # the third has no crack
    found = [hausdorff_of_pixels(score >= 0.5, truth) for score, truth in pairs]
    assert found == pytest.approx(described["metrics"]["hausdorff_max"], rel=1e-12)


def test_likeness_of_pictures(cssr: Case) -> None:
    described, values = cssr
    pairs = [
        tuple(np.ascontiguousarray(values[k][n].transpose(1, 2, 0)) for k in ("img_a", "img_b"))
        for n in (0, 1)
    ]
    # theirs computes in single precision, which moves the last digits
    assert [psnr(*pair) for pair in pairs] == pytest.approx(described["metrics"]["psnr"], rel=1e-6)
    assert [ssim(*pair) for pair in pairs] == pytest.approx(described["metrics"]["ssim"], rel=1e-6)


def test_class_scores_of_mmsegmentation(golden: Golden) -> None:
    described, values = golden.case("losses_cgnet")
    total = None
    for logits, label in zip(values["logits"], values["label"], strict=True):
        one = compare(logits[1] > logits[0], label)
        total = one if total is None else total + one
    assert total is not None
    found = class_scores(total).percentages()
    assert found == pytest.approx(described["iou_metric"], abs=1e-5)  # theirs are single precision
    assert set(found) == set(described["iou_metric"])


def test_accuracies_by_which_zous_code_keeps_a_checkpoint(golden: Golden) -> None:
    described, values = golden.case("losses_deepcrack")
    total = None
    for logits, label in zip(values["logits"][0, :, 0], values["mask"][:, 0], strict=True):
        one = compare(logits > 0.5, label)  # logits, as they have it, not probabilities
        total = one if total is None else total + one
    assert total is not None
    found, wanted = class_scores(total), described["tip"]["values"]["accuracy_on_raw_logits_threshold_0.5"]
    assert found.accuracy == pytest.approx(wanted["mask_acc"], rel=1e-6)
    assert found.crack_recall == pytest.approx(wanted["mask_pos_acc"], rel=1e-6)
    assert found.sound_recall == pytest.approx(wanted["mask_neg_acc"], rel=1e-6)


@pytest.mark.parametrize("kind", ["fused", "gf", "side1", "side2", "side3", "side4", "side5"])
def test_curves_of_deepsegmentor(kind: str, shared: Path) -> None:
    golden = shared / "reference" / "golden" / "demo_metrics.npz"
    folder = shared / "data" / "deepsegmentor-demo"
    with np.load(golden, allow_pickle=False) as arrays:
        prf, sem = arrays[f"{kind}_prf"], arrays[f"{kind}_sem"]
    total = pooled(
        sweep(
            np.ascontiguousarray(read_photo(path).pixels[..., 0]),
            read_mask(path.with_name(path.name.replace(kind, "label_viz"))),
        )
        for path in sorted(folder.glob(f"*_{kind}.png"))
    )
    assert total.images == 6
    np.testing.assert_allclose(prf_rows(total), prf, atol=1e-9)
    np.testing.assert_allclose(sem_rows(total), sem, atol=1e-9)


def test_published_curve_files_are_read_and_written_as_they_are(shared: Path) -> None:
    import json

    wanted = json.loads((shared / "reference" / "golden" / "published_curves.json").read_text())["curves"]
    for name, described in wanted.items():
        text = (shared / "data" / "deepsegmentor-demo" / "curves" / f"{name}.prf").read_text()
        rows = read_prf(text)
        assert prf_text(rows) == text.replace("\r\n", "\n")
        best = rows[np.nanargmax(rows[:, 3])]
        assert dict(zip(("threshold", "P", "R", "F"), best, strict=True)) == pytest.approx(described["best"])
    with pytest.raises(ValueError, match="four numbers"):
        read_prf("0.1 0.2\n")


# ---------------------------------------------------------------- rules beyond the golden values


def test_score_steps_stand_for_shares_of_255() -> None:
    rng = np.random.default_rng(1)
    score = rng.integers(0, 256, (30, 40), dtype=np.uint8)
    truth = (rng.random(score.shape) < 0.2).astype(np.uint8)
    rules: tuple[Rule, ...] = ("at least", "above")
    for rule in rules:
        from_steps = iou_curve(score, truth, rule=rule)
        np.testing.assert_array_equal(from_steps, iou_curve(np.float32(score) / 255, truth, rule=rule))
    # 51 / 255 is 0.2: at least that, but not above it
    one = np.full((1, 1), 51, np.uint8)
    at = THRESHOLDS.index(0.2)
    assert iou_curve(one, one == 51, rule="at least")[at] == 1
    assert iou_curve(one, one == 51, rule="above")[at] < 1e-4


def test_undecided_pixels_and_those_outside_the_region_do_not_count() -> None:
    rng = np.random.default_rng(2)
    score = rng.random((20, 30), dtype=np.float32)
    truth = (rng.random(score.shape) < 0.3).astype(np.uint8)
    cut = truth.copy()
    cut[:, 20:] = 255
    roi = np.zeros(truth.shape, np.bool_)
    roi[:, :20] = True
    small = iou_curve(score[:, :20], truth[:, :20])
    np.testing.assert_array_equal(iou_curve(score, cut), small)
    np.testing.assert_array_equal(iou_curve(score, truth, roi), small)


def test_scores_that_are_none_are_refused() -> None:
    truth = np.zeros((3, 3), np.uint8)
    for score, said in (
        (np.full((3, 3), 1.5), "0..1"),
        (np.full((3, 3), np.nan), "0..1"),
        (np.zeros((3, 3), np.int64), "floats"),
        (np.zeros((2, 3), np.uint8), "differ in size"),
    ):
        with pytest.raises(ValueError, match=said):
            iou_curve(score, truth)
    with pytest.raises(ValueError, match="no picture"):
        over_thresholds([])
    with pytest.raises(ValueError, match="threshold"):
        class_scores(sweep(truth, truth))


def test_the_best_of_distances_is_the_least() -> None:
    curve = np.linspace(5, 1, 99)
    assert over_thresholds([curve], lowest=True) == OverThresholds(1.0, THRESHOLDS[-1], pytest.approx(3.0))
    assert over_thresholds([curve]).threshold == THRESHOLDS[0]


def test_likeness_of_equal_and_of_unlike_pictures() -> None:
    rng = np.random.default_rng(4)
    picture = rng.integers(0, 256, (24, 30, 3), dtype=np.uint8)
    assert psnr(picture, picture) == float("inf")
    assert ssim(picture, picture) == pytest.approx(1)
    assert psnr(np.zeros((4, 4)), np.full((4, 4), 0.1)) == pytest.approx(20)
    assert ssim(picture, picture / 255.0) == pytest.approx(1)
    assert ssim(picture, 255 - picture) < 0
    for likeness in (psnr, ssim):
        with pytest.raises(ValueError, match="differ in size"):
            likeness(picture, picture[:-1])
