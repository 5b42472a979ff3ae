"""An inspector corrects pictures of a set that the shipped model never saw: what does that bring?

The truth of the set stands in for the corrections. Whole source photos are held out first and never
shown to a model; of the rest, pictures are corrected in a random order. Measured is pooled F1 at 2 px on
the held-out pictures, each model at its own threshold, before and after 5, 10 and 20 corrected
pictures, with CRACKSCOPE_ENLARGE=1 also looking at them enlarged. Seconds are wall-clock time, beside
them those of the processor, which a busy machine cannot lengthen. CRACKSCOPE_CORRECTED and
CRACKSCOPE_ADAPT_SETS choose less. Settings were chosen on `cfd`. `retrain` compares this with Retrain,
which takes minutes.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from crackcore.domain.prediction import PredictSettings
from crackcore.evaluation.sweep import SweepCounts, sweep
from crackcore.inference.predictor import Predictor
from crackcore.masks.threshold import score_step
from crackcore.models.catalogue import DEFAULT_MODEL, find_model
from crackcore.training.adapting import Adapter, AdaptSettings
from crackcore.training.pairs import TrainingPair, read_pairs
from crackcore.training.splits import hold_out, photo_groups
from tests.benchmarks.figures import ROOT, Figure

DATA = ROOT.parent / "shared" / "data"
SETS = os.environ.get("CRACKSCOPE_ADAPT_SETS", "concrete_rissbilder_volker,cfd").split(",")
CORRECTED = tuple(int(n) for n in os.environ.get("CRACKSCOPE_CORRECTED", "5,10,20").split(","))
HELD_OUT = 30
ENLARGEMENTS = (1.0, 2.0) if os.environ.get("CRACKSCOPE_ENLARGE") == "1" else (1.0,)
TOLERANCE_PX = 2.0
THREADS = int(os.environ.get("OMP_NUM_THREADS", "0")) or None  # two that wait for each other cost time


def measure() -> Iterator[Figure]:
    for name in SETS:
        if (DATA / name).is_dir():
            for figure in simulate(name, list(read_pairs(DATA / name).pairs)):
                print(f"{figure.what}, {figure.case}: {figure.median:.3f} {figure.unit}", file=sys.stderr)
                yield figure


def simulate(name: str, pairs: Sequence[TrainingPair], seed: int = 0) -> Iterator[Figure]:
    groups = photo_groups([p.pixels for p in pairs], [p.stem for p in pairs])
    held = hold_out([p.sha256 for p in pairs], groups, fraction=HELD_OUT / len(pairs), seed=seed)
    check = [p for p, out in zip(pairs, held, strict=True) if out]
    free = [p for p, out in zip(pairs, held, strict=True) if not out]
    order = np.random.default_rng(seed).permutation(len(free))
    queue = [free[i] for i in order]
    model = find_model(DEFAULT_MODEL)
    case = f"{name}, {len(check)} held out"
    base = score(Predictor.for_model(model, "cpu", threads=THREADS), check, score_step(model.spec.threshold))
    yield Figure("F1 before", case, base[0], "F1")
    yield Figure("F1 before, best threshold", case, base[1], "F1")

    adapter = Adapter(model, AdaptSettings(enlargements=ENLARGEMENTS))
    for count in CORRECTED:
        taken = queue[len(adapter) : count]
        started, spent = time.perf_counter(), time.process_time()
        for pair in taken:
            adapter.add(pair)
        seen, seen_spent = time.perf_counter(), time.process_time()
        adapted = adapter.adapt()
        done, spent_all = time.perf_counter(), time.process_time()
        found = score(adapted.predictor(threads=THREADS), check, adapted.after.threshold)
        row = f"{case}, {count} corrected"
        yield Figure("F1 after Adapt", row, found[0], "F1")
        yield Figure("F1 after Adapt, best threshold", row, found[1], "F1")
        yield Figure("F1 that Adapt expects", row, adapted.after.f1, "F1")
        yield Figure("better, says Adapt", row, float(adapted.better is True), "")
        yield Figure("enlarged by", row, adapted.enlarged, "")
        yield Figure("see one picture", row, (seen - started) / len(taken), "s")
        yield Figure("see one picture, processor", row, (seen_spent - spent) / len(taken), "s")
        yield Figure("Adapt, processor", row, spent_all - seen_spent, "s")
        limit = 60.0 if count == 10 else None
        yield Figure("Adapt", row, done - seen, "s", at_most=limit)


def score(predictor: Predictor, pairs: Sequence[TrainingPair], step: int) -> tuple[float, float]:
    """Pooled F1 at 2 px at a score step, and at the best one."""
    total = SweepCounts.nothing(TOLERANCE_PX)
    with torch.inference_mode():
        for pair in pairs:
            found = predictor.predict(pair.pixels, PredictSettings(precision="float32")).score
            total = total + sweep(found, pair.mask, TOLERANCE_PX)
    return total.f1(step), total.best().f1
