"""Which pictures train and which check: split by source photo, never by crop.

Crops of one photo, and photos of one place, look alike; a split that puts one of them on either
side measures memory, not skill. Pictures are grouped by what they show (matching feature points
under one geometric transform), and whole groups go to one side.
"""

from __future__ import annotations

import hashlib
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


@dataclass(frozen=True)
class _Features:
    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8] | None


def photo_groups(
    pictures: Sequence[RgbImage],
    stems: Sequence[str] | None = None,
    *,
    name_gap: int = 0,
    progress: Progress = unheard,
) -> list[int]:
    """A group number per picture; pictures that overlap, or join in a chain of overlaps, share one.

    Overlap: at least MIN_INLIERS of the ORB points match under one similarity transform (RANSAC,
    3 px). Every pair is looked at, about 2 ms each. With `name_gap` n > 0, pictures whose `stems`
    end in numbers at most n apart (after the same text) are joined too: neighbouring cells of a
    photo cut into a grid, which share an edge and hardly any points.
    """
    features = [_features(p) for p in pictures]
    parent = list(range(len(pictures)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    matcher = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True)
    for i in range(len(pictures)):
        progress(i, len(pictures))
        for j in range(i):
            if root(i) != root(j) and _overlap(matcher, features[i], features[j]):
                parent[root(i)] = root(j)
    if stems is not None and name_gap > 0:
        for i, j in _close_names(stems, name_gap):
            parent[root(i)] = root(j)
    roots = [root(i) for i in range(len(pictures))]
    numbers = {r: n for n, r in enumerate(dict.fromkeys(roots))}
    return [numbers[r] for r in roots]


def _close_names(stems: Sequence[str], gap: int) -> list[tuple[int, int]]:
    numbered = []
    for i, stem in enumerate(stems):
        found = re.fullmatch(r"(.*?)(\d{1,15})", stem)
        if found:
            numbered.append((found[1], int(found[2]), i))
    numbered.sort()
    return [
        (i, j)
        for (text_a, a, i), (text_b, b, j) in itertools.pairwise(numbered)
        if text_a == text_b and b - a <= gap
    ]


def _features(pixels: RgbImage) -> _Features:
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    longest = max(gray.shape)
    if longest > 640:
        gray = cv2.resize(gray, None, fx=640 / longest, fy=640 / longest, interpolation=cv2.INTER_AREA)
    gray = cv2.createCLAHE(2.0, (8, 8)).apply(gray)
    points, descriptors = cv2.ORB.create(FEATURES).detectAndCompute(gray, None)
    return _Features(np.array([p.pt for p in points], np.float32).reshape(-1, 2), descriptors)


def _overlap(matcher: cv2.BFMatcher, a: _Features, b: _Features) -> bool:
    if a.descriptors is None or b.descriptors is None:
        return False
    matches = [m for m in matcher.match(a.descriptors, b.descriptors) if m.distance < 48]
    if len(matches) < MIN_MATCHES:
        return False
    from_a = a.points[[m.queryIdx for m in matches]]
    from_b = b.points[[m.trainIdx for m in matches]]
    _, inliers = cv2.estimateAffinePartial2D(from_a, from_b, ransacReprojThreshold=3.0)
    return inliers is not None and int(inliers.sum()) >= MIN_INLIERS


def hold_out(keys: Sequence[str], groups: Sequence[int], *, fraction: float, seed: int = 0) -> list[bool]:
    """True per picture that is held out: whole groups, in an order given by a hash of their keys.

    `keys` are stable names of the pictures (digests); groups are added until at least `fraction`
    of the pictures is held out. The same pictures give the same split on every machine. A group
    that alone holds more than half of the wanted number is left to training.
    """
    members: dict[int, list[str]] = {}
    for key, group in zip(keys, groups, strict=True):
        members.setdefault(group, []).append(key)
    wanted = fraction * len(keys)

    def order(group: int) -> str:
        return hashlib.sha256(f"{seed}:{min(members[group])}".encode()).hexdigest()

    chosen: set[int] = set()
    count = 0
    for group in sorted(members, key=order):
        if count >= wanted:
            break
        if len(members[group]) > max(1.0, wanted / 2):
            continue
        chosen.add(group)
        count += len(members[group])
    return [group in chosen for group in groups]
