"""The published losses as criteria: each takes a network and a batch and gives one number.

`create_criterion` makes the one that settings name, with what falls or rises during training (the
share of the boundary loss, CSBSR's phases) as a function of the iteration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor, nn

from crackcore.errors import TrainingStopped
from crackcore.models.catalogue import known_architecture
from crackcore.training.criteria import START, Criterion, ModernCriterion, Moment
from crackcore.training.degradation import SIGMA_RANGE_PX, BlurAndNoise, reduced
from crackcore.training.losses import (
    blind_enlargement_loss,
    crack_loss,
    csbsr_joint_loss,
    cssr_joint_loss,
    liu_loss,
    segmentation_loss,
    tip_loss,
    weighted_cross_entropy,
)
from crackcore.training.losses.joint import CSBSR_WEIGHTS
from crackcore.training.schedules import BoundaryAlpha
from crackcore.training.settings import TrainSettings

CSBSR_PHASES = (10_000, 20_000, 30_000)


@dataclass(frozen=True)
class _WholeNetwork:
    """All parameters learn all the time."""

    def learns(self, parameter: str, moment: Moment) -> bool:
        return True


@dataclass(frozen=True)
class SoftmaxCriterion(_WholeNetwork):
    """CGNet: class-weighted cross entropy and `dice` times Dice.

    `divided_by` is "weights" or "pixels", the two library versions (`weighted_cross_entropy`).
    """

    weights: tuple[float, float] = (5.0, 10.0)
    dice: float = 1.0
    divided_by: str = "weights"

    def __call__(
        self, network: nn.Module, pictures: Tensor, labels: Tensor, moment: Moment = START
    ) -> Tensor:
        logits = network(pictures).float()
        if self.divided_by == "weights":
            return crack_loss(logits, labels, weights=self.weights, dice=self.dice)
        return weighted_cross_entropy(logits, labels, weights=self.weights, divided_by="pixels")


@dataclass(frozen=True)
class TipCriterion(_WholeNetwork):
    """Zou's DeepCrack: `tip_loss` of all six maps. `summed` multiplies the mean by the pixels of a
    picture, for learning rates that go with sums (Caffe)."""

    pos_weight: float = 1.0
    again_divided_by: float = 1.0
    summed: bool = False

    def __call__(
        self, network: nn.Module, pictures: Tensor, labels: Tensor, moment: Moment = START
    ) -> Tensor:
        loss = tip_loss(
            network(pictures), labels, pos_weight=self.pos_weight, again_divided_by=self.again_divided_by
        )
        return loss * (labels.shape[1] * labels.shape[2]) if self.summed else loss


@dataclass(frozen=True)
class LiuCriterion(_WholeNetwork):
    """Liu's DeepCrack: `liu_loss` of all six maps; `mode` is "focal" (the released script) or "bce"."""

    mode: str = "focal"

    def __call__(
        self, network: nn.Module, pictures: Tensor, labels: Tensor, moment: Moment = START
    ) -> Tensor:
        return liu_loss(network(pictures), labels, mode="bce" if self.mode == "bce" else "focal")


@dataclass(frozen=True)
class SegmentationCriterion(_WholeNetwork):
    """U-Net and PSPNet alone: a loss of CSSR's comparison by its name, mean over the batch."""

    architecture: str
    alpha: BoundaryAlpha
    kind: str = "bc2"

    def __call__(
        self, network: nn.Module, pictures: Tensor, labels: Tensor, moment: Moment = START
    ) -> Tensor:
        named = dict(zip(known_architecture(self.architecture)[0].outputs, network(pictures), strict=True))
        alpha = self.alpha.at(moment.iteration)
        auxiliary = named.get("aux_prob")
        return segmentation_loss(
            named["prob"], labels, kind=self.kind, alpha=alpha, auxiliary=auxiliary
        ).mean()


@dataclass(frozen=True)
class CssrCriterion(_WholeNetwork):
    """CSSR: the picture reduced bilinearly by 4, enlarged and searched by the network (`cssr_joint_loss`)."""

    alpha: BoundaryAlpha
    beta: float = 0.3
    kind: str = "bc2"

    def __call__(
        self, network: nn.Module, pictures: Tensor, labels: Tensor, moment: Moment = START
    ) -> Tensor:
        maps = cast(Any, network).parts(reduced(pictures, method="bilinear"), clip=False)
        alpha = self.alpha.at(moment.iteration)
        return cssr_joint_loss(maps, pictures, labels, alpha=alpha, beta=self.beta, kind=self.kind).total


@dataclass(frozen=True)
class CsbsrCriterion:
    """CSBSR: the picture blurred at random and reduced; four phases, which end at `phases`.

    Up to the first, the enlargement learns with the true kernel; up to the second, only what
    estimates the kernel; up to the third, the whole enlargement; then everything, jointly.
    """

    alpha: BoundaryAlpha
    beta: float = 0.3
    kind: str = "bc2"
    weights: tuple[float, float, float] = CSBSR_WEIGHTS
    failure_amplitude: float = 0.0
    phases: tuple[int, int, int] = CSBSR_PHASES
    sigma_range_px: tuple[float, float] = SIGMA_RANGE_PX
    noise: tuple[float, float] = (0.0, 0.0)  # the released set-up adds none

    def phase(self, moment: Moment) -> int:
        """1 to 4."""
        return 1 + sum(moment.iteration >= end for end in self.phases)

    def learns(self, parameter: str, moment: Moment) -> bool:
        phase = self.phase(moment)
        estimates = ".predictor." in parameter or ".kernel_predictor." in parameter
        if phase == 4:
            return True
        if not parameter.startswith("sr_model."):
            return False
        return {1: not estimates, 2: estimates, 3: True}[phase]

    def __call__(
        self, network: nn.Module, pictures: Tensor, labels: Tensor, moment: Moment = START
    ) -> Tensor:
        lr, kernels = BlurAndNoise(self.sigma_range_px, self.noise)(pictures, moment.generator())
        phase = self.phase(moment)
        if phase == 4:
            return csbsr_joint_loss(
                cast(Any, network).parts(lr, clip=False),
                pictures,
                labels,
                lr=lr,
                kernels=kernels,
                alpha=self.alpha.at(moment.iteration),
                beta=self.beta,
                weights=self.weights,
                failure_amplitude=self.failure_amplitude,
                kind=self.kind,
            ).total
        sr, _, kernel, _ = cast(Any, network).sr_model(lr, kernels if phase == 1 else None)
        weights = (0.0, 0.0, 1.0) if phase == 2 else self.weights
        return blind_enlargement_loss(sr, kernel, hr=pictures, lr=lr, kernels=kernels, weights=weights).mean()


Maker = Callable[[TrainSettings, str, BoundaryAlpha], Criterion]

CRITERIA: dict[str, Maker] = {
    "modern": lambda s, a, _: ModernCriterion(a, s.crack_weight, s.dice),
    "softmax": lambda s, a, _: SoftmaxCriterion(s.weights, s.dice),
    "softmax_pixels": lambda s, a, _: SoftmaxCriterion(s.weights, 0.0, "pixels"),
    "deepcrack_tip": lambda s, a, _: TipCriterion(**s.options),
    "deepcrack_liu": lambda s, a, _: LiuCriterion(**s.options),
    "segmentation": lambda s, a, alpha: SegmentationCriterion(a, alpha, **s.options),
    "cssr": lambda s, a, alpha: CssrCriterion(alpha, **s.options),
    "csbsr": lambda s, a, alpha: CsbsrCriterion(alpha, **s.options),
}
_FITS = {
    "softmax": "logits_full",
    "softmax_pixels": "logits_full",
    "deepcrack_tip": "fuse1",
    "deepcrack_liu": "side1",
    "segmentation": "prob",
    "cssr": "sr_raw",
    "csbsr": "kernel",
}
"""An output that a network must have for a criterion."""


def create_criterion(settings: TrainSettings, architecture: str, pictures: int) -> Criterion:
    """The criterion that `settings` name, for a network and a training set of so many pictures.

    Raises TrainingStopped for an unknown name, or where the network has not the outputs that the
    criterion looks at.
    """
    name = settings.criterion
    if name not in CRITERIA:
        raise TrainingStopped(f'No criterion is called "{name}".', hint=f"There are {', '.join(CRITERIA)}.")
    facts = known_architecture(architecture)[0]
    if name in _FITS and facts.outputs and _FITS[name] not in facts.outputs:
        raise TrainingStopped(f'The criterion "{name}" does not fit {facts.title or architecture}.')
    phases = settings.options.get("phases", CSBSR_PHASES)
    waits = phases[2] if name == "csbsr" else 0
    alpha = BoundaryAlpha.for_set(pictures, settings.batch, waits=waits)
    return CRITERIA[name](settings, facts.name, alpha)
