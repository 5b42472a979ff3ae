"""Photographs with masks in memory, as training reads them, from any data set that `datasets` knows.

A folder of crack-free photographs needs no masks. A folder with incomplete masks ("weak") teaches only
"sound", and only far from everything that is marked. Pictures that are drawn belong to no folder.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from crackcore.arrays import UNDECIDED, ClassMask, RgbImage
from crackcore.datasets import Dataset, mask_rule, read_dataset, read_sample
from crackcore.datasets.drawing import drawn_picture
from crackcore.errors import InputRefused, PhotoMissing
from crackcore.imaging.mask_rules import MaskRule
from crackcore.names import shown_name
from crackcore.progress import Progress, unheard

Kind = Literal["pairs", "crack-free", "weak", "drawn"]
ONLY_TEACH = ("weak", "drawn")
"""Kinds on which nothing is ever measured."""
DRAWN = "drawn"
OWN_TERMS = "drawn by this program"
WEAK_DISTANCE_PX = 40  # nearer than this to a mark of an incomplete mask, nothing is certain


@dataclass(frozen=True)
class TrainingPair:
    """One photograph with its mask, in memory; `mask` is uint8 (H, W): 0, 1, 255 undecided.

    Outside a set's region of interest the mask is undecided. `group` names the photo it was cut from
    and `side` the published half, as far as the data set tells.
    """

    stem: str
    set_name: str
    kind: Kind
    path: Path
    sha256: str
    pixels: RgbImage
    mask: ClassMask
    group: str = ""
    side: str = ""


@dataclass(frozen=True)
class PairsFound:
    """What a folder gave, what was refused with the reason, and which mask values were crack."""

    pairs: tuple[TrainingPair, ...]
    refused: tuple[tuple[str, str], ...]
    crack_values: str = ""
    notes: tuple[str, ...] = ()


def drawn_pairs(count: int, seed: int = 0, progress: Progress = unheard) -> tuple[TrainingPair, ...]:
    """So many pictures that are drawn (see `datasets.drawing`); the same for the same seed."""
    pairs = []
    for number in range(count):
        progress(number, count, DRAWN)
        pixels, mask = drawn_picture(seed, number)
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()
        pairs.append(
            TrainingPair(f"{DRAWN}-{number}", DRAWN, "drawn", Path(f"{DRAWN}-{number}"), digest, pixels, mask)
        )
    return tuple(pairs)


def read_pairs(
    folder: Path,
    *,
    kind: Kind = "pairs",
    leave_out: Iterable[str] = (),
    layout: str = "auto",
    rule: MaskRule | None = None,
    side: str = "",
    progress: Progress = unheard,
) -> PairsFound:
    """Read one data set into memory.

    `folder` is whatever `datasets.read_dataset` takes: a folder with `images` and `masks`, one laid out
    as published, a list of pairs, a project. Crack-free folders may hold the photographs directly.
    Stems in `leave_out` are not read. `layout` is a kind of data set, or "auto"; `rule` says which mask
    values are crack when they do not say it themselves; `side` ("train", "val", "test") takes only that
    half. Raises InputRefused when the folder is not what it seems, or its masks are unclear and no
    `rule` is given; single broken files are listed in the answer.
    """
    wanted = "crack-free" if kind == "crack-free" else layout
    with read_dataset(folder, wanted, progress=progress) as dataset:
        found = mask_rule(dataset, progress=progress) if rule is None else rule
        if found.question:
            hint = "Say which values are crack."
            raise InputRefused(folder, found.question, hint=hint)
        return _read(dataset, found, kind, set(leave_out), side, progress)


def _read(
    dataset: Dataset, rule: MaskRule, kind: Kind, left_out: set[str], side: str, progress: Progress
) -> PairsFound:
    pairs: list[TrainingPair] = []
    refused = [(shown_name(problem.file), problem.reason) for problem in dataset.problems]
    stems = Counter(sample.stem for sample in dataset.pairs)
    samples = [s for s in dataset.pairs if (not side or s.side == side) and s.stem not in left_out]
    for done, sample in enumerate(samples):
        progress(done, len(samples), shown_name(sample.photo))
        try:
            loaded = read_sample(sample, rule)
        except InputRefused as error:
            refused.append((shown_name(sample.photo), error.reason))
            continue
        except PhotoMissing:
            refused.append((shown_name(sample.photo), "the file is not there."))
            continue
        mask = loaded.mask_inside
        pairs.append(
            TrainingPair(
                sample.stem if stems[sample.stem] == 1 else sample.key,
                dataset.name,
                kind,
                sample.photo,
                loaded.sha256,
                loaded.pixels,
                np.ascontiguousarray(_far_from_marks(mask) if kind == "weak" else mask),
                sample.group,
                sample.side,
            )
        )
    return PairsFound(tuple(pairs), tuple(refused), rule.words, dataset.notes)


def _far_from_marks(mask: ClassMask) -> ClassMask:
    size = 2 * WEAK_DISTANCE_PX + 1
    near = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    return np.where(near > 0, UNDECIDED, 0).astype(np.uint8)
