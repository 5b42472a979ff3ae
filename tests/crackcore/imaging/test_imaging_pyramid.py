"""Levels of pictures and planes: sizes, means, and the maximum that keeps thin cracks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crackcore.imaging.pyramid import max_halved, photo_levels


def _slow_max_halved(plane: np.ndarray) -> np.ndarray:
    height, width = plane.shape
    out = np.zeros(((height + 1) // 2, (width + 1) // 2), np.uint8)
    for y in range(height):
        for x in range(width):
            out[y // 2, x // 2] = max(out[y // 2, x // 2], plane[y, x])
    return out


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_halves_are_exact_maxima(height: int, width: int, seed: int) -> None:
    plane = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    assert np.array_equal(max_halved(plane), _slow_max_halved(plane))


@pytest.mark.parametrize("shape", [(1, 1), (1, 20_000), (513, 3), (512, 512), (1025, 700)])
def test_sizes_are_halves_rounded_up_down_to_512(shape: tuple[int, int]) -> None:
    photo = photo_levels(np.zeros((*shape, 3), np.uint8))
    sizes = [level.shape[:2] for level in photo]
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
    while max(plane.shape) > 60:
        plane = max_halved(plane)
        assert (plane.max(axis=0) == 255).all()
