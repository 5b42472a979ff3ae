"""The published and the modern recipe of a network side by side: the same photos, width and number of steps.

Every step of both sees the same number of pixels (batch times crop), on one core. All else is the
recipe's: loss, optimiser, rate and its course, augmentation, start, running mean, batch norm.
A published recipe is made for many more steps than these; what is compared is what a few
minutes bring, not where each would end. A falling rate is fitted to the shorter run, as
`crackcore train --iterations` does it.

Every second photo of two sets whose terms let a model ship; a fifth of the source photos is held out. F1
is at 2 px, the mean over both sets at the threshold that is best there, of the better of two checks.
Losses are not of one kind, so of each its own fall is given: the mean of the last tenth of the steps
over that of the first. Seconds are those of the steps, without reading and checking.

CRACKSCOPE_RECIPES chooses networks, CRACKSCOPE_RECIPE_STEPS the share of the steps, CRACKSCOPE_RECIPE_SEED.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from crackcore.training.pairs import TrainingPair, read_pairs
from crackcore.training.recipes import KINDS, Kind, recipe
from crackcore.training.run import TrainRequest, TrainSettings, limit_opencv_threads, train
from tests.benchmarks.figures import ROOT, Figure

DATA = ROOT.parent / "shared" / "data"
SETS = ("uav_concrete", "cracksc")
GAPS = {"uav_concrete": 6}  # pictures whose numbers are so near come from one flight line
CHECKS = 2


@dataclass(frozen=True)
class Match:
    """How two recipes meet: `crops` are batch and side in px of the published and the modern one."""

    network: str
    width: float  # 1: of a network that has none to choose
    steps: int
    crops: tuple[tuple[int, int], tuple[int, int]] = ((4, 256), (4, 256))
    input_scale: float = 1.0  # of the published one

    @property
    def arguments(self) -> dict[str, Any]:
        return {"width": self.width} if self.width != 1 else {}


MATCHES = (
    Match("deepcrack_liu", 0.25, 150),
    Match("pspnet", 0.25, 120),
    # its crop brings a picture to twice its size at 1024 px, to three quarters of it at 384 px
    Match("cgnet_m3n21", 1.0, 120, ((2, 384), (8, 192)), input_scale=0.75),
    Match("deepcrack_tip", 0.125, 120, ((4, 192), (4, 192))),
)


def measure() -> Iterator[Figure]:
    torch.set_num_threads(1)
    limit_opencv_threads()
    wanted = os.environ.get("CRACKSCOPE_RECIPES", "")
    pairs = [p for name in SETS if (DATA / name).is_dir() for p in read_pairs(DATA / name).pairs[::2]]
    for match in MATCHES:
        if pairs and (not wanted or match.network in wanted.split(",")):
            for kind in KINDS:
                for figure in _run(match, kind, pairs):
                    print(f"{figure.what}, {figure.case}: {figure.median:.3f} {figure.unit}", file=sys.stderr)
                    yield figure


def _run(match: Match, kind: Kind, pairs: list[TrainingPair]) -> Iterator[Figure]:
    batch, side = match.crops[KINDS.index(kind)]
    chosen = recipe(match.network, kind)
    share = float(os.environ.get("CRACKSCOPE_RECIPE_STEPS", "1"))
    settings = _shortened(chosen.settings, max(CHECKS, round(share * match.steps)), batch, side)
    losses: list[float] = []
    checks: list[tuple[int, float]] = []
    spent = np.zeros(2)  # by the clock, by the processor
    mark = np.zeros(2)

    def hear(event: dict[str, Any]) -> None:
        now = np.array([time.perf_counter(), time.process_time()])
        if event["event"] == "step":
            losses.append(event["loss"])
            spent[:] += now - mark
        elif event["event"] == "check":
            checks.append((event["iteration"], event["f1"]))
        mark[:] = now

    with tempfile.TemporaryDirectory(prefix="crackscope-benchmark-") as folder:
        request = TrainRequest(
            pairs,
            Path(folder) / "model.safetensors",
            "side by side",
            match.network,
            match.arguments,
            preprocessing=chosen.preprocessing,
            settings=settings,
            name_gaps=GAPS,
            device="cpu",
            input_scale=match.input_scale if kind == "published" else chosen.input_scale,
            checkpoint_every_s=0.0,
        )
        report = train(request, hear=hear)
    case = f"{match.network}, width {match.width:g}, {kind}, {settings.iterations} steps"
    yield Figure("F1 at 2 px", f"{case}, {len(report.held_out)} held out", report.best_f1, "F1")
    for iteration, f1 in checks[:-1]:
        yield Figure(f"F1 at 2 px, step {iteration}", case, f1, "F1")
    tenth = max(1, len(losses) // 10)
    fall = float(np.mean(losses[-tenth:]) / np.mean(losses[:tenth]))
    yield Figure("loss, last over first tenth", case, fall, "")
    yield Figure("time", case, float(spent[0]), "s")
    yield Figure("processor time", case, float(spent[1]), "s")


def _shortened(settings: TrainSettings, steps: int, batch: int, side: int) -> TrainSettings:
    schedule = cast(Any, settings.schedule)
    if hasattr(schedule, "iterations"):
        schedule = replace(schedule, iterations=steps)
    return replace(
        settings,
        iterations=steps,
        epochs=0,
        batch=batch,
        augment=replace(cast(Any, settings.augment), crop_px=side),
        schedule=schedule,
        warm_up=min(settings.warm_up, steps // 5),
        validate_every=steps // CHECKS,
        seed=int(os.environ.get("CRACKSCOPE_RECIPE_SEED", "0")),
    )
