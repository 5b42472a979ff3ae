"""The guided filter: the map follows the edges of a guide (He, Sun, Tang, ECCV 2010 and TPAMI 2013).

In every window of `(2 radius + 1)` squared pixels the map is explained as `a * guide + b` (least
squares, `eps` holds `a` down where the guide is flat); each pixel takes the mean of the answers of
the windows it lies in. Outside the picture everything is continued by reflection (the edge pixel is
repeated: `dcb abcd cba`).

Three forms:

- `guided` is the filter as its authors define it, for a guide of one channel, exact to float64
  rounding.
- `guided_as_published` is the call behind the published `_gf` pictures of DeepCrack (Liu 2019): the
  colour form, given a gray guide three times over. Mathematically that is the gray form with a third
  of `eps`; but with three equal channels and an `eps` near zero its 3x3 systems cannot be solved in
  float32, and what rounding makes of them is part of the published pictures. It differs from the exact
  filter by up to 196 levels on 4 to 11 % of the pixels, and scores the same: best F on the six pictures
  there are 0.8241 against 0.8235 (0.8240 from the score as it is, not cut at 0.31 first).
- `guided_by_photo` is for models that have no side map. The plain filter with the photo as guide makes
  wide cracks better and thin ones worse (a mean over windows lowers what is thinner than they are), so
  the photo's grain is blurred away first, and a ridge of the score that is thinner than a window is
  never lowered. Our own; the parameters are measured.

All work in tiles with a halo that holds everything a pixel depends on: twice the radius, and the reach
of the blur. The exact form gives the same in tiles as in one piece; the published form is given up to
TILE_PX in one piece, since its rounding depends on where a tile begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import RgbImage, ScoreMap
from crackcore.progress import Progress, unheard

RADIUS_PX = 5
"""Of the published refinement: windows of 11 x 11."""

EPS = 0.065
"""Of the published refinement, for three channels and values 0..255: next to nothing."""

PHOTO_RADIUS_PX = 4
PHOTO_EPS = 5.0  # squared gray levels
PHOTO_BLUR_PX = 1.5
PHOTO_BLUR_REACH_PX = 5

TILE_PX = 768  # one tile takes about 0.1 s on a core: the time between two calls of progress

Plane = NDArray[np.uint8]
Filter = Callable[[Plane, NDArray[np.uint8]], NDArray[Any]]


def guided(
    source: Plane,
    guide: Plane,
    *,
    radius_px: int = RADIUS_PX,
    eps: float = EPS / 3,
    progress: Progress = unheard,
) -> Plane:
    """`source` smoothed along the edges of `guide`; all uint8 (H, W), values 0..255.

    `eps` is in squared gray levels, for the one-channel form: a third of what the three-channel
    form takes. Window sums are whole numbers and so exact; the result is that of float64, rounded
    and clipped to 0..255. Raises ValueError when shapes or types do not fit, Cancelled.
    """
    _check(source, guide)
    return _in_tiles(lambda s, g: _exact(s, g, radius_px, eps), source, guide, 2 * radius_px, progress)


def guided_as_published(
    source: Plane,
    guide: Plane,
    *,
    radius_px: int = RADIUS_PX,
    eps: float = EPS,
    progress: Progress = unheard,
) -> Plane:
    """The three-channel call of OpenCV, which made the published pictures; uint8 (H, W) throughout.

    Equal to the published `_gf` pictures for source 255 * (fused > 0.31 * 255) and guide side 1.
    Raises ValueError when shapes or types do not fit, Cancelled.
    """
    _check(source, guide)

    def colour(s: Plane, g: Plane) -> NDArray[Any]:
        return np.asarray(cv2.ximgproc.guidedFilter(cv2.merge([g, g, g]), s, radius_px, eps))

    return _in_tiles(colour, source, guide, 2 * radius_px, progress)


def guided_by_photo(score: ScoreMap, pixels: RgbImage, *, progress: Progress = unheard) -> ScoreMap:
    """A score map, uint8 (H, W), whose edges follow the photograph, uint8 (H, W, 3); thin cracks are kept.

    How thin the score is at a pixel is what an opening by a disc of the radius takes from it, as a
    share; by that share the filter's answer gives way to the larger of score and answer. Raises
    ValueError when shapes or types do not fit, Cancelled.
    """
    _check(score, pixels[:, :, 0])
    side = 2 * PHOTO_RADIUS_PX + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))

    def followed(s: Plane, photo: RgbImage) -> NDArray[np.float64]:
        gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
        size = (2 * PHOTO_BLUR_REACH_PX + 1,) * 2
        gray = cv2.GaussianBlur(gray, size, PHOTO_BLUR_PX, borderType=cv2.BORDER_REFLECT)
        smoothed = _exact(s, np.asarray(gray, np.uint8), PHOTO_RADIUS_PX, PHOTO_EPS)
        thin = (s - cv2.morphologyEx(s, cv2.MORPH_OPEN, disc)) / np.maximum(s, 1)
        kept: NDArray[np.float64] = smoothed + thin * np.maximum(s - smoothed, 0)
        return kept

    return _in_tiles(followed, score, pixels, 2 * PHOTO_RADIUS_PX + PHOTO_BLUR_REACH_PX, progress)


def _exact(source: Plane, guide: Plane, radius_px: int, eps: float) -> NDArray[np.float64]:
    side = 2 * radius_px + 1
    count = float(side * side)
    p, g = source.astype(np.float64), guide.astype(np.float64)

    def window_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
        summed: NDArray[np.float64] = cv2.boxFilter(
            values, cv2.CV_64F, (side, side), normalize=False, borderType=cv2.BORDER_REFLECT
        )
        return summed

    sum_g, sum_p = window_sum(g), window_sum(p)
    # Whole numbers below 2**53: variance and covariance lose nothing to cancellation.
    variance = (count * window_sum(g * g) - sum_g * sum_g) / count**2
    covariance = (count * window_sum(g * p) - sum_g * sum_p) / count**2
    a = covariance / (variance + eps)
    b = (sum_p - a * sum_g) / count
    smoothed: NDArray[np.float64] = (window_sum(a) * g + window_sum(b)) / count
    return smoothed


def _check(source: Plane, guide: Plane) -> None:
    for name, plane in (("source", source), ("guide", guide)):
        if plane.dtype != np.uint8 or plane.ndim != 2 or not plane.size:
            raise ValueError(f"the {name} must be uint8 (H, W), not {plane.dtype} {plane.shape}")
    if source.shape != guide.shape:
        raise ValueError(f"source {source.shape} and guide {guide.shape} differ in size")


def _in_tiles(
    filter: Filter, source: Plane, guide: NDArray[np.uint8], halo_px: int, progress: Progress
) -> Plane:
    height, width = source.shape
    tiles = [(r, c) for r in _spans(height, halo_px) for c in _spans(width, halo_px)]
    out = np.empty_like(source)
    for done, ((top, bottom, first, end), (left, right, first_column, end_column)) in enumerate(tiles):
        progress(done, len(tiles))
        around = slice(first, end), slice(first_column, end_column)
        # Copies: OpenCV takes only whole, writable-looking arrays, and pictures travel read-only.
        values = filter(np.ascontiguousarray(source[around]), np.ascontiguousarray(guide[around]))
        inside = values[top - first : bottom - first, left - first_column : right - first_column]
        out[top:bottom, left:right] = np.clip(np.rint(inside), 0, 255)
    progress(len(tiles), len(tiles))
    return out


def _spans(length: int, halo_px: int) -> Iterator[tuple[int, int, int, int]]:
    """Start and end of each piece along one axis, and of the piece with its halo."""
    for start in range(0, length, TILE_PX):
        end = min(start + TILE_PX, length)
        yield start, end, max(0, start - halo_px), min(length, end + halo_px)
