"""From a score map, a threshold and what a person drew to the mask that is shown.

The one rule of the program stands here: a pixel that a person touched is theirs. Untouched pixels
follow the prediction and the threshold, or the frozen mask once the image was approved.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from crackcore.arrays import (
    CRACK,
    HAND_UNDECIDED,
    UNDECIDED,
    UNTOUCHED,
    ClassMask,
    HandPlane,
    ScoreMap,
)
from crackcore.domain.image_record import Threshold


def score_step(share: float) -> int:
    """The score step 1..255 for a threshold given as a share above 0, up to 1: ceil(255 share).

    A pixel is crack when its score is at least this; `share` 0.5 gives 128.
    """
    return min(255, max(1, math.ceil(round(share * 255, 6))))


def peaks(score: ScoreMap, low: int) -> ScoreMap:
    """For every pixel scored at least `low`: the highest score in its 8-connected region; else 0.

    With it, hysteresis is a plain threshold: `peaks(score, low) >= high`, so that the upper handle
    moves by colour table alone. `score` and the result are uint8 (H, W); `low` is 1..255.
    """
    count, labels = cv2.connectedComponents((score >= low).astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    highest = np.zeros(count, np.uint8)
    inside = labels > 0
    np.maximum.at(highest, labels[inside], score[inside])
    highest[0] = 0
    found: ScoreMap = highest[labels]
    return found


def thresholded(score: ScoreMap, threshold: Threshold) -> ClassMask:
    """Class 1 where the score passes the threshold (with hysteresis when low < high), else 0."""
    if threshold.low < threshold.high:
        return (peaks(score, threshold.low) >= threshold.high).astype(np.uint8)
    return (score >= threshold.low).astype(np.uint8)


def hand_classes(hand: HandPlane) -> ClassMask:
    """The class a person gave to each touched pixel; 0 where untouched."""
    table = np.arange(-1, 255, dtype=np.int16)
    table[UNTOUCHED] = 0
    table[HAND_UNDECIDED] = UNDECIDED
    classes: ClassMask = cv2.LUT(hand, table.astype(np.uint8))
    return classes


def shown_mask(
    hand: HandPlane,
    *,
    score: ScoreMap | None = None,
    threshold: Threshold | None = None,
    frozen: ClassMask | None = None,
) -> ClassMask:
    """What is shown, exported and measured: `where(touched, by hand, frozen or score >= threshold)`.

    All arrays are uint8 (H, W) of one shape; the result is a new one. Without a frozen mask and
    without a score, untouched pixels are sound (0).
    """
    if frozen is not None:
        base = frozen
    elif score is not None:
        base = thresholded(score, threshold or Threshold())
    else:
        base = np.zeros_like(hand)
    return np.where(hand != UNTOUCHED, hand_classes(hand), base).astype(np.uint8, copy=False)


def crack_share(mask: ClassMask) -> float:
    """Crack pixels divided by pixels that are decided (class 255 left out); 0.0 if none is."""
    decided = int(np.count_nonzero(mask != UNDECIDED))
    return int(np.count_nonzero(mask == CRACK)) / decided if decided else 0.0
