"""One mask that somebody drew elsewhere: from a picture's values to classes, and doubts in words.

Which values count as crack is in the table of `mask_rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crackcore.arrays import CRACK, UNDECIDED, ClassMask, read_only
from crackcore.errors import InputRefused
from crackcore.imaging.limits import MASK_LIMITS, Limits
from crackcore.imaging.mask_rules import INVERTED_SHARE, ValueCounts, rule_for
from crackcore.imaging.mask_values import read_mask_values


@dataclass(frozen=True)
class MaskPicture:
    """A mask read from a picture: uint8 (H, W) of 0, 1 and 255, read-only; notes for a person.

    `taken` says which values were taken for crack; empty when the mask marks nothing.
    """

    mask: ClassMask
    sha256: str
    notes: tuple[str, ...]
    taken: str = ""

    def doubts(self, *, height_px: int, width_px: int) -> tuple[str, ...]:
        """What to ask before this is used as the mask of a picture of that size; never resize silently."""
        height, width = self.mask.shape
        doubts = []
        if (height, width) != (height_px, width_px):
            turned = (height, width) == (width_px, height_px)
            doubts.append(
                f"The mask has {width} x {height} pixels, the picture {width_px} x {height_px}"
                + ("; it looks rotated by a quarter turn." if turned else ".")
            )
        decided = np.count_nonzero(self.mask != UNDECIDED)
        cracks = np.count_nonzero(self.mask == CRACK)
        if decided and cracks > INVERTED_SHARE * decided:
            doubts.append(
                f"{round(100 * cracks / decided)} % of the mask is crack; it looks inverted (crack as black)."
            )
        return tuple(doubts)


def read_mask(path: Path | str, *, limits: Limits = MASK_LIMITS) -> ClassMask:
    """The classes of a mask picture, uint8 (H, W) of 0, 1 and 255, upright and read-only.

    Raises PhotoMissing and InputRefused like `read_photo`. For the notes use `read_mask_picture`.
    """
    return read_mask_picture(path, limits=limits).mask


def read_mask_picture(path: Path | str, *, limits: Limits = MASK_LIMITS) -> MaskPicture:
    """Mask, digest of the file and notes; raises PhotoMissing and InputRefused."""
    found = read_mask_values(path, limits=limits)
    counts = ValueCounts()
    counts.add(found)
    rule = rule_for(counts, of_a_set=False)
    mask = rule.apply(found, path)
    by_limit = any(r.above is not None for r in rule.spaces.values())
    if by_limit and not found.lossy and not mask.any():
        raise InputRefused(path, "this does not look like a mask: many grey values, none of them bright.")
    notes = (*found.notes, *rule.notes)
    return MaskPicture(read_only(np.ascontiguousarray(mask)), found.sha256, notes, rule.words)
