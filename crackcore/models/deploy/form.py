"""What every deploy form offers: outputs by name, and only the work that the wished ones need."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from crackcore.models.architectures import OWN, Architecture
from crackcore.models.deploy.pyramid import OptionalBranch
from crackcore.models.deploy.rewriting import rewritten

MAIN = "output"
"""The name of the one output of a network whose outputs are not known (a plug-in's)."""


class DeployForm(nn.Module):
    """A network made ready for use, once, after loading; for inference only.

    `names` are the outputs in the published order, `score` the one that holds the crack score.
    Input and outputs are float32 whatever precision is inside. `forward` gives what the plain
    network gives (a tensor, or a tuple in its order); `maps` computes only what is asked for.
    """

    names: tuple[str, ...] = (MAIN,)
    score: str = MAIN
    score_only: bool = False

    @abstractmethod
    def maps(self, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        """The outputs of these names for `x` (N, 3, H, W)."""

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """All outputs as the plain network gives them; with `score_only` the score's tensor alone."""
        wanted = (self.score,) if self.score_only else self.names
        found = self.maps(x, wanted)
        return found[wanted[0]] if len(wanted) == 1 else tuple(found[name] for name in wanted)


class PlainForm(DeployForm):
    """A plug-in's network as it is: a copy in eval mode, channels-last; its first output counts."""

    def __init__(self, network: nn.Module, *, precision: str = "float32") -> None:
        super().__init__()
        self.network = for_inference(network)
        self.precision = precision

    def maps(self, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        if self.precision == "bfloat16":
            with torch.autocast(x.device.type, torch.bfloat16):
                outputs = self.network(x)
        else:
            outputs = self.network(x)
        main: Any = outputs[0] if isinstance(outputs, (tuple, list)) else outputs
        return {MAIN: main.float()} if isinstance(main, Tensor) else {}


class RewrittenForm(DeployForm):
    """One of our networks with its parts replaced by faster ones, see `rewriting`."""

    def __init__(self, network: nn.Module, known: Architecture, *, precision: str = "float32") -> None:
        super().__init__()
        self.names, self.score = known.outputs, known.score or known.outputs[0]
        self.network = rewritten(network, getattr(torch, precision))
        self._branches = [m for m in self.network.modules() if isinstance(m, OptionalBranch)]

    def maps(self, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        for branch in self._branches:
            branch.wanted = any(name.startswith("aux") for name in names)
        outputs = self.network(x.contiguous(memory_format=torch.channels_last))
        listed = (outputs,) if isinstance(outputs, Tensor) else outputs
        found = dict(zip(self.names, listed, strict=True))
        return {name: found[name].float() for name in names}


def for_inference(network: nn.Module) -> nn.Module:
    """A copy that nothing trains: eval mode, channels-last, no gradients."""
    copy = deepcopy(network).eval().requires_grad_(False)
    placed: nn.Module = copy.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed


def architecture_of(network: nn.Module) -> Architecture | None:
    """What is known of this network by the file its class stands in; None for a plug-in's."""
    module = type(network).__module__
    return next((own for own in OWN if own.entry.partition(":")[0] == module), None)
