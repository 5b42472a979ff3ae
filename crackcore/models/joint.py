"""What CSSR and CSBSR share: cracks found in the enlarged picture, which is normalised by itself."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from crackcore.models.architectures import Architecture
from crackcore.models.catalogue import create_network, known_architecture


class JointMaps(NamedTuple):
    """Everything a joint network computes, for losses; N pictures enlarged to H x W.

    `sr_raw` is the enlarged picture (N, 3, H, W) as the super-resolution gave it, `sr` what the
    segmentation saw (clipped or not). `prob` and `logit` (N, 1, H, W) are the crack maps,
    `segmentation` all outputs of the segmentation network as it gave them, by name (auxiliary
    branches among them). `kernel` (N, 1, 21, 21) is the estimated blur, where one is estimated.
    """

    sr_raw: Tensor
    sr: Tensor
    prob: Tensor
    logit: Tensor
    segmentation: dict[str, Tensor]
    kernel: Tensor | None = None


class CrackFinder:
    """How the joint networks create and read a segmentation network of the catalogue."""

    def __init__(self, name: str) -> None:
        """Raises UnknownModel for an unknown name, ValueError for a network that cannot serve."""
        self.architecture: Architecture
        self.architecture, self._brought = known_architecture(name)
        if not self.architecture.outputs:
            raise ValueError(
                f'nothing is known of the outputs of "{name}"; it cannot be part of a joint network'
            )
        if not self.architecture.score or self.architecture.output_scale != 1:
            raise ValueError(f'"{name}" does not find cracks at the size of its picture')

    def create(self, width: float, **arguments: object) -> nn.Module:
        """The network, narrowed where it knows `width`."""
        if self.architecture.has_width:
            arguments = {"width": width, **arguments}
        made: nn.Module = create_network(self.architecture.name, **{**self._brought, **arguments})
        return made

    def read(self, network: nn.Module, sr: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """(prob, logit, all outputs) of the enlarged picture, the first two cropped to its size.

        Networks that give more than they were shown (PSPNet: 8 ceil(size / 8)) give it at the bottom
        and the right.
        """
        outputs = network(instance_normalised(sr))
        given = (outputs,) if isinstance(outputs, Tensor) else outputs
        named = dict(zip(self.architecture.outputs, given, strict=True))
        logit = named[self.architecture.score]
        if self.architecture.activation == "softmax":
            logit = logit[:, 1:2] - logit[:, 0:1]
        logit = logit[:, :, : sr.shape[2], : sr.shape[3]]
        return torch.sigmoid(logit), logit, named


def instance_normalised(pictures: Tensor) -> Tensor:
    """Each channel of each picture brought to mean 0 and variance 1 (eps 1e-5)."""
    return functional.instance_norm(pictures)


def clipped(pictures: Tensor) -> Tensor:
    """Values outside 0..1 set to the nearer end."""
    return pictures.clamp(0.0, 1.0)
