"""Laws of patches: undo brings back every pixel, bytes come back equal, damage is noticed."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crackcore.domain.box import Box
from crackcore.masks.patch import TILE, Patch, PatchRecorder, TileChange, difference

HEIGHT, WIDTH = 2 * TILE + 45, 3 * TILE + 18  # no whole number of tiles


def _plane(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.choice(np.array([0, 0, 0, 1, 2, 255], np.uint8), (HEIGHT, WIDTH))


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    """Small and large, also partly or wholly outside."""
    top, left = draw(st.integers(-40, HEIGHT + 20)), draw(st.integers(-40, WIDTH + 20))
    return Box(top, top + draw(st.integers(-2, 200)), left, left + draw(st.integers(-2, 200)))


strokes = st.lists(st.tuples(boxes(), st.sampled_from([0, 1, 2, 255])), min_size=1, max_size=6)


def _paint(plane: np.ndarray, box: Box, value: int) -> None:
    plane[box.clipped(*plane.shape).slices] = value


def _recorded(plane: np.ndarray, dabs: list[tuple[Box, int]]) -> Patch:
    recorder = PatchRecorder(plane)
    for box, value in dabs:
        recorder.will_touch(box)
        _paint(plane, box, value)
    return recorder.finish()


@given(strokes)
def test_undo_and_redo_bring_back_every_pixel(dabs: list[tuple[Box, int]]) -> None:
    plane = _plane()
    original = plane.copy()
    patch = _recorded(plane, dabs)
    edited = plane.copy()

    patch.write_after(plane)  # doing it again does nothing
    assert np.array_equal(plane, edited)
    patch.write_before(plane)
    assert np.array_equal(plane, original)
    patch.write_before(plane)
    assert np.array_equal(plane, original)
    patch.write_after(plane)
    patch.write_after(plane)
    assert np.array_equal(plane, edited)
    patch.reversed().write_after(plane)
    assert np.array_equal(plane, original)
    assert patch.reversed().reversed() == patch


@given(strokes)
def test_a_patch_holds_exactly_what_changed(dabs: list[tuple[Box, int]]) -> None:
    plane = _plane()
    original = plane.copy()
    patch = _recorded(plane, dabs)
    changed = np.argwhere(original != plane)
    assert patch.is_empty == (len(changed) == 0)
    assert patch.box.is_empty == patch.is_empty
    tiles = {(t.y, t.x) for t in patch.tiles}
    assert tiles == {(int(y) // TILE * TILE, int(x) // TILE * TILE) for y, x in changed}
    assert all((t.y % TILE, t.x % TILE) == (0, 0) for t in patch.tiles)
    for y, x in changed[:: max(1, len(changed) // 50)]:
        assert patch.box.top <= y < patch.box.bottom
        assert patch.box.left <= x < patch.box.right
    assert patch.nbytes == sum(len(t.before) + len(t.after) for t in patch.tiles)
    assert difference(original, plane) == patch


@given(strokes, boxes())
def test_before_is_the_plane_as_it_was(dabs: list[tuple[Box, int]], asked: Box) -> None:
    plane = _plane()
    original = plane.copy()
    recorder = PatchRecorder(plane)
    for box, value in dabs:
        recorder.will_touch(box)
        _paint(plane, box, value)
    asked = asked.clipped(HEIGHT, WIDTH)
    assert np.array_equal(recorder.before(asked), original[asked.slices])
    assert not np.shares_memory(recorder.before(asked), plane)


@given(strokes)
def test_an_aborted_stroke_leaves_nothing(dabs: list[tuple[Box, int]]) -> None:
    plane = _plane()
    original = plane.copy()
    recorder = PatchRecorder(plane)
    for box, value in dabs:
        recorder.will_touch(box)
        _paint(plane, box, value)
    changed = np.argwhere(plane != original)
    restored = recorder.abort()
    assert np.array_equal(plane, original)
    assert all(
        restored.top <= y < restored.bottom and restored.left <= x < restored.right for y, x in changed
    )
    assert recorder.finish().is_empty


@given(strokes)
def test_bytes_come_back_equal(dabs: list[tuple[Box, int]]) -> None:
    plane = _plane()
    patch = _recorded(plane, dabs)
    assert Patch.from_bytes(patch.to_bytes(), height_px=HEIGHT, width_px=WIDTH) == patch


def _example() -> tuple[np.ndarray, np.ndarray, bytes]:
    """A plane, the plane after some strokes, and the strokes as bytes."""
    plane = _plane()
    original = plane.copy()
    patch = _recorded(plane, [(Box(100, 160, 100, 260), 2), (Box(280, 301, 380, 402), 1)])
    assert len(patch.tiles) >= 4
    return original, plane, patch.to_bytes()


ORIGINAL, EDITED, DATA = _example()


@given(st.data())
def test_damaged_bytes_raise_value_error_or_change_nothing_but_places(data: st.DataObject) -> None:
    """Pixels carry a checksum each; the frame of the journal guards the places."""
    damaged = bytearray(DATA)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        patch = Patch.from_bytes(bytes(damaged), height_px=HEIGHT, width_px=WIDTH)
    except ValueError:
        return
    kept = Patch.from_bytes(DATA, height_px=HEIGHT, width_px=WIDTH)
    pixels = {zlib.decompress(t.before) for t in kept.tiles} | {zlib.decompress(t.after) for t in kept.tiles}
    for tile in patch.tiles:
        assert zlib.decompress(tile.before) in pixels
        assert zlib.decompress(tile.after) in pixels
    patch.write_after(ORIGINAL.copy())  # whatever it says, it fits into the plane


def test_every_cut_and_every_addition_is_noticed() -> None:
    for cut in [*range(40), *range(40, len(DATA), 37), len(DATA) - 1]:
        with pytest.raises(ValueError):
            Patch.from_bytes(DATA[:cut], height_px=HEIGHT, width_px=WIDTH)
    with pytest.raises(ValueError, match="extra"):
        Patch.from_bytes(DATA + b"\0", height_px=HEIGHT, width_px=WIDTH)


def test_any_bytes_at_all_raise_value_error_only() -> None:
    rng = np.random.default_rng(5)
    for length in range(0, 400, 3):
        with pytest.raises(ValueError):
            Patch.from_bytes(b"\1\0\0\0" + rng.bytes(length), height_px=HEIGHT, width_px=WIDTH)


def _one_tile(y: int, x: int, height: int, width: int, before: bytes, after: bytes) -> bytes:
    return (
        struct.pack("<I", 1)
        + struct.pack("<IIHHII", y, x, height, width, len(before), len(after))
        + before
        + after
    )


_GOOD = zlib.compress(bytes(64))


@pytest.mark.parametrize(
    "data",
    [
        _one_tile(HEIGHT - 7, 0, 8, 8, _GOOD, _GOOD),  # one row below the picture
        _one_tile(0, WIDTH - 7, 8, 8, _GOOD, _GOOD),
        _one_tile(2**32 - 4, 0, 8, 8, _GOOD, _GOOD),
        _one_tile(0, 0, 0, 8, zlib.compress(b""), zlib.compress(b"")),
        _one_tile(0, 0, TILE + 1, 1, zlib.compress(bytes(TILE + 1)), zlib.compress(bytes(TILE + 1))),
        _one_tile(0, 0, 8, 8, zlib.compress(bytes(63)), _GOOD),
        _one_tile(0, 0, 8, 8, _GOOD, zlib.compress(bytes(65))),
        _one_tile(0, 0, 8, 8, _GOOD, zlib.compress(bytes(1 << 26))),  # would unpack to 64 MiB
        _one_tile(0, 0, 8, 8, _GOOD[:-4], _GOOD),  # without its checksum
        _one_tile(0, 0, 8, 8, _GOOD, _GOOD + b"more"),
        _one_tile(0, 0, 8, 8, b"", _GOOD),
        struct.pack("<I", 2**32 - 1),
        b"",
    ],
)
def test_lying_tiles_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        Patch.from_bytes(data, height_px=HEIGHT, width_px=WIDTH)


def test_a_patch_for_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        Patch.from_bytes(DATA, height_px=HEIGHT - 1, width_px=WIDTH)


def test_planes_of_different_sizes_have_no_difference() -> None:
    with pytest.raises(ValueError, match="size"):
        difference(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))


def test_a_long_stroke_is_small() -> None:
    """What the module promises: 4000 dabs across a large plane stay far below the bounding box."""
    plane = np.zeros((6000, 8000), np.uint8)
    recorder = PatchRecorder(plane)
    for i in range(4000):
        box = Box(i, i + 12, 2 * i - 12, 2 * i)
        recorder.will_touch(box)
        _paint(plane, box, 2)
    patch = recorder.finish()
    assert patch.nbytes < 60_000
    assert patch.box.height * patch.box.width > 30_000_000


def test_the_empty_patch() -> None:
    empty = Patch(())
    assert empty.is_empty
    assert empty.box.is_empty
    assert Patch.from_bytes(empty.to_bytes(), height_px=1, width_px=1) == empty
    assert TileChange(0, 0, 1, 1, b"a", b"b") != TileChange(0, 0, 1, 1, b"b", b"a")


@pytest.mark.parametrize(("height", "width"), [(TILE, TILE), (45, 18), (1, 1)])
def test_tiles_of_one_value_are_packed_once_and_read_like_any_other(height: int, width: int) -> None:
    before = np.zeros((height, width), np.uint8)
    after = np.full((height, width), 2, np.uint8)
    patch = difference(before, after)
    again = difference(before, after)
    assert patch.tiles[0].after is again.tiles[0].after  # not packed a second time
    assert zlib.decompress(patch.tiles[0].after) == after.tobytes()
    read = Patch.from_bytes(patch.to_bytes(), height_px=height, width_px=width)
    plane = before.copy()
    read.write_after(plane)
    assert np.array_equal(plane, after)


def test_tiles_packed_in_the_older_way_are_still_read() -> None:
    before, after = np.zeros((TILE, TILE), np.uint8), np.eye(TILE, dtype=np.uint8)
    old = (zlib.compress(before.tobytes(), 1), zlib.compress(after.tobytes(), 1))
    stored = Patch((TileChange(0, 0, TILE, TILE, *old),)).to_bytes()
    plane = before.copy()
    Patch.from_bytes(stored, height_px=TILE, width_px=TILE).write_after(plane)
    assert np.array_equal(plane, after)
