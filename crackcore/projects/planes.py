"""One plane of pixels as deflated pieces, the same ones in the journal and in the project file.

Packing is done once, when a prediction or an approval comes in; a save then copies the pieces
into the HDF5 body as they are. Pieces that are all zero are left out: a 12-megapixel mask with a
few strokes is some kilobytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from crackcore.domain.box import Box
from crackcore.projects.layout import CHUNK_PX, MAX_SIDE_PX

_HEAD = struct.Struct("<III")  # height, width, number of pieces
_PIECE = struct.Struct("<III")  # row and column of the first pixel, bytes
_LEVEL = 1  # score maps pack three times faster than at 4, and come out a tenth larger


@dataclass(frozen=True)
class PackedPlane:
    """uint8 (height, width); `pieces` maps (first row, first column) to deflated pixels of `piece_shape`."""

    height: int
    width: int
    pieces: dict[tuple[int, int], bytes]

    @classmethod
    def of(cls, plane: NDArray[np.uint8]) -> PackedPlane:
        """Pack an (H, W) uint8 array."""
        height, width = plane.shape
        return cls.of_pieces(height, width, lambda box: plane[box.slices])

    @classmethod
    def of_pieces(
        cls, height: int, width: int, piece_in: Callable[[Box], NDArray[np.uint8] | None]
    ) -> PackedPlane:
        """Pack what `piece_in` gives for each box, one box a piece; None stands for all zero."""
        full = piece_shape(height, width)
        pieces = {}
        for y, x in _corners(height, width):
            piece = piece_in(Box(y, y + CHUNK_PX, x, x + CHUNK_PX).clipped(height, width))
            if piece is None or not piece.any():
                continue
            if piece.shape != full:  # HDF5 stores border pieces at full size
                whole = np.zeros(full, np.uint8)
                whole[: piece.shape[0], : piece.shape[1]] = piece
                piece = whole
            pieces[y, x] = zlib.compress(np.ascontiguousarray(piece).data, _LEVEL)
        return cls(height, width, pieces)

    def piece(self, box: Box) -> NDArray[np.uint8] | None:
        """The pixels of one piece, cut to the plane; None when all are zero. `box` as in `of_pieces`."""
        data = self.pieces.get((box.top, box.left))
        if data is None:
            return None
        return _inflated(data, piece_shape(self.height, self.width))[: box.height, : box.width]

    def unpacked(self) -> NDArray[np.uint8]:
        """A new (H, W) uint8 array; raises ValueError when a piece is damaged."""
        plane = np.zeros((self.height, self.width), np.uint8)
        for y, x in self.pieces:
            box = Box(y, y + CHUNK_PX, x, x + CHUNK_PX).clipped(self.height, self.width)
            piece = self.piece(box)
            if piece is not None:
                plane[box.slices] = piece
        return plane

    @property
    def nbytes(self) -> int:
        return sum(map(len, self.pieces.values()))

    def to_bytes(self) -> bytes:
        """A self-contained form for the journal; little-endian."""
        parts = [_HEAD.pack(self.height, self.width, len(self.pieces))]
        for (y, x), data in self.pieces.items():
            parts += [_PIECE.pack(y, x, len(data)), data]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> PackedPlane:
        """Read `to_bytes` back; raises ValueError when it is not such a form."""
        if len(data) < _HEAD.size:
            raise ValueError("plane is too short")
        height, width, count = _HEAD.unpack_from(data)
        if not (0 < height <= MAX_SIDE_PX and 0 < width <= MAX_SIDE_PX):
            raise ValueError("plane has a bad size")
        corners = set(_corners(height, width))
        at, pieces = _HEAD.size, {}
        for _ in range(count):
            if at + _PIECE.size > len(data):
                raise ValueError("plane ends early")
            y, x, size = _PIECE.unpack_from(data, at)
            at += _PIECE.size
            if (y, x) not in corners or (y, x) in pieces or at + size > len(data):
                raise ValueError("plane has a misplaced piece")
            pieces[y, x] = data[at : at + size]
            at += size
        if at != len(data):
            raise ValueError("plane has extra bytes")
        return cls(height, width, pieces)

    def write_into(self, group: h5py.Group, name: str) -> h5py.Dataset:
        """Make the data set `name` of `group` from the pieces, none of them packed again."""
        dataset = group.create_dataset(
            name,
            shape=(self.height, self.width),
            dtype=np.uint8,
            chunks=piece_shape(self.height, self.width),
            compression="gzip",
            compression_opts=4,
            fletcher32=True,
            fillvalue=0,
        )
        for corner, data in self.pieces.items():
            dataset.id.write_direct_chunk(corner, data + struct.pack("<I", fletcher32(data)))
        return dataset


def piece_shape(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of one stored piece; HDF5 allows none larger than the plane."""
    return min(height, CHUNK_PX), min(width, CHUNK_PX)


def _corners(height: int, width: int) -> Iterator[tuple[int, int]]:
    return ((y, x) for y in range(0, height, CHUNK_PX) for x in range(0, width, CHUNK_PX))


def _inflated(data: bytes, shape: tuple[int, int]) -> NDArray[np.uint8]:
    size = shape[0] * shape[1]
    try:
        raw = zlib.decompressobj().decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError("plane piece is damaged") from error
    if len(raw) != size:
        raise ValueError("plane piece has the wrong length")
    return np.frombuffer(raw, np.uint8).reshape(shape)


def fletcher32(data: bytes) -> int:
    """The checksum HDF5 puts behind every piece: Fletcher-32 over big-endian 16-bit words.

    Follows H5_checksum_fletcher32 of the HDF5 library: sums modulo 65,535 in which a sum that is
    not empty is never 0 but 65,535.
    """
    words: Any = np.frombuffer(data + b"\0" * (len(data) % 2), ">u2").astype(np.uint64)
    first = int(words.sum())
    second = int((words * np.arange(len(words), 0, -1, dtype=np.uint64)).sum())
    return _folded(second) << 16 | _folded(first)


def _folded(total: int) -> int:
    return total % 65535 or (65535 if total else 0)
