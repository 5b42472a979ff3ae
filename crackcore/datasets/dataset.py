"""What a data set is to the program: photographs, where their masks are, and which belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import UNDECIDED, ClassMask, RgbImage
from crackcore.imaging.mask_rules import MaskRule
from crackcore.imaging.mask_values import MaskValues

BoolPlane = NDArray[np.bool_]
MaskSource = Path | Callable[[], MaskValues] | None
"""A picture file, something that gives the values when called, or None: surely no crack."""


@dataclass(frozen=True)
class Sample:
    """One photograph of a data set.

    stem : name of the photograph without ending.
    photo : where it lies.
    mask : where its mask comes from; None where the data set says that there is no crack.
    roi : mask of the region that counts; None: all of it.
    group : name of the photo or place it was cut from, as far as names tell; pictures of one group
        must never be split. Empty: not known.
    side : "train", "val" or "test" as published or exported; empty when the set is not split.
    source : the collection it came from, where a set was merged from several.
    """

    stem: str
    photo: Path
    mask: MaskSource
    roi: Path | None = None
    group: str = ""
    side: str = ""
    source: str = ""

    @property
    def key(self) -> str:
        """Stem, with the side in front where there is one: different for all samples of a data set."""
        return f"{self.side}/{self.stem}" if self.side else self.stem


@dataclass(frozen=True)
class Problem:
    """A file that could not be taken, and why, as a sentence that begins in lower case."""

    file: Path
    reason: str


@dataclass(frozen=True)
class Dataset:
    """A folder (list, project) that was recognised; nothing is decoded yet.

    name : of the folder.
    kind : which layout (a key of `layouts.LAYOUTS`).
    place : what was read.
    pairs : all samples, in the order of their names, side by side.
    problems : what was left out, and why.
    notes : sentences worth showing.
    rule : which mask values are crack where the layout itself fixes that; else None.
    """

    name: str
    kind: str
    place: Path
    pairs: tuple[Sample, ...]
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    rule: MaskRule | None = None
    _close: Callable[[], Any] | None = field(default=None, repr=False, compare=False)

    @property
    def sides(self) -> dict[str, int]:
        """Number of samples per side, in the order train, val, test; {} when the set is not split."""
        found = Counter(sample.side for sample in self.pairs)
        named = [s for s in ("train", "val", "test") if found[s]]
        return {s: found[s] for s in (*named, "") if found[s]} if named else {}

    def close(self) -> None:
        """Let go of what was kept open to read masks from (a project); may be called twice."""
        if self._close is not None:
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class LoadedSample:
    """A sample in memory.

    pixels : uint8 (H, W, 3). mask : uint8 (H, W) of 0, 1 and 255 undecided. roi : bool (H, W) or None.
    sha256 : of the photograph's file. notes : sentences of the readers.
    """

    sample: Sample
    pixels: RgbImage
    mask: ClassMask
    roi: BoolPlane | None
    sha256: str
    notes: tuple[str, ...] = ()

    @property
    def mask_inside(self) -> ClassMask:
        """The mask with everything outside the region of interest undecided."""
        if self.roi is None:
            return self.mask
        inside: ClassMask = np.where(self.roi, self.mask, np.uint8(UNDECIDED))
        return inside
