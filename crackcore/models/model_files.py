"""Weights and their description in one .safetensors file, saved and loaded.

The header's string map holds `spec` (a ModelSpec as JSON) and `spec_version`. Nothing in here, or
anywhere in the program, unpickles.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from crackcore import storage
from crackcore.domain.model_spec import SPEC_VERSION, ModelSpec
from crackcore.errors import ModelFileDamaged, WeightsDoNotFit
from crackcore.models.blank import blank_network
from crackcore.models.catalogue import InstalledModel, read_installed
from crackcore.names import shown_name

_MAX_BYTES = 2 * 1024**3


_HALF_MAX = 65504.0  # the largest number of float16


def save_model(path: Path, network: nn.Module, spec: ModelSpec, *, half: bool = False) -> InstalledModel:
    """Write network and spec as one file, durably. Raises FileProblem where that is not possible.

    Counters of batch norm (`num_batches_tracked`) are kept; everything is stored on the CPU as is. A
    tensor that the network lists under two names is stored once, under the first. With `half`, float32
    weights are stored in float16, half the size: all but the statistics of batch norm and what would not
    fit in there. Loading makes them float32 again.
    """
    state = network.state_dict()
    second = second_names(state)
    weights = {k: v.detach().cpu().contiguous() for k, v in state.items() if k not in second}
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise WeightsDoNotFit(f"The weights of {name} are not finite; the model was not saved.")
    if half:
        weights = {name: _halved(name, tensor) for name, tensor in weights.items()}
    data = safetensors.torch.save(weights, {"spec": spec.to_json(), "spec_version": str(SPEC_VERSION)})
    storage.write_durably(path, data)
    return read_installed(path)


def _halved(name: str, tensor: Tensor) -> Tensor:
    statistics = name.endswith(("running_mean", "running_var"))
    if tensor.dtype != torch.float32 or statistics or bool((tensor.abs() > _HALF_MAX).any()):
        return tensor
    return tensor.half()


def load_network(model: InstalledModel) -> nn.Module:
    """The network with its weights, on the CPU, in eval mode; float32, also where the file has float16.

    Raises ModelFileDamaged for a broken file or one that was replaced since `model` was read,
    UnknownModel for an unknown architecture,
    WeightsDoNotFit when names, shapes or values are wrong, naming the first ones.
    """
    shown = shown_name(model.path)
    try:
        if model.path.stat().st_size > _MAX_BYTES:
            raise ModelFileDamaged(f"{shown} is larger than 2 GB.")
        data = model.path.read_bytes()
        if model.sha256 and hashlib.sha256(data).hexdigest() != model.sha256:
            # what is recorded with a prediction, or compared with a candidate, would be another model
            raise ModelFileDamaged(f"{shown} was replaced since it was looked up.", hint="Choose it again.")
        weights = safetensors.torch.load(data)
    except OSError as error:
        raise ModelFileDamaged(f"{shown} cannot be read.", hint=str(error.strerror or "")) from error
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise ModelFileDamaged(f"{shown} is damaged.", hint="Install it again.") from error
    try:
        network = blank_network(model.spec.architecture, **model.spec.arguments)
    except TypeError as error:
        raise WeightsDoNotFit(
            f"{shown} names settings that {model.spec.architecture} does not have."
        ) from error
    wanted = network.state_dict()
    for name, first in second_names(wanted).items():
        if name not in weights and first in weights:
            weights[name] = weights[first]
    check_weights(shown, weights, wanted)
    network.load_state_dict(weights, strict=True)
    return network.eval()


def second_names(state: dict[str, Tensor]) -> dict[str, str]:
    """Further names of tensors that stand in `state` more than once -> their first name.

    Some published networks list layers twice (U-Net with VGG-16: `encoder.0` is `conv1.0`).
    """
    first: dict[tuple[int, torch.Size], str] = {}
    further = {}
    for name, tensor in state.items():
        if tensor.numel() == 0:
            continue
        known = first.setdefault((tensor.data_ptr(), tensor.shape), name)
        if known != name:
            further[name] = known
    return further


def check_weights(shown: str, weights: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    """Names and shapes equal, values finite, variances not negative; else WeightsDoNotFit."""
    missing = [k for k in wanted if k not in weights]
    extra = [k for k in weights if k not in wanted]
    if missing or extra:
        first = f"{missing[0]} is missing" if missing else f"{extra[0]} is not known"
        raise WeightsDoNotFit(f"{shown} does not fit its architecture: {first}.")
    for name, tensor in weights.items():
        if tensor.shape != wanted[name].shape:
            found, right = list(tensor.shape), list(wanted[name].shape)
            raise WeightsDoNotFit(f"{shown} does not fit: {name} is {found}, should be {right}.")
        if tensor.is_floating_point():
            if not torch.isfinite(tensor).all():
                raise WeightsDoNotFit(f"{shown} holds values that are not numbers ({name}).")
            if name.endswith("running_var") and bool((tensor < 0).any()):
                raise WeightsDoNotFit(f"{shown} holds a negative variance ({name}).")
