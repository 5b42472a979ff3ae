"""What stays in memory of the pictures that a model is adapted to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np

from crackcore.arrays import CRACK, UNDECIDED, ClassMask, RgbImage
from crackcore.domain.box import Box
from crackcore.evaluation.sweep import SweepCounts
from crackcore.inference.tiling import plan_tiles
from crackcore.training.last_layer import Kept
from crackcore.training.regression import Points

COMPARED_PX = 640
"""Longest side of what is kept of a photo, to tell which pictures show the same one."""


@dataclass(frozen=True, eq=False)
class SeenPart:
    """One tile of a picture: what the last layer sees there, and what a person said of it."""

    box: Box
    kept: Kept
    mask: ClassMask

    @property
    def bytes(self) -> int:
        features = self.kept.features
        return features.numel() * features.element_size() + self.kept.score.nbytes + self.mask.nbytes


@dataclass(frozen=True, eq=False)
class SeenSight:
    """A picture at one enlargement: what is kept, what is learned from, and the old model's counts."""

    parts: list[SeenPart]
    points: Points
    counts: SweepCounts


@dataclass(frozen=True, eq=False)
class SeenPicture:
    """Of the photo itself only a small copy stays, `small`: a hundred large ones would fill the memory."""

    sha256: str
    stem: str
    group: str
    small: RgbImage
    mask_digest: str
    sights: dict[float, SeenSight]

    @property
    def bytes(self) -> int:
        return self.small.nbytes + sum(p.bytes for sight in self.sights.values() for p in sight.parts)

    @property
    def before(self) -> SweepCounts:
        return self.sights[1.0].counts

    @property
    def crack(self) -> bool:
        return self.before.truth > 0


def mask_digest(mask: ClassMask) -> str:
    """Tells one uint8 (H, W) mask from another."""
    size = ",".join(map(str, mask.shape)).encode()
    return hashlib.blake2b(np.ascontiguousarray(mask).data, digest_size=16, key=size).hexdigest()


def small_copy(pixels: RgbImage) -> RgbImage:
    """The picture, at most COMPARED_PX long."""
    longest = max(pixels.shape[:2])
    if longest <= COMPARED_PX:
        return pixels
    height, width = (max(1, round(side * COMPARED_PX / longest)) for side in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def windows(mask: ClassMask, tile_px: int, count: int) -> list[Box]:
    """The tiles of a picture that are looked at: all, or those with most crack and one without."""
    height, width = mask.shape
    if max(height, width) <= 1.5 * tile_px:  # a second tile would see nearly the same
        return [Box(0, height, 0, width)]
    plan = plan_tiles(height, width, tile_px=tile_px, overlap_px=0, align_px=8)
    boxes = [box for row in range(len(plan.rows)) for box in plan.row_boxes(row)]
    boxes = [box for box in boxes if (mask[box.slices] != UNDECIDED).any()]
    if len(boxes) <= count:
        return boxes
    crack = np.array([np.count_nonzero(mask[box.slices] == CRACK) for box in boxes])
    order = np.argsort(-crack, kind="stable")
    chosen = [int(i) for i in order[: count - 1]]
    return [boxes[i] for i in sorted({*chosen, int(order[-1])})]
