"""Is the review queue worth following? Its first pictures against as many at random, on real data.

The shipped model never saw these sets; their truth stands in for the corrections. Whole source photos are
held out first. Of the others (at most CRACKSCOPE_QUEUE_PICTURES, drawn once) the queue makes an order.
Measured is

- which share of the model's whole error, missed and invented length along the centre lines at 2 px, lies in
  the first k pictures of the queue; beside it k / n, which is what any k pictures hold in the mean, and
  the largest share any k pictures could hold;
- pooled F1 at 2 px on the held-out pictures after Adapt with the first k pictures, and with k at random
  (CRACKSCOPE_QUEUE_SEEDS draws: mean, worst and best), each at the threshold that Adapt chose.

CRACKSCOPE_QUEUE_SETS and CRACKSCOPE_QUEUE_COUNTS choose sets and k.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from copy import copy

import numpy as np

from crackcore.datasets.near_duplicates import likeness, near_duplicates
from crackcore.evaluation.lines import compare_lines
from crackcore.evaluation.review_order import review_order, review_worth
from crackcore.evaluation.sweep import SweepCounts, sweep
from crackcore.inference.predictor import Predictor
from crackcore.masks.threshold import score_step
from crackcore.models.catalogue import DEFAULT_MODEL, find_model
from crackcore.models.model_files import load_network
from crackcore.training.adapting import Adapter
from crackcore.training.last_layer import Kept, LastLayer, Weights
from crackcore.training.pairs import TrainingPair, read_pairs
from crackcore.training.review_queue import views
from crackcore.training.splits import hold_out, photo_groups
from tests.benchmarks.figures import ROOT, Figure

DATA = ROOT.parent / "shared" / "data"
SETS = os.environ.get("CRACKSCOPE_QUEUE_SETS", "uav75,masonry,cfd,concrete_rissbilder_volker").split(",")
COUNTS = tuple(int(n) for n in os.environ.get("CRACKSCOPE_QUEUE_COUNTS", "5,10,20").split(","))
SEEDS = int(os.environ.get("CRACKSCOPE_QUEUE_SEEDS", "4"))
MOST = int(os.environ.get("CRACKSCOPE_QUEUE_PICTURES", "60"))
HELD_OUT = 20
TOLERANCE_PX = 2.0
THREADS = int(os.environ.get("OMP_NUM_THREADS", "0")) or None


def measure() -> Iterator[Figure]:
    for name in SETS:
        if (DATA / name).is_dir():
            for figure in compared(name, list(read_pairs(DATA / name).pairs)):
                print(f"{figure.what}, {figure.case}: {figure.median:.3f} {figure.unit}", file=sys.stderr)
                yield figure


def compared(name: str, pairs: Sequence[TrainingPair]) -> Iterator[Figure]:
    """The figures of one set."""
    groups = photo_groups([p.pixels for p in pairs], [p.stem for p in pairs])
    held = hold_out([p.sha256 for p in pairs], groups, fraction=HELD_OUT / len(pairs), seed=0)
    check = [p for p, out in zip(pairs, held, strict=True) if out]
    free = [p for p, out in zip(pairs, held, strict=True) if not out]
    drawn = np.random.default_rng(0).permutation(len(free))[:MOST]
    free = [free[i] for i in sorted(drawn.tolist())]
    order, errors = queue_and_errors(free)
    case = f"{name}, {len(free)} pictures"
    for count in COUNTS:
        share, best = errors[order[:count]].sum(), np.sort(errors)[::-1][:count].sum()
        yield Figure(f"error in the first {count}", case, float(share / errors.sum()), "share")
        yield Figure(f"error in {count} at random", case, count / len(free), "share")
        yield Figure(f"error in {count} at most", case, float(best / errors.sum()), "share")
    yield from adapted_to(free, order, check, f"{name}, {len(check)} held out")


def queue_and_errors(pairs: Sequence[TrainingPair]) -> tuple[list[int], np.ndarray]:
    """Places in the order of the queue, and the length in px that the model has wrong in each picture."""
    model = find_model(DEFAULT_MODEL)
    predictor = Predictor.for_model(model, "cpu", threads=THREADS)
    step = score_step(model.spec.threshold)
    worths, errors = [], []
    for pair in pairs:
        seen = views(predictor, pair.pixels)
        worths.append(review_worth(seen, step).worth_px)
        lines = compare_lines(seen[0] >= step, pair.mask, TOLERANCE_PX)
        errors.append(lines.truth_px - lines.found_px + lines.said_px - lines.correct_px)
    alike = near_duplicates([likeness(p.pixels) for p in pairs])
    rows = review_order(worths, [(m.a, m.b) for m in alike])
    return [row.index for row in rows], np.array(errors)


def adapted_to(
    free: Sequence[TrainingPair], order: Sequence[int], check: Sequence[TrainingPair], case: str
) -> Iterator[Figure]:
    """Hold-out F1 before, after the queue's first k, after random k. Each picture is seen once for all."""
    model = find_model(DEFAULT_MODEL)
    adapter = Adapter(model, threads=THREADS)
    for pair in free:
        adapter.add(pair)
    last = LastLayer(load_network(model), model.spec)
    kept = [(last.keep(pair.pixels), pair) for pair in check]
    before = held_out_f1(last, kept, last.weights, score_step(model.spec.threshold))
    yield Figure("F1 before", case, before, "F1")

    def after(places: Iterable[int]) -> float:
        few = copy(adapter)
        few._pictures = {free[i].sha256: adapter._pictures[free[i].sha256] for i in places}
        adapted = few.adapt()
        weights = LastLayer(adapted.network, adapted.spec).weights
        return held_out_f1(last, kept, weights, adapted.after.threshold)

    for count in COUNTS:
        first = after(order[:count])
        others = [
            after(np.random.default_rng(100 + seed).permutation(len(free))[:count].tolist())
            for seed in range(SEEDS)
        ]
        row = f"{case}, {count} corrected"
        yield Figure("F1 after Adapt, first of the queue", row, first, "F1")
        yield Figure("F1 after Adapt, at random", row, float(np.mean(others)), "F1", repeats=SEEDS)
        yield Figure("F1 after Adapt, at random, worst", row, min(others), "F1")
        yield Figure("F1 after Adapt, at random, best", row, max(others), "F1")


def held_out_f1(
    last: LastLayer, kept: Sequence[tuple[Kept, TrainingPair]], weights: Weights, step: int
) -> float:
    """Pooled F1 of a last layer at a score step."""
    total = SweepCounts.nothing(TOLERANCE_PX)
    for seen, pair in kept:
        total = total + sweep(last.score_map(seen, weights), pair.mask, TOLERANCE_PX)
    return total.f1(step)
