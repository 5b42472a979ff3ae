"""Run-length packing against the COCO tools, an independent witness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from scipy import ndimage

from crackcore.exports import rle

# pycocotools' decode has a quarrel with numpy 2 of its own.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

planes = st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(
    lambda shape: arrays(np.bool_, shape, elements=st.booleans(), fill=st.booleans())
)


def _theirs(plane: NDArray[np.bool_]) -> str:
    return coco_mask.encode(np.asfortranarray(plane.astype(np.uint8)))["counts"].decode()


@given(planes)
def test_whole_plane_is_packed_to_the_letter_as_by_the_coco_tools(plane):
    piece = rle.whole(plane)
    if piece is None:
        assert not plane.any()
        return
    assert piece.counts == _theirs(plane)
    assert piece.area_px == plane.sum()
    packed = {"size": list(plane.shape), "counts": piece.counts}
    assert list(piece.box) == coco_mask.toBbox(packed).tolist()
    assert np.array_equal(rle.unpacked(piece.counts, *plane.shape), plane)


@given(planes)
def test_every_connected_piece_is_the_one_a_slow_labelling_finds(plane):
    labels, count = ndimage.label(plane, np.ones((3, 3)))
    wanted = {_theirs(labels == i): int((labels == i).sum()) for i in range(1, count + 1)}
    found = rle.pieces(plane)
    assert {p.counts: p.area_px for p in found} == wanted
    assert len(found) == count
    for piece in found:
        assert (
            list(piece.box) == coco_mask.toBbox({"size": list(plane.shape), "counts": piece.counts}).tolist()
        )


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (700, 900)])
@pytest.mark.parametrize("where", ["all", "first", "last", "row", "column"])
def test_edges_of_the_picture_and_long_runs(size, where):
    plane = np.zeros(size, np.bool_)
    place = {
        "all": (slice(None), slice(None)),
        "first": (0, 0),
        "last": (-1, -1),
        "row": (size[0] // 2, slice(None)),
        "column": (slice(None), size[1] // 2),
    }[where]
    plane[place] = True
    (piece,) = rle.pieces(plane)
    assert piece.counts == _theirs(plane)


def test_run_lengths_of_more_than_sixteen_million_pixels():
    plane = np.zeros((6000, 6000), np.bool_)
    plane[-1, -1] = True
    piece = rle.whole(plane)
    assert piece is not None
    assert piece.counts == _theirs(plane)


def test_ten_thousand_specks_cost_no_more_than_their_runs():
    plane = np.zeros((1000, 1000), np.bool_)
    plane[::10, ::10] = True
    found = rle.pieces(plane)
    assert len(found) == 10_000
    again = coco_mask.merge([{"size": [1000, 1000], "counts": p.counts} for p in found])
    assert np.array_equal(coco_mask.decode(again) != 0, plane)


@pytest.mark.parametrize("text", ["", "P", "\x00", "0", "00", "é", "oooooooooooo", "T0", "55", "5_"])
def test_broken_text_is_refused_before_anything_is_allocated(text):
    with pytest.raises(ValueError, match="run"):
        rle.unpacked(text, 1 << 20, 1 << 20)


@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=20))
def test_any_text_is_either_refused_or_fills_the_picture(text):
    try:
        plane = rle.unpacked(text, 3, 4)
    except ValueError:
        return
    assert plane.shape == (3, 4)
