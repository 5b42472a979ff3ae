"""Strokes against slow, obvious rewrites."""

from __future__ import annotations

from itertools import pairwise
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crackcore.domain.box import Box
from crackcore.masks import strokes

SIZE = (61, 83)
# In steps that floats hold exactly: where a point lies half-way between two stamps, the rewrites here
# and the code must see the same half.
coordinates = st.integers(-30 * 64, 110 * 64).map(lambda v: v / 64)
points = st.tuples(coordinates, coordinates)
diameters = st.integers(1, 40)


def empty() -> np.ndarray:
    return np.zeros(SIZE, np.uint8)


def obvious_stamp(diameter: int) -> set[tuple[int, int]]:
    """Offsets from the stamp's corner of all pixels whose centre is within d / 2 of the middle."""
    middle = (diameter - 1) / 2
    return {
        (y, x)
        for y in range(diameter)
        for x in range(diameter)
        if (y - middle) ** 2 + (x - middle) ** 2 <= (diameter / 2) ** 2
    }


def nearest_corner(value: float, diameter: int) -> int:
    """The whole corner whose stamp is centred nearest to `value`; ties go up."""
    middle = (diameter - 1) / 2
    candidates = range(floor(value - middle) - 1, floor(value - middle) + 3)
    return max(candidates, key=lambda c: (-abs(c + middle - value), c))


def test_the_smallest_stamps_are_what_the_page_says() -> None:
    assert strokes.stamp(1).tolist() == [[True]]
    assert strokes.stamp(2).all()
    assert strokes.stamp(3).all()
    assert strokes.stamp(4).astype(int).tolist() == [[0, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 1, 0]]


@given(st.integers(1, 200))
def test_a_stamp_is_a_disk_of_exactly_its_diameter(diameter: int) -> None:
    stamp = strokes.stamp(diameter)
    assert {(int(y), int(x)) for y, x in np.argwhere(stamp)} == obvious_stamp(diameter)
    assert stamp.any(axis=0).all()
    assert stamp.any(axis=1).all()
    assert np.array_equal(stamp, stamp.T)
    assert np.array_equal(stamp, stamp[::-1])


@pytest.mark.parametrize("diameter", [0, 201, -3])
def test_other_diameters_are_refused(diameter: int) -> None:
    with pytest.raises(ValueError, match="1 to 200"):
        strokes.half_widths(diameter)


@given(points, diameters)
def test_a_dab_presses_the_stamp_nearest_to_the_point(point: tuple[float, float], diameter: int) -> None:
    plane = empty()
    box = strokes.dab(plane, point, diameter_px=diameter, code=2)
    top, left = (nearest_corner(v, diameter) for v in point)
    wanted = empty()
    for y, x in obvious_stamp(diameter):
        if 0 <= top + y < SIZE[0] and 0 <= left + x < SIZE[1]:
            wanted[top + y, left + x] = 2
    assert np.array_equal(plane, wanted)
    outside = plane.copy()
    outside[box.slices] = 0
    assert not outside.any()


def test_an_odd_stamp_sits_on_a_pixel_and_an_even_one_on_a_corner() -> None:
    plane = empty()
    strokes.dab(plane, (10.0, 20.0), diameter_px=1, code=2)
    assert np.argwhere(plane).tolist() == [[10, 20]]
    plane = empty()
    strokes.dab(plane, (10.5, 20.5), diameter_px=2, code=2)
    assert np.argwhere(plane).tolist() == [[10, 20], [10, 21], [11, 20], [11, 21]]


@given(points, points, diameters)
def test_a_line_is_a_stamp_at_every_whole_step(
    start: tuple[float, float], end: tuple[float, float], diameter: int
) -> None:
    y0, x0 = (nearest_corner(v, diameter) for v in start)
    y1, x1 = (nearest_corner(v, diameter) for v in end)
    steps = max(abs(y1 - y0), abs(x1 - x0), 1)
    wanted = empty()
    for k in range(steps + 1):
        top = y0 + floor((2 * k * (y1 - y0) + steps) / (2 * steps))
        left = x0 + floor((2 * k * (x1 - x0) + steps) / (2 * steps))
        for y, x in obvious_stamp(diameter):
            if 0 <= top + y < SIZE[0] and 0 <= left + x < SIZE[1]:
                wanted[top + y, left + x] = 1
    plane = empty()
    box = strokes.line(plane, start, end, diameter_px=diameter, code=1)
    assert np.array_equal(plane, wanted)
    inside = strokes.line_box(start, end, diameter).clipped(*SIZE)
    assert box.is_empty == inside.is_empty
    assert box.is_empty or box == inside


@given(points, points)
def test_a_line_of_one_pixel_has_no_gap_and_no_second_pixel(
    start: tuple[float, float], end: tuple[float, float]
) -> None:
    plane = np.zeros((160, 160), np.uint8)
    a, b = (start[0] + 40, start[1] + 40), (end[0] + 40, end[1] + 40)
    strokes.line(plane, a, b, diameter_px=1, code=2)
    found = np.argwhere(plane)
    along = 0 if np.ptp(found[:, 0]) >= np.ptp(found[:, 1]) else 1
    found = found[np.argsort(found[:, along])]
    steps = np.abs(np.diff(found, axis=0))
    assert (steps[:, along] == 1).all()
    assert (steps.max(axis=1) == 1).all() if len(steps) else True


@given(points, points)
def test_pieces_lead_from_start_to_end_in_short_steps(
    start: tuple[float, float], end: tuple[float, float]
) -> None:
    parts = list(strokes.pieces(start, end, at_most_px=20))
    assert parts[0][0] == start
    assert parts[-1][1] == pytest.approx(end)
    for (a, b), (c, _) in pairwise(parts):
        assert b == c
        assert max(abs(a[0] - b[0]), abs(a[1] - b[1])) <= 20 + 1e-9


# Quarter pixels: crossings are exact in floats up to what ceil sees, also in the rewrite below.
quarters = st.integers(-40, 360).map(lambda v: v / 4)
corners = st.lists(st.tuples(quarters, quarters), min_size=3, max_size=8)


def inside(y: int, x: int, outline: list[tuple[float, float]]) -> bool:
    """Even-odd rule, one pixel at a time, in whole numbers: no rounding anywhere."""
    crossings = 0
    corners16 = [(round(py * 4), round(px * 4)) for py, px in outline]
    for (y0, x0), (y1, x1) in zip(corners16, corners16[1:] + corners16[:1], strict=True):
        if y0 > y1:
            y0, x0, y1, x1 = y1, x1, y0, x0
        if y0 <= 4 * y < y1:
            # The crossing lies at or left of the centre: x0 + (4y - y0) (x1 - x0) / (y1 - y0) <= 4x
            crossings += x0 * (y1 - y0) + (4 * y - y0) * (x1 - x0) <= 4 * x * (y1 - y0)
    return crossings % 2 == 1


@given(corners)
def test_a_polygon_fills_the_centres_inside_it(outline: list[tuple[float, float]]) -> None:
    plane = empty()
    box = strokes.polygon(plane, outline, code=2)
    wanted = [[2 * inside(y, x, outline) for x in range(SIZE[1])] for y in range(SIZE[0])]
    differing = np.argwhere(plane != np.array(wanted))
    # A centre exactly on a slanted edge may fall on either side through the last bit of a float.
    for y, x in differing:
        near = [
            inside_of_edge(int(y), int(x), a, b)
            for a, b in zip(outline, outline[1:] + outline[:1], strict=True)
        ]
        assert any(near), (y, x)
    outside = plane.copy()
    outside[box.slices] = 0
    assert not outside.any()


def inside_of_edge(y: int, x: int, a: tuple[float, float], b: tuple[float, float]) -> bool:
    return (x - a[1]) * (b[0] - a[0]) == (y - a[0]) * (b[1] - a[1])


def test_a_rectangle_drawn_along_pixel_edges_fills_its_pixels() -> None:
    plane = empty()
    strokes.polygon(plane, [(9.5, 4.5), (9.5, 14.5), (12.5, 14.5), (12.5, 4.5)], code=1)
    assert np.argwhere(plane).min(axis=0).tolist() == [10, 5]
    assert np.argwhere(plane).max(axis=0).tolist() == [12, 14]
    assert plane.sum() == 30


def test_polygons_that_share_an_edge_share_no_pixel() -> None:
    one, other = empty(), empty()
    strokes.polygon(one, [(0, 0), (0, 20), (40, 50)], code=1)
    strokes.polygon(other, [(0, 20), (0, 60), (40, 50)], code=1)
    assert one.any()
    assert other.any()
    assert not (one & other).any()


@pytest.mark.parametrize("outline", [[], [(1, 1)], [(1, 1), (5, 5)], [(1, 1), (5, 5), (9, 9)]])
def test_nothing_inside_means_nothing_written(outline: list[tuple[float, float]]) -> None:
    plane = empty()
    strokes.polygon(plane, outline, code=2)
    assert not plane.any()


def obvious_region(
    part: np.ndarray, seed: tuple[int, int], tolerance: int, connectivity: int
) -> set[tuple[int, int]]:
    values = part.astype(int).reshape(*part.shape[:2], -1)
    steps = [(0, 1), (1, 0), (0, -1), (-1, 0)]
    if connectivity == 8:
        steps += [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    found, todo = {seed}, [seed]
    while todo:
        y, x = todo.pop()
        for dy, dx in steps:
            n = (y + dy, x + dx)
            if (
                n not in found
                and 0 <= n[0] < part.shape[0]
                and 0 <= n[1] < part.shape[1]
                and (abs(values[n] - values[seed]) <= tolerance).all()
            ):
                found.add(n)
                todo.append(n)
    return found


@given(st.data())
def test_a_region_is_what_is_connected_and_alike(data: st.DataObject) -> None:
    channels = data.draw(st.sampled_from([(), (3,)]))
    seed_number = data.draw(st.integers(0, 2**32 - 1))
    height, width = data.draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    part = np.random.default_rng(seed_number).integers(0, 6, (height, width, *channels), dtype=np.uint8)
    seed = data.draw(st.tuples(st.integers(0, height - 1), st.integers(0, width - 1)))
    tolerance = data.draw(st.integers(0, 4))
    connectivity = data.draw(st.sampled_from([4, 8]))
    window = Box(10, 10 + height, 20, 20 + width)
    region = strokes.similar_region(
        part,
        (seed[0] + 10, seed[1] + 20),
        window=window,
        size_px=(100, 100),
        tolerance=tolerance,
        connectivity=connectivity,
    )
    plane = np.zeros((100, 100), np.uint8)
    box = strokes.fill_region(plane, region, code=2)
    wanted = obvious_region(part, seed, tolerance, connectivity)
    assert {(int(y) - 10, int(x) - 20) for y, x in np.argwhere(plane)} == wanted
    assert box == region.box
    assert region.area_px == len(wanted)
    rim = {(y, x) for y, x in wanted if y in (0, height - 1) or x in (0, width - 1)}
    assert region.cut_off == bool(rim)  # the window lies inside the picture on all sides


def test_the_edge_of_the_picture_cuts_nothing_off() -> None:
    plane = np.zeros((30, 40), np.uint8)
    window = strokes.reach_window((5, 5), 100, 30, 40)
    assert window == Box(0, 30, 0, 40)
    region = strokes.similar_region(plane, (5, 5), window=window, size_px=(30, 40))
    assert region.area_px == 1200
    assert not region.cut_off
    window = strokes.reach_window((5, 5), 10, 30, 40)
    part = plane[window.slices]
    region = strokes.similar_region(part, (5, 5), window=window, size_px=(30, 40))
    assert region.area_px == 16 * 16
    assert region.cut_off


def test_a_seed_outside_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        strokes.similar_region(np.zeros((3, 3), np.uint8), (3, 0), window=Box(0, 3, 0, 3), size_px=(3, 3))
