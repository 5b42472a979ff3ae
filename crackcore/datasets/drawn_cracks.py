"""Cracks that are drawn: where they run, how wide they are, and how they look in a photo.

A crack runs in one direction and keeps leaving it: its course is a line whose middle is displaced,
then the middles of its halves, and so on. Its width swells and shrinks along it and it ends thin. It
forks. In walls it steps along the joints; in old pavement it closes to a net.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from crackcore.arrays import ClassMask
from crackcore.datasets.drawn_surfaces import Values, noise

Line = NDArray[np.float32]
FINER = 4  # times as fine as the picture: widths below a pixel are drawn true


@dataclass(frozen=True)
class Course:
    """Points (n, 2) as x, y and the full width at each, in px."""

    points: Line
    widths: NDArray[np.float32]


def courses(side: int, rng: Generator, joints: list[Line]) -> list[Course]:
    """The cracks of one picture; none in one of ten."""
    form = rng.random()
    if form < 0.1:
        return []
    wide = float(np.exp(rng.uniform(np.log(1.0), np.log(8.0))))
    if form < 0.2:
        return _net(side, rng, min(wide, 4.0))
    if joints and form < 0.4:
        return [_stepping(side, rng, wide)]
    found: list[Course] = []
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        a, b = _ends(side, rng)
        trunk = _course(a, b, rng, wide)
        found.append(trunk)
        for _ in range(int(rng.choice([0, 0, 1, 2, 3]))):
            at = int(rng.integers(len(trunk.points)))
            away = rng.uniform(0.15, 0.5) * side * _direction(rng)
            start = trunk.points[at]
            found.append(_course(start, start + away, rng, float(trunk.widths[at]) * rng.uniform(0.4, 0.9)))
    return found


def coverage(found: list[Course], side: int, *, wider_px: float = 0.0) -> NDArray[np.float32]:
    """How much of each pixel the cracks cover, 0..1."""
    fine = np.zeros((side * FINER, side * FINER), np.uint8)
    for course in found:
        points = np.round(course.points * FINER).astype(np.int32)
        widths = np.maximum(1, np.round((course.widths + wider_px) * FINER)).astype(int)
        for a, b, width in zip(points, points[1:], widths, strict=False):
            cv2.line(fine, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), 255, int(width), cv2.LINE_8)
    return np.asarray(cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA), np.float32) / np.float32(
        255
    )


def drawn_over(values: Values, found: list[Course], rng: Generator) -> tuple[Values, ClassMask]:
    """The surface with the cracks in it, and their mask (H, W): 0 sound, 1 crack.

    The mask is half a pixel wider on either side than the crack itself, as people draw it.
    """
    side = values.shape[0]
    mask = (coverage(found, side, wider_px=1.0) > 0.5).astype(np.uint8)
    cover = coverage(found, side)
    cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), rng.uniform(0.35, 0.9)), np.float32)
    depth = np.clip(1 + 0.35 * noise(side, rng, (6, 20)), 0.3, 1.6)  # filled with dirt here, open there
    if rng.random() < 0.1:  # sealed, or filled with lime
        out = values + (cover * depth * rng.uniform(35, 110))[:, :, None]
    else:
        strength = np.clip(cover * depth * rng.uniform(0.25, 0.95), 0, 0.97)[:, :, None]
        out = values * (1 - strength) + rng.uniform(5, 45) * strength
    if rng.random() < 0.4:  # an edge that catches the light
        dy, dx = (int(v) for v in rng.integers(-2, 3, 2))
        rim = np.roll(cover, (dy, dx), (0, 1)) * (1 - cover)
        out = out + (rim * rng.uniform(5, 35))[:, :, None]
    return np.clip(out, 0, 255).astype(np.float32), mask


def _direction(rng: Generator) -> Line:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


def _ends(side: int, rng: Generator) -> tuple[Line, Line]:
    middle = rng.uniform(0.2, 0.8, 2) * side
    reach = rng.uniform(0.25, 0.9) * side * _direction(rng)
    return (middle - reach).astype(np.float32), (middle + reach).astype(np.float32)


def _course(a: Line, b: Line, rng: Generator, wide: float) -> Course:
    """From a to b by displaced middles, about a point every 2 px."""
    points = np.stack([a, b])
    rough = rng.uniform(0.06, 0.2)
    while len(points) < 600:
        gaps = points[1:] - points[:-1]
        lengths = np.hypot(gaps[:, 0], gaps[:, 1])
        if lengths.max() < 2.5:
            break
        across = np.stack([-gaps[:, 1], gaps[:, 0]], 1)
        middles = (points[1:] + points[:-1]) / 2 + across * rng.normal(0, rough, (len(gaps), 1))
        both = np.empty((len(points) + len(middles), 2), np.float32)
        both[0::2], both[1::2] = points, middles
        points = both
    return Course(points, _widths(len(points), rng, wide))


def _widths(count: int, rng: Generator, wide: float) -> NDArray[np.float32]:
    knots = rng.normal(0, 0.3, max(2, count // 12 + 2))
    swell = np.exp(np.interp(np.linspace(0, len(knots) - 1, count), np.arange(len(knots)), knots))
    taper = np.minimum(1.0, np.minimum(np.arange(count), np.arange(count)[::-1]) / (0.15 * count + 4))
    return np.maximum(0.6, wide * swell * (0.3 + 0.7 * taper)).astype(np.float32)


def _stepping(side: int, rng: Generator, wide: float) -> Course:
    """Up the wall in steps, as a crack goes along mortar."""
    high, long = float(rng.uniform(20, 70)), float(rng.uniform(20, 90))
    at = np.array([rng.uniform(-0.2, 0.4) * side, rng.uniform(0.0, 0.4) * side])
    turns = [at.copy()]
    for step in range(int(3 * side / min(high, long))):
        at = at + (np.array([long, 0.0]) if step % 2 else np.array([0.0, high])) * rng.uniform(0.7, 1.3)
        turns.append(at.copy())
        if at.max() > 1.1 * side:
            break
    corners = np.array(turns, np.float32)
    if rng.random() < 0.5:
        corners[:, 0] = side - corners[:, 0]
    parts = [_course(a, b, rng, wide).points[:-1] for a, b in pairwise(corners)]
    points = np.concatenate(parts)
    return Course(points, _widths(len(points), rng, wide))


def _net(side: int, rng: Generator, wide: float) -> list[Course]:
    """The edges of irregular cells, some of them missing."""
    cell = float(rng.uniform(0.12, 0.35)) * side
    division = cv2.Subdiv2D((-2 * side, -2 * side, 5 * side, 5 * side))
    grid = np.arange(-0.3 * side, 1.3 * side, cell)
    for x in grid:
        for y in grid:
            px, py = np.array([x, y]) + rng.uniform(-0.45, 0.45, 2) * cell
            division.insert((float(px), float(py)))
    facets, _ = division.getVoronoiFacetList([])
    edges: dict[tuple[int, ...], tuple[Line, Line]] = {}
    for facet in facets:
        for a, b in zip(facet, np.roll(facet, -1, 0), strict=True):
            key = tuple(sorted((int(a[0]) * 100_000 + int(a[1]), int(b[0]) * 100_000 + int(b[1]))))
            edges[key] = (np.asarray(a, np.float32), np.asarray(b, np.float32))
    found = []
    for a, b in edges.values():
        seen = max(a.min(), b.min()) > -0.1 * side and min(a.max(), b.max()) < 1.1 * side
        if seen and np.hypot(*(b - a)) > 4 and rng.random() < 0.8:
            found.append(_course(a, b, rng, wide * float(rng.uniform(0.6, 1.2))))
    return found
