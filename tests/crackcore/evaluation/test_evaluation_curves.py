"""Figures of sets and of single masks: answers one can work out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crackcore.evaluation import ap, cl_dice, compare, confidence, false_share, means, ods, ois, sweep
from crackcore.evaluation.sweep import SweepCounts


def _picture(*values: tuple[int, bool]) -> SweepCounts:
    score = np.array([[v for v, _ in values]], np.uint8)
    return sweep(score, np.array([[t for _, t in values]]))


def test_one_threshold_for_all_is_worse_than_one_for_each():
    bright = _picture((250, True), (200, False))
    dark = _picture((100, True), (50, False))
    together = ods([bright, dark])
    each = ois([bright, dark])
    assert each.f1 == 1.0
    assert each.thresholds == (201, 51)
    # At 51..100 both cracks are found and the bright false pixel with them: P 2/3, R 1.
    assert together.f1 == pytest.approx(0.8)
    assert together.threshold == 51


def test_average_precision_of_a_curve_drawn_by_hand():
    counts = _picture((200, True), (100, False), (100, True))
    # Recall 0 and 1/2 at precision 1, recall 1 at 2/3, a straight line between the last two:
    # 51 grid points of 1, then 50 that fall by 1/150 each; all divided by 100.
    assert ap(counts) == pytest.approx((51 + 50 - sum(range(1, 51)) / 150) / 100, abs=1e-12)


def test_a_perfect_map_that_says_nothing_at_the_top_has_ap_near_one():
    score = np.repeat(np.arange(1, 255, dtype=np.uint8), 4)[None]
    counts = sweep(score, np.ones(score.shape, np.bool_))
    assert ap(counts) == pytest.approx(1.0, abs=0.02)


def test_means_are_over_pictures_and_pooling_is_over_pixels():
    small = sweep(np.full((1, 1), 255, np.uint8), np.ones((1, 1), np.bool_))
    large = sweep(np.zeros((1, 99), np.uint8), np.ones((1, 99), np.bool_))
    assert means([small, large], 128).recall == 0.5
    assert (small + large).recall(128) == 0.01
    assert means([small, large], 128).images == 2


def test_false_share_looks_at_crack_free_pictures_only():
    clean = sweep(np.array([[255, 0, 0, 0]], np.uint8), np.zeros((1, 4), np.bool_))
    cracked = sweep(np.full((1, 4), 255, np.uint8), np.array([[True, False, False, False]]))
    assert false_share([clean, cracked], 128) == 0.25
    assert false_share([cracked], 128) == 0.0


def test_the_interval_holds_the_figure_and_says_the_same_twice():
    rng = np.random.default_rng(3)
    counts = []
    for _ in range(30):
        truth = rng.random((20, 20)) < 0.2
        score = np.where(rng.random((20, 20)) < 0.8, truth * 255, 255 - truth * 255).astype(np.uint8)
        counts.append(sweep(score, truth))
    low, high = confidence(counts, 128)
    assert low < sum(counts).f1(128) < high
    assert high - low < 0.1
    assert confidence(counts, 128) == (low, high)


@pytest.mark.parametrize("figure", [ods, ois, lambda c: means(c, 1), lambda c: confidence(c, 1)])
def test_no_picture_is_no_score(figure):
    with pytest.raises(ValueError, match="no picture"):
        figure([])


# ---------------------------------------------------------------- centre lines


def _bar(width_px: int) -> np.ndarray:
    plane = np.zeros((60, 200), np.bool_)
    plane[30 - width_px // 2 : 30 - width_px // 2 + width_px, 20:180] = True
    return plane


def test_centre_lines_do_not_see_thickness_but_the_exact_overlap_does():
    thin, thick = _bar(3), _bar(9)
    assert cl_dice(thick, thin).cl_dice == pytest.approx(1.0, abs=0.03)
    assert compare(thick, thin).iou == pytest.approx(1 / 3)


def test_half_a_crack_is_half_the_recall():
    whole = _bar(5)
    half = whole.copy()
    half[:, 100:] = False
    score = cl_dice(half, whole)
    assert score.precision == 1.0
    assert score.recall == pytest.approx(0.5, abs=0.02)
    assert score.cl_dice == pytest.approx(2 / 3, abs=0.02)


def test_empty_masks_agree_and_disagree_as_they_should():
    none = np.zeros((20, 30), np.bool_)
    assert cl_dice(none, none).cl_dice == 1.0
    some = none.copy()
    some[10, 3:25] = True
    assert cl_dice(none, some).cl_dice == 0.0
    assert cl_dice(some, none).cl_dice == 0.0


def test_undecided_truth_is_left_out_of_centre_lines():
    truth = _bar(5).astype(np.uint8)
    truth[:, 100:] = 255
    half = _bar(5)
    half[:, 100:] = False
    assert cl_dice(half, truth).cl_dice == 1.0
    assert cl_dice(_bar(5), truth).cl_dice == 1.0


@given(st.integers(0, 3))
def test_a_quarter_turn_keeps_the_centre_line_score(turns):
    rng = np.random.default_rng(5)
    truth = _bar(7)
    said = truth & (rng.random(truth.shape) < 0.97)
    straight, turned = cl_dice(said, truth), cl_dice(np.rot90(said, turns), np.rot90(truth, turns))
    assert turned.cl_dice == pytest.approx(straight.cl_dice, abs=0.05)


def test_sizes_that_differ_are_refused():
    for call in (compare, cl_dice):
        with pytest.raises(ValueError, match="differ in size"):
            call(np.zeros((3, 4), np.bool_), np.zeros((4, 3), np.bool_))
    one = np.zeros((2, 2), np.bool_)
    exact, near = compare(one, one, 0), compare(one, one, 2)
    with pytest.raises(ValueError, match="tolerances differ"):
        exact + near
