"""Photographs and masks brought together by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crackcore.datasets.dataset import MaskSource, Problem, Sample
from crackcore.datasets.source_photos import collection_of, source_photo
from crackcore.errors import InputRefused
from crackcore.names import shown_name

MASK_ENDINGS = (
    "",
    "_mask",
    "_label",
    "_gt",
    "_binary_label",
    "_seg",
    "-mask",
    "-label",
    "_lab",
    "_annotation",
)
"""What may stand between the photograph's name and the mask's suffix."""


@dataclass
class Found:
    """Samples and problems as they are collected from the parts of a data set."""

    samples: list[Sample] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def refuse(self, file: Path, reason: str) -> None:
        """Note a file that is not taken."""
        self.problems.append(Problem(file, reason))


def pair(
    found: Found,
    photos: Sequence[Path],
    masks: Sequence[Path],
    *,
    side: str = "",
    rois: Sequence[Path] = (),
    source_of: Callable[[str], str] = collection_of,
    as_mask: Callable[[Path], MaskSource] = lambda path: path,
) -> int:
    """Add a sample for every photograph that has a mask; returns how many were added.

    Stems are compared as they are, then without case; a mask's may end in one of MASK_ENDINGS. What
    has no partner, or two, is noted. `rois` are masks of the region that counts, by the same names.
    """
    by_stem, rois_by_stem = _by_stem(masks), _by_stem(rois)
    used: set[Path] = set()
    taken: dict[str, Path] = {s.key: s.photo for s in found.samples}
    added = 0
    for photo in photos:
        candidates = _candidates(photo.stem, by_stem)
        used.update(candidates)
        if not candidates:
            found.refuse(photo, "there is no mask with this name.")
            continue
        if len(candidates) > 1:
            names = " and ".join(f'"{shown_name(c)}"' for c in candidates[:2])
            found.refuse(photo, f"there are two masks for it, {names}.")
            continue
        roi = _candidates(photo.stem, rois_by_stem)
        if rois and not roi:
            found.refuse(photo, "there is no mask of its surface with this name.")
            continue
        sample = Sample(
            photo.stem,
            photo,
            as_mask(candidates[0]),
            roi[0] if roi else None,
            source_photo(photo.stem),
            side,
            source_of(photo.stem),
        )
        if sample.key in taken:
            found.refuse(photo, f'"{shown_name(taken[sample.key])}" has the same name.')
            continue
        taken[sample.key] = photo
        found.samples.append(sample)
        added += 1
    for mask in masks:
        if mask not in used:
            found.refuse(mask, "there is no photograph for this mask.")
    return added


def refuse_if_none(
    folder: Path, added: int, photos: Sequence[Path], masks: Sequence[Path], where: str
) -> None:
    """Raise InputRefused when photographs and masks are there, but no name fits another."""
    if added or not photos:
        return
    example = f'"{shown_name(photos[0])}" would need "{shown_name(photos[0].stem)}.png" in {where}'
    held = f', which holds "{shown_name(masks[0])}"' if masks else ", which is empty"
    raise InputRefused(
        folder, f"none of its {len(photos)} photographs has a mask of its name: {example}{held}."
    )


def _by_stem(files: Iterable[Path]) -> dict[str, list[Path]]:
    table: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        table[file.stem].append(file)
        folded = file.stem.casefold()
        if folded != file.stem:
            table[f"\0{folded}"].append(file)
        else:
            table[f"\0{file.stem}"].append(file)
    return table


def _candidates(stem: str, by_stem: dict[str, list[Path]]) -> list[Path]:
    for ending in MASK_ENDINGS:
        if exact := by_stem.get(stem + ending):
            return exact
    for ending in MASK_ENDINGS:
        if alike := by_stem.get("\0" + (stem + ending).casefold()):
            return alike
    return []
