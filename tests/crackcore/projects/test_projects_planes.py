"""Pieces packed once must be exactly what the HDF5 library would have written itself."""

from __future__ import annotations

import zlib

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crackcore.projects.planes import PackedPlane, fletcher32

shapes = st.tuples(st.integers(1, 1100), st.integers(1, 1100))


@given(shapes, st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_a_packed_plane_comes_back_from_bytes_and_from_hdf5(
    shape: tuple[int, int], seed: int, kind: int
) -> None:
    rng = np.random.default_rng(seed)
    plane = np.zeros(shape, np.uint8)
    if kind == 1:
        plane[rng.integers(shape[0]), rng.integers(shape[1])] = 255
    elif kind == 2:
        plane[...] = rng.integers(0, 256, shape)
    elif kind == 3:
        plane[shape[0] // 2 :] = 7
    packed = PackedPlane.of(plane)
    assert np.array_equal(PackedPlane.from_bytes(packed.to_bytes()).unpacked(), plane)
    with h5py.File("x", "w", driver="core", backing_store=False) as h5:
        dataset = packed.write_into(h5, "plane")
        assert dataset.fletcher32
        assert np.array_equal(dataset[()], plane)  # the library checks our checksum


@given(st.binary(max_size=3000))
def test_the_checksum_follows_its_definition(data: bytes) -> None:
    first = second = 0
    padded = data + b"\0" * (len(data) % 2)
    for at in range(0, len(padded), 2):  # the slow, obvious way
        first += padded[at] << 8 | padded[at + 1]
        second += first
    folded = [s % 65535 or (65535 if s else 0) for s in (second, first)]
    assert fletcher32(data) == folded[0] << 16 | folded[1]


def test_a_wrong_checksum_is_noticed_by_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crackcore.projects.planes.fletcher32", lambda data: 1)
    with h5py.File("x", "w", driver="core", backing_store=False) as h5:
        dataset = PackedPlane.of(np.ones((9, 9), np.uint8)).write_into(h5, "plane")
        with pytest.raises(OSError):
            dataset[()]


def test_a_mask_with_a_few_strokes_is_small() -> None:
    plane = np.zeros((3000, 4000), np.uint8)
    plane[700:705, 100:3000] = 2
    assert PackedPlane.of(plane).nbytes < 10_000


@given(arrays(np.uint8, (20, 30)), st.binary(min_size=1, max_size=4), st.integers(0, 200))
def test_broken_bytes_are_refused_or_equal(plane: np.ndarray, junk: bytes, at: int) -> None:
    good = PackedPlane.of(plane).to_bytes()
    at %= len(good)
    bad = good[:at] + junk + good[at + len(junk) :]
    try:
        read = PackedPlane.from_bytes(bad)
        found = read.unpacked()
    except ValueError:
        return
    assert found.dtype == np.uint8
    assert found.shape == (read.height, read.width)


@pytest.mark.parametrize("size", [0, 599, 601])
def test_a_piece_of_the_wrong_length_is_refused(size: int) -> None:
    packed = PackedPlane(20, 30, {(0, 0): zlib.compress(bytes(size))})
    with pytest.raises(ValueError, match="wrong length"):
        packed.unpacked()
