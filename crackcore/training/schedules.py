"""How the learning rate, and the share of the boundary loss, change during training.

Every schedule is a frozen description with one method, `at(step)`, that needs nothing but the step,
counted from 0: a run that was killed goes on exactly, and a recipe that holds one can be written to
a log. `unit` says what a step is.

The published values of CGNet, DeepSegmentor, CSSR and CSBSR are reproduced (models.md sections 2 to 5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

Unit = Literal["iteration", "epoch"]


class Schedule(Protocol):
    """Anything with a learning rate for every step."""

    @property
    def unit(self) -> Unit: ...

    def at(self, step: int) -> float: ...


@dataclass(frozen=True)
class Constant:
    """The same all the time: Zou's DeepCrack (Adam 1e-3), CSSR (1e-5), CSBSR (2e-5)."""

    lr: float
    unit: ClassVar[Unit] = "iteration"

    def at(self, step: int) -> float:
        return self.lr


@dataclass(frozen=True)
class Polynomial:
    """floor + (lr - floor) (1 - i / (n - 1))^power, then floor: CGNet, n = 20,000, floor 1e-4, power 0.9.

    The last of n iterations is thus at the floor already.
    """

    lr: float
    iterations: int
    floor: float = 0.0
    power: float = 0.9
    unit: ClassVar[Unit] = "iteration"

    def at(self, step: int) -> float:
        left = max(0.0, 1 - step / max(1, self.iterations - 1))
        return float(self.floor + (self.lr - self.floor) * left**self.power)


@dataclass(frozen=True)
class WarmUp:
    """lr (f (1 - i / n) + i / n) for i < n, then lr: the code of CSSR and CSBSR.

    The default of that code is f = 1/6 over n = 5,000 iterations; its configurations set f = 1,
    which is constant. Its milestones are never used.
    """

    lr: float
    iterations: int = 5000
    factor: float = 1 / 6
    unit: ClassVar[Unit] = "iteration"

    def at(self, step: int) -> float:
        if step >= self.iterations:
            return self.lr
        done = step / self.iterations
        return self.lr * (self.factor * (1 - done) + done)


@dataclass(frozen=True)
class Window:
    """lr, and `factor` times that in a window: the CSBSR option that its configuration leaves off.

    With m = step - before, the iterations of joint training, the window is first < m < last.
    """

    lr: float
    factor: float = 10.0
    before: int = 30_000
    first: int = 70_000
    last: int = 95_000
    unit: ClassVar[Unit] = "iteration"

    def at(self, step: int) -> float:
        return self.lr * (self.factor if self.first < step - self.before < self.last else 1.0)


@dataclass(frozen=True)
class Steps:
    """lr times `factor` after every `every` epochs: Liu's DeepCrack, 0.1 every 40 of 700."""

    lr: float
    every: int = 40
    factor: float = 0.1
    unit: ClassVar[Unit] = "epoch"

    def at(self, step: int) -> float:
        return float(self.lr * self.factor ** (step // self.every))


@dataclass(frozen=True)
class IterationSteps(Steps):
    """`Steps` counted in iterations: the paper of Zou's DeepCrack, 0.1 every 10,000 of 100,000."""

    every: int = 10_000
    unit: ClassVar[Unit] = "iteration"


@dataclass(frozen=True)
class ThenLinear:
    """lr for `constant` epochs, then in a straight line towards 0 over `falling`: an option of DeepSegmentor.

    lr (1 - max(0, e - c) / (f + 1)), e counted from 1.
    """

    lr: float
    constant: int = 400
    falling: int = 300
    unit: ClassVar[Unit] = "epoch"

    def at(self, step: int) -> float:
        return self.lr * max(0.0, 1 - max(0, step + 1 - self.constant) / (self.falling + 1))


@dataclass(frozen=True)
class WarmCosine:
    """From `start` of lr up to lr in `warm` iterations, then half a cosine down to the floor at n.

    Loshchilov & Hutter, ICLR 2017, one period; not of the published recipes.
    """

    lr: float
    iterations: int
    warm: int = 0
    floor: float = 0.0
    start: float = 0.01
    unit: ClassVar[Unit] = "iteration"

    def at(self, step: int) -> float:
        if step < self.warm:
            return self.lr * (self.start + (1 - self.start) * step / self.warm)
        done = min(1.0, (step - self.warm) / max(1, self.iterations - self.warm))
        return self.floor + (self.lr - self.floor) * (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True)
class BoundaryAlpha:
    """alpha of the boundary losses: 1 at first, `step` less after every epoch, `floor` in the end.

    An epoch is n_train // batch + 1 iterations, as published; `waits` are iterations before the first
    that counts (CSBSR: the 30,000 of its pretraining). `early` is CSBSR without such pretraining: its
    counter begins at 0, so alpha falls before the first iteration already and again after every epoch.

    Differs from the originals where these depend on accidents: theirs falls at every call of the loss,
    in evaluation too and twice an iteration with PSPNet's auxiliary branch, and not at all on more
    than one GPU (CSSR). Here only training iterations count.
    """

    per_epoch: int
    step: float = 0.01
    floor: float = 0.01
    waits: int = 0
    early: bool = False
    unit: ClassVar[Unit] = "iteration"

    @classmethod
    def for_set(cls, pictures: int, batch: int, *, waits: int = 0) -> BoundaryAlpha:
        """With the epoch of a training set of so many pictures."""
        return cls(pictures // batch + 1, waits=waits)

    def at(self, step: int) -> float:
        counted = max(0, step - self.waits)
        falls = counted // self.per_epoch
        if self.early and step >= self.waits:
            falls += 1
        return max(self.floor, 1 - falls * self.step)
