"""Which pictures must stay on one side of a split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from crackcore.arrays import RgbImage
from crackcore.datasets.near_duplicates import likeness, near_duplicates
from crackcore.datasets.overlaps import Joined, join_close_names, join_overlaps
from crackcore.progress import Progress, unheard

MOST_COMPARED = 1500
"""Pictures of one set up to which every pair is looked at for overlaps (some ten minutes)."""


def photo_groups(
    pictures: Sequence[RgbImage],
    stems: Sequence[str] | None = None,
    *,
    name_gap: int = 0,
    sets: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    name_gaps: Mapping[str, int] | None = None,
    progress: Progress = unheard,
) -> list[int]:
    """A group number per picture; pictures of one group show the same photo, or join in a chain.

    Joined are: near-duplicates, wherever they come from; pictures of one set that overlap
    (`overlaps`); pictures of one set with the same name of their source photo (`names`, empty: not
    known). With `name_gap` n > 0, pictures of one set whose `stems` end in numbers at most n apart
    (after the same text) are joined too: neighbouring cells of a photo cut into a grid, which share an
    edge and hardly any points; `name_gaps` says it for each set.

    `sets` is the set of each picture; without it they are one. Overlaps are looked for in every pair of
    a set, half a millisecond each, in sets of up to MOST_COMPARED pictures.
    """
    joined = Joined(len(pictures))
    alike = [likeness(p) for p in pictures]
    for match in near_duplicates(alike, progress=progress):
        joined.join(match.a, match.b)
    members: dict[str, list[int]] = defaultdict(list)
    for i in range(len(pictures)):
        members[sets[i] if sets is not None else ""].append(i)
    for set_name, at in members.items():
        if names is not None:
            _join_same(joined, [names[i] for i in at], at)
        gap = (name_gaps or {}).get(set_name, name_gap)
        if stems is not None and gap > 0:
            join_close_names(joined, [stems[i] for i in at], at, gap)
        if len(at) <= MOST_COMPARED:
            join_overlaps(joined, [pictures[i] for i in at], at, progress)
    return joined.numbers()


def _join_same(joined: Joined, names: Sequence[str], at: Sequence[int]) -> None:
    first: dict[str, int] = {}
    for i, name in zip(at, names, strict=True):
        if name:
            joined.join(i, first.setdefault(name, i))
