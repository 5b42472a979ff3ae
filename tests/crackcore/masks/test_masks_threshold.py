"""The rule of shown pixels, and hysteresis against a slow, obvious rewrite."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from crackcore.arrays import HAND_CRACK, HAND_SOUND, HAND_UNDECIDED, UNDECIDED, UNTOUCHED
from crackcore.domain.image_record import Threshold
from crackcore.masks.threshold import crack_share, hand_classes, peaks, shown_mask, thresholded

sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
scores = hnp.arrays(np.uint8, sizes, elements=st.sampled_from([0, 1, 40, 99, 100, 127, 128, 200, 254, 255]))


def _slow_peaks(score: np.ndarray, low: int) -> np.ndarray:
    """Walk every region by hand, eight neighbours a step."""
    height, width = score.shape
    out = np.zeros_like(score)
    done = np.zeros(score.shape, bool)
    for start in zip(*np.nonzero(score >= low), strict=True):
        if done[start]:
            continue
        region, waiting = [], deque([start])
        done[start] = True
        while waiting:
            y, x = waiting.popleft()
            region.append((y, x))
            for near_y in range(max(0, y - 1), min(height, y + 2)):
                for near_x in range(max(0, x - 1), min(width, x + 2)):
                    if not done[near_y, near_x] and score[near_y, near_x] >= low:
                        done[near_y, near_x] = True
                        waiting.append((near_y, near_x))
        highest = max(score[place] for place in region)
        for place in region:
            out[place] = highest
    return out


@given(scores, st.integers(1, 255))
def test_peaks_equal_the_slow_way(score: np.ndarray, low: int) -> None:
    assert np.array_equal(peaks(score, low), _slow_peaks(score, low))


@given(scores, st.integers(1, 255), st.integers(1, 255))
def test_hysteresis_is_a_threshold_of_the_peaks(score: np.ndarray, one: int, other: int) -> None:
    low, high = min(one, other), max(one, other)
    mask = thresholded(score, Threshold(low, high))
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, (_slow_peaks(score, low) >= high).astype(np.uint8))
    if low == high:
        assert np.array_equal(mask, (score >= low).astype(np.uint8))


def test_peaks_of_a_large_score_agree_with_another_library() -> None:
    rng = np.random.default_rng(2)
    score = ndimage.gaussian_filter(rng.random((600, 801)), 3)
    score = np.rint(255 * (score - score.min()) / np.ptp(score)).astype(np.uint8)
    for low in (90, 128, 170):
        labels, count = ndimage.label(score >= low, structure=np.ones((3, 3)))
        assert count > 3
        highest = np.concatenate([[0], ndimage.maximum(score, labels, np.arange(1, count + 1))])
        assert np.array_equal(peaks(score, low), highest[labels].astype(np.uint8))


@pytest.mark.parametrize("score", [np.zeros((5, 7), np.uint8), np.full((5, 7), 255, np.uint8)])
def test_peaks_without_and_with_everything(score: np.ndarray) -> None:
    assert np.array_equal(peaks(score, 1), score)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (2, 1), (1, 256), (-1, 5)])
def test_thresholds_outside_the_scores_do_not_exist(low: int, high: int) -> None:
    with pytest.raises(ValueError, match="threshold"):
        Threshold(low, high)


# ---------------------------------------------------------------- what is shown


@st.composite
def layers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hand plane, score and frozen mask of one size."""
    shape = draw(sizes)
    hand = draw(
        hnp.arrays(
            np.uint8, shape, elements=st.sampled_from([UNTOUCHED, HAND_SOUND, HAND_CRACK, 3, HAND_UNDECIDED])
        )
    )
    score = draw(hnp.arrays(np.uint8, shape))
    frozen = draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 255])))
    return hand, score, frozen


thresholds = st.tuples(st.integers(1, 255), st.integers(1, 255)).map(lambda t: Threshold(min(t), max(t)))


@given(layers(), thresholds, thresholds)
def test_a_touched_pixel_is_never_changed_by_anything_else(
    planes: tuple[np.ndarray, np.ndarray, np.ndarray], one: Threshold, other: Threshold
) -> None:
    hand, score, frozen = planes
    kept = hand.copy()
    shown = [
        shown_mask(hand),
        shown_mask(hand, score=score, threshold=one),
        shown_mask(hand, score=score, threshold=other),
        shown_mask(hand, score=255 - score, threshold=one),
        shown_mask(hand, score=score, threshold=one, frozen=frozen),
    ]
    touched = hand != UNTOUCHED
    said = {HAND_SOUND: 0, HAND_CRACK: 1, 3: 2, HAND_UNDECIDED: UNDECIDED}
    for mask in shown:
        assert mask.dtype == np.uint8
        for value, cls in said.items():
            assert (mask[hand == value] == cls).all()
    assert (shown[0][~touched] == 0).all()
    assert np.array_equal(shown[1][~touched], thresholded(score, one)[~touched])
    assert np.array_equal(shown[4][~touched], frozen[~touched])
    assert np.array_equal(hand, kept)


@given(layers(), thresholds)
def test_the_slider_does_not_move_an_approved_image(
    planes: tuple[np.ndarray, np.ndarray, np.ndarray], threshold: Threshold
) -> None:
    hand, score, frozen = planes
    assert np.array_equal(
        shown_mask(hand, score=score, threshold=threshold, frozen=frozen), shown_mask(hand, frozen=frozen)
    )


def test_the_shown_mask_is_an_array_of_its_own() -> None:
    hand, frozen = np.zeros((4, 4), np.uint8), np.ones((4, 4), np.uint8)
    shown_mask(hand, frozen=frozen)[...] = 7
    assert frozen.max() == 1
    assert hand.max() == 0


def test_without_a_word_the_threshold_is_one_half() -> None:
    score = np.array([[127, 128]], np.uint8)
    assert shown_mask(np.zeros((1, 2), np.uint8), score=score).tolist() == [[0, 1]]


def test_hand_values_are_classes_plus_one() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    classes = hand_classes(values).ravel()
    assert classes[UNTOUCHED] == 0
    assert classes[HAND_UNDECIDED] == UNDECIDED
    assert classes[1:255].tolist() == list(range(254))


@pytest.mark.parametrize(
    ("mask", "share"),
    [
        ([[0, 0], [0, 0]], 0.0),
        ([[0, 1], [1, 1]], 0.75),
        ([[255, 1], [0, 255]], 0.5),
        ([[255, 255]], 0.0),
        ([[2, 1]], 0.5),
    ],
)
def test_the_share_leaves_out_what_is_undecided(mask: list[list[int]], share: float) -> None:
    assert crack_share(np.array(mask, np.uint8)) == share
