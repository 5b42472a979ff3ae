"""Masks that somebody drew elsewhere: from a picture's values to classes, and doubts in words.

| values of the file | crack | undecided |
|---|---|---|
| 0 and 255 (or 1 bit) | 255 | |
| 0 and 1 | 1 | |
| 0, 1 and 255 | 1 | 255 |
| 0, 127 and 255 (our own export) | 255 | 127 |
| palette, black and white only | white | |
| palette, else | every index above 0 | index 255 |
| a few labels, such as 0, 2, 700 | every label above 0, with a note | |
| other grey values, all JPEGs | above 127 (upper half of the depth), with a note | |
| colours | by the brightest channel, with a note | |
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import CRACK, UNDECIDED, ClassMask, read_only
from crackcore.errors import InputRefused
from crackcore.imaging.decoding import Decoded, decode, refusing
from crackcore.imaging.depth import NotFinite
from crackcore.imaging.file_bytes import read_file
from crackcore.imaging.limits import MASK_LIMITS, Limits

_MAX_LABELS = 16
_INVERTED_SHARE = 0.5  # cracks never cover half a picture


@dataclass(frozen=True)
class MaskPicture:
    """A mask read from a picture: uint8 (H, W) of 0, 1 and 255, read-only; notes for a person."""

    mask: ClassMask
    sha256: str
    notes: tuple[str, ...]

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
        if decided and cracks > _INVERTED_SHARE * decided:
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
    file = read_file(path, max_bytes=limits.max_bytes)
    decoded = decode(path, file.data, limits)
    with refusing(path):
        mask, notes = _classes(path, decoded)
    return MaskPicture(read_only(np.ascontiguousarray(mask)), file.sha256, notes)


def _classes(path: Path | str, decoded: Decoded) -> tuple[ClassMask, tuple[str, ...]]:
    notes = list(decoded.notes)
    values = decoded.values
    if decoded.palette is not None:
        mask = _by_index(values, decoded.palette, notes)
        return mask, tuple(notes)
    if values.ndim == 3:
        brightest = values.max(axis=2)
        if not all(np.array_equal(values[..., i], brightest) for i in range(values.shape[2])):
            notes.append("The mask is in colour; the brightest channel decides.")
        values = brightest
    if values.dtype.kind == "f":
        values = _whole(values)
    if values.dtype.kind == "i" and values.min() < 0:
        raise InputRefused(path, "the mask holds negative values.")
    if decoded.header.lossy:
        notes.append("The mask was saved with loss (JPEG or WebP); values above 127 count as crack.")
        return _upper_half(values), tuple(notes)
    return _by_value(path, values, notes), tuple(notes)


def _by_index(values: NDArray[Any], palette: NDArray[np.uint8], notes: list[str]) -> ClassMask:
    used = np.flatnonzero(np.bincount(values.ravel(), minlength=256))
    colours = palette[used]
    if np.isin(colours, (0, 255)).all() and (colours == colours[:, :1]).all():
        # Some programs pack a plain black-and-white mask into a palette in any order.
        lookup = (palette[:, 0] == 255).astype(np.uint8)
    else:
        lookup = np.full(256, CRACK, np.uint8)
        lookup[0], lookup[255] = 0, UNDECIDED
        labels = [int(i) for i in used if 0 < i < 255]
        if len(labels) > 1:
            notes.append(_label_note(labels))
    mask: ClassMask = lookup[values]
    return mask


def _by_value(path: Path | str, values: NDArray[Any], notes: list[str]) -> ClassMask:
    found = _distinct(values)
    full = 255 if values.dtype.itemsize == 1 else 65535
    if found <= {0, 1}:
        return _as_classes(values == 1)
    if found <= {0, full} or found <= {0, 255}:
        return _as_classes(values > 0)
    if found <= {0, 1, 255}:
        notes.append("Value 255 of the mask was read as undecided, value 1 as crack.")
        return _as_classes(values == 1, values == 255)
    if found <= {0, 127, 255}:
        notes.append("Value 127 of the mask was read as undecided.")
        return _as_classes(values == 255, values == 127)
    if len(found) <= _MAX_LABELS and (max(found) <= 127 or 255 < max(found) < full):
        notes.append(_label_note(sorted(found - {0})))
        return _as_classes(values > 0)
    if not _upper_half(values).any():
        raise InputRefused(path, "this does not look like a mask: many grey values, none of them bright.")
    notes.append("The mask holds grey values; those in the upper half count as crack.")
    return _upper_half(values)


def _distinct(values: NDArray[Any]) -> set[int]:
    if values.dtype == np.uint8:
        return {int(v) for v in np.flatnonzero(np.bincount(values.ravel(), minlength=256))}
    return {int(v) for v in np.unique(values)}


def _upper_half(values: NDArray[Any]) -> ClassMask:
    return _as_classes(values > (127 if values.dtype.itemsize == 1 else 32767))


def _as_classes(crack: NDArray[np.bool_], undecided: NDArray[np.bool_] | None = None) -> ClassMask:
    mask: ClassMask = crack.astype(np.uint8)
    if undecided is not None:
        mask[undecided] = UNDECIDED
    return mask


def _whole(values: NDArray[Any]) -> NDArray[np.int64]:
    """Float masks: 0..1 become 0 and 255; whole numbers stay."""
    if not np.isfinite(values).all():
        raise NotFinite("the mask holds values that are no numbers")
    if values.min() >= 0 and values.max() <= 1:
        values = np.where(values > 0.5, 255.0, 0.0)
    whole: NDArray[np.int64] = np.rint(values).astype(np.int64)
    return whole


def _label_note(labels: list[int]) -> str:
    listed = ", ".join(map(str, labels[:6])) + (" ..." if len(labels) > 6 else "")
    return f"The mask holds labels ({listed}); every label above 0 counts as crack."
