"""How a model goes on learning from corrected pictures, and when the new one may replace the old one.

Which pictures check is fixed by their digests, so that it does not change from one retraining to the
next; pictures that the model has learned never check. The figures here were chosen with
`python -m tests.benchmarks retrain`, which says on which sets they were chosen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from crackcore.evaluation.intervals import SURE, Difference
from crackcore.models.catalogue import InstalledModel
from crackcore.progress import Progress, unheard
from crackcore.training.augmentation import AugmentSettings
from crackcore.training.pairs import TrainingPair
from crackcore.training.settings import TrainSettings
from crackcore.training.splits import photo_groups

SLOWER = 0.3
"""Share of the recipe's learning rate: the weights are to move, not to start anew."""

OLD_SHARE = 0.3
"""Share of the crops that comes from old samples, where there are any."""

MOST_OLD = 120
"""Old samples that take part: more would cost time to compare with each other, and bring little."""

LEAST_CHECKED = 2
"""Held-out pictures below which no model is called better: one alone says yes or no by chance."""

FORGIVEN = 0.05
"""F1 on old samples that may be lost, whatever is gained, before a model is not called better any more."""

DOUBT = 0.05
"""F1 on the held-out pictures by which later weights may be lower and still be kept. Of three pictures
the best check was the first of four, while on 30 others F1 went on rising."""

BATCH = 4
CROP_PX = 192


def gentler(recipe: TrainSettings, iterations: int, seed: int = 0) -> TrainSettings:
    """A recipe for going on: a lower rate, small batches, milder changes of crops, four checks.

    Crops stay nearer to what the camera saw than in a recipe that starts from nothing: the pictures
    that the model is to work on are like those that were corrected.
    """
    augment = recipe.augment
    if isinstance(augment, AugmentSettings):
        augment = replace(
            augment,
            crop_px=min(augment.crop_px, CROP_PX),
            smallest_scale=0.8,
            largest_scale=1.3,
            turn_deg=15.0,
            invert=0.0,
            shadow=0.1,
            joint=0.05,
            blur=0.1,
            noise=0.1,
            jpeg=0.1,
        )
    return replace(
        recipe,
        iterations=iterations,
        batch=min(recipe.batch, BATCH),
        learning_rate=SLOWER * recipe.learning_rate,
        floor=min(recipe.floor, 0.1 * SLOWER * recipe.learning_rate),
        warm_up=min(20, iterations // 5),
        average=min(recipe.average, 1 - 3 / max(10, iterations)),
        validate_every=max(1, iterations // 4),
        hold_out_share=0.0,
        doubt=DOUBT,
        augment=augment,
        seed=seed,
    )


def trained_on(model: InstalledModel) -> frozenset[str]:
    """Digests of the pictures that a model says it was adapted or retrained on."""
    rows = (row.get("sha256", ()) for row in model.spec.training_data)
    return frozenset(str(digest) for row in rows if isinstance(row, list | tuple) for digest in row)


def fixed_hold_out(
    pairs: Sequence[TrainingPair],
    share: float,
    *,
    always: frozenset[str] = frozenset(),
    never: frozenset[str] = frozenset(),
    seed: int = 0,
    progress: Progress = unheard,
) -> frozenset[str]:
    """Digests of the pictures that check: whole photos, chosen by a hash of the photo's own digests.

    A photo's side does not depend on which other pictures there are, as long as enough photos are
    chosen that way and enough are not: one of 2 or 3 photos checks at least, two from 4 on, three from
    10 on, those nearest to being chosen; half of them at most. `always` takes its whole photo along, and
    goes beyond that half; `never` wins, and one photo is left to learn from.
    """
    groups = photo_groups(
        [p.pixels for p in pairs],
        [p.stem for p in pairs],
        sets=[p.set_name for p in pairs],
        names=[p.group for p in pairs],
        progress=progress,
    )
    members: dict[int, set[str]] = {}
    for pair, group in zip(pairs, groups, strict=True):
        members.setdefault(group, set()).add(pair.sha256)
    photos = len(members)
    free = [m for m in members.values() if not m & never]
    free.sort(key=lambda m: (not m & always, lot(min(m), seed)))  # those that check first
    asked = sum(bool(m & always) for m in free)
    wanted = sum(bool(m & always) or lot(min(m), seed) < share for m in free)
    least = 0 if photos < 2 else 1 if photos < 4 else 2 if photos < 10 else 3
    count = min(max(wanted, least), max(1, asked, photos // 2), max(1, photos - 1))
    return frozenset(digest for m in free[:count] for digest in m)


def some_of(old: Sequence[TrainingPair], most: int = MOST_OLD, seed: int = 0) -> list[TrainingPair]:
    """Old samples that take part in a retraining: the same number of every set, always the same ones."""
    if len(old) <= most:
        return list(old)
    sets: dict[str, list[TrainingPair]] = {}
    for pair in sorted(old, key=lambda p: lot(p.sha256, seed)):
        sets.setdefault(pair.set_name, []).append(pair)
    turns = [(place, name) for name, ours in sets.items() for place in range(len(ours))]
    turns.sort(key=lambda turn: turn[0])  # the first of every set, the second of every set, ...
    return [sets[name][place] for place, name in turns[:most]]


def shares(corrected: Sequence[TrainingPair], all_pairs: Sequence[TrainingPair]) -> dict[str, float]:
    """How much of the crops comes from each set of corrected pictures; {} where nothing is mixed in.

    Most are of corrected pictures, however many old ones there are.
    """
    names = [p.set_name for p in corrected]
    if all(p.set_name in names for p in all_pairs):
        return {}
    return {name: (1 - OLD_SHARE) * names.count(name) / len(names) for name in dict.fromkeys(names)}


def is_better(difference: Difference, checked: int, forgotten: Difference | None = None) -> bool:
    """Whether a new model may replace the old one without anybody insisting.

    `difference` is new against old on `checked` held-out pictures, `forgotten` the same on old samples.
    """
    gained = difference.difference.estimate > 0 and difference.second_better >= SURE
    return gained and checked >= LEAST_CHECKED and not forgets(difference, forgotten)


def forgets(difference: Difference, forgotten: Difference | None) -> bool:
    """Whether more was lost on old samples than FORGIVEN and half of what was gained, not by chance."""
    if forgotten is None:
        return False
    most = max(FORGIVEN, 0.5 * difference.difference.estimate)
    return -forgotten.difference.estimate > most and forgotten.second_better <= 1 - SURE


def lot(digest: str, seed: int) -> float:
    """A number 0..1 that a photo keeps for ever."""
    return int(hashlib.sha256(f"{seed}:{digest}".encode()).hexdigest()[:12], 16) / 16**12
