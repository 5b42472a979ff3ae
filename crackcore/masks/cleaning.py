"""Dropping specks and filling holes: what a person would tidy up by hand, done at once."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import CRACK, HAND_CRACK, HAND_SOUND, SOUND, UNTOUCHED, ClassMask, HandPlane
from crackcore.masks.patch import Patch, difference


def without_specks(mask: ClassMask, *, min_area_px: int) -> ClassMask:
    """The mask without cracks of fewer than `min_area_px` pixels.

    A crack is an 8-connected region of class 1. `mask` is uint8 (H, W) and is not changed; dropped
    pixels become 0, all other classes stay.
    """
    small = _regions_of(mask == CRACK, connectivity=8, areas_px=(1, min_area_px - 1))
    return np.where(small, np.uint8(SOUND), mask)


def without_holes(mask: ClassMask, *, max_area_px: int) -> ClassMask:
    """The mask with holes of at most `max_area_px` pixels filled.

    A hole is a 4-connected region of class 0 that does not reach the edge of the picture and has
    only crack pixels around it (a patch of sound surface beside undecided pixels is no hole).
    `mask` is uint8 (H, W) and is not changed; filled pixels become 1.
    """
    sound = mask == SOUND
    small = _regions_of(sound, connectivity=4, areas_px=(1, max_area_px), away_from=~sound & (mask != CRACK))
    return np.where(small, np.uint8(CRACK), mask)


def cleaning_patch(
    hand: HandPlane, shown: ClassMask, *, min_speck_px: int = 0, max_hole_px: int = 0
) -> Patch:
    """Cleaning of a shown mask as one edit of the hand plane, which can be undone like a stroke.

    `shown` is what `shown_mask` gives for `hand`, both uint8 (H, W). Cracks smaller than
    `min_speck_px` and then holes up to `max_hole_px` are written by hand; 0 leaves that step out.
    A pixel that a person touched is not changed, even when it belongs to a speck or a hole.
    """
    clean = shown
    if min_speck_px > 1:
        clean = without_specks(clean, min_area_px=min_speck_px)
    if max_hole_px > 0:
        clean = without_holes(clean, max_area_px=max_hole_px)
    changed = (clean != shown) & (hand == UNTOUCHED)
    codes = np.where(clean == CRACK, np.uint8(HAND_CRACK), np.uint8(HAND_SOUND))
    return difference(hand, np.where(changed, codes, hand))


def _regions_of(
    inside: NDArray[np.bool_],
    *,
    connectivity: int,
    areas_px: tuple[int, int],
    away_from: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """Pixels of the regions of `inside` whose area lies in the range (both ends included).

    With `away_from`, regions at the edge of the picture or beside such a pixel are left out.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        inside.astype(np.uint8), connectivity=connectivity, ltype=cv2.CV_32S
    )
    areas = stats[:, cv2.CC_STAT_AREA]
    chosen = (areas >= areas_px[0]) & (areas <= areas_px[1])
    if away_from is not None:
        chosen[labels[[0, -1]]] = False
        chosen[labels[:, [0, -1]]] = False
        if away_from.any():
            beside = cv2.dilate(away_from.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
            chosen[np.unique(labels[beside & inside])] = False
    chosen[0] = False
    result: NDArray[np.bool_] = chosen[:count][labels]
    return result
