"""How the weights of a network begin: from nothing, in the way a recipe asks for, or from a model."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from crackcore.errors import WeightsDoNotFit
from crackcore.models.catalogue import InstalledModel, create_network, known_architecture
from crackcore.models.model_files import load_network
from crackcore.models.starts import load_start

log = logging.getLogger(__name__)

_OTHER_SHARE = 0.1  # of the tensors may have other sizes: a classifier of other classes, no other width


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


def begun(
    architecture: str,
    arguments: dict[str, Any],
    *,
    start: str = "as built",
    model: InstalledModel | None = None,
    imagenet_weights: Path | None = None,
) -> nn.Module:
    """A network before its first step.

    From `model` where one is given: the same network; or one that was made for other classes, whose
    last layer then starts anew; or, for a joint network, its enlarging or its searching part alone.
    Else by `start` (a name of `STARTS`), encoders from ImageNet weights. Raises ModelProblem.
    """
    name = known_architecture(architecture)[0].name
    if model and (model.spec.architecture, model.spec.arguments) == (name, arguments):
        return load_network(model)
    network: nn.Module = create_network(name, **arguments)
    STARTS[start](network)
    if model is None or model.spec.architecture != name:
        load_start(network, imagenet_weights)
    if model is not None:
        _take_over(network, name, model)
    return network


def _take_over(network: nn.Module, name: str, model: InstalledModel) -> None:
    """Copy what a model knows into the network, or into the part of it that is the same network."""
    part, title = network, name
    if model.spec.architecture != name:
        parts = {"dbpn": "sr_model", "kbpn": "sr_model"}
        found = getattr(network, parts.get(model.spec.architecture, "segmentation_model"), None)
        if not isinstance(found, nn.Module):
            raise WeightsDoNotFit(f"{model.name} is a {model.spec.architecture}; this trains a {name}.")
        part, title = found, f"any part of {name}"
    known, wanted = load_network(model).state_dict(), part.state_dict()
    fitting = {k: v for k, v in known.items() if k in wanted and v.shape == wanted[k].shape}
    others = [k for k in wanted if k not in fitting]
    if known.keys() != wanted.keys() or len(others) > _OTHER_SHARE * len(wanted):
        raise WeightsDoNotFit(f"{model.name} does not fit {title}: its layers have other sizes.")
    part.load_state_dict(fitting, strict=False)
    if others:
        log.warning("%s has other classes: %s starts anew", model.name, ", ".join(others))
