"""Lengths, widths and outlines of drawn masks: answers one can work out by hand, and slow rewrites."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage.morphology import skeletonize

from crackcore.evaluation.lines import (
    compare_lines,
    false_length,
    lengths_along,
    summed_up,
    width_errors,
)
from crackcore.evaluation.pieces import centre_line, pieces, widths_at
from crackcore.evaluation.surfaces import hausdorff_of_pixels, outline_distances

Plane = NDArray[np.bool_]


def _bar(width_px: int, *, shift_px: int = 0, length_px: int = 160) -> Plane:
    plane = np.zeros((60, 200), np.bool_)
    top = 30 - width_px // 2 + shift_px
    plane[top : top + width_px, 20 : 20 + length_px] = True
    return plane


# ---------------------------------------------------------------- lengths


def test_lengths_of_lines_drawn_by_hand() -> None:
    straight = np.zeros((5, 12), np.bool_)
    straight[2, 1:11] = True
    assert lengths_along(straight).sum() == pytest.approx(9 * 0.948)
    assert lengths_along(np.eye(8, dtype=np.bool_)).sum() == pytest.approx(7 * 1.340)
    assert lengths_along(np.eye(8, dtype=np.bool_)[::-1]).sum() == pytest.approx(7 * 1.340)
    lone = np.zeros((3, 3), np.bool_)
    lone[1, 1] = True
    assert lengths_along(lone).sum() == 1
    corner = np.array([[1, 0], [1, 1]], np.bool_)  # two steps, not three
    assert lengths_along(corner).sum() == pytest.approx(2 * 0.948)


@pytest.mark.parametrize("degrees", [0, 10, 22.5, 33, 45, 60, 90])
def test_length_of_a_straight_line_at_any_angle(degrees: float) -> None:
    plane = np.zeros((260, 260), np.bool_)
    t = np.linspace(-100, 100, 5001)
    turn = math.radians(degrees)
    plane[np.rint(130 + t * math.sin(turn)).astype(int), np.rint(130 + t * math.cos(turn)).astype(int)] = True
    assert lengths_along(centre_line(plane)).sum() == pytest.approx(200, rel=0.06)


@given(arrays(np.bool_, st.tuples(st.integers(1, 20), st.integers(1, 20))))
def test_centre_lines_do_not_depend_on_the_cut(plane: Plane) -> None:
    wanted = skeletonize(np.pad(plane, 3), method="lee")[3:-3, 3:-3] != 0
    assert np.array_equal(centre_line(plane), wanted)


def test_completeness_and_correctness_by_hand() -> None:
    truth = _bar(5)
    half = truth.copy()
    half[:, 100:] = False
    found = compare_lines(half, truth, 2)
    assert found.completeness == pytest.approx(0.5, abs=0.02)
    assert found.correctness == 1
    assert found.length_ratio == pytest.approx(0.5, abs=0.02)
    invented = truth.copy()
    invented[5:8, 20:180] = True
    found = compare_lines(invented, truth, 2)
    assert found.completeness == 1
    assert found.correctness == pytest.approx(0.5, abs=0.02)
    assert found.length_ratio == pytest.approx(2, abs=0.05)


def test_a_shift_counts_as_far_as_the_tolerance() -> None:
    truth, shifted = _bar(5), _bar(5, shift_px=3)
    assert compare_lines(shifted, truth, 3).completeness == 1
    # only the ends, where Lee's line bends, may meet
    assert compare_lines(shifted, truth, 2).completeness < 0.1


def test_empty_masks_have_nothing_wrong() -> None:
    none, bar = np.zeros((60, 200), np.bool_), _bar(5)
    both = compare_lines(none, none)
    assert (both.completeness, both.correctness, both.length_ratio) == (1, 1, 1)
    missed = compare_lines(none, bar)
    assert (missed.completeness, missed.correctness, missed.length_ratio) == (0, 1, 0)
    invented = compare_lines(bar, none)
    assert (invented.completeness, invented.correctness, invented.length_ratio) == (1, 0, math.inf)
    assert math.isnan(summed_up(width_errors(none, bar)).bias_px)


def test_false_length_is_that_of_the_pictures_without_crack() -> None:
    none, bar = np.zeros((60, 200), np.bool_), _bar(1)
    clean = compare_lines(bar, none)
    cracked = compare_lines(bar, bar)
    assert false_length([clean, cracked]) == pytest.approx(1e6 * clean.said_points / 12000)
    assert 150 <= clean.said_points <= 160
    assert math.isnan(false_length([cracked]))


def test_lengths_add_up_over_pictures() -> None:
    half = _bar(5)
    half[:, 100:] = False
    one, two = compare_lines(half, _bar(5), 2), compare_lines(_bar(5), _bar(5), 2)
    both = one + two
    assert both.completeness == pytest.approx((one.found_px + two.found_px) / (one.truth_px + two.truth_px))
    assert both.pixels == 2 * one.pixels
    with pytest.raises(ValueError, match="tolerances differ"):
        one + compare_lines(half, half, 3)


def test_lengths_of_undecided_parts_do_not_count() -> None:
    truth = _bar(5).astype(np.uint8)
    truth[:, 100:] = 255
    half = _bar(5)
    half[:, 100:] = False
    whole = compare_lines(_bar(5), truth, 2)
    assert whole == compare_lines(half, truth, 2)
    assert (whole.completeness, whole.correctness) == pytest.approx((1, 1))
    assert whole.pixels == 60 * 100


# ---------------------------------------------------------------- widths


@pytest.mark.parametrize(("said", "true"), [(9, 3), (3, 9), (5, 5), (7, 3), (11, 9)])
def test_bias_of_width_is_the_difference_of_bars(said: int, true: int) -> None:
    found = summed_up(width_errors(_bar(said), _bar(true)))
    assert found.bias_px == pytest.approx(said - true, abs=0.3)
    assert found.mae_px == pytest.approx(abs(said - true), abs=0.3)
    assert found.points > 100


def test_widths_are_compared_where_lines_meet_only() -> None:
    truth = _bar(5)
    said = truth.copy()
    said[:, 100:] = False
    said[2:30:2] = said[3:30:2] = False
    away = _bar(9, shift_px=12)
    assert summed_up(width_errors(away, truth, 5)).points == 0
    found = [width_errors(_bar(7), truth), width_errors(_bar(3), truth)]
    both = summed_up(found)
    assert both.points == len(found[0]) + len(found[1])
    assert both.bias_px == pytest.approx(0, abs=0.2)
    assert both.mae_px == pytest.approx(2, abs=0.3)
    assert both.p95_px == pytest.approx(2, abs=0.3)


def test_widths_that_reach_the_unknown_are_not_known() -> None:
    truth = _bar(5).astype(np.uint8)
    truth[33:] = 255  # along one edge of the crack
    assert len(width_errors(_bar(5), truth)) <= 2  # at the tips, which are nearer
    whole = np.ones((20, 30), np.bool_)
    assert len(width_errors(whole, whole)) == 0


# ---------------------------------------------------------------- outlines


def _slow_outline(plane: Plane) -> dict[tuple[int, int], float]:
    """Corners with the length of outline there, one by one."""
    height, width = plane.shape
    found = {}
    for y, x in itertools.product(range(height + 1), range(width + 1)):
        four = [
            bool(0 <= r < height and 0 <= c < width and plane[r, c])
            for r, c in ((y - 1, x - 1), (y - 1, x), (y, x - 1), (y, x))
        ]
        if 0 < sum(four) < 4:
            opposite = sum(four) == 2 and four[0] == four[3]
            straight = sum(four) == 2 and not opposite
            found[y, x] = 1.0 if straight else math.sqrt(2) if opposite else math.sqrt(0.5)
    return found


planes = st.tuples(st.integers(1, 7), st.integers(1, 7)).flatmap(
    lambda shape: st.tuples(arrays(np.bool_, shape), arrays(np.bool_, shape))
)


@given(planes)
def test_outline_distances_equal_a_slow_rewrite(pair: tuple[Plane, Plane]) -> None:
    mask, truth = pair
    found = outline_distances(mask, truth)
    said, true = _slow_outline(mask), _slow_outline(truth)
    for ours, lengths, here, there in (
        (found.said, found.said_px, said, true),
        (found.truth, found.truth_px, true, said),
    ):
        wanted = sorted(
            (min((math.dist(p, q) for q in there), default=math.inf), px) for p, px in here.items()
        )
        np.testing.assert_allclose(ours, [far for far, _ in wanted], rtol=1e-12)
        np.testing.assert_allclose(lengths, [px for _, px in wanted], rtol=1e-12)


@given(planes)
def test_hausdorff_of_pixels_equals_a_slow_rewrite(pair: tuple[Plane, Plane]) -> None:
    mask, truth = (list(map(tuple, np.argwhere(p))) for p in pair)
    if mask and truth:
        wanted = max(
            max(min(math.dist(p, q) for q in there) for p in here)
            for here, there in ((mask, truth), (truth, mask))
        )
    else:
        wanted = math.inf if mask or truth else 0.0
    assert hausdorff_of_pixels(*pair) == pytest.approx(wanted, rel=1e-12)


def test_a_shifted_bar_is_as_far_as_it_was_shifted() -> None:
    found = outline_distances(_bar(5, shift_px=4), _bar(5))
    assert found.hausdorff(100) == 4
    assert found.hausdorff(50) < 4  # one edge of each bar lies 1 px from the other edge of the other
    assert found.within(0.9) < 0.1
    assert 0.4 < found.within(3.9) < 0.6
    assert found.within(4) == 1
    assert outline_distances(_bar(5), _bar(5)).mean() == 0


def test_one_empty_mask_is_a_picture_width_away() -> None:
    none = np.zeros((60, 200), np.bool_)
    for pair in ((none, _bar(3)), (_bar(3), none)):
        assert outline_distances(*pair).hausdorff() == 200
        assert outline_distances(*pair).mean() == 200
        assert outline_distances(*pair).within(1e9) == 0
    assert outline_distances(none, none).hausdorff() == 0
    assert outline_distances(none, none).within(0) == 1


def test_outlines_that_touch_the_unknown_do_not_count() -> None:
    truth = _bar(5).astype(np.uint8)
    truth[:, 100:] = 255
    found = outline_distances(_bar(5), truth)
    assert found.hausdorff(100) == 0  # no edge where the truth ends
    assert found.truth_px.sum() == pytest.approx(found.said_px.sum())
    assert 2 * 79 + 4 < found.truth_px.sum() < 2 * 80 + 5 + 4  # three sides of four
    with pytest.raises(ValueError, match="differ in size"):
        outline_distances(_bar(5), truth[:-1])


# ---------------------------------------------------------------- piece by piece


def _specks_and_cracks(seed: int) -> tuple[Plane, Plane]:
    """A plane with more pieces than are taken one by one, some at the edges, and what counts of it."""
    rng = np.random.default_rng(seed)
    rough = cv2.GaussianBlur(rng.normal(0, 1, (120, 150)), (0, 0), 0.8 + 0.5 * (seed % 4))
    plane = rough > (0.12, 0.25)[seed % 2]
    inside = np.ones(plane.shape, np.bool_)
    if seed % 3:
        inside[30 : 60 + 5 * seed, 40:90] = False
        inside[:, :4] = False
    return plane & inside, inside


@pytest.mark.parametrize("seed", range(8))
def test_pieces_give_the_lines_and_widths_of_the_whole(seed: int) -> None:
    plane, inside = _specks_and_cracks(seed)
    together = np.zeros(plane.shape, np.int64)
    for box, piece in pieces(plane):
        together[box] += piece
    assert np.array_equal(together, plane)
    line = centre_line(plane)
    assert np.array_equal(line, skeletonize(plane, method="lee") != 0)
    far, edge = distance_transform_edt(plane), distance_transform_edt(inside)
    wanted = np.where((edge <= far) & (not inside.all()), np.nan, 2 * far).astype(np.float32)
    points = np.nonzero(plane)
    np.testing.assert_array_max_ulp(widths_at(plane, inside, points), wanted[points], 1)


def test_a_plane_that_is_all_crack_has_no_width() -> None:
    full = np.ones((9, 9), np.bool_)
    assert np.isnan(widths_at(full, full, np.nonzero(full))).all()
    assert list(pieces(~full)) == []
