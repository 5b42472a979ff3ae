"""Drawn pictures: the same for the same numbers, cracked where the mask says so, and they only teach."""

from __future__ import annotations

import numpy as np

from crackcore.datasets.drawing import drawn_picture
from crackcore.training.pairs import ONLY_TEACH, drawn_pairs


def test_the_same_numbers_give_the_same_picture_and_others_another() -> None:
    first, mask = drawn_picture(3, 5, 128)
    again, mask_again = drawn_picture(3, 5, 128)
    other, _ = drawn_picture(3, 6, 128)
    assert first.dtype == mask.dtype == np.uint8
    assert first.shape == (128, 128, 3)
    assert mask.shape == (128, 128)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(mask, mask_again)
    assert (first != other).mean() > 0.5


def test_cracks_are_seen_where_the_mask_has_them() -> None:
    """Pixels of the mask differ from what lies around them in most pictures; few are bright."""
    darker = brighter = cracked = 0
    for number in range(40):
        pixels, mask = drawn_picture(1, number, 160)
        assert set(np.unique(mask)) <= {0, 1}
        share = float(mask.mean())
        assert share < 0.4
        if share < 0.001:
            continue
        cracked += 1
        grey = pixels.mean(axis=2)
        near = np.zeros(mask.shape, bool)
        ys, xs = np.nonzero(mask)
        for dy, dx in ((-6, 0), (6, 0), (0, -6), (0, 6)):
            near[np.clip(ys + dy, 0, 159), np.clip(xs + dx, 0, 159)] = True
        contrast = float(grey[mask == 1].mean() - grey[near & (mask == 0)].mean())
        darker += contrast < -2
        brighter += contrast > 2
    assert cracked >= 28, "some are without cracks, most are not"
    assert darker > 0.6 * cracked
    assert brighter <= 0.25 * cracked


def test_drawn_pictures_teach_and_are_never_measured() -> None:
    pairs = drawn_pairs(3, seed=2)
    assert {p.kind for p in pairs} == {"drawn"} <= set(ONLY_TEACH)
    assert len({p.sha256 for p in pairs}) == 3
