"""The queue: doubt and disagreement as lengths, and the same thing never twice in front."""

from __future__ import annotations

import numpy as np
import pytest

from crackcore.evaluation.review_order import entropy, review_order, review_worth


def line(value: int, row: int = 20, thick: int = 1) -> np.ndarray:
    score = np.zeros((60, 80), np.uint8)
    score[row : row + thick, 10:70] = value
    return score


def test_a_sure_picture_is_worth_nothing_and_a_doubtful_one_its_length():
    assert review_worth([line(255)], 128).worth_px == 0
    doubtful = review_worth([line(128)], 128)
    assert doubtful.worth_px == pytest.approx(doubtful.candidate_px)
    assert doubtful.candidate_px == pytest.approx(59 * 0.948)
    assert 0 < review_worth([line(190)], 128).worth_px < doubtful.worth_px
    assert review_worth([np.zeros((60, 80), np.uint8)], 128).worth_px == 0


def test_a_wide_smear_counts_as_one_line():
    assert review_worth([line(128, thick=9)], 128).worth_px < 1.2 * review_worth([line(128)], 128).worth_px


def test_views_that_disagree_are_worth_a_look_even_when_each_is_sure():
    both = review_worth([line(255), line(255), line(0)], 128)
    assert both.disagreement_px == pytest.approx(2 / 3 * both.candidate_px)
    assert both.worth_px >= both.disagreement_px
    assert review_worth([line(255), line(255)], 128).disagreement_px == 0


def test_doubt_is_highest_at_the_threshold_whatever_it_is():
    for threshold in (20, 128, 240):
        bits = entropy(np.arange(256, dtype=np.float32), threshold)
        assert int(bits.argmax()) == threshold
        assert bits[0] == bits[255] == 0


def test_large_maps_are_looked_at_smaller_with_nearly_the_same_length():
    score = np.zeros((1800, 2000), np.uint8)
    score[900, 100:1900] = 128
    assert review_worth([score], 128).worth_px == pytest.approx(1799 * 0.948, rel=0.02)


def test_most_worth_comes_first_and_copies_come_last():
    rows = review_order([5.0, 9.0, 8.5, 1.0, 0.0], alike=[(1, 2), (0, 3)])
    assert [(row.index, row.like) for row in rows] == [(1, None), (0, None), (4, None), (2, 1), (3, 0)]


def test_what_looks_like_a_corrected_picture_waits():
    rows = review_order([5.0, 9.0, 1.0], alike=[(0, 1)], corrected=[0])
    assert [(row.index, row.like) for row in rows] == [(2, None), (1, 0)]


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        review_worth([], 128)
    with pytest.raises(ValueError, match="one size"):
        review_worth([line(1), line(1)[:10]], 128)
    with pytest.raises(ValueError, match=r"1\.\.255"):
        review_worth([line(1)], 0)
