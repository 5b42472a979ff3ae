"""The sweep against a slow, obvious rewrite, and its laws."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crackcore.evaluation import SweepCounts, compare, pooled, step_above, sweep
from crackcore.evaluation.sweep import PAPER_STEPS
from crackcore.evaluation.tolerance import disk

shapes = st.tuples(st.integers(1, 14), st.integers(1, 14))
# Few values, so that ties and empty classes occur; 0 and 255 among them.
levels = st.sampled_from([0, 1, 60, 128, 254, 255])
tolerances = st.sampled_from([0, 1, 1.5, 2, 5])


@st.composite
def cases(draw):
    shape = draw(shapes)
    score = draw(arrays(np.uint8, shape, elements=levels))
    truth = draw(arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 0, 1, 2, 255])))
    roi = draw(st.none() | arrays(np.bool_, shape))
    return score, truth, draw(tolerances), roi


def slow_counts(score, truth, tolerance, roi, threshold):
    """Every pixel against every other one, distances by Pythagoras."""
    height, width = score.shape
    inside = [
        (y, x)
        for y in range(height)
        for x in range(width)
        if truth[y, x] != 255 and (roi is None or roi[y, x])
    ]
    said = [p for p in inside if score[p] >= threshold]
    crack = [p for p in inside if truth[p] == 1]

    def close(p, others):
        return any((p[0] - y) ** 2 + (p[1] - x) ** 2 <= tolerance**2 for y, x in others)

    correct = sum(close(p, crack) for p in said)
    found = sum(close(p, said) for p in crack)
    overlap = len(set(said) & set(crack))
    return correct, len(said), found, len(crack), overlap, len(inside)


@given(cases(), st.sampled_from([0, 1, 2, 61, 128, 255]))
def test_counts_equal_those_of_the_definition(case, threshold):
    score, truth, tolerance, roi = case
    counts = sweep(score, truth, tolerance, roi)
    found = (
        counts.correct[threshold],
        counts.predicted[threshold],
        counts.found[threshold],
        counts.truth,
        counts.overlap[threshold],
        counts.pixels,
    )
    wanted = slow_counts(score, truth, tolerance, roi, threshold)
    # At threshold 0 everything counts as predicted, so what is near is near inside only.
    assert found == wanted


@given(cases(), st.integers(1, 255))
def test_one_mask_compared_gives_the_same_as_the_sweep_at_its_threshold(case, threshold):
    score, truth, tolerance, roi = case
    counts = sweep(score, truth, tolerance, roi)
    one = compare(score >= threshold, truth, tolerance, roi)
    assert counts.precision(threshold) == one.precision
    assert counts.recall(threshold) == one.recall
    assert counts.f1(threshold) == pytest.approx(one.f1, abs=1e-15)
    assert counts.iou(threshold) == one.iou
    assert counts.mean_iou(threshold) == one.mean_iou


@given(st.lists(cases().filter(lambda c: c[2] == 2), min_size=1, max_size=4))
def test_adding_counts_is_scoring_the_pictures_as_one(cases_of_one_tolerance):
    counts = [sweep(*case) for case in cases_of_one_tolerance]
    total = sum(counts)
    assert isinstance(total, SweepCounts)
    assert total.images == len(counts)
    assert total.truth == sum(c.truth for c in counts)
    assert np.array_equal(total.found, np.sum([c.found for c in counts], axis=0))
    assert np.array_equal(pooled(counts).f1s(), total.f1s())
    assert np.array_equal((SweepCounts.nothing(2.0) + total).f1s(), total.f1s())


@given(cases())
def test_a_larger_tolerance_never_lowers_precision_or_recall(case):
    score, truth, _, roi = case
    before = sweep(score, truth, 0, roi)
    for tolerance in (1, 2, 5):
        counts = sweep(score, truth, tolerance, roi)
        assert (counts.precisions() >= before.precisions()).all()
        assert (counts.recalls() >= before.recalls()).all()
        before = counts


@given(cases(), st.integers(0, 3), st.booleans())
def test_turning_and_mirroring_changes_nothing(case, quarter_turns, mirrored):
    score, truth, tolerance, roi = case

    def moved(plane):
        plane = np.rot90(plane, quarter_turns)
        return plane[:, ::-1] if mirrored else plane

    counts = sweep(score, truth, tolerance, roi)
    again = sweep(moved(score), moved(truth), tolerance, None if roi is None else moved(roi))
    assert np.array_equal(counts.correct, again.correct)
    assert np.array_equal(counts.found, again.found)


def test_what_is_empty_has_a_defined_score():
    nothing = np.zeros((4, 5), np.uint8)
    full = np.full((4, 5), 255, np.uint8)
    crack = np.ones((4, 5), np.bool_)
    clean = ~crack
    assert sweep(nothing, clean).f1(1) == 1.0, "no crack, none said: right, not 0"
    assert sweep(nothing, clean).iou(1) == 1.0
    assert sweep(full, clean, 2).f1(1) == 0.0
    assert sweep(full, clean, 2).false_share(1) == 1.0
    missed = sweep(nothing, crack)
    assert (missed.precision(1), missed.recall(1), missed.f1(1)) == (1.0, 0.0, 0.0)
    unknown = sweep(full, np.full((4, 5), 255, np.uint8))
    assert (unknown.pixels, unknown.f1(1)) == (0, 1.0)


def test_undecided_truth_attracts_nothing_and_costs_nothing():
    truth = np.array([[1, 255, 255, 0, 0]], np.uint8)
    score = np.array([[0, 255, 0, 255, 0]], np.uint8)
    counts = sweep(score, truth, 1)
    # The prediction on the undecided pixel beside the crack neither finds it nor counts as false.
    assert (counts.found[128], counts.predicted[128], counts.correct[128]) == (0, 1, 0)


def test_best_is_the_first_of_equals_and_stays_within_the_steps_asked_for():
    score = np.array([[10, 200]], np.uint8)
    truth = np.array([[False, True]])
    assert sweep(score, truth).best().threshold == 11
    assert sweep(score, truth).best((5, 150, 160)).threshold == 150
    assert sweep(score, truth).best().f1 == 1.0


def test_paper_thresholds_cut_where_the_quotient_does():
    values = np.arange(256) / 255.0
    for share, step in zip(np.arange(1, 100) / 100.0, PAPER_STEPS, strict=True):
        assert np.array_equal(values > share, np.arange(256) >= step)
    assert step_above(1.0) == 256
    assert step_above(0.2) == 52, "51 / 255 is 0.2 exactly, and greater is meant"


@pytest.mark.parametrize(
    ("tolerance", "pixels"), [(0, 1), (0.9, 1), (1, 5), (1.5, 9), (2, 13), (2.9, 25), (5, 81)]
)
def test_the_disk_holds_the_pixels_whose_centres_are_near(tolerance, pixels):
    assert disk(tolerance).sum() == pixels


def test_nonsense_is_refused():
    score, truth = np.zeros((3, 4), np.uint8), np.zeros((3, 4), np.bool_)
    for tolerance in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="tolerance"):
            sweep(score, truth, tolerance)
    with pytest.raises(ValueError, match="does not fit"):
        sweep(score.astype(np.float32), truth)
    with pytest.raises(ValueError, match="does not fit"):
        sweep(score[:2], truth)
    with pytest.raises(ValueError, match="bool or uint8"):
        sweep(score, truth.astype(np.int64))
    with pytest.raises(ValueError, match="region"):
        sweep(score, truth, 0, truth[:2])
    with pytest.raises(ValueError, match="tolerances differ"):
        sweep(score, truth, 0) + sweep(score, truth, 2)


def test_the_example_in_the_description_is_true():
    found = doctest.testmod(importlib.import_module("crackcore.evaluation.sweep"))
    assert found.attempted > 0
    assert found.failed == 0
