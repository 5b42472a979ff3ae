"""Where tiles lie and how they add up: pure arithmetic, no torch.

A tile is read with its surroundings; near an inner edge its answer is not to be trusted (the
network did not see what lies beyond), so its weight there is zero, then rises linearly, and is one
in the middle. With a halo of at least the network's reach every weighted value is exactly what the
whole picture would give, and so is their mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crackcore.domain.box import Box


@dataclass(frozen=True)
class TilePlan:
    """Starts and ends of tiles along both axes; a tile is one of each."""

    rows: tuple[tuple[int, int], ...]
    columns: tuple[tuple[int, int], ...]
    overlap_px: int

    @property
    def count(self) -> int:
        return len(self.rows) * len(self.columns)

    def row_boxes(self, row: int) -> list[Box]:
        top, bottom = self.rows[row]
        return [Box(top, bottom, left, right) for left, right in self.columns]


def plan_tiles(height: int, width: int, *, tile_px: int, overlap_px: int, align_px: int = 1) -> TilePlan:
    """Tiles of at most `tile_px` a side that cover the picture and share at least `overlap_px`.

    Starts are multiples of `align_px` (the network's total stride), so that a tile samples the same
    grid as the whole picture. A picture that fits one tile is one tile. Raises ValueError for a
    tile that is not larger than its overlap.
    """
    if height < 1 or width < 1:
        raise ValueError("an empty picture has no tiles")
    if tile_px - overlap_px < align_px or overlap_px < 0:
        raise ValueError(f"a tile of {tile_px} px cannot share {overlap_px} px")
    return TilePlan(
        _along(height, tile_px, overlap_px, align_px),
        _along(width, tile_px, overlap_px, align_px),
        overlap_px,
    )


def _along(length: int, tile: int, overlap: int, align: int) -> tuple[tuple[int, int], ...]:
    if length <= tile:
        return ((0, length),)
    step = (tile - overlap) // align * align
    count = -(-(length - tile) // step) + 1
    # Spread evenly, so that the last tile does not repeat nearly all of the one before. Rounding up
    # keeps every distance at most `step`, which is itself a multiple of `align`.
    starts = [-(-i * (length - tile) // ((count - 1) * align)) * align for i in range(count)]
    return tuple((s, min(s + tile, length)) for s in starts)


def edge_weights(start: int, end: int, length: int, overlap_px: int) -> NDArray[np.float32]:
    """Weight of each pixel of a tile along one axis, float32 (end - start,), all above zero in sum.

    At an inner edge: zero for a quarter of the overlap (the halo), rising over the next half.
    At the picture's own edge: one.
    """
    position = np.arange(end - start, dtype=np.float32)
    halo, ramp = overlap_px / 4, max(1.0, overlap_px / 2)
    weights = np.ones(end - start, np.float32)
    if start > 0:
        weights *= np.clip((position + 0.5 - halo) / ramp, 0, 1)
    if end < length:
        weights *= np.clip((end - start - position - 0.5 - halo) / ramp, 0, 1)
    return weights


class BandSum:
    """Adds weighted tiles up, one row of tiles after another, and hands out finished rows.

    Only the rows that the present tiles touch are kept in float32: memory grows with the picture's
    width, not with its area. `scale` values lie along one pixel of the plan (a network that
    enlarges); `channels` is 0 for a map, 3 for a picture.
    """

    def __init__(self, height: int, width: int, plan: TilePlan, *, scale: int = 1, channels: int = 0) -> None:
        self._height, self._width, self._scale = height * scale, width * scale, scale
        self._plan = plan
        self._top = 0
        tallest = scale * max(b - t for t, b in plan.rows)
        colours = (channels,) if channels else ()
        self._sum = np.zeros((tallest, self._width, *colours), np.float32)
        self._weight = np.zeros((tallest, self._width, *(1 for _ in colours)), np.float32)
        self.score = np.zeros((self._height, self._width, *colours), np.uint8)

    def add(self, box: Box, values: NDArray[np.float32]) -> None:
        """Add one tile's scores (0..1, shape of the box, `scale` times finer)."""
        top, bottom = box.top * self._scale, box.bottom * self._scale
        left, right = box.left * self._scale, box.right * self._scale
        overlap = self._plan.overlap_px * self._scale
        down = edge_weights(top, bottom, self._height, overlap)
        across = edge_weights(left, right, self._width, overlap)
        weight = (down[:, None] * across[None, :]).reshape(values.shape[:2] + (1,) * (values.ndim - 2))
        part = slice(top - self._top, bottom - self._top), slice(left, right)
        self._sum[part] += values * weight
        self._weight[part] += weight

    def finish_row(self, row: int) -> None:
        """Write out what no later row of tiles touches, and move the band down."""
        rows = self._plan.rows
        next_top = rows[row + 1][0] * self._scale if row + 1 < len(rows) else self._height
        done = next_top - self._top
        total = self._sum[:done] / np.maximum(self._weight[:done], 1e-12)
        self.score[self._top : next_top] = np.rint(np.clip(total, 0, 1) * 255)
        for band in (self._sum, self._weight):
            kept = band.shape[0] - done
            band[:kept] = band[done:].copy()
            band[max(0, kept) :] = 0
        self._top = next_top
