"""Retrain: all weights of a model go on learning from corrected pictures, for minutes, beside old samples.

A thin layer over `run.train`: which pictures are held out is fixed by their digests, so that it does not
change from one retraining to the next; pictures that the model was trained on before are never held
out; old samples are mixed in, so that what the model knew is not forgotten, and what it forgot is
measured. The model file that comes out is a new one. The old one stays; to go back, choose it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from crackcore import __version__
from crackcore.domain.prediction import PredictSettings
from crackcore.errors import Cancelled, InputRefused, TrainingStopped
from crackcore.evaluation.intervals import pooled_difference
from crackcore.evaluation.sweep import SweepCounts, pooled, sweep
from crackcore.inference.predictor import Predictor
from crackcore.masks.threshold import score_step
from crackcore.models.catalogue import InstalledModel, known_architecture, read_installed
from crackcore.models.model_files import load_network, save_model
from crackcore.progress import Progress, unheard
from crackcore.training.checking import evaluate_network
from crackcore.training.checkpoints import remove_checkpoints
from crackcore.training.going_on import (
    fixed_hold_out,
    gentler,
    is_better,
    shares,
    some_of,
    trained_on,
)
from crackcore.training.pairs import TrainingPair
from crackcore.training.recipes import modern
from crackcore.training.retrain_report import HoldOutScore, RetrainReport, learning_file
from crackcore.training.run import train
from crackcore.training.settings import TrainRequest, TrainSettings
from crackcore.training.training_log import Hear, log_lines, nobody

__all__ = [
    "HoldOutScore",
    "RetrainReport",
    "RetrainRequest",
    "fixed_hold_out",
    "gentler",
    "learning_file",
    "retrain",
    "trained_on",
]

Asked = Callable[[], bool]

TOLERANCE_PX = 2.0


@dataclass(frozen=True)
class RetrainRequest:
    """What to go on from, what to learn, and where the candidate is written.

    corrected : pictures that a person corrected or approved. old : samples of what the model knew; some
    are mixed in, some say what was forgotten. held_out : digests (sha256) that must check and never
    train, for example those of an earlier report. `iterations` of the recipe's batch; 300 take minutes.

    `resume` goes on where this very retraining was broken off; with `only_judge` nothing more is learned,
    and the best weights that it left are judged. A checkpoint is written every `checkpoint_every_s`.
    """

    base: InstalledModel
    corrected: Sequence[TrainingPair]
    out: Path
    name: str = ""
    old: Sequence[TrainingPair] = ()
    held_out: frozenset[str] = frozenset()
    hold_out_share: float = 0.25
    iterations: int = 300
    settings: TrainSettings | None = None  # None: the architecture's recipe, gentler
    seed: int = 0
    device: str = "auto"
    resume: bool = False
    only_judge: bool = False
    checkpoint_every_s: float = 60.0

    def steps(self) -> TrainSettings:
        """How the weights change: the settings given, or the architecture's recipe, gentler."""
        facts, _ = known_architecture(self.base.spec.architecture)
        return self.settings or gentler(modern(facts.name), self.iterations, self.seed)


def _never() -> bool:
    return False


def retrain(
    request: RetrainRequest,
    progress: Progress = unheard,
    *,
    hear: Hear = nobody,
    stop: Asked = _never,
    leave: Asked = _never,
) -> RetrainReport:
    """Train, then compare with the model it started from on pictures that neither has learned.

    `out` appears when everything is known; until then the best weights, the state and the log lie beside
    it (`learning_file`), and after Cancelled or an error they stay there. `hear` gets the events of
    `run.train`, "before" (the old model, measured as "check" measures the new one) and "comparing".
    `stop` ends the learning with the best so far; `leave` as well, but with Cancelled after the state
    was written.

    A training error that is not a number ends the learning; the best weights before it are judged, and
    the report says so. Raises InputRefused when there are too few photos to hold one out or `out` is
    there already, and all that `run.train` raises.
    """
    base, learning = request.base, learning_file(request.out)
    if request.out.exists():
        if not (request.resume and learning.exists()):
            raise InputRefused(
                request.out, "there is a file of this name already.", hint="Choose another name."
            )
        request.out.unlink()  # an earlier run ended while it was being described
    choose = partial(
        fixed_hold_out,
        share=request.hold_out_share,
        always=request.held_out,
        never=trained_on(base),
        seed=request.seed,
        progress=progress,
    )
    held = choose(request.corrected)
    if not held or all(p.sha256 in held for p in request.corrected):
        raise InputRefused(
            request.out,
            "too few corrected photos: some must be learned and another, not learned before, must check.",
            hint="Correct more pictures.",
        )
    old = some_of(request.old, seed=request.seed)
    held |= choose(old) if old else frozenset()
    # held-out old samples take no part in the learning: by corrected pictures alone the best is kept
    mixed = [_apart(p, request.corrected) for p in old if p.sha256 not in held]
    pairs = [_named(p) for p in (*request.corrected, *mixed)]
    _say_before(request, [p for p in pairs if p.sha256 in held and p.kind != "weak"], progress, hear)
    trained, stopped = _learned(request, pairs, held, progress, hear, stop)
    if leave():
        raise Cancelled
    checked = [p for p in request.corrected if p.sha256 in held]
    old = [p for p in old if p.sha256 in held and p.kind != "weak"]
    to_compare = len(request.corrected) + 2 * len(checked) + 2 * len(old)
    compared = 0

    def told(done: int, total: int, note: str = "") -> None:
        nonlocal compared
        compared += 1
        hear({"event": "comparing", "done": min(compared, to_compare), "of": to_compare})
        progress(min(compared, to_compare), to_compare, note)
        if leave():
            raise Cancelled

    # from all corrected pictures: the few held-out ones alone gave thresholds of no use (0.02 in a trial)
    step = pooled(_counts(trained, request.corrected, told)).best().threshold
    candidate = replace(trained, spec=replace(trained.spec, threshold=step / 255))
    corrected = _compared(base, candidate, checked, told)
    forgotten = _compared(base, candidate, old, told) if old else None
    better = is_better(corrected.difference, len(checked), forgotten.difference if forgotten else None)
    learned = sorted(p.sha256 for p in request.corrected if p.sha256 not in held)
    seconds = float(log_lines(learning.with_suffix(".log.jsonl"))[-1].get("seconds", 0.0))
    model = _described(request, candidate, corrected, forgotten, better, learned)
    _put_away(request.out)
    return RetrainReport(model, corrected, forgotten, better, held, seconds, stopped)


def _learned(
    request: RetrainRequest,
    pairs: list[TrainingPair],
    held: frozenset[str],
    progress: Progress,
    hear: Hear,
    stop: Asked,
) -> tuple[InstalledModel, str]:
    """The best weights of the training, and why it ended before its time."""
    base, learning = request.base, learning_file(request.out)
    facts, arguments = known_architecture(base.spec.architecture)
    if request.only_judge:
        if not learning.is_file():
            raise InputRefused(learning, "nothing was learned yet.", hint="Go on with it, or start anew.")
        return read_installed(learning), ""
    order = TrainRequest(
        pairs=pairs,
        out=learning,
        name=request.name or request.out.stem,
        architecture=facts.name,
        arguments={**arguments, **base.spec.arguments},
        preprocessing=base.spec.preprocessing,
        settings=replace(request.steps(), set_shares=shares(request.corrected, pairs)),
        held_out_stems=frozenset(p.stem for p in pairs if p.sha256 in held),
        licence=base.spec.licence,
        summary=base.spec.summary,
        start_from=base,
        device=request.device,
        input_scale=base.spec.preprocessing.input_scale,
        resume=request.resume,
        checkpoint_every_s=request.checkpoint_every_s,
    )
    try:
        return train(order, progress, hear=hear, stop=stop).model, ""
    except TrainingStopped as error:
        if not learning.is_file():
            raise
        return read_installed(learning), error.message


def _say_before(
    request: RetrainRequest, check: Sequence[TrainingPair], progress: Progress, hear: Hear
) -> None:
    """How the old model does on the pictures that check, measured as the new one is while it learns."""
    if hear is nobody or request.only_judge:
        return
    spec = request.base.spec
    scores, threshold = evaluate_network(load_network(request.base), spec, check, progress=progress)
    hear({"event": "before", "threshold": threshold, "scores": scores})


def _put_away(out: Path) -> None:
    """The candidate is complete: its log stays beside it, all else of the learning goes."""
    learning = learning_file(out)
    with contextlib.suppress(FileNotFoundError):
        os.replace(learning.with_suffix(".log.jsonl"), out.with_suffix(".log.jsonl"))
    remove_checkpoints(learning)
    learning.unlink(missing_ok=True)


def _apart(pair: TrainingPair, corrected: Sequence[TrainingPair]) -> TrainingPair:
    """An old sample, in a set that is no set of corrected pictures."""
    taken = any(pair.set_name == p.set_name for p in corrected)
    return replace(pair, set_name=f"{pair.set_name}, old") if taken else pair


def _named(pair: TrainingPair) -> TrainingPair:
    """With a stem that is no other picture's: held out is by stem."""
    return replace(pair, stem=f"{pair.stem}-{pair.sha256[:16]}")


def _counts(model: InstalledModel, pairs: Sequence[TrainingPair], progress: Progress) -> list[SweepCounts]:
    predictor = Predictor(load_network(model), model.spec)
    settings = PredictSettings(precision="float32")
    counts = []
    for done, pair in enumerate(pairs):
        progress(done, len(pairs), "Comparing")
        counts.append(sweep(predictor.predict(pair.pixels, settings).score, pair.mask, TOLERANCE_PX))
    return counts


def _compared(
    before: InstalledModel, after: InstalledModel, pairs: Sequence[TrainingPair], progress: Progress
) -> HoldOutScore:
    first, second = _counts(before, pairs, progress), _counts(after, pairs, progress)
    steps = score_step(before.spec.threshold), score_step(after.spec.threshold)
    return HoldOutScore(
        pooled(first).f1(steps[0]),
        pooled(second).f1(steps[1]),
        len(pairs),
        pooled_difference(first, second, "f1", thresholds=steps),
    )


def _described(
    request: RetrainRequest,
    model: InstalledModel,
    corrected: HoldOutScore,
    old: HoldOutScore | None,
    better: bool,
    learned: list[str],
) -> InstalledModel:
    """The same weights with what they were made from."""
    base = request.base
    made: dict[str, Any] = {
        "base_model": base.name,
        "base_sha256": base.sha256,
        "made_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "checked_on": corrected.pictures,
        "f1_2px_before": round(corrected.before, 4),
        "f1_2px_after": round(corrected.after, 4),
        "old_f1_2px_before": None if old is None else round(old.before, 4),
        "old_f1_2px_after": None if old is None else round(old.after, 4),
        "better": better,
    }
    row = {"set": "corrected pictures", "kind": "retrained", "trained_on": len(learned), "sha256": learned}
    spec = replace(
        model.spec,
        tile_px=base.spec.tile_px,
        overlap_px=base.spec.overlap_px,
        multiple_px=base.spec.multiple_px,
        minimum_px=base.spec.minimum_px,
        refinement=base.spec.refinement,
        source=f"retrained from {base.name} ({base.sha256[:12]}) with crackscope {__version__}",
        source_sha256=base.spec.source_sha256,
        training_data=(*base.spec.training_data, row),
        scores={**model.spec.scores, "retrained": made},
    )
    return save_model(request.out, load_network(model), spec)
