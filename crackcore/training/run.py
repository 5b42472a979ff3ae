"""One training: folders in, a model file and a log out.

The best weights so far (by hold-out F1) are on disk at any moment, and every few minutes the whole
state, from which a killed training goes on to the very same weights; a loss that is not a number ends
the run with the best. Every figure in the model's description was measured on held-out source photos.
"""

from __future__ import annotations

import contextlib
import platform
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crackcore import __version__
from crackcore.domain.model_families import family_made_from
from crackcore.domain.model_spec import ModelSpec, Preprocessing
from crackcore.errors import InputRefused, TrainingStopped
from crackcore.models import devices
from crackcore.models.catalogue import (
    InstalledModel,
    known_architecture,
    read_installed,
)
from crackcore.models.model_files import save_model
from crackcore.progress import Progress, unheard
from crackcore.training.batch_norm import with_batch_norm, without_batch_norm
from crackcore.training.batches import Batch, batch_of, limit_opencv_threads, normalised
from crackcore.training.checking import TOLERANCES_PX, evaluate_network, ranking, reduced_picture
from crackcore.training.checkpoints import (
    TrainingState,
    checkpoints,
    remove_checkpoints,
    remove_unfinished,
    resume,
    save_checkpoint,
)
from crackcore.training.criteria import Criterion, Moment
from crackcore.training.pairs import DRAWN, ONLY_TEACH, OWN_TERMS, TrainingPair, drawn_pairs, read_pairs
from crackcore.training.published_criteria import create_criterion
from crackcore.training.settings import TrainReport, TrainRequest, TrainSettings, TrainSource
from crackcore.training.sides import split
from crackcore.training.starting import begun
from crackcore.training.training_log import Hear, TrainingLog, log_lines, nobody, picture_rows
from crackcore.training.workers import Workers, joined, spread, unsent

__all__ = [
    "TOLERANCES_PX",
    "TrainReport",
    "TrainRequest",
    "TrainSettings",
    "TrainSource",
    "evaluate_network",
    "limit_opencv_threads",
    "reduced_picture",
    "split",
    "train",
]

Asked = Callable[[], bool]


def _never() -> bool:
    """Nobody asks for an early end."""
    return False


def train(
    request: TrainRequest, progress: Progress = unheard, *, hear: Hear = nobody, stop: Asked = _never
) -> TrainReport:
    """Train and return the best model on the hold-out, saved at `request.out`.

    `progress` counts pictures while they are prepared, then iterations; Cancelled leaves the best
    model so far on disk. `hear` gets every event as a table that JSON can hold (TRAINING.md lists
    them). `stop` is asked before every step; once it says yes the training ends with the best weights
    so far, and its checkpoints stay.

    In several processes (see `workers`) all call this with the same request; all return the report.

    Raises TrainingStopped when the loss is not a number (the last good weights are kept, if there are
    any), InputRefused when there is nothing to train on or nothing to check on, ModelProblem for a
    start that does not fit, WeightsDoNotFit for a checkpoint of another training.
    """
    device = devices.choose_device(request.device)
    with joined(device) as workers:
        return _Training(request, device, workers, progress, hear, stop).run()


class _Step(nn.Module):
    """Network and criterion as one, so that several processes can share its gradients."""

    def __init__(self, network: nn.Module, criterion: Criterion) -> None:
        super().__init__()
        self.network = network
        self.criterion = criterion

    def forward(self, pictures: Tensor, labels: Tensor, iteration: int, seeds: tuple[int, ...]) -> Tensor:
        return self.criterion(self.network, pictures, labels, Moment(iteration, seeds))


@dataclass
class _Best:
    model: InstalledModel | None = None
    f1: float = -1.0


class _Training:
    """What a training holds while it runs."""

    def __init__(
        self,
        request: TrainRequest,
        device: devices.Device,
        workers: Workers,
        progress: Progress,
        hear: Hear,
        stop: Asked,
    ) -> None:
        self.started = time.monotonic()
        self.before_s = 0.0  # what the run took that this one goes on from
        self.device, self.workers, self.progress, self.stop = device, workers, progress, stop
        preparing = _preparing(progress, hear if workers.is_first else nobody)
        self.request = request = _with_pictures(request, preparing)
        self.held = split(request, preparing)
        sides = list(zip(request.pairs, self.held, strict=True))
        self.learn = [p for p, h in sides if not h]
        self.check = [p for p, h in sides if h and p.kind not in ONLY_TEACH]
        if not any(p.kind == "pairs" for p in self.learn) or not any(p.kind == "pairs" for p in self.check):
            raise InputRefused(
                request.out.name, "too few pictures: some must train and some, from other photos, must check."
            )
        self.settings = request.settings.for_set(len(self.learn))
        workers.share(self.settings.batch, self.settings.accumulate)
        torch.manual_seed(self.settings.seed)
        network = begun(
            request.architecture,
            request.arguments,
            start=self.settings.start,
            model=request.start_from,
            imagenet_weights=request.imagenet_weights,
        )
        if self.settings.batch_norm:
            known = self._batch(0)[0] if request.start_from else None
            with_batch_norm(network, None if known is None else normalised(known, _preprocessing(request)))
        self.network = network.to(device.torch_device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = deepcopy(self.network)
        self.optimiser = _optimiser(self.network, self.settings)
        self.criterion = create_criterion(self.settings, request.architecture, len(self.learn))
        self.spec = _first_spec(request, self.learn, self.check)
        self.best = _Best()
        self.losses: list[float] = []
        self.durations: deque[float] = deque(maxlen=50)
        self.check_seconds = 0.0
        self.saved_at = time.monotonic()
        silent = not workers.is_first
        go_on = request.resume and (bool(checkpoints(request.out)) or _is_finished(request))
        self.log = TrainingLog(request.out.with_suffix(".log.jsonl"), hear, go_on=go_on, silent=silent)

    def run(self) -> TrainReport:
        request, s = self.request, self.settings
        if request.resume and _is_finished(request):
            return self._finished_before()
        if self.workers.is_first:
            remove_unfinished(request.out)
        first = self._begin()
        self.step = spread(_Step(self.network, self.criterion), self.workers, self.device)
        with ThreadPoolExecutor(1, "augment") as ahead:
            coming = ahead.submit(self._batch, first) if first < s.iterations else None
            for i in range(first, s.iterations):
                self._tell(i)
                if self.workers.agreed(self.stop()):
                    return self._end("stopped", i)
                assert coming is not None
                batch = coming.result()
                if i + 1 < s.iterations:
                    coming = ahead.submit(self._batch, i + 1)
                begun = time.monotonic()
                loss = self._learn(i, batch)
                self.losses.append(loss)
                _average(self.averaged, self.network, min(s.average, (1 + i) / (10 + i)))
                self.durations.append(time.monotonic() - begun)
                self._say_step(i, loss)
                if (i + 1) % s.validate_every == 0 or i + 1 == s.iterations:
                    self._check(i + 1)
                if i + 1 < s.iterations:
                    self._save_state(i + 1)
        return self._end("end", s.iterations)

    def _begin(self) -> int:
        """Take up the last checkpoint where that is wanted; the iteration to go on with."""
        request, s = self.request, self.settings
        self.identity = {
            "settings": s.described(),
            "architecture": request.architecture,
            "arguments": request.arguments,
            "start": request.start_from.sha256 if request.start_from else "",
            "processes": self.workers.count,
            "pictures": [
                [p.set_name, p.stem, p.sha256, h] for p, h in zip(request.pairs, self.held, strict=True)
            ],
        }
        state = None
        if request.resume:
            state = resume(request.out, self.network, self.averaged, self.optimiser, self.identity)
        elif self.workers.is_first:
            remove_checkpoints(request.out)
        if state is None:
            self.log.write(
                "start",
                program=__version__,
                machine=platform.machine(),
                device=self.device.label,
                processes=self.workers.count,
                settings=s.described(),
                learn=_counts(self.learn),
                check=_counts(self.check),
                held_out=sorted(f"{p.set_name}/{p.stem}" for p in self.check),
                pictures=picture_rows(request.pairs, self.held),
            )
            return 0
        self.before_s, self.losses = state.seconds, list(state.losses)
        if state.best_f1 >= 0 and request.out.is_file():
            self.best = _Best(read_installed(request.out), state.best_f1)
        self.log.write("resume", iteration=state.iteration, seconds=round(state.seconds, 1))
        return state.iteration

    def _batch(self, iteration: int) -> Batch:
        workers = self.workers
        return batch_of(self.learn, self.settings, iteration, worker=workers.rank, workers=workers.count)

    def _learn(self, i: int, batch: Batch) -> float:
        """One step of the weights; the loss before it. Raises TrainingStopped for one that is no number."""
        s = self.settings
        self.network.train()
        seeds = (s.seed, self.workers.rank)
        _seed_chance((*seeds, i))
        for group in self.optimiser.param_groups:
            group["lr"] = s.rate(i, len(self.learn))
        pixels, labels = (np.array_split(half, s.accumulate) for half in batch)
        self.optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for part in range(s.accumulate):
            # which crops are degraded how differs between the parts of a batch, and between processes
            moment = Moment(i, seeds if s.accumulate == 1 else (*seeds, part))
            with unsent(self.step, last=part + 1 == s.accumulate):
                loss = self._loss(pixels[part], labels[part], moment) / s.accumulate
                value = self.workers.mean(loss)
                if not np.isfinite(value):
                    self._not_a_number(i)
                loss.backward()  # type: ignore[no-untyped-call]
            total += value
        if s.clip_norm:
            length = nn.utils.clip_grad_norm_(self.network.parameters(), s.clip_norm)
            if not torch.isfinite(length):  # one such step would spoil all weights for good
                self._not_a_number(i)
        moment = Moment(i, seeds)
        for name, parameter in self.network.named_parameters():
            if not self.criterion.learns(name, moment):
                parameter.grad = None
        self.optimiser.step()
        return total

    def _loss(self, pixels: Any, labels: Any, moment: Moment) -> Tensor:
        place = self.device.torch_device
        inputs = normalised(pixels, _preprocessing(self.request)).to(place)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        truth = torch.from_numpy(labels).to(place)
        use_bf16 = self.device.kind == "cuda" or (
            self.settings.mixed and _has_bfloat16_gradients(self.network)
        )
        with torch.autocast(self.device.kind, torch.bfloat16) if use_bf16 else contextlib.nullcontext():
            loss: Tensor = self.step(inputs, truth, moment.iteration, moment.seeds)
        return loss

    def _not_a_number(self, i: int) -> None:
        self.log.write("not a number", iteration=i)
        if self.best.model is None and i > 0:
            self._check(i)  # the weights before this step are good
        kept = " The best model so far was kept." if self.best.model else ""
        raise TrainingStopped(f"The training error stopped being a number at step {i}.{kept}")

    def _check(self, done: int) -> None:
        """Look at the held-out pictures, and keep the weights if they are the best so far."""
        if not self.workers.is_first:
            return
        begun, at = time.monotonic(), done

        def heard(done: int, total: int, note: str = "") -> None:
            self._tell(at)

        network = without_batch_norm(self.averaged)
        scores, threshold = evaluate_network(network, self.spec, self.check, self.device, heard)
        self.check_seconds = time.monotonic() - begun
        f1 = ranking(scores)
        self.log.write(
            "check",
            iteration=done,
            loss=round(float(np.mean(self.losses)), 5) if self.losses else None,
            seconds=round(self._seconds(), 1),
            f1=round(f1, 5),
            threshold=threshold,
            scores=scores,
        )
        self.losses.clear()
        if f1 > self.best.f1 - self.settings.doubt:
            measured = replace(
                self.spec,
                threshold=threshold / 255,
                scores={**scores, "iteration": done, "settings": self.settings.described()},
            )
            self.best = _Best(save_model(self.request.out, network, measured), f1)

    def _save_state(self, done: int, *, now: bool = False) -> None:
        every, seconds = self.request.checkpoint_every, self.request.checkpoint_every_s
        due = (every > 0 and done % every == 0) or (
            seconds > 0 and time.monotonic() - self.saved_at >= seconds
        )
        if not self.workers.is_first or not (due or now):
            return
        state = TrainingState(done, self.best.f1, self._seconds(), tuple(self.losses), self.identity)
        save_checkpoint(self.request.out, self.network, self.averaged, self.optimiser, state)
        self.saved_at = time.monotonic()
        self.log.say("checkpoint", iteration=done)

    def _end(self, event: str, done: int) -> TrainReport:
        if event == "stopped":
            self._save_state(done, now=True)
            if self.best.model is None:
                self._check(done)
        else:
            self.progress(done, self.settings.iterations)
        if not self.workers.is_first:
            self.workers.agreed(True)  # the first one has written by now
            model = read_installed(self.request.out)
            return self._report(model, ranking(model.spec.scores))
        assert self.best.model is not None
        self.log.write(
            event,
            iteration=done,
            f1=round(self.best.f1, 5),
            seconds=round(self._seconds(), 1),
            sha256=self.best.model.sha256,
        )
        if event == "end":
            remove_checkpoints(self.request.out)
        self.workers.agreed(True)
        return self._report(self.best.model, self.best.f1)

    def _finished_before(self) -> TrainReport:
        last = log_lines(self.log.path)[-1]
        self.before_s = float(last["seconds"])
        self.started = time.monotonic()
        return self._report(read_installed(self.request.out), float(last["f1"]))

    def _report(self, model: InstalledModel, f1: float) -> TrainReport:
        held = tuple(f"{p.set_name}/{p.stem}" for p in self.check)
        return TrainReport(model, f1, self._seconds(), self.log.path, held)

    def _tell(self, done: int) -> None:
        f1 = self.best.f1
        self.progress(done, self.settings.iterations, f"F1 {f1:.3f}" if f1 >= 0 else "")

    def _say_step(self, i: int, loss: float) -> None:
        s = self.settings
        checks = s.iterations // s.validate_every - (i + 1) // s.validate_every
        left = (s.iterations - i - 1) * float(np.mean(self.durations)) + checks * self.check_seconds
        self.log.say(
            "step",
            iteration=i + 1,
            of=s.iterations,
            loss=round(loss, 6),
            rate=self.optimiser.param_groups[0]["lr"],
            seconds=round(self._seconds(), 1),
            seconds_left=round(left, 1),
        )

    def _seconds(self) -> float:
        return self.before_s + time.monotonic() - self.started


def _preparing(progress: Progress, hear: Hear) -> Progress:
    """Tells both how far reading and splitting is, the listener a few times a second."""
    said = -1.0

    def report(done: int, total: int, note: str = "") -> None:
        nonlocal said
        progress(done, total, note)
        if time.monotonic() - said > 0.2:
            said = time.monotonic()
            hear({"event": "preparing", "done": done, "of": total})

    return report


def _with_pictures(request: TrainRequest, progress: Progress) -> TrainRequest:
    """With the pictures of its sources read into memory."""
    pairs = list(request.pairs)
    if request.settings.drawn:
        pairs += drawn_pairs(request.settings.drawn, request.settings.seed, progress)
    for source in request.sources:
        found = read_pairs(
            source.folder, kind=source.kind, rule=source.rule, side=source.side, progress=progress
        )
        pairs += [p for p in found.pairs if p.stem.startswith(source.prefix)]
    return replace(request, pairs=pairs, sources=())


def _is_finished(request: TrainRequest) -> bool:
    """Whether the log says that this model was trained to its end."""
    lines = log_lines(request.out.with_suffix(".log.jsonl"))
    if not lines or lines[-1].get("event") != "end" or not request.out.is_file():
        return False
    return bool(lines[-1].get("sha256") == read_installed(request.out).sha256)


def _optimiser(network: nn.Module, s: TrainSettings) -> torch.optim.Optimizer:
    parameters, decay = network.parameters(), s.weight_decay
    if s.optimiser == "sgd":
        return torch.optim.SGD(parameters, lr=s.learning_rate, momentum=s.momentum, weight_decay=decay)
    kinds: dict[str, type[torch.optim.Adam]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return kinds[s.optimiser](parameters, lr=s.learning_rate, eps=1e-8, weight_decay=decay)


def _has_bfloat16_gradients(network: nn.Module) -> bool:
    """Whether gradients in bfloat16 can be trusted on a processor.

    Those of depthwise convolutions with gaps, as CGNet has them, cannot: now and then one came out
    as 1e34 (torch 2.13, the same numbers in float32 gave 0.1).
    """
    return not any(
        isinstance(m, nn.Conv2d) and m.groups > 1 and max(m.dilation) > 1 for m in network.modules()
    )


def _seed_chance(seeds: Sequence[int]) -> None:
    """What torch draws in an iteration (dropout) follows from the seed and its number alone."""
    torch.manual_seed(int(np.random.SeedSequence(list(seeds)).generate_state(1, np.uint64)[0] >> 1))


def _preprocessing(request: TrainRequest) -> Preprocessing:
    if request.preprocessing is not None:
        return request.preprocessing
    return known_architecture(request.architecture)[0].preprocessing


@torch.no_grad()
def _average(averaged: nn.Module, network: nn.Module, keep: float) -> None:
    for mean, value in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - keep)
        else:
            mean.copy_(value)


def _counts(pairs: Sequence[TrainingPair]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for p in pairs:
        counts[p.set_name] = counts.get(p.set_name, 0) + 1
    return counts


def _first_spec(
    request: TrainRequest, learn: Sequence[TrainingPair], check: Sequence[TrainingPair]
) -> ModelSpec:
    trained, checked = _counts(learn), _counts(check)
    rows = [
        {
            **row,
            "trained_on": trained.get(str(row.get("set")), 0),
            "checked_on": checked.get(str(row.get("set")), 0),
        }
        for row in request.training_data
    ] or [{"set": k, "trained_on": v, "checked_on": checked.get(k, 0)} for k, v in trained.items()]
    if DRAWN in trained and all(row.get("set") != DRAWN for row in rows):
        rows.append(
            {"set": DRAWN, "kind": "drawn", "terms": OWN_TERMS, "trained_on": trained[DRAWN], "checked_on": 0}
        )
    facts = known_architecture(request.architecture)[0]
    enlarging = facts.output_scale > 1
    return ModelSpec(
        name=request.name,
        architecture=request.architecture,
        arguments=request.arguments,
        preprocessing=replace(_preprocessing(request), input_scale=request.input_scale),
        activation=facts.activation,
        tile_px=160 if enlarging else 512,
        overlap_px=24 if enlarging else 64,
        multiple_px=max(facts.multiple_px, 8 if facts.score == "logits_full" else 1),
        minimum_px=max(facts.minimum_px, 32),
        licence=request.licence,
        source=request.source or f"trained with crackscope {__version__}, {datetime.now(UTC):%Y-%m-%d}",
        summary=request.summary,
        family=family_made_from(request.start_from.spec.family if request.start_from else ""),
        training_data=tuple(rows),
    )
