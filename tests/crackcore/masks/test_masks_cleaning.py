"""Cleaning against a slow, obvious rewrite, and the rule that a touched pixel stays."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crackcore.arrays import HAND_CRACK, HAND_SOUND, UNTOUCHED
from crackcore.masks.cleaning import cleaning_patch, without_holes, without_specks
from crackcore.masks.threshold import shown_mask

FOUR = [(0, 1), (1, 0), (0, -1), (-1, 0)]
EIGHT = [*FOUR, (1, 1), (1, -1), (-1, 1), (-1, -1)]

sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
masks = arrays(np.uint8, sizes, elements=st.sampled_from([0, 0, 1, 1, 255]))


def regions(mask: np.ndarray, value: int, steps: list[tuple[int, int]]) -> list[set[tuple[int, int]]]:
    left = {(int(y), int(x)) for y, x in np.argwhere(mask == value)}
    found = []
    while left:
        todo = [left.pop()]
        region = set(todo)
        while todo:
            y, x = todo.pop()
            for dy, dx in steps:
                if (y + dy, x + dx) in left:
                    left.remove((y + dy, x + dx))
                    region.add((y + dy, x + dx))
                    todo.append((y + dy, x + dx))
        found.append(region)
    return found


@given(masks, st.integers(0, 20))
def test_specks_go_and_everything_else_stays(mask: np.ndarray, smallest: int) -> None:
    before = mask.copy()
    wanted = mask.copy()
    for region in regions(mask, 1, EIGHT):
        if len(region) < smallest:
            for pixel in region:
                wanted[pixel] = 0
    assert np.array_equal(without_specks(mask, min_area_px=smallest), wanted)
    assert np.array_equal(mask, before)


@given(masks, st.integers(0, 20))
def test_holes_are_filled_only_when_crack_is_all_around(mask: np.ndarray, largest: int) -> None:
    before = mask.copy()
    wanted = mask.copy()
    height, width = mask.shape
    for region in regions(mask, 0, FOUR):
        around = {(y + dy, x + dx) for y, x in region for dy, dx in EIGHT} - region
        at_edge = any(not (0 <= y < height and 0 <= x < width) for y, x in around)
        if len(region) <= largest and not at_edge and all(mask[p] != 255 for p in around):
            for pixel in region:
                wanted[pixel] = 1
    assert np.array_equal(without_holes(mask, max_area_px=largest), wanted)
    assert np.array_equal(mask, before)


@given(st.data())
def test_cleaning_is_one_patch_that_never_changes_a_touched_pixel(data: st.DataObject) -> None:
    height, width = data.draw(sizes)
    shape = (height, width)
    hand = data.draw(arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 0, 1, 2, 255])))
    base = data.draw(arrays(np.uint8, shape, elements=st.sampled_from([0, 1])))
    shown = shown_mask(hand, frozen=base)
    patch = cleaning_patch(hand, shown, min_speck_px=4, max_hole_px=6)
    cleaned = hand.copy()
    patch.write_after(cleaned)
    touched = hand != UNTOUCHED
    assert np.array_equal(cleaned[touched], hand[touched])
    wanted = without_holes(without_specks(shown, min_area_px=4), max_area_px=6)
    after = shown_mask(cleaned, frozen=base)
    assert np.array_equal(after[~touched], wanted[~touched])
    # Only what really changed is claimed for the hand.
    newly = (cleaned != UNTOUCHED) & ~touched
    assert np.array_equal(newly, (wanted != shown) & ~touched)
    patch.write_before(cleaned)
    assert np.array_equal(cleaned, hand)


def test_a_speck_and_a_hole_become_hand_pixels() -> None:
    base = np.zeros((20, 20), np.uint8)
    base[2, 2] = 1
    base[8:15, 8:15] = 1
    base[11, 11] = 0
    hand = np.zeros_like(base)
    patch = cleaning_patch(hand, shown_mask(hand, frozen=base), min_speck_px=3, max_hole_px=3)
    patch.write_after(hand)
    assert hand[2, 2] == HAND_SOUND
    assert hand[11, 11] == HAND_CRACK
    assert np.count_nonzero(hand) == 2


def test_zero_leaves_a_step_out() -> None:
    hand = np.zeros((9, 9), np.uint8)
    shown = np.ones((9, 9), np.uint8)
    shown[4, 4] = 0
    assert cleaning_patch(hand, shown).is_empty
    assert cleaning_patch(hand, shown, min_speck_px=1000, max_hole_px=0).tiles
    assert cleaning_patch(hand, shown, min_speck_px=0, max_hole_px=1).tiles
