"""Networks without start weights: for looking at names and shapes, and for loading weights into.

Drawing random numbers for 90 million weights takes seconds, and the next step overwrites them all.
Memory that nobody writes to is not even taken from the system.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from crackcore.models.catalogue import create_network

_RANDOM: frozenset[Callable[..., Any]] = frozenset(
    {
        nn.init.kaiming_normal_,
        nn.init.kaiming_uniform_,
        nn.init.normal_,
        nn.init.trunc_normal_,
        nn.init.uniform_,
        nn.init.xavier_normal_,
        nn.init.xavier_uniform_,
        Tensor.normal_,
        Tensor.uniform_,
    }
)


class _NothingDrawn(TorchFunctionMode):
    """Calls that fill a tensor with random numbers give it back as it is."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if func in _RANDOM:
            return args[0] if args else named["tensor"]
        return func(*args, **named)


def blank_network(name: str, **arguments: Any) -> nn.Module:
    """The network of this architecture, its weights whatever the memory held; load all of them.

    Everything that is not drawn at random (constants, zeros, ones) is as `create_network` makes it.
    """
    with _NothingDrawn(), torch.no_grad():
        made: nn.Module = create_network(name, **arguments)
    return made
