"""Which pictures of a data set no shipped model has learned, so that all models can be measured on the same.

What was learned stands in the logs that trainings leave (MODEL.log.jsonl): newer ones list every picture
with its digest and side, older ones the names of those that were held out. A picture that shows the same
as a learned one (saved again, turned, squeezed) counts as learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crackcore.datasets.near_duplicates import Likeness, Match, likeness, near_duplicates
from crackcore.training.pairs import Kind, TrainingPair, read_pairs
from crackcore.training.training_log import log_lines

CRACK_FREE = ("negatives",)
NEVER_SCORED = ("bad-inputs", "roadview_cprid")  # broken on purpose; masks incomplete, as its notes say


@dataclass(frozen=True)
class Learned:
    """What trainings have learned: digests of photographs, and sets with the names that were held out."""

    digests: frozenset[str]
    by_name: dict[str, frozenset[str]]  # set -> names not learned; for logs that list no digests
    sets: frozenset[str]

    def has(self, pair: TrainingPair) -> bool:
        if pair.sha256 in self.digests:
            return True
        held = self.by_name.get(pair.set_name)
        return held is not None and f"{pair.set_name}/{pair.stem}" not in held


@dataclass(frozen=True)
class UnseenSet:
    """A data set and what of it is measured; `learned` and `alike` pictures are left out."""

    name: str
    kind: Kind
    pairs: tuple[TrainingPair, ...]
    of: int
    learned: int
    alike: int
    trained_on: bool  # whether any of the trainings took pictures of this set


def learned_in(logs: Sequence[Path]) -> Learned:
    """What the trainings of these logs learned. Raises ValueError for a log without its first line."""
    digests: set[str] = set()
    by_name: dict[str, frozenset[str]] = {}
    sets: set[str] = set()
    for log in logs:
        start: dict[str, Any] | None = next((r for r in log_lines(log) if r.get("event") == "start"), None)
        if start is None:
            raise ValueError(f"{log.name} does not say what was learned")
        names = {str(name) for name in start["learn"]}
        sets |= names
        # logs of before 2026-11-21 list no digests; a line at their end was added, which does
        listed = next((r["pictures"] for r in log_lines(log) if "pictures" in r), None)
        if listed is not None:
            digests |= {row["sha256"] for row in listed if row["side"] == "learn"}
            continue
        held = frozenset(map(str, start["held_out"]))
        for name in names:
            by_name[name] = by_name.get(name, held) & held
    return Learned(frozenset(digests), by_name, frozenset(sets))


def unseen_sets(data: Path, learned: Learned, only: Sequence[str] = ()) -> list[UnseenSet]:
    """Every set of the folder `data` (each a folder with `images`), with what nobody has learned of it.

    Sets that were learned are read too where they are not in `only`, for pictures that look the same. Only
    what is measured stays in memory.
    """
    known: list[Likeness] = []
    found: list[tuple[UnseenSet, list[Likeness]]] = []
    for folder in sorted(p for p in data.iterdir() if (p / "images").is_dir()):
        name = folder.name
        measured = name not in NEVER_SCORED and (not only or name in only)
        crack_free = name in CRACK_FREE
        if not (measured or name in learned.sets) or not (crack_free or (folder / "masks").is_dir()):
            continue
        kind: Kind = "crack-free" if crack_free else "pairs"
        pairs = read_pairs(folder, kind=kind).pairs
        new = [p for p in pairs if not learned.has(p)]
        known += [likeness(p.pixels) for p in pairs if learned.has(p)]
        if measured:
            seen = len(pairs) - len(new)
            unseen = UnseenSet(name, kind, tuple(new), len(pairs), seen, 0, trained_on=seen > 0)
            found.append((unseen, [likeness(p.pixels) for p in new]))
    return [_without(unseen, near_duplicates(looks, known)) for unseen, looks in found]


def _without(unseen: UnseenSet, matches: Sequence[Match]) -> UnseenSet:
    alike = {match.a for match in matches}
    kept = tuple(p for i, p in enumerate(unseen.pairs) if i not in alike)
    return replace(unseen, pairs=kept, alike=len(alike))
