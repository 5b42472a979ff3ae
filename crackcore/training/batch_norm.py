"""Batch norm for the length of a training, in networks that have none; folded away when they are saved.

DeepCrack (Zou) as released, and U-Net with the VGG-16 encoder, have no norm layers: from nothing they
learn slowly, and not at all at the rates other networks take. Here every convolution with a ReLU
behind it gets a batch norm of its own while it trains. In evaluation mode that is a scale and a shift
per channel, which go into the convolution's weights and bias: the network that is saved is the
published one, layer by layer, and computes the same.
"""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from crackcore.models import deepcrack_tip, unet16

_CONV_AND_RELU = (deepcrack_tip.ConvRelu, unet16.ConvRelu)


class NormedConv(nn.Module):
    """A convolution and the batch norm that is folded into it afterwards."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self.norm = nn.BatchNorm2d(conv.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.conv(x))
        return out

    def folded(self) -> nn.Conv2d:
        """One convolution that computes what both do in evaluation mode."""
        made: nn.Conv2d = fuse_conv_bn_eval(self.conv.eval(), self.norm.eval())
        return made


def with_batch_norm(network: nn.Module, pictures: Tensor | None = None) -> nn.Module:
    """The network itself, changed: with batch norm behind its convolutions that end in a ReLU.

    With `pictures` (N, 3, H, W), as the network takes them, it goes on computing what it computed:
    each norm layer starts with the mean and deviation that it finds there. Else it starts with 0 and
    1, as in a network that has norm layers from the beginning. Convolutions that have one already
    stay as they are.
    """
    normed: dict[int, NormedConv] = {}
    for parent, name, conv in _convolutions(network):
        setattr(parent, name, normed.setdefault(id(conv), NormedConv(conv)))
    if pictures is not None:
        _calibrate(network, list(normed.values()), pictures)
    return network


def without_batch_norm(network: nn.Module) -> nn.Module:
    """A copy in which the batch norms of `with_batch_norm` are folded into their convolutions."""
    plain = deepcopy(network)
    folded: dict[int, nn.Conv2d] = {}
    for parent in list(plain.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, NormedConv):
                setattr(parent, name, folded.setdefault(id(child), child.folded()))
    return plain.train(network.training)


def _convolutions(network: nn.Module) -> list[tuple[nn.Module, str, nn.Conv2d]]:
    """(parent, name, convolution) of each that ends in a ReLU; one that has two parents comes twice."""
    found: list[tuple[nn.Module, str, nn.Conv2d]] = []
    for parent in network.modules():
        if isinstance(parent, _CONV_AND_RELU):
            found.append((parent, "conv", parent.conv))
        elif isinstance(parent, nn.Sequential):
            for (name, conv), (_, then) in pairwise(parent.named_children()):
                if isinstance(conv, nn.Conv2d) and isinstance(then, nn.ReLU):
                    found.append((parent, name, conv))
    return found


@torch.no_grad()
def _calibrate(network: nn.Module, normed: list[NormedConv], pictures: Tensor) -> None:
    def measure(norm: nn.Module, inputs: tuple[Any, ...]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        values = inputs[0]
        mean, variance = values.mean((0, 2, 3)), values.var((0, 2, 3), unbiased=False)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.copy_(mean)

    hooks = [module.norm.register_forward_pre_hook(measure) for module in normed]
    was_training = network.training
    network.eval()
    network(pictures)
    network.train(was_training)
    for hook in hooks:
        hook.remove()
