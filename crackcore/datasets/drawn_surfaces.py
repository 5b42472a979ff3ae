"""Surfaces that are drawn, not photographed: what cracks are found on, and what is taken for cracks.

Everything here is sound: grain, stones, pores, stains, and the lines that a network must learn to
leave alone (mortar, grout, form-work joints, board marks, markings, edges of shadows). Values are
float32 (H, W, 3), 0..255, RGB.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Values = NDArray[np.float32]
Field = NDArray[np.float32]

_TINTS = {  # of grey 1.0: how red, green and blue differ
    "concrete": (1.0, 0.99, 0.96),
    "asphalt": (1.0, 1.0, 1.02),
    "plaster": (1.02, 1.0, 0.93),
    "sandstone": (1.08, 1.0, 0.82),
    "brick": (1.25, 0.88, 0.72),
    "cool": (0.96, 1.0, 1.04),
}


def surface(side: int, rng: Generator) -> tuple[Values, list[NDArray[np.float32]]]:
    """A sound surface, and the polylines of its joints, (n, 2) as x, y (cracks may follow them)."""
    kind = str(rng.choice(["plain", "asphalt", "bricks", "tiles", "form-work", "boards"], p=_KINDS))
    grey = _ground(side, rng, rough=kind == "asphalt")
    tint = "asphalt" if kind == "asphalt" else str(rng.choice(list(_TINTS)))
    joints: list[NDArray[np.float32]] = []
    if kind in ("bricks", "tiles"):
        grey, joints = _blocks(grey, rng, running=kind == "bricks")
    elif kind == "form-work":
        grey, joints = _form_work(grey, rng)
    elif kind == "boards":
        grey = _boards(grey, rng)
    if kind == "asphalt" and rng.random() < 0.3:
        grey = _marking(grey, rng)
    for chance, dirt in _DIRT:
        if rng.random() < chance:
            grey = dirt(grey, rng)
    colour = np.array(_TINTS[tint], np.float32)
    values = grey[:, :, None] * colour
    values *= 1 + 0.015 * noise(side, rng, (16, 64))[:, :, None] * rng.normal(0, 1, 3).astype(np.float32)
    return np.clip(values, 0, 255).astype(np.float32), joints


def noise(side: int, rng: Generator, spans_px: tuple[float, ...]) -> Field:
    """Smooth noise with mean 0 and deviation 1; `spans_px` are the sizes of its spots."""
    total = np.zeros((side, side), np.float32)
    for span in spans_px:
        cells = max(2, round(side / span) + 2)
        spots = rng.normal(0, 1, (cells, cells)).astype(np.float32)
        total += np.asarray(cv2.resize(spots, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
    out: Field = (total - total.mean()) / np.float32(max(1e-6, float(total.std())))
    return out


def _ground(side: int, rng: Generator, *, rough: bool) -> Field:
    tone = rng.uniform(60, 150) if rough else rng.uniform(85, 215)
    grey = np.full((side, side), tone, np.float32)
    grey += rng.uniform(2, 12) * noise(side, rng, (24, 64, 160))
    grey += rng.uniform(1, 7) * noise(side, rng, (3, 7, 14))
    grey += rng.uniform(1, 4) * rng.normal(0, 1, grey.shape).astype(np.float32)
    if rough:
        stones = noise(side, rng, (float(rng.uniform(2.2, 4.5)), float(rng.uniform(4, 9))))
        grey += rng.uniform(8, 24) * stones + rng.uniform(0, 14) * np.maximum(stones - 1, 0)
    return grey


def _lines(side: int, lines: list[NDArray[np.float32]], width_px: float) -> Field:
    """Coverage 0..1 of polylines of one width, with soft edges."""
    fine = np.zeros((side, side), np.uint8)
    for line in lines:
        points = np.round(line * 16).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(fine, [points], False, 255, max(1, round(width_px)), cv2.LINE_AA, shift=4)
    return np.asarray(fine, np.float32) / np.float32(255)


def _wobbling(a: tuple[float, float], b: tuple[float, float], rng: Generator, px: float) -> Field:
    """A line from a to b that is not quite straight."""
    count = max(2, int(np.hypot(b[0] - a[0], b[1] - a[1]) / 12))
    share = np.linspace(0, 1, count, dtype=np.float32)[:, None]
    line = np.array(a, np.float32) * (1 - share) + np.array(b, np.float32) * share
    return np.asarray(line + rng.normal(0, px, line.shape), np.float32)


def _turned(lines: list[NDArray[np.float32]], side: int, angle_deg: float) -> list[NDArray[np.float32]]:
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), angle_deg, 1.0).astype(np.float32)
    return [line @ turn[:, :2].T + turn[:, 2] for line in lines]


def _blocks(grey: Field, rng: Generator, *, running: bool) -> tuple[Field, list[NDArray[np.float32]]]:
    """Bricks in running bond, or tiles: each of its own tone, with mortar or grout between."""
    side = grey.shape[0]
    height = float(rng.uniform(26, 90))
    width = height * float(rng.uniform(1.6, 3.2) if running else rng.uniform(0.9, 1.6))
    wobble = float(rng.uniform(0, 1.2)) if running else 0.0
    low, high = -0.3 * side, 1.3 * side
    lines, tones = [], np.zeros((side, side), np.float32)
    for row, y in enumerate(np.arange(low, high, height)):
        lines.append(_wobbling((low, float(y)), (high, float(y)), rng, wobble))
        shift = (row % 2) * width / 2 if running else 0.0
        for x in np.arange(low + shift, high, width):
            lines.append(_wobbling((float(x), float(y)), (float(x), float(y + height)), rng, wobble))
            box = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], np.int32)
            cv2.fillConvexPoly(tones, box, float(rng.normal(0, 1)))
    angle = float(rng.normal(0, 4))
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), angle, 1.0)
    tones = np.asarray(cv2.warpAffine(tones, turn, (side, side), borderMode=cv2.BORDER_REFLECT), np.float32)
    lines = _turned(lines, side, angle)
    grey = grey + rng.uniform(2, 16) * tones
    wide = float(rng.uniform(2, 0.16 * height + 3))
    cover = np.asarray(cv2.GaussianBlur(_lines(side, lines, wide), (0, 0), rng.uniform(0.5, 1.4)), np.float32)
    tone = float(grey.mean()) * (rng.uniform(0.3, 0.85) if rng.random() < 0.6 else rng.uniform(1.1, 1.5))
    grain = rng.uniform(2, 10) * noise(side, rng, (3, 8))
    strength = float(rng.uniform(0.4, 1.0))
    grey = grey * (1 - strength * cover) + (tone + grain) * strength * cover
    if rng.random() < 0.5:  # a shadow along the lower edge of each joint
        grey -= rng.uniform(5, 40) * np.roll(cover, round(wide / 2) + 1, 0) * (1 - cover)
    return np.asarray(grey, np.float32), lines


def _form_work(grey: Field, rng: Generator) -> tuple[Field, list[NDArray[np.float32]]]:
    """Panels of concrete: straight joints, some with a fin or a step in tone, and tie holes."""
    side = grey.shape[0]
    angle = float(rng.normal(0, 5))
    lines = []
    for vertical in (False, True):
        if rng.random() < 0.75:
            step = float(rng.uniform(0.35, 1.2)) * side
            for at in np.arange(rng.uniform(0, step), side, step):
                ends = ((at, -side), (at, 2.0 * side)) if vertical else ((-side, at), (2.0 * side, at))
                lines.append(_wobbling(*ends, rng, float(rng.uniform(0, 0.5))))
    lines = _turned(lines, side, angle)
    for line in lines:
        cover = _lines(side, [line], float(rng.uniform(1, 6)))
        soft = np.asarray(cv2.GaussianBlur(cover, (0, 0), rng.uniform(0.4, 1.5)), np.float32)
        grey = grey + soft * rng.uniform(25, 110) * rng.choice([-1, -1, -1, 1])
        if rng.random() < 0.5:
            grey = grey + np.roll(soft, int(rng.integers(2, 5)), int(rng.integers(2))) * rng.uniform(-50, 50)
    if rng.random() < 0.5:
        step, radius = float(rng.uniform(70, 220)), int(rng.integers(3, 11))
        holes = np.zeros_like(grey)
        for x in np.arange(rng.uniform(0, step), side, step):
            for y in np.arange(rng.uniform(0, step), side, step):
                cv2.circle(holes, (int(x), int(y)), radius, 1.0, -1, cv2.LINE_8)
        grey = grey - rng.uniform(30, 110) * np.asarray(cv2.GaussianBlur(holes, (0, 0), 1.2), np.float32)
    return np.asarray(grey, np.float32), lines


def _boards(grey: Field, rng: Generator) -> Field:
    """The marks of boards, brooms and trowels: many fine, nearly parallel strokes."""
    side = grey.shape[0]
    spots = rng.normal(0, 1, (side, max(2, side // int(rng.integers(20, 120))))).astype(np.float32)
    grain = np.asarray(cv2.resize(spots, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
    grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), sigmaX=0.6, sigmaY=rng.uniform(0.6, 2.0)), np.float32)
    bend = cv2.getRotationMatrix2D((side / 2, side / 2), float(rng.uniform(0, 180)), 1.5)
    grain = np.asarray(cv2.warpAffine(grain, bend, (side, side), borderMode=cv2.BORDER_REFLECT), np.float32)
    return np.asarray(grey + rng.uniform(4, 16) * grain / max(1e-6, float(grain.std())), np.float32)


def _marking(grey: Field, rng: Generator) -> Field:
    """A painted stripe with worn edges."""
    side = grey.shape[0]
    middle, away = rng.uniform(0.2, 0.8, 2) * side, rng.uniform(0, np.pi)
    reach = 2 * side * np.array([np.cos(away), np.sin(away)])
    line = np.stack([middle - reach, middle + reach]).astype(np.float32)
    cover = _lines(side, [line], float(rng.uniform(20, 90)))
    worn = np.clip(cover - 0.5 * np.maximum(noise(side, rng, (3, 9)), 0) * rng.uniform(0, 1.2), 0, 1)
    return np.asarray(grey + worn * rng.uniform(50, 120), np.float32)


def _pores(grey: Field, rng: Generator) -> Field:
    side = grey.shape[0]
    holes = np.zeros_like(grey)
    for _ in range(int(rng.integers(10, 160))):
        at = tuple(int(v) for v in rng.integers(0, side, 2))
        size = tuple(int(v) for v in np.ceil(rng.exponential(1.6, 2) + 0.5))
        cv2.ellipse(holes, at, size, float(rng.uniform(0, 180)), 0, 360, float(rng.uniform(0.4, 1)), -1)
    soft = np.asarray(cv2.GaussianBlur(holes, (0, 0), 0.7), np.float32)
    return np.asarray(grey - rng.uniform(20, 90) * soft, np.float32)


def _stains(grey: Field, rng: Generator) -> Field:
    field = np.maximum(noise(grey.shape[0], rng, (50, 120)) - rng.uniform(0.2, 1.0), 0)
    if rng.random() < 0.5:  # a hard edge, as wet patches have
        field = np.asarray(cv2.GaussianBlur((field > 0).astype(np.float32), (0, 0), rng.uniform(0.8, 3)))
    return np.asarray(grey * (1 - np.clip(field * rng.uniform(-0.2, 0.4), -0.5, 0.6)), np.float32)


def _streaks(grey: Field, rng: Generator) -> Field:
    """Water that ran down: long soft stripes in one direction."""
    side = grey.shape[0]
    columns = rng.normal(0, 1, (2, max(3, side // int(rng.integers(4, 24))))).astype(np.float32)
    field = np.asarray(cv2.resize(columns, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
    field = np.rot90(field, int(rng.integers(4)))
    return np.asarray(grey + rng.uniform(4, 18) * np.minimum(field, 0), np.float32)


def _scratches(grey: Field, rng: Generator) -> Field:
    """Straight, thin and bright, or wide and dark like a tyre mark; no crack is so straight."""
    side = grey.shape[0]
    for _ in range(int(rng.integers(1, 6))):
        a, b = rng.uniform(-0.2 * side, 1.2 * side, (2, 2))
        wide = float(rng.choice([1, 1, 2, 8, 16]))
        cover = _lines(side, [np.stack([a, b]).astype(np.float32)], wide)
        if wide > 4:
            cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), wide / 3), np.float32)
        grey = grey + cover * rng.uniform(15, 50) * (-1 if wide > 4 else rng.choice([1, 1, -1]))
    return np.asarray(grey, np.float32)


_KINDS = (0.24, 0.24, 0.18, 0.1, 0.16, 0.08)
_DIRT: tuple[tuple[float, Callable[[Field, Generator], Field]], ...] = (
    (0.5, _pores),
    (0.5, _stains),
    (0.3, _streaks),
    (0.25, _scratches),
)
