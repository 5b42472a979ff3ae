"""Finer is exact, coarser follows its rule, and there and back loses nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crackcore.arrays import CRACK, HAND_CRACK, HAND_SOUND, HAND_UNDECIDED, UNDECIDED, UNTOUCHED
from crackcore.domain.image_record import Threshold
from crackcore.masks.regridding import (
    coarser_hand,
    coarser_mask,
    coarser_score,
    finer,
    has_detail,
    score_on_grid,
)
from crackcore.masks.threshold import shown_mask

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
bytes_ = st.integers(0, 255)
hand_codes = st.sampled_from([UNTOUCHED, UNTOUCHED, HAND_SOUND, HAND_CRACK, 3, HAND_UNDECIDED])


def planes(values):
    return shapes.flatmap(lambda shape: arrays(np.uint8, shape, elements=values))


def in_blocks(plane):
    height, width = plane.shape[0] // 4, plane.shape[1] // 4
    return plane.reshape(height, 4, width, 4).swapaxes(1, 2).reshape(height, width, 16)


@given(planes(bytes_))
def test_every_pixel_becomes_a_block_of_equal_ones(plane):
    fine = finer(plane, 4)
    assert fine.flags.writeable
    assert (in_blocks(fine) == plane[..., None]).all()
    assert np.array_equal(coarser_score(fine, 4), plane)
    assert np.array_equal(coarser_mask(fine, 4), plane)
    assert not has_detail(fine, 4)


@given(planes(hand_codes), st.integers(1, 255), st.integers(0, 80))
def test_there_and_back_every_stroke_and_every_shown_pixel_is_the_same(hand, low, more):
    score = np.random.default_rng(low).integers(0, 256, hand.shape, dtype=np.uint8)
    threshold = Threshold(low, min(255, low + more))
    fine_hand, fine_score = finer(hand, 4), finer(score, 4)
    fine_shown = shown_mask(fine_hand, score=fine_score, threshold=threshold)
    assert np.array_equal(fine_shown, finer(shown_mask(hand, score=score, threshold=threshold), 4))
    assert np.array_equal(coarser_hand(fine_hand, fine_shown, 4), hand)


@given(shapes, st.integers(0, 2**32 - 1))
def test_a_coarser_score_is_the_mean_of_its_block(shape, seed):
    fine = np.random.default_rng(seed).integers(0, 256, (shape[0] * 4, shape[1] * 4), dtype=np.uint8)
    found = coarser_score(fine, 4).astype(float)
    assert np.abs(found - in_blocks(fine).mean(axis=2)).max() <= 0.5


@given(shapes, st.integers(0, 2**32 - 1))
def test_a_coarser_mask_is_crack_where_any_pixel_is(shape, seed):
    values = np.array([0, 0, 0, 0, 0, 0, CRACK, UNDECIDED, 3, 7], np.uint8)
    fine = np.random.default_rng(seed).choice(values, (shape[0] * 4, shape[1] * 4))
    for block, found in zip(in_blocks(fine).reshape(-1, 16), coarser_mask(fine, 4).ravel(), strict=True):
        if CRACK in block:
            assert found == CRACK
        elif UNDECIDED in block:
            assert found == UNDECIDED
        else:
            assert found == block.max()


def test_a_stroke_thinner_than_a_photo_pixel_stays():
    hand = np.zeros((8, 40), np.uint8)
    hand[5] = HAND_CRACK
    coarse = coarser_hand(hand, shown_mask(hand), 4)
    assert coarse.tolist() == [[0] * 10, [HAND_CRACK] * 10]
    assert has_detail(hand, 4)


def test_trimming_the_edge_of_a_crack_does_not_erase_the_crack_in_the_same_pixel():
    score = np.zeros((4, 8), np.uint8)
    score[1:3] = 255
    hand = np.zeros((4, 8), np.uint8)
    hand[2, :4] = HAND_SOUND
    shown = shown_mask(hand, score=score, threshold=Threshold())
    assert coarser_hand(hand, shown, 4).tolist() == [[HAND_CRACK, UNTOUCHED]]
    hand[1, :4] = HAND_SOUND  # now nothing of it is left
    shown = shown_mask(hand, score=score, threshold=Threshold())
    assert coarser_hand(hand, shown, 4).tolist() == [[HAND_SOUND, UNTOUCHED]]


def test_detail_is_seen_along_rows_and_along_columns():
    for place in ((0, 1), (1, 0), (3, 3), (4, 6)):
        hand = np.zeros((8, 8), np.uint8)
        hand[place] = HAND_SOUND
        assert has_detail(hand, 4), place
    hand[:] = HAND_SOUND
    assert not has_detail(hand, 4)


def test_a_score_is_brought_to_the_grid_of_its_picture():
    score = np.arange(24, dtype=np.uint8).reshape(4, 6)
    assert score_on_grid(score, (4, 6)) is score
    assert np.array_equal(score_on_grid(score, (16, 24)), finer(score, 4))
    assert np.array_equal(score_on_grid(finer(score, 4), (4, 6)), score)
    assert score_on_grid(np.ones((1, 1), np.uint8), (4, 4)).shape == (4, 4)
    for size in ((8, 6), (5, 6), (16, 25), (2, 6)):
        with pytest.raises(ValueError, match="does not fit"):
            score_on_grid(score, size)


def test_a_plane_that_is_no_whole_number_of_blocks_is_refused():
    for change in (coarser_score, coarser_mask, has_detail):
        with pytest.raises(ValueError, match="blocks"):
            change(np.zeros((8, 9), np.uint8), 4)
