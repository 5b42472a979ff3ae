"""Tiny made-up data sets in the published layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat

HEIGHT, WIDTH = 32, 48


def photo(path: Path, seed: int = 0, *, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Path:
    """A grey grainy picture, another one for every seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 200, (6, 8, 3)).astype(np.uint8)
    pixels = np.asarray(Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC)).astype(int)
    grain = rng.integers(-12, 12, pixels.shape)
    Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8)).save(path)
    return path


def line(row: int = 12, *, thick: int = 3, crack: int = 255) -> np.ndarray[Any, Any]:
    """A mask with one horizontal line from column 4 on."""
    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    values[row : row + thick, 4:40] = crack
    return values


def mask(path: Path, values: Any = None) -> Path:
    """A mask picture, by its suffix; a white line unless told otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(line() if values is None else np.asarray(values))
    image.save(path, **({"quality": 95} if path.suffix == ".jpg" else {}))
    return path


def crack_forest(path: Path) -> np.ndarray[Any, Any]:
    """A .mat as CrackForest has them: two cracks (2 and 4) that enclose a slab (3). Gives the crack."""
    path.parent.mkdir(parents=True, exist_ok=True)
    regions = np.ones((HEIGHT, WIDTH), np.uint8)
    regions[8:24, 8:40] = 3
    regions[8:10, 8:40] = regions[22:24, 8:40] = 2
    regions[8:24, 8:10] = regions[8:24, 38:40] = 4
    boundaries = np.zeros((HEIGHT, WIDTH), np.bool_)
    savemat(path, {"groundTruth": {"Segmentation": regions, "Boundaries": boundaries}})
    return np.isin(regions, (2, 4))
