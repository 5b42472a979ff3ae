"""An inspector corrects pictures of a set that the shipped model never saw: Adapt or Retrain?

The truth of a set stands in for the corrections. Whole source photos are held out first and never shown
to a model (`inspected`); of the rest, pictures are corrected in a random order. Measured is pooled F1 at
2 px on the held-out pictures, each model at its own threshold: before, and after 5, 10 and 20 corrected
pictures by Adapt and by Retrain, which starts from the shipped model, keeps some of the corrected ones
to check itself, and mixes in old samples, pictures that the shipped model learned. What is forgotten is
measured on pictures of those sets that it did not learn.

Settings were chosen on `masonry` and `uav75`, without looking at `cfd` and `concrete_rissbilder_volker`.
Seconds are wall-clock time, beside them those of the processor, which a busy machine cannot lengthen.
CRACKSCOPE_RETRAIN_SETS, CRACKSCOPE_CORRECTED and CRACKSCOPE_RETRAIN (iterations) choose less;
CRACKSCOPE_SEEDS says how many orders of correction are tried.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from crackcore.domain.prediction import PredictSettings
from crackcore.evaluation.sweep import SweepCounts, sweep
from crackcore.inference.predictor import Predictor
from crackcore.masks.threshold import score_step
from crackcore.models.catalogue import DEFAULT_MODEL, InstalledModel, find_model
from crackcore.training.adapting import Adapter
from crackcore.training.going_on import lot
from crackcore.training.pairs import TrainingPair, read_pairs
from crackcore.training.retraining import RetrainReport, RetrainRequest, retrain
from crackcore.training.splits import hold_out, photo_groups
from tests.benchmarks.figures import ROOT, Figure

DATA = ROOT.parent / "shared" / "data"
SETS = os.environ.get("CRACKSCOPE_RETRAIN_SETS", "masonry,uav75,cfd,concrete_rissbilder_volker").split(",")
CORRECTED = tuple(int(n) for n in os.environ.get("CRACKSCOPE_CORRECTED", "5,10,20").split(","))
ITERATIONS = int(os.environ.get("CRACKSCOPE_RETRAIN", "240"))
SEEDS = int(os.environ.get("CRACKSCOPE_SEEDS", "1"))
HELD_OUT = 30
OLD_SETS = ("uav_concrete", "cracksc")
OLD_LEARNED, OLD_CHECKED = 40, 12  # of each set
TOLERANCE_PX = 2.0
THREADS = int(os.environ.get("OMP_NUM_THREADS", "0")) or None  # two that wait for each other cost time

PHOTOS = {
    "masonry": re.compile(r"^(.+)_\d+$"),  # a_<photo>_<patch>
    "concrete_rissbilder_volker": re.compile(r"^([^_]+_[^_]+)_"),
    "uav75": re.compile(r"^(DSC\d+)"),
}
"""Set -> the part of a picture's name that names its source photo."""


@dataclass(frozen=True)
class Inspected:
    """A set on an inspector's desk: what checks, and what is corrected, in that order."""

    name: str
    check: list[TrainingPair]
    queue: list[TrainingPair]


def measure() -> Iterator[Figure]:
    model = find_model(DEFAULT_MODEL)
    old = old_samples(model)
    for name in SETS:
        if (DATA / name).is_dir():
            for seed in range(SEEDS):
                for figure in simulate(inspected(name, seed), model, old, seed):
                    print(f"{figure.what}, {figure.case}: {figure.median:.3f} {figure.unit}", file=sys.stderr)
                    yield figure


def inspected(name: str, seed: int = 0, held_out: int = HELD_OUT) -> Inspected:
    """A set split by source photo; the order of correction is random, the hold-out always the same."""
    pattern = PHOTOS.get(name)
    pairs = []
    for pair in read_pairs(DATA / name).pairs:
        found = pattern.match(pair.stem) if pattern else None
        pairs.append(replace(pair, group=found[1] if found else pair.group))
    groups = photo_groups([p.pixels for p in pairs], names=[p.group for p in pairs])
    held = hold_out([p.sha256 for p in pairs], groups, fraction=held_out / len(pairs))
    free = [p for p, out in zip(pairs, held, strict=True) if not out]
    order = np.random.default_rng(seed).permutation(len(free))
    return Inspected(name, [p for p, out in zip(pairs, held, strict=True) if out], [free[i] for i in order])


def old_samples(model: InstalledModel) -> tuple[list[TrainingPair], list[TrainingPair]]:
    """Pictures that the shipped model learned, to be mixed in, and some of the same sets that it did not."""
    start = json.loads(model.path.with_suffix(".log.jsonl").read_text("utf-8").splitlines()[0])
    unknown = set(start["held_out"])
    learned: list[TrainingPair] = []
    checked: list[TrainingPair] = []
    for name in OLD_SETS:
        pairs = sorted(read_pairs(DATA / name).pairs, key=lambda p: lot(p.sha256, 0))
        learned += [p for p in pairs if f"{name}/{p.stem}" not in unknown][:OLD_LEARNED]
        checked += [p for p in pairs if f"{name}/{p.stem}" in unknown][:OLD_CHECKED]
    return learned, checked


def simulate(
    desk: Inspected, model: InstalledModel, old: tuple[list[TrainingPair], list[TrainingPair]], seed: int
) -> Iterator[Figure]:
    case = f"{desk.name}, {len(desk.check)} held out" + (f", order {seed}" if seed else "")
    own = score_step(model.spec.threshold)
    before = Predictor.for_model(model, "cpu", threads=THREADS)
    base, known = score(before, desk.check, own), score(before, old[1], own)
    yield Figure("F1 before", case, base, "F1")
    adapter = Adapter(model)
    for count in (n for n in CORRECTED if n <= len(desk.queue)):
        row = f"{case}, {count} corrected"
        clock = Clock()
        for pair in desk.queue[len(adapter) : count]:
            adapter.add(pair)
        adapted = adapter.adapt()
        yield from clock.figures("Adapt, with seeing the new pictures", row)
        predictor, step = adapted.predictor(threads=THREADS), adapted.after.threshold
        yield Figure("F1 after Adapt", row, score(predictor, desk.check, step), "F1")
        yield Figure("better, says Adapt", row, float(adapted.better is True), "")
        yield Figure("forgotten by Adapt", row, known - score(predictor, old[1], step), "F1")
        with tempfile.TemporaryDirectory(prefix="crackscope-benchmark-") as folder:
            clock = Clock()
            report = retrain(request_for(desk.queue[:count], model, old[0], Path(folder), seed))
            yield from clock.figures(f"Retrain, {ITERATIONS} steps", row)
            yield from judged(report, row)
            step = score_step(report.model.spec.threshold)
            predictor = Predictor.for_model(report.model, "cpu", threads=THREADS)
            found = score(predictor, desk.check, step)
            yield Figure("F1 after Retrain", row, found, "F1")
            yield Figure("gained by Retrain", row, found - base, "F1")
            yield Figure("forgotten by Retrain", row, known - score(predictor, old[1], step), "F1")


def request_for(
    corrected: Sequence[TrainingPair],
    model: InstalledModel,
    old: Sequence[TrainingPair],
    folder: Path,
    seed: int,
) -> RetrainRequest:
    """As the program asks for it, with the recipe of the architecture."""
    out = folder / "retrained.safetensors"
    return RetrainRequest(model, corrected, out, old=old, iterations=ITERATIONS, seed=seed, device="cpu")


def judged(report: RetrainReport, row: str) -> Iterator[Figure]:
    """What the retraining itself says, from the corrected pictures that it kept to check."""
    yield Figure("checked by Retrain", row, float(report.corrected.pictures), "pictures")
    yield Figure("gained, says Retrain", row, report.corrected.after - report.corrected.before, "F1")
    yield Figure("better, says Retrain", row, float(report.better), "")


class Clock:
    """Seconds on the wall and of the processor since it was made."""

    def __init__(self) -> None:
        self._wall, self._spent = time.perf_counter(), time.process_time()

    def figures(self, what: str, row: str) -> Iterator[Figure]:
        wall, spent = time.perf_counter() - self._wall, time.process_time() - self._spent
        yield Figure(what, row, wall, "s")
        yield Figure(f"{what}, processor", row, spent, "s")


def score(predictor: Predictor, pairs: Sequence[TrainingPair], step: int) -> float:
    """Pooled F1 at 2 px at a score step."""
    total = SweepCounts.nothing(TOLERANCE_PX)
    with torch.inference_mode():
        for pair in pairs:
            found = predictor.predict(pair.pixels, PredictSettings(precision="float32")).score
            total = total + sweep(found, pair.mask, TOLERANCE_PX)
    return total.f1(step)
