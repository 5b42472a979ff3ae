"""Folders of photographs and masks, as training reads them.

A training folder holds `images/` and `masks/`; a pair shares the stem, masks are 0 / 255 pictures of
the same size. A folder of crack-free photographs needs no masks. A folder with incomplete masks
("weak") teaches only "sound", and only far from everything that is marked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from crackcore.arrays import UNDECIDED, ClassMask, RgbImage
from crackcore.errors import InputRefused
from crackcore.imaging.reading import read_mask, read_photo
from crackcore.progress import Progress, unheard

Kind = Literal["pairs", "crack-free", "weak"]
WEAK_DISTANCE_PX = 40  # nearer than this to a mark of an incomplete mask, nothing is certain


@dataclass(frozen=True)
class TrainingPair:
    """One photograph with its mask, in memory; `mask` is uint8 (H, W): 0, 1, 255 undecided."""

    stem: str
    set_name: str
    kind: Kind
    path: Path
    sha256: str
    pixels: RgbImage
    mask: ClassMask


@dataclass(frozen=True)
class PairsFound:
    """What a folder gave, and what was refused with the reason."""

    pairs: tuple[TrainingPair, ...]
    refused: tuple[tuple[str, str], ...]


def read_pairs(
    folder: Path, *, kind: Kind = "pairs", leave_out: Iterable[str] = (), progress: Progress = unheard
) -> PairsFound:
    """Read one training folder into memory.

    `folder` holds `images/` (and `masks/` unless crack-free); crack-free folders may hold the
    photographs directly. Stems in `leave_out` are not read. Raises InputRefused when the folder
    has no photograph; single broken files are listed in the answer.
    """
    inside = folder / "images"
    photos = inside if inside.is_dir() else folder
    if kind != "crack-free" and not (inside.is_dir() and (folder / "masks").is_dir()):
        raise InputRefused(folder, 'a training folder holds "images" and "masks".')
    left_out = set(leave_out)
    files = sorted(p for p in photos.iterdir() if p.is_file() and p.suffix.lower() in _SUFFIXES)
    if not files:
        raise InputRefused(folder, "no photographs in this folder.")
    masks = {p.stem: p for p in (folder / "masks").iterdir()} if kind != "crack-free" else {}
    pairs: list[TrainingPair] = []
    refused: list[tuple[str, str]] = []
    for i, file in enumerate(files):
        progress(i, len(files), file.name)
        if file.stem in left_out:
            continue
        try:
            photo = read_photo(file)
            height, width = photo.pixels.shape[:2]
            if kind == "crack-free":
                mask: ClassMask = np.zeros((height, width), np.uint8)
            elif file.stem not in masks:
                raise InputRefused(file, "there is no mask with this name.")
            else:
                mask = read_mask(masks[file.stem])
                if mask.shape != (height, width):
                    found = f"{mask.shape[1]} x {mask.shape[0]}"
                    raise InputRefused(file, f"its mask is {found} px, the picture {width} x {height} px.")
                if kind == "weak":
                    mask = _far_from_marks(mask)
        except InputRefused as error:
            refused.append((file.name, error.reason))
            continue
        pairs.append(
            TrainingPair(
                file.stem,
                folder.name,
                kind,
                file,
                photo.facts.sha256,
                photo.pixels,
                np.ascontiguousarray(mask),
            )
        )
    return PairsFound(tuple(pairs), tuple(refused))


_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".jp2"}


def _far_from_marks(mask: ClassMask) -> ClassMask:
    size = 2 * WEAK_DISTANCE_PX + 1
    near = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    return np.where(near > 0, UNDECIDED, 0).astype(np.uint8)
