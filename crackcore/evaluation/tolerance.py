"""A hit within n pixels is a hit: who is near whom, by Euclidean distance of pixel centres.

Hand-drawn truth is off by a pixel or two, so scores are also given with a tolerance. The rule here
is distance, not one-to-one pairing: a predicted pixel is *correct* when a truth pixel lies within
the tolerance, a truth pixel is *found* when a predicted pixel lies within it. It hides thickness (a
mask fattened by 3 px still gets 1.0 at 5 px), so show a width error or the exact IoU beside it.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import CRACK, UNDECIDED, ClassMask, ScoreMap

BoolPlane = NDArray[np.bool_]


def disk(tolerance_px: float) -> NDArray[np.uint8]:
    """1 where a pixel lies within `tolerance_px` of the centre: uint8 (2n+1, 2n+1), n = floor.

    Raises ValueError for a negative or endless tolerance.
    """
    if not (math.isfinite(tolerance_px) and tolerance_px >= 0):
        raise ValueError(f"a tolerance is a number of pixels of at least 0, not {tolerance_px}")
    reach = math.floor(tolerance_px)
    along = np.arange(-reach, reach + 1)
    return (along[:, None] ** 2 + along**2 <= tolerance_px**2).astype(np.uint8)


def near(plane: BoolPlane, tolerance_px: float) -> BoolPlane:
    """Where a True pixel of `plane`, bool (H, W), lies within `tolerance_px`; a new bool (H, W)."""
    if tolerance_px < 1:
        disk(tolerance_px)  # refuses nonsense
        return plane.copy()
    # Outside the picture is the lowest value for OpenCV's dilation: a border attracts nothing.
    grown: BoolPlane = cv2.dilate(np.ascontiguousarray(plane).view(np.uint8), disk(tolerance_px)).view(
        np.bool_
    )
    return grown


def highest_near(score: ScoreMap, tolerance_px: float) -> ScoreMap:
    """The highest score within `tolerance_px` of every pixel; uint8 (H, W), a new array.

    Thresholding the result at t is the same as thresholding `score` at t and then growing it, which
    is what makes one pass serve all 256 thresholds.
    """
    if tolerance_px < 1:
        disk(tolerance_px)
        return score.copy()
    grown: ScoreMap = cv2.dilate(np.ascontiguousarray(score), disk(tolerance_px))
    return grown


def truth_and_inside(
    truth: BoolPlane | ClassMask, roi: BoolPlane | None = None
) -> tuple[BoolPlane, BoolPlane]:
    """Crack pixels, and the pixels that count at all.

    Parameters
    ----------
    truth : (H, W) bool, or a ClassMask: 1 crack, 255 undecided (does not count), others sound.
    roi : (H, W) bool or None; only True pixels count.

    Returns
    -------
    crack, inside : both bool (H, W); crack is False wherever inside is.
    """
    if truth.ndim != 2:
        raise ValueError(f"truth must be (H, W), not {truth.shape}")
    crack: BoolPlane
    inside: BoolPlane
    if truth.dtype == np.bool_:
        crack, inside = truth.astype(np.bool_), np.ones(truth.shape, np.bool_)
    elif truth.dtype == np.uint8:
        crack, inside = truth == CRACK, truth != UNDECIDED
    else:
        raise ValueError(f"truth must be bool or uint8 classes, not {truth.dtype}")
    if roi is not None:
        if roi.shape != truth.shape:
            raise ValueError(f"region {roi.shape} and truth {truth.shape} differ in size")
        inside = inside & (roi != 0)
    return crack & inside, inside


def said_crack(mask: BoolPlane | ClassMask) -> BoolPlane:
    """Where a mask, bool or classes (H, W), says crack: a new bool (H, W)."""
    return mask.astype(np.bool_) if mask.dtype == np.bool_ else mask == CRACK
