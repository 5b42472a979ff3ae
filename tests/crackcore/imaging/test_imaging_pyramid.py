"""Levels of pictures and planes: sizes, means, and the maximum that keeps thin cracks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crackcore.domain.box import Box
from crackcore.imaging import pyramid
from crackcore.imaging.pyramid import max_levels, photo_levels, refresh_max_levels


def _slow_max_halved(plane: np.ndarray) -> np.ndarray:
    height, width = plane.shape
    out = np.zeros(((height + 1) // 2, (width + 1) // 2), np.uint8)
    for y in range(height):
        for x in range(width):
            out[y // 2, x // 2] = max(out[y // 2, x // 2], plane[y, x])
    return out


@st.composite
def planes_and_boxes(draw: st.DrawFn) -> tuple[np.ndarray, list[Box]]:
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    seed = draw(st.integers(0, 2**32 - 1))
    plane = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    edge = st.integers(-5, 95)
    boxes = draw(st.lists(st.builds(Box, edge, edge, edge, edge), min_size=1, max_size=5))
    return plane, boxes


@given(planes_and_boxes())
def test_levels_are_exact_maxima_and_refreshing_equals_recomputing(
    case: tuple[np.ndarray, list[Box]],
) -> None:
    plane, boxes = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pyramid, "COARSEST_PX", 4)  # many levels from small planes
        levels = max_levels(plane)
        assert levels[0] is plane
        for finer, coarser in pairwise(levels):
            assert np.array_equal(coarser, _slow_max_halved(finer))
        assert max(levels[-1].shape) <= 4
        rng = np.random.default_rng(1)
        for box in boxes:
            inside = box.clipped(*plane.shape)
            plane[inside.slices] = rng.integers(0, 256, (inside.height, inside.width), np.uint8)
            refresh_max_levels(levels, box)
            for kept, fresh in zip(levels, max_levels(plane), strict=True):
                assert np.array_equal(kept, fresh)


def test_refreshing_touches_nothing_outside_the_box() -> None:
    plane = np.zeros((2048, 2048), np.uint8)
    levels = max_levels(plane)
    plane[...] = 200
    refresh_max_levels(levels, Box(1000, 1003, 600, 601))
    for level, array in enumerate(levels[1:], 1):
        changed = np.argwhere(array)
        assert len(changed) >= 1
        assert (changed[:, 0] >= 1000 >> level).all()
        assert (changed[:, 0] <= 1002 >> level).all()
        assert (changed[:, 1] == 600 >> level).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 20_000), (513, 3), (512, 512), (1025, 700)])
def test_sizes_are_halves_rounded_up_down_to_512(shape: tuple[int, int]) -> None:
    photo = photo_levels(np.zeros((*shape, 3), np.uint8))
    plane = max_levels(np.zeros(shape, np.uint8))
    assert [level.shape[:2] for level in photo] == [level.shape for level in plane]
    sizes = [level.shape for level in plane]
    assert sizes[0] == shape
    assert max(sizes[-1]) <= 512
    for (h, w), (smaller_h, smaller_w) in pairwise(sizes):
        assert max(h, w) > 512
        assert (smaller_h, smaller_w) == ((h + 1) // 2, (w + 1) // 2)


def test_photo_levels_are_means_and_read_only() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (1024, 768, 3), np.uint8)
    levels = photo_levels(pixels)
    assert len(levels) == 2
    assert np.shares_memory(levels[0], pixels)
    assert np.array_equal(levels[0], pixels)
    means = pixels.reshape(512, 2, 384, 2, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(levels[1] - means).max() <= 0.5
    assert not any(level.flags.writeable for level in levels)


def test_a_crack_one_pixel_wide_is_seen_at_every_level() -> None:
    plane = np.zeros((5000, 4001), np.uint8)
    plane[np.arange(4001), np.arange(4001)] = 255
    for level in max_levels(plane):
        assert (level.max(axis=0) == 255).all()
