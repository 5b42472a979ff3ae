"""Draws `resources/samples/stone_drawn.jpg`: a tooled limestone face with a branching crack.

No photograph of cracked stone under terms that allow shipping could be found, so this one is made
by arithmetic and says so. The crack's outline is known exactly (`--mask`).

    python packaging/draw_stone_sample.py [--out FILE.jpg] [--mask FILE.png] [--seed N]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates

Field = NDArray[np.float64]

HEIGHT_PX, WIDTH_PX = 720, 960
SEED = 20240611
WARM = np.array([204.0, 190.0, 164.0])  # colour of the stone where it is light
COOL = np.array([150.0, 143.0, 132.0])  # and where it is stained


def cloud(rng: np.random.Generator, sigma_px: float, *, stretch: tuple[float, float] = (1.0, 1.0)) -> Field:
    """Smooth noise of one size, mean 0, standard deviation 1, shape (HEIGHT_PX, WIDTH_PX)."""
    noise = rng.standard_normal((HEIGHT_PX, WIDTH_PX))
    smooth = gaussian_filter(noise, (sigma_px * stretch[0], sigma_px * stretch[1]), mode="wrap")
    return (smooth - smooth.mean()) / smooth.std()


def relief(rng: np.random.Generator) -> Field:
    """Height of the stone face: waves of every size, mason's chisel marks and small pits."""
    height = sum(weight * cloud(rng, sigma) for sigma, weight in ((60, 2.2), (22, 1.2), (7, 0.8), (2.2, 0.6)))
    height = height + 0.5 * rng.standard_normal((HEIGHT_PX, WIDTH_PX))

    # Tool marks: slanting parallel grooves, bent and interrupted by noise, as a point chisel leaves them.
    rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(float)
    along = columns * np.cos(0.62) + rows * np.sin(0.62) + 5.0 * cloud(rng, 35)
    grooves = np.clip(np.sin(2 * np.pi * along / 31.0), 0.35, 1.0) - 0.35
    worn = np.clip(0.55 + 0.6 * cloud(rng, 28), 0.0, 1.0)
    height = height - 5.5 * grooves * worn

    # Pits where shells fell out: rare, sharp-edged, deep.
    pits = np.clip(cloud(rng, 2.6, stretch=(1.0, 1.5)) - 2.55, 0.0, 1.2)
    return np.asarray(height - 3.0 * pits, dtype=np.float64)


def crack_paths(rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Centre lines as (N, 3) of y, x, half width in px: one trunk from top to bottom and its branches."""

    def walk(
        start: tuple[float, float], heading: float, steps: int, widths: tuple[float, float], pull: float
    ) -> NDArray[np.float64]:
        points, (y, x), wander = [], start, 0.0
        for step in range(steps):
            wander = 0.9 * wander + 0.22 * rng.standard_normal()
            kink = 0.55 * rng.standard_normal() if rng.random() < 0.09 else 0.0
            heading += 0.05 * wander + kink - pull * np.sin(heading - aim)
            y, x = y + 2.0 * np.sin(heading), x + 2.0 * np.cos(heading)
            share = step / steps
            width = widths[0] + (widths[1] - widths[0]) * share
            points.append((y, x, max(0.45, width * (1.0 + 0.25 * wander))))
        return np.array(points)

    aim = 1.42  # radians from the x axis: nearly straight down
    trunk = walk((-6.0, 395.0), aim, 420, (3.4, 1.7), 0.12)
    paths = [trunk]
    for share, turn, steps, width in ((0.28, -0.95, 150, 1.9), (0.52, 0.9, 120, 1.5), (0.74, -0.8, 90, 1.2)):
        y, x, _ = trunk[int(share * len(trunk))]
        aim = 1.42 + turn
        paths.append(walk((y, x), aim, steps, (width, 0.5), 0.12))
    return paths


def crack_depth(paths: list[NDArray[np.float64]]) -> Field:
    """1 inside the crack, 0 outside, with one pixel of soft edge."""
    depth = np.zeros((HEIGHT_PX, WIDTH_PX))
    for path in paths:
        dense = np.linspace(0, len(path) - 1, 4 * len(path))
        fine = np.stack([np.interp(dense, np.arange(len(path)), path[:, k]) for k in range(3)], axis=1)
        for y, x, half in fine:
            reach = int(np.ceil(half)) + 2
            top, left = max(0, int(y) - reach), max(0, int(x) - reach)
            bottom, right = min(HEIGHT_PX, int(y) + reach + 1), min(WIDTH_PX, int(x) + reach + 1)
            if top >= bottom or left >= right:
                continue
            rows, columns = np.mgrid[top:bottom, left:right]
            inside = np.clip(half + 0.5 - np.hypot(rows - y, columns - x), 0.0, 1.0)
            window = depth[top:bottom, left:right]
            np.maximum(window, inside, out=window)
    return depth


def draw(seed: int = SEED) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The picture, uint8 (H, W, 3), and its true crack mask, uint8 (H, W) of 0 and 255."""
    rng = np.random.default_rng(seed)
    height = relief(rng)
    depth = crack_depth(crack_paths(rng))

    # The crack's edges are chipped: the outline is bent by noise of its own size.
    rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(float)
    bent = [rows + 1.1 * cloud(rng, 3), columns + 1.1 * cloud(rng, 3)]
    depth = map_coordinates(depth, bent, order=1, mode="nearest")

    # Light from the upper left grazes the relief; the crack lies in shadow with one bright lip.
    slope_y, slope_x = np.gradient(gaussian_filter(height, 0.7) - 3.2 * gaussian_filter(depth, 0.9))
    shade = 1.0 + 0.105 * np.clip(slope_x + 0.8 * slope_y, -2.6, 2.6)

    stain = 1.0 / (1.0 + np.exp(-1.1 * (cloud(rng, 70, stretch=(1.8, 0.8)) + 0.35 * cloud(rng, 9))))
    colour = WARM + (COOL - WARM) * stain[..., None]
    # Veins along the bedding: thin where a slow, flat field crosses zero; rusty, low in contrast,
    # easily taken for cracks.
    bedding = cloud(rng, 60, stretch=(0.5, 3.0)) + 0.05 * cloud(rng, 6)
    veins = np.exp(-np.square(bedding / 0.06)) * np.clip(cloud(rng, 55) + 0.1, 0.0, 1.0)
    colour = colour - veins[..., None] * np.array([20.0, 32.0, 42.0])
    colour = colour + (3.2 * cloud(rng, 1.1) + 4.5 * rng.standard_normal((HEIGHT_PX, WIDTH_PX)))[..., None]

    light = 1.06 - 0.16 * (rows / HEIGHT_PX) - 0.07 * (columns / WIDTH_PX)
    picture = colour * (shade * light)[..., None]
    floor = np.array([44.0, 39.0, 34.0]) + (5.0 * cloud(rng, 2.0))[..., None]
    picture = picture * (1.0 - 0.94 * depth[..., None]) + floor * 0.94 * depth[..., None]
    picture = gaussian_filter(picture, (0.6, 0.6, 0.0))
    mask = np.where(depth >= 0.5, 255, 0).astype(np.uint8)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8), mask


def main() -> None:
    """Write the picture, and the mask when asked for."""
    samples = Path(__file__).resolve().parent.parent / "resources" / "samples"
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=samples / "stone_drawn.jpg")
    parser.add_argument("--mask", type=Path, help="also write the true mask (PNG, 0 and 255)")
    parser.add_argument("--seed", type=int, default=SEED)
    wanted = parser.parse_args()
    picture, mask = draw(wanted.seed)
    Image.fromarray(picture).save(wanted.out, quality=90, optimize=True)
    if wanted.mask:
        Image.fromarray(mask).save(wanted.mask)
    share = 100.0 * float((mask > 0).mean())
    print(f"{wanted.out}: {WIDTH_PX} x {HEIGHT_PX} px, {share:.2f} % crack")


if __name__ == "__main__":
    main()
