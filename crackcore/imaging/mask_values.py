"""What a mask from elsewhere holds, before anybody says what it means (see `mask_rules`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crackcore.errors import InputRefused
from crackcore.imaging.decoding import ALPHA_NOTE, Decoded, decode, refusing
from crackcore.imaging.depth import NotFinite
from crackcore.imaging.file_bytes import read_file
from crackcore.imaging.limits import MASK_LIMITS, Limits

Space = Literal["grey", "lossy", "index", "colour", "regions", "classes"]
"""What the numbers are: brightness or labels; brightness saved with loss; palette indices; 0xRRGGBB;
regions of CrackForest's .mat files; or our own classes, which need no rule."""

SPACE_WORDS: dict[Space, str] = {
    "grey": "grey values",
    "lossy": "grey values saved with loss",
    "index": "a palette",
    "colour": "colours",
    "regions": "numbered regions",
    "classes": "classes",
}
_MAX_DISTINCT = 4096  # more values than this are no labels, whatever they are


@dataclass(frozen=True)
class MaskValues:
    """Integers (H, W), upright. `bits` is 8 or 16, the depth of grey values; `sha256` is the file's."""

    values: NDArray[Any]
    space: Space
    bits: int = 8
    lossy: bool = False
    sha256: str = ""
    notes: tuple[str, ...] = ()

    def counts(self) -> dict[int, int]:
        """Pixels per value; of very many values the most frequent ones."""
        if self.values.dtype == np.uint8:
            found = np.bincount(self.values.ravel(), minlength=256)
            return {int(v): int(found[v]) for v in np.flatnonzero(found)}
        values, numbers = np.unique(self.values, return_counts=True)
        if len(values) > _MAX_DISTINCT:
            most = np.sort(np.argsort(numbers)[-_MAX_DISTINCT:])
            values, numbers = values[most], numbers[most]
        return {int(v): int(n) for v, n in zip(values, numbers, strict=True)}


def read_mask_values(path: Path | str, *, limits: Limits = MASK_LIMITS) -> MaskValues:
    """Decode a mask picture without deciding what it means; raises PhotoMissing and InputRefused."""
    file = read_file(path, max_bytes=limits.max_bytes)
    decoded = decode(path, file.data, limits, with_alpha=True)
    with refusing(path):
        return replace(_values_of(path, decoded), sha256=file.sha256)


def _values_of(path: Path | str, decoded: Decoded) -> MaskValues:
    notes = [note for note in decoded.notes if note != ALPHA_NOTE]
    values = decoded.values
    lossy = decoded.header.lossy
    if decoded.palette is not None:
        return _of_palette(values, decoded.palette, tuple(notes))
    bits = 8 if values.dtype.itemsize == 1 or values.dtype.kind == "f" else 16
    coloured = values.ndim == 3
    if coloured:
        values, coloured = _one_channel(values)
    if decoded.alpha is not None and decoded.alpha.min() != decoded.alpha.max():
        if values.min() == values.max():
            notes.append("The mask is all of one colour; what is opaque counts.")
            return MaskValues(decoded.alpha, "grey", lossy=lossy, notes=tuple(notes))
        notes.append("Transparent parts of the mask count as background.")
        values = np.where(decoded.alpha > 127, values, np.zeros((), values.dtype))
    if values.dtype.kind == "f":
        values = _whole(values)
    if values.dtype.kind == "i" and values.min() < 0:
        raise InputRefused(path, "the mask holds negative values.")
    if coloured:
        return MaskValues(values, "colour", lossy=lossy, notes=tuple(notes))
    if values.dtype == np.uint16 and np.isin(values, (0, 65535)).all():
        values, bits = (values > 0).astype(np.uint8) * np.uint8(255), 8  # alike in any depth
    return MaskValues(values, "lossy" if lossy else "grey", bits, lossy, notes=tuple(notes))


def _of_palette(values: NDArray[Any], palette: NDArray[np.uint8], notes: tuple[str, ...]) -> MaskValues:
    colours = palette[np.flatnonzero(np.bincount(values.ravel(), minlength=256))]
    if np.isin(colours, (0, 255)).all() and (colours == colours[:, :1]).all():
        # Some programs pack a plain black-and-white mask into a palette in any order.
        return MaskValues(palette[values, 0], "grey", notes=notes)
    return MaskValues(values, "index", notes=notes)


def _one_channel(values: NDArray[Any]) -> tuple[NDArray[Any], bool]:
    """The one channel when all are alike, else 0xRRGGBB (int32, 8 bits a channel) and True."""
    if all(np.array_equal(values[..., i], values[..., 0]) for i in range(1, values.shape[2])):
        return np.ascontiguousarray(values[..., 0]), False
    if values.dtype.kind == "f":
        values = np.clip(_whole(values), 0, 255)
    elif values.dtype != np.uint8:
        values = values >> 8
    red, green, blue = (values[..., i].astype(np.int32) for i in range(3))
    return (red << 16) | (green << 8) | blue, True


def _whole(values: NDArray[Any]) -> NDArray[np.int64]:
    """Float masks: 0..1 become 0 and 255; whole numbers stay."""
    if not np.isfinite(values).all():
        raise NotFinite("the mask holds values that are no numbers")
    if values.min() >= 0 and values.max() <= 1:
        values = np.where(values > 0.5, 255.0, 0.0)
    whole: NDArray[np.int64] = np.rint(values).astype(np.int64)
    return whole
