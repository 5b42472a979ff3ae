"""Planes in levels, shrunk by maximum, that the canvas reads by viewport.

Level 0 is the document's own array; only the levels above it are kept here (a third of its size).
Everything in this file is free of Qt and may run on any thread.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import (
    CRACK,
    HAND_CRACK,
    HAND_UNDECIDED,
    SOUND,
    UNDECIDED,
    UNTOUCHED,
    ClassMask,
    HandPlane,
    ScoreMap,
)
from crackcore.domain.box import Box
from crackcore.imaging.pyramid import max_halved
from crackcore.masks.patch import TILE, Patch
from crackcore.masks.threshold import peaks as peaks_of

Plane = NDArray[np.uint8]

NOTHING, UNDECIDED_MARK, CRACK_MARK = 0, 1, 2
"""What a mask says, ranked so that the maximum of a block is what must not be overlooked."""

CLASS_OF_MARK = np.zeros(256, np.uint8)
CLASS_OF_MARK[[NOTHING, UNDECIDED_MARK, CRACK_MARK]] = SOUND, UNDECIDED, CRACK

_SMALLEST_PX = 64  # levels go on until the longest side is at most this, far below any window
_BAND_PX = 512  # rows worked on at once when levels are built: stays in the cache, no big temporary


def _ranks(crack: int, undecided: int) -> Plane:
    table = np.zeros(256, np.uint8)
    table[crack], table[undecided] = CRACK_MARK, UNDECIDED_MARK
    return table


FROZEN_RANKS = _ranks(CRACK, UNDECIDED)
HAND_RANKS = _ranks(HAND_CRACK, HAND_UNDECIDED)


class MaxLevels:
    """One uint8 (H, W) plane and its smaller levels, by maximum.

    Parameters
    ----------
    base : level 0, not copied.
    hidden_by : a hand plane of the same size; where it is touched, this plane counts as 0.
    ranks : (256,) uint8 applied to `base` first; None leaves the values alone.
    revision : of the hand plane at the moment the levels were built.
    """

    def __init__(
        self,
        base: Plane,
        *,
        hidden_by: HandPlane | None = None,
        ranks: Plane | None = None,
        revision: int = 0,
    ) -> None:
        self.base = base
        self.hidden_by = hidden_by
        self.ranks = ranks
        self.revision = revision
        self._coarse: list[Plane] = []
        self._build()

    @property
    def count(self) -> int:
        """How many levels there are, level 0 included."""
        return 1 + len(self._coarse)

    def size(self, level: int) -> tuple[int, int]:
        """Height and width of a level in its own pixels."""
        height, width = self.base.shape
        return -(-height >> level), -(-width >> level)

    def part(self, level: int, rows: slice, columns: slice) -> Plane:
        """The pixels of one level inside rows and columns of that level; not to be written to."""
        if level:
            return self._coarse[level - 1][rows, columns]
        part = self.base[rows, columns]
        if self.ranks is not None:
            part = np.asarray(cv2.LUT(part, self.ranks), np.uint8)
        if self.hidden_by is not None:
            touched = self.hidden_by[rows, columns]
            if touched.any():  # looking costs a tenth of hiding, and most windows are untouched
                # Multiplying by 0 or 1 is more than twice as fast as np.where on bytes.
                part = part * (touched == UNTOUCHED)
        return part

    def refresh(self, box: Box) -> None:
        """Bring the smaller levels up to date after pixels of level 0 changed inside `box`."""
        box = box.clipped(*self.base.shape)
        if box.is_empty:
            return
        for level, plane in enumerate(self._coarse):
            height, width = self.size(level)
            half = Box(box.top // 2, -(-box.bottom // 2), box.left // 2, -(-box.right // 2))
            rows = slice(half.top * 2, min(half.bottom * 2, height))
            columns = slice(half.left * 2, min(half.right * 2, width))
            plane[half.slices] = max_halved(self.part(level, rows, columns))
            box = half

    def _build(self) -> None:
        height, width = self.base.shape
        if max(height, width) <= _SMALLEST_PX:
            return
        first = np.empty(self.size(1), np.uint8)
        for top in range(0, height, _BAND_PX):
            band = self.part(0, slice(top, min(top + _BAND_PX, height)), slice(0, width))
            first[top // 2 : top // 2 + _BAND_PX // 2] = max_halved(band)
        self._coarse = [first]
        while max(self._coarse[-1].shape) > _SMALLEST_PX:
            self._coarse.append(max_halved(self._coarse[-1]))


class TouchedTiles:
    """When each tile of a hand plane was last written to, as a revision number.

    Levels that were built or last shown at an older revision catch up with just these tiles.
    """

    def __init__(self, height_px: int, width_px: int) -> None:
        self._last = np.zeros((-(-height_px // TILE), -(-width_px // TILE)), np.int64)

    def note(self, box: Box, revision: int) -> None:
        if not box.is_empty:
            rows = slice(box.top // TILE, -(-box.bottom // TILE))
            self._last[rows, box.left // TILE : -(-box.right // TILE)] = revision

    def catch_up(self, levels: MaxLevels, revision: int) -> None:
        """Refresh all tiles written to since `levels.revision`."""
        if levels.revision < revision:
            for box in _runs(self._last > levels.revision):
                levels.refresh(box)
            levels.revision = revision


def _runs(flags: NDArray[np.bool_]) -> list[Box]:
    """Boxes of pixels that cover the flagged tiles: one for each run of tiles in a row of tiles."""
    boxes = []
    for row in np.flatnonzero(flags.any(axis=1)):
        edges = np.flatnonzero(np.diff(flags[row].astype(np.int8), prepend=0, append=0))
        for first, last in zip(edges[0::2], edges[1::2], strict=True):
            top = int(row) * TILE
            boxes.append(Box(top, top + TILE, int(first) * TILE, int(last) * TILE))
    return boxes


def tile_runs(patch: Patch) -> list[Box]:
    """Boxes around the tiles of a patch, neighbours in a row of tiles joined: fewer, wider refreshes."""
    runs: list[Box] = []
    for t in sorted(patch.tiles, key=lambda t: (t.y, t.x)):
        box = Box(t.y, t.y + t.height, t.x, t.x + t.width)
        if runs and (runs[-1].top, runs[-1].right) == (box.top, box.left):
            runs[-1] = runs[-1].joined(box)
        else:
            runs.append(box)
    return runs


# ------------------------------------------------------------------ what lanes compute


@dataclass(frozen=True)
class PeakPlanes:
    """The hysteresis map of one score map at one lower threshold, ready to be shown."""

    score: ScoreMap
    low: int
    levels: MaxLevels


@dataclass(frozen=True)
class ScorePlanes:
    """One score map in levels: `heat` as it is, `untouched` where nobody touched."""

    score: ScoreMap
    heat: MaxLevels
    untouched: MaxLevels


def score_planes(score: ScoreMap, hand: HandPlane, *, revision: int = 0) -> ScorePlanes:
    """What `Document.set_prediction` shows; `hand` and `revision` are the document's, read together.

    The document's own hand plane may be handed over while a person goes on painting: whatever was
    painted after `revision` is refreshed when the answer arrives.
    """
    return ScorePlanes(score, MaxLevels(score), MaxLevels(score, hidden_by=hand, revision=revision))


def peak_planes(score: ScoreMap, low: int, hand: HandPlane, *, revision: int = 0) -> PeakPlanes:
    """What `Document.peaks_wanted` asks for; see `masks.threshold.peaks` and `score_planes`."""
    return PeakPlanes(score, low, MaxLevels(peaks_of(score, low), hidden_by=hand, revision=revision))


@dataclass(frozen=True)
class DisplayPlanes:
    """All levels of one loaded image; made by `display_planes` from the very arrays being loaded."""

    marks: MaxLevels
    score: ScorePlanes | None
    frozen: MaxLevels | None


def display_planes(hand: HandPlane, score: ScoreMap | None, frozen: ClassMask | None) -> DisplayPlanes:
    """Build every level the canvas may need; uint8 (H, W) arrays of one shape, none is copied."""
    return DisplayPlanes(
        marks=MaxLevels(hand, ranks=HAND_RANKS),
        score=None if score is None else score_planes(score, hand),
        frozen=None if frozen is None else frozen_levels(frozen, hand),
    )


def frozen_levels(frozen: ClassMask, hand: HandPlane, *, revision: int = 0) -> MaxLevels:
    """A frozen mask in levels, where nobody touched."""
    return MaxLevels(frozen, hidden_by=hand, ranks=FROZEN_RANKS, revision=revision)
