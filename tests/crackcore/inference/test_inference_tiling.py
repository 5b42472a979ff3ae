"""Laws of tiles: they cover, they stay inside, they add up to what the whole picture gives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crackcore.inference.tiling import BandSum, edge_weights, plan_tiles

sizes = st.integers(1, 700)


@given(sizes, sizes, st.integers(40, 300), st.integers(0, 39), st.sampled_from([1, 2, 4, 8]))
def test_tiles_cover_every_pixel_and_never_leave_the_picture(
    height: int, width: int, tile: int, overlap: int, align: int
) -> None:
    if tile - overlap < align:
        return
    plan = plan_tiles(height, width, tile_px=tile, overlap_px=overlap, align_px=align)
    for spans, length in ((plan.rows, height), (plan.columns, width)):
        assert spans[0][0] == 0
        assert spans[-1][1] == length
        for start, end in spans:
            assert 0 <= start < end <= length
            assert end - start <= tile
            assert start % align == 0
        for (_, end), (start, _) in itertools.pairwise(spans):
            assert end - start >= overlap


@given(sizes, sizes, st.integers(48, 200), st.integers(4, 32))
def test_the_sum_of_equal_tiles_is_that_value_everywhere(
    height: int, width: int, tile: int, overlap: int
) -> None:
    plan = plan_tiles(height, width, tile_px=tile, overlap_px=overlap, align_px=8)
    band = BandSum(height, width, plan)
    truth = np.random.default_rng(0).integers(0, 256, (height, width)).astype(np.float32) / 255
    for row in range(len(plan.rows)):
        for box in plan.row_boxes(row):
            band.add(box, truth[box.slices])
        band.finish_row(row)
    assert np.array_equal(band.score, np.rint(truth * 255).astype(np.uint8))


def test_near_an_inner_edge_a_tile_has_no_say() -> None:
    weights = edge_weights(100, 200, 300, 40)
    assert (weights[:10] == 0).all()
    assert (weights[-10:] == 0).all()
    assert (weights[31:69] == 1).all()
    assert (edge_weights(0, 100, 300, 40)[:60] == 1).all()


@pytest.mark.parametrize(("tile", "overlap"), [(32, 32), (32, 30), (16, 40)])
def test_a_tile_must_be_larger_than_what_it_shares(tile: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="cannot share"):
        plan_tiles(100, 100, tile_px=tile, overlap_px=overlap, align_px=8)


def test_memory_grows_with_the_width_not_with_the_area() -> None:
    plan = plan_tiles(20_000, 300, tile_px=256, overlap_px=64, align_px=8)
    band = BandSum(20_000, 300, plan)
    assert band._sum.nbytes == 256 * 300 * 4
