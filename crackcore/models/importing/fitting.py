"""Foreign weights in one of our networks, strictly."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crackcore.models.importing.file_checks import Refused
from crackcore.models.model_files import second_names

_COUNTER = ".num_batches_tracked"


def loaded_strictly(network: nn.Module, weights: dict[str, Tensor]) -> tuple[nn.Module, list[str]]:
    """The network with these weights, in eval mode, and sentences about what was filled in.

    Names and shapes were compared before; counters of batch norm that old checkpoints lack become
    0, and a layer that the network lists twice may be there once. Raises Refused where it stands
    under both names with different values.
    """
    notes = []
    complete = dict(weights)
    state = network.state_dict()
    for name, first in second_names(state).items():
        if name not in weights and first in weights:
            complete[name] = weights[first]
    absent = [k for k in state if k not in complete and k.endswith(_COUNTER)]
    for name in absent:
        complete[name] = torch.zeros((), dtype=torch.int64)
    if absent:
        notes.append("Counters of batch norm were missing and were set to 0; they do not matter here.")
    network.load_state_dict(complete, strict=True)
    for name, tensor in network.state_dict().items():
        if not torch.equal(tensor, complete[name].to(tensor.dtype)):
            raise Refused(f"{name} is one layer under two names, with different values.")
    return network.eval(), notes
