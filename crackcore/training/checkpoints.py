"""The state of a training on disk, from which it goes on as if nothing had happened.

One .safetensors file a checkpoint, in the folder `<model>.checkpoints` beside the model: tensors of
the network, its running mean and the optimiser; the rest as JSON in the header. Written durably; the
last two are kept, so that one that cannot be read does not end the story. Nothing is pickled.

Chance needs no state: what is drawn in an iteration follows from the seed and its number.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from crackcore import storage
from crackcore.errors import ModelFileDamaged, TrainingStopped, WeightsDoNotFit
from crackcore.models.model_files import check_weights, second_names
from crackcore.names import shown_name
from crackcore.training.checkpoint_files import (
    ENDING,
    checkpoint_folder,
    checkpoints,
    remove_checkpoints,
    remove_unfinished,
)

__all__ = [
    "TrainingState",
    "checkpoint_folder",
    "checkpoints",
    "remove_checkpoints",
    "remove_unfinished",
    "resume",
    "save_checkpoint",
]

log = logging.getLogger(__name__)

KEPT = 2
FORMAT = 1


@dataclass(frozen=True)
class TrainingState:
    """What a training knows beside its weights. `iteration` is how many are done.

    `identity` says what is trained on what: a checkpoint of another training is not taken up.
    """

    iteration: int
    best_f1: float
    seconds: float
    losses: tuple[float, ...]  # since the last check
    identity: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(
    out: Path, network: nn.Module, averaged: nn.Module, optimiser: torch.optim.Optimizer, state: TrainingState
) -> Path:
    """Write one, then remove all but the last two. Raises FileProblem where that is not possible,
    TrainingStopped where a weight is not finite (such a state is never written)."""
    tensors = _tensors(network, averaged, optimiser)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise TrainingStopped(
                f"The weights stopped being numbers at step {state.iteration}.",
                hint=f"{name.split('.', 1)[1]} was the first to be seen.",
            )
    facts = {
        "format": FORMAT,
        "iteration": state.iteration,
        "best_f1": state.best_f1,
        "seconds": state.seconds,
        "losses": list(state.losses),
        "identity": state.identity,
        "digest": _digest(tensors),
    }
    folder = checkpoint_folder(out)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{state.iteration:08d}{ENDING}"
    storage.write_durably(path, safetensors.torch.save(tensors, {"training": json.dumps(facts)}))
    for old in checkpoints(out)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def resume(
    out: Path,
    network: nn.Module,
    averaged: nn.Module,
    optimiser: torch.optim.Optimizer,
    identity: dict[str, Any],
) -> TrainingState | None:
    """Bring all three to the state of the last good checkpoint of `out`; None where there is none.

    A damaged one is passed over. Raises WeightsDoNotFit when the checkpoint is of another training:
    other settings, other pictures, another network.
    """
    for path in checkpoints(out):
        try:
            facts, tensors = _read(path)
        except ModelFileDamaged as error:
            log.warning("%s The one before it is taken.", error.message)
            continue
        found, wanted = facts["identity"], json.loads(json.dumps(identity))
        for key, value in wanted.items():
            if found.get(key) != value:
                raise WeightsDoNotFit(
                    f"The training that was broken off had other {key}{_difference(found.get(key), value)}.",
                    hint=f"Give the same ones, or start anew without {shown_name(checkpoint_folder(out))}.",
                )
        _put_back(path, tensors, network, averaged, optimiser)
        return TrainingState(
            int(facts["iteration"]),
            float(facts["best_f1"]),
            float(facts["seconds"]),
            tuple(facts["losses"]),
            found,
        )
    return None


def _tensors(network: nn.Module, averaged: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for part, module in (("network", network), ("averaged", averaged)):
        state = module.state_dict()
        second = second_names(state)
        tensors |= {f"{part}.{k}": v for k, v in state.items() if k not in second}
    for number, parameter in enumerate(_parameters(optimiser)):
        for name, value in optimiser.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                tensors[f"optimiser.{number}.{name}"] = value
    return {k: v.detach().cpu().contiguous() for k, v in tensors.items()}


def _put_back(
    path: Path,
    tensors: dict[str, Tensor],
    network: nn.Module,
    averaged: nn.Module,
    optimiser: torch.optim.Optimizer,
) -> None:
    for part, module in (("network", network), ("averaged", averaged)):
        wanted = module.state_dict()
        weights = {k.removeprefix(f"{part}."): v for k, v in tensors.items() if k.startswith(f"{part}.")}
        for name, first in second_names(wanted).items():
            if first in weights:
                weights[name] = weights[first]
        check_weights(shown_name(path), weights, wanted)
        module.load_state_dict(weights, strict=True)
    parameters = _parameters(optimiser)
    for key, value in tensors.items():
        if not key.startswith("optimiser."):
            continue
        _, number, name = key.split(".", 2)
        parameter = parameters[int(number)]
        if value.shape == parameter.shape and name != "step":
            # laid out in memory as it was, so that sums run in the same order as before
            value = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        optimiser.state[parameter][name] = value


def _parameters(optimiser: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [p for group in optimiser.param_groups for p in group["params"]]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    shown = shown_name(path)
    try:
        with safetensors.safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {})["training"])
        tensors = safetensors.torch.load(path.read_bytes())
    except (OSError, SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise ModelFileDamaged(f"The checkpoint {shown} is damaged.") from error
    if facts.get("format") != FORMAT or facts.get("digest") != _digest(tensors):
        raise ModelFileDamaged(f"The checkpoint {shown} is damaged.")
    return facts, tensors


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _difference(found: Any, wanted: Any) -> str:
    """ " (batch 8, now 4)" where two tables differ in one place or a few; empty for long ones."""
    if not isinstance(found, dict) or not isinstance(wanted, dict):
        return ""
    rows = [
        f"{key} {found.get(key)}, now {wanted.get(key)}"
        for key in sorted(found.keys() | wanted.keys())
        if found.get(key) != wanted.get(key)
    ]
    text = "; ".join(rows)
    return f" ({text})" if text and len(text) < 120 else ""
