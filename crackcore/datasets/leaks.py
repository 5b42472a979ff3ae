"""Whether two sides of a split, or two data sets, show the same thing.

What a network has seen in training it finds in the test without having learned anything. So every
picture of one side is compared with every picture of the other: by the bytes of the file, by what it
looks like, by overlaps of crops, and by names where the set's own names tell the photo.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from crackcore.datasets.dataset import Dataset, Problem, Sample
from crackcore.datasets.grouping import MOST_COMPARED
from crackcore.datasets.near_duplicates import Likeness, likeness, near_duplicates
from crackcore.datasets.overlaps import Points, feature_points, overlaps
from crackcore.errors import InputRefused, PhotoMissing
from crackcore.imaging.reading import read_photo
from crackcore.names import shown_name
from crackcore.progress import Progress, unheard

How = Literal["same file", "same picture", "turned copy", "overlap", "same photo by name"]
HOW: tuple[How, ...] = ("same file", "same picture", "turned copy", "overlap", "same photo by name")
"""From the surest to the weakest; a pair is listed once, by the surest."""


@dataclass(frozen=True)
class Seen:
    """One picture as far as it is needed for comparing; pixels are not kept."""

    sample: Sample
    sha256: str
    likeness: Likeness
    points: Points | None


@dataclass(frozen=True)
class Leak:
    """Two pictures, one of each side, that show the same. `measure`: correlation, or points that agree."""

    a: Sample
    b: Sample
    how: How
    measure: float = 0.0


@dataclass(frozen=True)
class LeakReport:
    """What was found between two sides; `compared` pairs of pictures were looked at.

    `overlaps_skipped` is true when the sides were too large to look for overlapping crops.
    """

    a: str
    b: str
    pictures: tuple[int, int]
    leaks: tuple[Leak, ...]
    problems: tuple[Problem, ...] = ()
    overlaps_skipped: bool = False

    @property
    def compared(self) -> int:
        return self.pictures[0] * self.pictures[1]

    def sentence(self) -> str:
        """One line for a person."""
        n = len(self.leaks)
        said = "No leak" if not n else "1 leak" if n == 1 else f"{n} leaks"
        pictures = f"{self.pictures[0]} and {self.pictures[1]} pictures"
        missing = "; overlapping crops were not looked for" if self.overlaps_skipped else ""
        return f"{said} between {self.a} and {self.b} ({pictures}){missing}."


def look_at(
    samples: Sequence[Sample], *, with_points: bool = True, progress: Progress = unheard
) -> tuple[list[Seen], list[Problem]]:
    """Read every photograph once and keep what comparing needs; broken ones are listed."""
    seen, problems = [], []
    for done, sample in enumerate(samples):
        progress(done, len(samples), shown_name(sample.photo))
        try:
            photo = read_photo(sample.photo)
        except InputRefused as error:
            problems.append(Problem(sample.photo, error.reason))
            continue
        except PhotoMissing:
            problems.append(Problem(sample.photo, "the file is not there."))
            continue
        points = feature_points(photo.pixels) if with_points else None
        seen.append(Seen(sample, photo.facts.sha256, likeness(photo.pixels), points))
    return seen, problems


def find_leaks(
    a: Dataset, b: Dataset, *, by_overlap: bool | None = None, progress: Progress = unheard
) -> LeakReport:
    """What two data sets have in common.

    `by_overlap` looks for overlapping crops too (half a millisecond a pair); None: unless there are
    more than some millions of pairs. Names tell of photos only between two sides of one set.
    """
    wanted = _wanted(len(a.pairs), len(b.pairs), by_overlap)
    seen_a, problems_a = look_at(a.pairs, with_points=wanted, progress=progress)
    seen_b, problems_b = look_at(b.pairs, with_points=wanted, progress=progress)
    same_place = a.place.resolve() == b.place.resolve()  # two sides of one set: its names do tell
    leaks = compare(seen_a, seen_b, by_name=same_place, progress=progress)
    names = (a.name, b.name) if a.name != b.name else (str(a.place), str(b.place))
    return LeakReport(
        names[0], names[1], (len(seen_a), len(seen_b)), leaks, (*problems_a, *problems_b), not wanted
    )


def find_leaks_between_sides(
    dataset: Dataset, *, by_overlap: bool | None = None, progress: Progress = unheard
) -> list[LeakReport]:
    """What the sides of one split data set have in common: a report for every two of them.

    Raises InputRefused when the set is not split.
    """
    sides = dataset.sides
    if len(sides) < 2:
        raise InputRefused(
            dataset.place, "this set is not split, so nothing can leak.", hint="Name a second set to compare."
        )
    largest = max(sides.values())
    wanted = _wanted(largest, len(dataset.pairs) - largest, by_overlap)
    seen, problems = look_at(dataset.pairs, with_points=wanted, progress=progress)
    reports = []
    for one, other in itertools.combinations(sides, 2):
        left = [s for s in seen if s.sample.side == one]
        right = [s for s in seen if s.sample.side == other]
        leaks = compare(left, right, by_name=True, progress=progress)
        named = [side or "the rest" for side in (one, other)]
        pictures = (len(left), len(right))
        reports.append(LeakReport(named[0], named[1], pictures, leaks, tuple(problems), not wanted))
        problems = []
    return reports


def _wanted(a: int, b: int, by_overlap: bool | None) -> bool:
    return a * b <= MOST_COMPARED**2 if by_overlap is None else by_overlap


def compare(
    a: Sequence[Seen], b: Sequence[Seen], *, by_name: bool, progress: Progress = unheard
) -> tuple[Leak, ...]:
    """Every pair that shows the same, the surest kind first; each pair once."""
    found: dict[tuple[int, int], Leak] = {}

    def add(i: int, j: int, how: How, measure: float = 0.0) -> None:
        found.setdefault((i, j), Leak(a[i].sample, b[j].sample, how, measure))

    by_digest: dict[str, list[int]] = {}
    for j, other in enumerate(b):
        by_digest.setdefault(other.sha256, []).append(j)
    for i, one in enumerate(a):
        for j in by_digest.get(one.sha256, ()):
            add(i, j, "same file", 1.0)
    for match in near_duplicates([s.likeness for s in a], [s.likeness for s in b], progress=progress):
        add(match.a, match.b, "turned copy" if match.turned else "same picture", match.correlation)
    points_a = [s.points for s in a if s.points is not None]
    points_b = [s.points for s in b if s.points is not None]
    if len(points_a) == len(a) and len(points_b) == len(b):
        for overlap in overlaps(points_a, points_b, progress=progress):
            add(overlap.a, overlap.b, "overlap", overlap.points)
    if by_name:
        by_group: dict[str, list[int]] = {}
        for j, other in enumerate(b):
            if other.sample.group:
                by_group.setdefault(other.sample.group, []).append(j)
        for i, one in enumerate(a):
            for j in by_group.get(one.sample.group, ()):
                add(i, j, "same photo by name")
    return tuple(sorted(found.values(), key=lambda k: (HOW.index(k.how), -k.measure, k.a.key, k.b.key)))


def side_of(dataset: Dataset, side: str) -> Dataset:
    """One side of a split data set; raises InputRefused when the set has no such side."""
    if side not in dataset.sides:
        there = ", ".join(s for s in dataset.sides if s) or "no sides"
        raise InputRefused(dataset.place, f'this set has no side "{side}"; it has {there}.')
    pairs = tuple(s for s in dataset.pairs if s.side == side)
    return replace(dataset, name=f"{dataset.name}:{side}", pairs=pairs)


def path_of(place: Path | str) -> tuple[Path, str]:
    """Place and side of what a person names: `DIR`, or `DIR:train` for one side of it."""
    text = str(place)
    head, found, side = text.rpartition(":")
    if found and head and side in ("train", "val", "test"):
        return Path(head), side
    return Path(text), ""
