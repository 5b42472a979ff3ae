"""From what a network returns to one number to learn from, for every architecture of the catalogue.

`modern` is one criterion for all: weighted cross entropy and soft Dice on the crack score, and at a
smaller share on every other map the network gives (deep supervision), each at the picture's size.
For networks that enlarge, the picture is reduced first, and what it is enlarged to is compared with
what it was. The published criteria stand in `published_criteria`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from crackcore.arrays import UNDECIDED
from crackcore.models.architectures import Architecture
from crackcore.models.catalogue import known_architecture
from crackcore.training.degradation import reduced

SIDE_SHARE = 0.4
"""What all other maps weigh together, against 1 for the score: the published share of PSPNet's branch."""

ENLARGEMENT_SHARE = 1.0
"""What mean L1(enlarged, sharp) weighs, pictures in 0..1; some 0.03 at the end of a training."""


@dataclass(frozen=True)
class Moment:
    """When a batch is looked at: the iteration, from 0, and seeds for what is drawn by chance then."""

    iteration: int = 0
    seeds: tuple[int, ...] = (0, 0)

    def generator(self) -> np.random.Generator:
        return np.random.default_rng([*self.seeds, self.iteration])


START = Moment()


class Criterion(Protocol):
    """What a training makes small; a function of its arguments alone."""

    def __call__(
        self, network: nn.Module, pictures: Tensor, labels: Tensor, moment: Moment = START
    ) -> Tensor:
        """One number. Pictures (N, 3, H, W) as the network takes them, labels (N, H, W) uint8."""

    def learns(self, parameter: str, moment: Moment) -> bool:
        """Whether the network's parameter of this name changes at this moment."""


@dataclass(frozen=True)
class ModernCriterion:
    """Loss of a batch: pictures (N, 3, H, W) as the network takes them, labels (N, H, W) uint8.

    `crack_weight` is what a crack pixel weighs in the cross entropy against 1 for sound ones,
    `dice` what soft Dice weighs against the cross entropy. Undecided pixels (255) are left out.
    """

    architecture: str
    crack_weight: float = 2.0
    dice: float = 1.0

    def learns(self, parameter: str, moment: Moment) -> bool:
        return True

    def __call__(
        self, network: nn.Module, pictures: Tensor, labels: Tensor, moment: Moment = START
    ) -> Tensor:
        facts = known_architecture(self.architecture)[0]
        sharp = pictures
        if facts.output_scale > 1:
            pictures = reduced(sharp, method="bilinear", factor=facts.output_scale).clamp(0.0, 1.0)
        outputs = network(pictures)
        given = (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
        named = dict(zip(facts.outputs, given, strict=True)) if facts.outputs else {"": given[0]}
        score = named[facts.score]
        total = self._balanced(_crack_logit(score, facts), labels)
        others = [self._balanced(m, labels) for n, m in named.items() if n in _side_logits(facts)]
        if others:
            total = total + SIDE_SHARE * torch.stack(others).mean()
        if facts.output_scale > 1:
            total = total + ENLARGEMENT_SHARE * (named["sr_raw"].float() - sharp).abs().mean()
        return total

    def _balanced(self, logit: Tensor, labels: Tensor) -> Tensor:
        logit = _fitted(logit.float(), labels)
        decided = (labels != UNDECIDED).to(logit.dtype)
        truth = (labels == 1).to(logit.dtype)
        weights = decided * (1.0 + (self.crack_weight - 1.0) * truth)
        each = functional.binary_cross_entropy_with_logits(logit, truth, weight=weights, reduction="sum")
        loss = each / weights.sum().clamp(min=1.0)
        if self.dice:
            score = torch.sigmoid(logit) * decided
            overlap = 2 * (score * truth).sum() + 1.0
            loss = loss + self.dice * (1 - overlap / (score.sum() + truth.sum() + 1.0))
        return loss


def _side_logits(facts: Architecture) -> tuple[str, ...]:
    """The other outputs that say "crack" in logits: side outputs, scales, auxiliary branches."""
    return tuple(
        n
        for n in facts.outputs
        if n != facts.score and (n.startswith(("side", "fuse")) or n == "aux_logit_low")
    )


def _crack_logit(output: Tensor, facts: Architecture) -> Tensor:
    if facts.activation == "softmax":
        return output[:, 1:2] - output[:, 0:1]
    return output


def _fitted(logit: Tensor, labels: Tensor) -> Tensor:
    """(N, H, W) at the labels' size: a coarse map is enlarged, a longer one cut off."""
    height, width = labels.shape[1:]
    if logit.shape[2] < height or logit.shape[3] < width:
        logit = functional.interpolate(logit, size=(height, width), mode="bilinear", align_corners=False)
    return logit[:, 0, :height, :width]
