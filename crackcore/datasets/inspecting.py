"""A data set in figures: how many, how large, how much crack, how wide, and what is twice in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import CRACK, UNDECIDED, ClassMask
from crackcore.datasets.dataset import Dataset, LoadedSample, Problem
from crackcore.datasets.leaks import HOW, Leak, Seen
from crackcore.datasets.near_duplicates import likeness, near_duplicates
from crackcore.datasets.reading import mask_rule, read_sample
from crackcore.errors import InputRefused, PhotoMissing
from crackcore.evaluation.pieces import centre_line
from crackcore.imaging.mask_rules import MaskRule
from crackcore.names import escaped, shown_name
from crackcore.progress import Progress, unheard

_WIDTHS_KEPT = 4000  # of one picture, so that a large one does not outweigh the others in memory


@dataclass(frozen=True)
class Spread:
    """How a figure is spread: quantiles and mean. All zero when there was nothing to measure."""

    count: int = 0
    least: float = 0.0
    p10: float = 0.0
    median: float = 0.0
    p90: float = 0.0
    most: float = 0.0
    mean: float = 0.0

    @classmethod
    def of(cls, values: NDArray[Any] | list[float]) -> Spread:
        """The spread of some values."""
        array = np.asarray(values, np.float64)
        if not array.size:
            return cls()
        least, p10, median, p90, most = np.quantile(array, (0, 0.1, 0.5, 0.9, 1)).tolist()
        return cls(int(array.size), least, p10, median, p90, most, float(array.mean()))


@dataclass(frozen=True)
class Inspection:
    """What a look at every picture of a data set gave.

    pictures : that could be read with their masks; `problems` lists the others.
    sizes : pictures per (width, height) in px, the most frequent first.
    crack_share : per picture, of the pixels that count (decided, inside the region of interest).
    crack_free : pictures without any crack pixel. undecided_share : of all pixels.
    widths_px : local width along the centre lines of all masks, every picture given the same weight
        at most.
    line_px : length of the centre lines in pixels, of all masks.
    twins : pairs in the set that are the same picture (file, likeness), also across its sides.
    """

    dataset: Dataset
    rule: MaskRule
    pictures: int
    sizes: dict[tuple[int, int], int]
    crack_share: Spread
    crack_free: int
    undecided_share: float
    widths_px: Spread
    line_px: int
    with_roi: int
    twins: tuple[Leak, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()

    @property
    def groups(self) -> int:
        """How many source photos the names tell of; 0: they tell nothing."""
        return len({s.group for s in self.dataset.pairs if s.group})

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values, names in ASCII."""
        return {
            "name": escaped(self.dataset.name),
            "kind": self.dataset.kind,
            "pictures": self.pictures,
            "sides": self.dataset.sides,
            "sources": dict(Counter(s.source for s in self.dataset.pairs if s.source).most_common()),
            "source_photos": self.groups,
            "crack_values": self.rule.words,
            "question": self.rule.question,
            "sizes": [{"width_px": w, "height_px": h, "pictures": n} for (w, h), n in self.sizes.items()],
            "crack_share": _rounded(self.crack_share, 6),
            "crack_free": self.crack_free,
            "undecided_share": round(self.undecided_share, 6),
            "mask_width_px": _rounded(self.widths_px, 2),
            "centre_line_px": self.line_px,
            "with_region_of_interest": self.with_roi,
            "twins": [leak_row(t) for t in self.twins],
            "problems": [{"file": escaped(p.file.name), "reason": p.reason} for p in self.problems],
            "notes": list(self.notes),
        }


def leak_row(leak: Leak) -> dict[str, Any]:
    """A leak as plain values."""
    return {
        "a": escaped(leak.a.key),
        "b": escaped(leak.b.key),
        "how": leak.how,
        "measure": round(leak.measure, 4),
    }


def _rounded(spread: Spread, digits: int) -> dict[str, float]:
    return {k: round(v, digits) for k, v in vars(spread).items() if k != "count"}


@dataclass
class _Counted:
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    shares: list[float] = field(default_factory=list)
    widths: list[NDArray[np.float32]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    pixels: int = 0
    undecided: int = 0
    line: int = 0
    rois: int = 0

    def add(self, loaded: LoadedSample) -> None:
        mask = loaded.mask_inside
        self.sizes[(mask.shape[1], mask.shape[0])] += 1
        decided = int(np.count_nonzero(mask != UNDECIDED))
        self.shares.append(int(np.count_nonzero(mask == CRACK)) / max(1, decided))
        self.undecided += int(np.count_nonzero(loaded.mask == UNDECIDED))
        self.pixels += mask.size
        self.rois += loaded.roi is not None
        widths = local_widths(loaded.mask)
        self.line += len(widths)
        self.widths.append(widths[:: max(1, len(widths) // _WIDTHS_KEPT)])
        self.seen.append(Seen(loaded.sample, loaded.sha256, likeness(loaded.pixels), None))


def inspect_dataset(
    dataset: Dataset, *, rule: MaskRule | None = None, progress: Progress = unheard
) -> Inspection:
    """Read every picture and mask once and count.

    `rule` says which mask values are crack; None: what they suggest themselves, also where that leaves
    a question (it is then in the answer's `rule`).
    """
    chosen = mask_rule(dataset, progress=progress) if rule is None else rule
    counted = _Counted()
    problems = list(dataset.problems)
    notes = Counter(dataset.notes)
    for done, sample in enumerate(dataset.pairs):
        progress(done, len(dataset.pairs), shown_name(sample.photo))
        try:
            loaded = read_sample(sample, chosen)
        except InputRefused as error:
            problems.append(Problem(sample.photo, error.reason))
            continue
        except PhotoMissing:
            problems.append(Problem(sample.photo, "the file is not there."))
            continue
        counted.add(loaded)
        notes.update(loaded.notes)
    for note in chosen.notes:
        notes.setdefault(note, 0)
    return Inspection(
        dataset=dataset,
        rule=chosen,
        pictures=len(counted.seen),
        sizes=dict(counted.sizes.most_common()),
        crack_share=Spread.of(counted.shares),
        crack_free=sum(share == 0 for share in counted.shares),
        undecided_share=counted.undecided / max(1, counted.pixels),
        widths_px=Spread.of(np.concatenate([np.zeros(0, np.float32), *counted.widths])),
        line_px=counted.line,
        with_roi=counted.rois,
        twins=twins_among(counted.seen, progress=progress),
        problems=tuple(problems),
        notes=tuple(f"{note} ({n} pictures)" if n > 1 else note for note, n in notes.items()),
    )


def twins_among(seen: list[Seen], *, progress: Progress = unheard) -> tuple[Leak, ...]:
    """Pairs within one set that are the same file or the same picture; each pair once."""
    found: dict[tuple[int, int], Leak] = {}
    first: dict[str, int] = {}
    for i, one in enumerate(seen):
        j = first.setdefault(one.sha256, i)
        if j != i:
            found[(j, i)] = Leak(seen[j].sample, one.sample, "same file", 1.0)
    for match in near_duplicates([s.likeness for s in seen], progress=progress):
        how = "turned copy" if match.turned else "same picture"
        leak = Leak(seen[match.a].sample, seen[match.b].sample, how, match.correlation)  # type: ignore[arg-type]
        found.setdefault((match.a, match.b), leak)
    return tuple(sorted(found.values(), key=lambda k: (HOW.index(k.how), k.a.key, k.b.key)))


def local_widths(mask: ClassMask) -> NDArray[np.float32]:
    """Width in px at each pixel of a mask's centre lines: float32 (n,).

    On the mask enlarged twice, the distance from the centre line to the edge is the width, also for
    lines one or two pixels wide. Lines that end at the picture's border count like others.
    """
    crack = mask == CRACK
    if not crack.any():
        return np.zeros(0, np.float32)
    rows, columns = np.flatnonzero(crack.any(axis=1)), np.flatnonzero(crack.any(axis=0))
    box = crack[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    twice = np.pad(np.repeat(np.repeat(box, 2, axis=0), 2, axis=1), 2)
    far = cv2.distanceTransform(twice.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    line = centre_line(twice)
    widths: NDArray[np.float32] = far[line].astype(np.float32)
    return widths[::2]  # the line, too, is twice as long
