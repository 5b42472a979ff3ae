"""Pictures that overlap: crops of one photo, photos of one place.

Crops of one photo, and photos of one place, look alike; a split that puts one of them on either side
measures memory, not skill. Feature points (ORB) of one picture are looked for in the other; enough of
them under one geometric transform is an overlap.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import RgbImage
from crackcore.progress import Progress, unheard

FEATURES = 400
MIN_MATCHES = 18
MIN_INLIERS = 14
_ALIKE_BITS = 48  # of 256 that may differ between two descriptors
# A quick look first: of 100 points spread over the strength, at least 2 must find a partner. On 285 real
# overlaps of five sets none was missed (nor with 3), and nine pairs of ten need no second look.
_QUICK_POINTS = 100
_QUICK_MATCHES = 2
_LONGEST_PX = 640


@dataclass(frozen=True)
class Points:
    """Feature points of a picture: float32 (N, 2) places, uint8 (N, 32) descriptors or None."""

    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8] | None
    quick: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Overlap:
    """Two pictures by their places in the lists, and how many points of them agree."""

    a: int
    b: int
    points: int


def feature_points(pixels: RgbImage) -> Points:
    """The points of uint8 (H, W, 3); pictures longer than 640 px are reduced to that first."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    longest = max(gray.shape)
    if longest > _LONGEST_PX:
        scale = _LONGEST_PX / longest
        size = [max(1, round(side * scale)) for side in gray.shape[::-1]]
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    gray = cv2.createCLAHE(2.0, (8, 8)).apply(gray)
    found, descriptors = cv2.ORB.create(FEATURES).detectAndCompute(gray, None)
    places = np.array([p.pt for p in found], np.float32).reshape(-1, 2)
    if descriptors is None:
        return Points(places, None)
    step = max(1, len(descriptors) // _QUICK_POINTS)
    return Points(places, descriptors, np.ascontiguousarray(descriptors[::step][:_QUICK_POINTS]))


class Matcher:
    """Compares pictures by their points; one for each thread."""

    def __init__(self) -> None:
        self._both_ways = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True)

    def agreeing(self, a: Points, b: Points) -> int:
        """How many points agree under one similarity transform (RANSAC, 3 px); 0: no overlap."""
        if a.descriptors is None or b.descriptors is None or a.quick is None:
            return 0
        nearest = cv2.batchDistance(a.quick, b.descriptors, cv2.CV_32S, normType=cv2.NORM_HAMMING, K=1)[0]
        if int((nearest < _ALIKE_BITS).sum()) < _QUICK_MATCHES:
            return 0
        matches = [m for m in self._both_ways.match(a.descriptors, b.descriptors) if m.distance < _ALIKE_BITS]
        if len(matches) < MIN_MATCHES:
            return 0
        from_a = a.points[[m.queryIdx for m in matches]]
        from_b = b.points[[m.trainIdx for m in matches]]
        _, inliers = cv2.estimateAffinePartial2D(from_a, from_b, ransacReprojThreshold=3.0)
        agreed = 0 if inliers is None else int(inliers.sum())
        return agreed if agreed >= MIN_INLIERS else 0


def overlaps(a: Sequence[Points], b: Sequence[Points], *, progress: Progress = unheard) -> list[Overlap]:
    """Every overlap between a picture of `a` and one of `b`, about half a millisecond a pair."""
    matcher = Matcher()
    found = []
    for i, one in enumerate(a):
        progress(i, len(a), "Looking for overlaps")
        for j, other in enumerate(b):
            if agreed := matcher.agreeing(one, other):
                found.append(Overlap(i, j, agreed))
    return found


class Joined:
    """Numbers 0..n-1 that are joined into groups."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, i: int) -> int:
        """The number that stands for i's group."""
        while self._parent[i] != i:
            self._parent[i] = self._parent[self._parent[i]]
            i = self._parent[i]
        return i

    def join(self, i: int, j: int) -> None:
        """Make one group of two."""
        self._parent[self.root(i)] = self.root(j)

    def numbers(self) -> list[int]:
        """A group number per member, counted up in the order in which groups appear."""
        roots = [self.root(i) for i in range(len(self._parent))]
        order = {r: n for n, r in enumerate(dict.fromkeys(roots))}
        return [order[r] for r in roots]


def join_overlaps(
    joined: Joined, pictures: Sequence[RgbImage], at: Sequence[int], progress: Progress = unheard
) -> None:
    """Join those of the members `at` whose pictures overlap, also in a chain."""
    points = [feature_points(p) for p in pictures]
    matcher = Matcher()
    for i in range(len(at)):
        progress(i, len(at), "Looking for overlaps")
        for j in range(i):
            if joined.root(at[i]) != joined.root(at[j]) and matcher.agreeing(points[i], points[j]):
                joined.join(at[i], at[j])


def join_close_names(joined: Joined, stems: Sequence[str], at: Sequence[int], gap: int) -> None:
    """Join those of the members `at` whose stems end in numbers at most `gap` apart, after the same text."""
    numbered = []
    for i, stem in zip(at, stems, strict=True):
        found = re.fullmatch(r"(.*?)(\d{1,15})", stem)
        if found:
            numbered.append((found[1], int(found[2]), i))
    for (text_a, a, i), (text_b, b, j) in itertools.pairwise(sorted(numbered)):
        if text_a == text_b and b - a <= gap:
            joined.join(i, j)
