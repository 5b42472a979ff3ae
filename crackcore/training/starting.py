"""How the weights of a network begin that starts from nothing, where a recipe asks for its own way."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn


def as_built(network: nn.Module) -> None:
    """As the network was made: for all but the following, this is how their code starts."""


def liu(network: nn.Module) -> None:
    """Liu's DeepCrack: convolutions Xavier normal with gain 0.02, batch norm weights N(1, 0.02), biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_normal_(module.weight, gain=0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def msra(network: nn.Module) -> None:
    """Zou's paper: convolutions by He's rule, biases 0. Transposed ones keep their bilinear start."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


STARTS: dict[str, Callable[[nn.Module], None]] = {"as built": as_built, "liu": liu, "msra": msra}
