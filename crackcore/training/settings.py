"""What a training is told and what it answers, as values that can be written down and sent elsewhere."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from crackcore.domain.model_spec import Preprocessing
from crackcore.imaging.mask_rules import MaskRule
from crackcore.models.catalogue import InstalledModel
from crackcore.training.augmentation import AugmentSettings
from crackcore.training.pairs import Kind, TrainingPair
from crackcore.training.published_augmentation import Augmentation
from crackcore.training.schedules import Schedule


@dataclass(frozen=True)
class TrainSettings:
    """How weights change, step by step; recipes are made of these.

    `iterations` is the length, unless `epochs` is above 0. `batch` crops make a step, in `accumulate`
    equal parts one after the other (less memory, same mean gradient; batch norm sees the parts).
    `criterion` is a name of `criteria.CRITERIA`, `options` what that criterion takes by name.

    Learning rate: that of `schedule`; None is floor + (lr - floor) (1 - i / n)^0.9, as CGNet's
    configuration has it. With `warm_up` the rate rises linearly over the first iterations. Gradients
    longer than `clip_norm` are shortened to it (0: never). `average` is the share of the running
    mean of the weights that is kept at each step; that mean is what is checked and saved (0: the
    weights themselves). `mixed` computes forward passes in bfloat16, on the GPU always, on a processor
    where its gradients can be trusted.
    `start` is a name of `starting.STARTS`: how a network begins that starts from nothing.
    `doubt`: later weights take the place of earlier ones unless their F1 on the held-out pictures is
    lower by more than this; above 0 where those are so few that small differences are chance.
    `set_shares` is how much of the crops comes from the sets named; else sets are drawn by the root of
    their size.
    `batch_norm` trains convolutions that have no norm layer with one, which is folded into them when
    the model is saved (see `batch_norm`). `drawn` is the number of pictures that are drawn and
    learned from beside the photos; the shares say how many of the crops come from them and others.
    """

    iterations: int = 2500
    batch: int = 8
    learning_rate: float = 1e-3
    floor: float = 1e-5
    weight_decay: float = 5e-4
    optimiser: str = "adam"  # adamw, sgd
    momentum: float = 0.9  # of sgd
    warm_up: int = 0
    criterion: str = "softmax"
    crack_weight: float = 2.0  # of the modern criterion
    mixed: bool = False
    weights: tuple[float, float] = (5.0, 10.0)  # of the softmax criteria: sound, crack
    dice: float = 1.0
    average: float = 0.998
    validate_every: int = 250
    hold_out_share: float = 0.2
    crack_free_share: float = 0.10  # of the crops
    weak_share: float = 0.05
    set_shares: dict[str, float] = field(default_factory=dict)
    drawn: int = 0
    drawn_share: float = 0.25
    seed: int = 0
    augment: Augmentation = AugmentSettings()
    schedule: Schedule | None = None
    epochs: int = 0
    accumulate: int = 1
    clip_norm: float = 5.0
    start: str = "as built"
    batch_norm: bool = False
    doubt: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)

    def for_set(self, pictures: int) -> TrainSettings:
        """With the iterations that `epochs` passes over so many training pictures take."""
        if not self.epochs:
            return self
        return replace(self, iterations=self.epochs * self.per_epoch(pictures), epochs=0)

    def per_epoch(self, pictures: int) -> int:
        """Iterations that see every picture once, in every form its augmentation has."""
        return max(1, math.ceil(pictures * self.augment.variants / self.batch))

    def rate(self, iteration: int, pictures: int) -> float:
        """The learning rate of an iteration, counted from 0."""
        if self.schedule is None:
            left = (1 - iteration / self.iterations) ** 0.9
            rate = float(self.floor + (self.learning_rate - self.floor) * left)
        elif self.schedule.unit == "epoch":
            rate = self.schedule.at(iteration // self.per_epoch(pictures))
        else:
            rate = self.schedule.at(iteration)
        return rate * min(1.0, (iteration + 1) / self.warm_up) if self.warm_up else rate

    def described(self) -> dict[str, Any]:
        """As JSON can hold it; schedule and augmentation with the name of what they are."""
        row = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        row["augment"] = _named(self.augment)
        row["schedule"] = None if self.schedule is None else _named(self.schedule)
        return {key: list(v) if isinstance(v, tuple) else v for key, v in row.items()}


def _named(value: Any) -> dict[str, Any]:
    rows = dataclasses.asdict(value)
    return {"kind": type(value).__name__} | {
        key: list(v) if isinstance(v, tuple) else v for key, v in rows.items()
    }


@dataclass(frozen=True)
class TrainSource:
    """A data set to read training pictures from, for `pairs.read_pairs`; `prefix` takes only such names."""

    folder: Path
    kind: Kind = "pairs"
    prefix: str = ""
    rule: MaskRule | None = None
    side: str = ""


@dataclass(frozen=True)
class TrainRequest:
    """What to train on, how, and where the model goes.

    Pictures come in `pairs`, or are read from `sources` by the process that trains. A checkpoint is
    written every `checkpoint_every` iterations and every `checkpoint_every_s` seconds, whichever
    comes first (0: not by this measure); with `resume` the training goes on from the last good one.
    """

    pairs: Sequence[TrainingPair]
    out: Path
    name: str
    architecture: str = "cgnet_m3n21"
    arguments: dict[str, Any] = field(default_factory=dict)
    preprocessing: Preprocessing | None = None  # None: that of the architecture's origin
    settings: TrainSettings = TrainSettings()
    name_gaps: dict[str, int] = field(default_factory=dict)
    held_out_stems: frozenset[str] = frozenset()
    licence: str = ""
    source: str = ""
    summary: str = ""
    training_data: tuple[dict[str, Any], ...] = ()
    start_from: InstalledModel | None = None
    imagenet_weights: Path | None = None  # for encoders that start from them; None: the user's folder
    device: str = "auto"
    input_scale: float = 1.0
    sources: tuple[TrainSource, ...] = ()
    resume: bool = False
    checkpoint_every: int = 0
    checkpoint_every_s: float = 300.0


@dataclass(frozen=True)
class TrainReport:
    """What came out."""

    model: InstalledModel
    best_f1: float
    seconds: float
    log_file: Path
    held_out: tuple[str, ...]
