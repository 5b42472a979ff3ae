"""What one edit changed in a hand plane: a list of small tiles, before and after.

A whole stroke is one patch, whatever its length: 4,000 dabs over 48 megapixels are some 29 KiB,
where a bounding box would be 27 MiB.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from crackcore.arrays import HandPlane
from crackcore.domain.box import EMPTY_BOX, Box

TILE = 128
_TILE_HEAD = struct.Struct("<IIHHII")  # y, x, height, width, length of before, length of after
_MAX_TILES = 1 << 22


@dataclass(frozen=True)
class TileChange:
    """One tile of a plane, zlib-packed, as it was and as it became."""

    y: int
    x: int
    height: int
    width: int
    before: bytes
    after: bytes


@dataclass(frozen=True)
class Patch:
    """What one edit changed; can be written forwards and backwards, any number of times."""

    tiles: tuple[TileChange, ...]

    @property
    def is_empty(self) -> bool:
        return not self.tiles

    @property
    def box(self) -> Box:
        """The smallest box around all changed tiles."""
        box = EMPTY_BOX
        for t in self.tiles:
            box = box.joined(Box(t.y, t.y + t.height, t.x, t.x + t.width))
        return box

    @property
    def nbytes(self) -> int:
        return sum(len(t.before) + len(t.after) for t in self.tiles)

    def write_after(self, plane: HandPlane) -> None:
        """Do (or redo) the edit on `plane`, an (H, W) uint8 array of the size it was made on."""
        for t in self.tiles:
            plane[t.y : t.y + t.height, t.x : t.x + t.width] = _unpacked(t.after, t)

    def write_before(self, plane: HandPlane) -> None:
        """Undo the edit on `plane`."""
        for t in self.tiles:
            plane[t.y : t.y + t.height, t.x : t.x + t.width] = _unpacked(t.before, t)

    def reversed(self) -> Patch:
        """The patch that undoes this one."""
        return Patch(tuple(TileChange(t.y, t.x, t.height, t.width, t.after, t.before) for t in self.tiles))

    def to_bytes(self) -> bytes:
        """A self-contained form for the journal; little-endian."""
        parts = [struct.pack("<I", len(self.tiles))]
        for t in self.tiles:
            parts.append(_TILE_HEAD.pack(t.y, t.x, t.height, t.width, len(t.before), len(t.after)))
            parts += [t.before, t.after]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes, *, height_px: int, width_px: int) -> Patch:
        """Read `to_bytes` back; raises ValueError unless every tile lies inside the given size."""
        if len(data) < 4:
            raise ValueError("patch is too short")
        (count,) = struct.unpack_from("<I", data)
        if count > _MAX_TILES:
            raise ValueError("patch has too many tiles")
        at, tiles = 4, []
        for _ in range(count):
            if at + _TILE_HEAD.size > len(data):
                raise ValueError("patch ends early")
            y, x, height, width, n_before, n_after = _TILE_HEAD.unpack_from(data, at)
            at += _TILE_HEAD.size
            if at + n_before + n_after > len(data):
                raise ValueError("patch ends early")
            if not (0 < height <= TILE and 0 < width <= TILE):
                raise ValueError("patch tile has a bad size")
            if y + height > height_px or x + width > width_px:
                raise ValueError("patch tile lies outside the picture")
            before, after = data[at : at + n_before], data[at + n_before : at + n_before + n_after]
            at += n_before + n_after
            tile = TileChange(y, x, height, width, before, after)
            _unpacked(before, tile)
            _unpacked(after, tile)
            tiles.append(tile)
        if at != len(data):
            raise ValueError("patch has extra bytes")
        return cls(tuple(tiles))


class PatchRecorder:
    """Watches a plane during one stroke and keeps each tile as it was at first touch."""

    def __init__(self, plane: HandPlane) -> None:
        self._plane = plane
        self._before: dict[tuple[int, int], HandPlane] = {}

    def will_touch(self, box: Box) -> None:
        """Call before pixels inside `box` change."""
        height, width = self._plane.shape
        box = box.clipped(height, width)
        if box.is_empty:
            return
        for y in range(box.top // TILE * TILE, box.bottom, TILE):
            for x in range(box.left // TILE * TILE, box.right, TILE):
                if (y, x) not in self._before:
                    self._before[y, x] = self._plane[y : y + TILE, x : x + TILE].copy()

    def before(self, box: Box) -> HandPlane:
        """A copy of `box` as it was when the recording began (inside tiles not touched: as it is)."""
        out = self._plane[box.slices].copy()
        for (y, x), tile in self._before.items():
            part = Box(y, y + tile.shape[0], x, x + tile.shape[1])
            top, bottom = max(part.top, box.top), min(part.bottom, box.bottom)
            left, right = max(part.left, box.left), min(part.right, box.right)
            if top < bottom and left < right:
                out[top - box.top : bottom - box.top, left - box.left : right - box.left] = tile[
                    top - y : bottom - y, left - x : right - x
                ]
        return out

    def finish(self) -> Patch:
        """The changed tiles as a patch; tiles that were touched but not changed are left out."""
        changes = []
        for (y, x), before in sorted(self._before.items()):
            old, new = before.tobytes(), self._plane[y : y + TILE, x : x + TILE].tobytes()
            if old != new:
                h, w = before.shape
                changes.append(TileChange(y, x, h, w, _packed(old), _packed(new)))
        return Patch(tuple(changes))

    def abort(self) -> Box:
        """Put every kept tile back; returns the box that changed."""
        box = EMPTY_BOX
        for (y, x), before in self._before.items():
            self._plane[y : y + TILE, x : x + TILE] = before
            box = box.joined(Box(y, y + before.shape[0], x, x + before.shape[1]))
        self._before.clear()
        return box


def difference(before: HandPlane, after: HandPlane) -> Patch:
    """The patch that leads from one plane to another of the same shape."""
    if before.shape != after.shape:
        raise ValueError(f"planes differ in size: {before.shape} and {after.shape}")
    changes = []
    height, width = before.shape
    for y in range(0, height, TILE):
        for x in range(0, width, TILE):
            part = (slice(y, min(y + TILE, height)), slice(x, min(x + TILE, width)))
            old, new = before[part].tobytes(), after[part].tobytes()
            if old != new:
                h, w = part[0].stop - y, part[1].stop - x
                changes.append(TileChange(y, x, h, w, _packed(old), _packed(new)))
    return Patch(tuple(changes))


def _packed(raw: bytes) -> bytes:
    """zlib-packed pixels of one tile, row by row.

    Most tiles are of one value before a stroke, and many are after it: looking at them costs a
    fiftieth of packing them, and their packed form is the same every time.
    """
    plain, packed = _uniform(raw[0], len(raw))
    if raw == plain:
        return packed
    # Marks come in runs: looking for nothing else is quicker, and packs smaller too.
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return packer.compress(raw) + packer.flush()


@lru_cache(maxsize=256)
def _uniform(value: int, size: int) -> tuple[bytes, bytes]:
    plain = bytes((value,)) * size
    return plain, zlib.compress(plain, 1)


def _unpacked(data: bytes, tile: TileChange) -> HandPlane:
    size = tile.height * tile.width
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError("patch tile is damaged") from error
    # The end mark holds a checksum: without it the tile was cut, and its pixels may be wrong.
    if len(raw) != size or not unpacker.eof or unpacker.unused_data:
        raise ValueError("patch tile has the wrong length")
    return np.frombuffer(raw, np.uint8).reshape(tile.height, tile.width)
