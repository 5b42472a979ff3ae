"""Checkpoints as others save them: the same weights in every wrapping that was seen in the wild."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crackcore.progress import unheard

Weights = dict[str, Tensor]


@contextmanager
def foreign_class(module: str, kind: type) -> Iterator[type]:
    """A class that pretends to come from a package that is not installed; gone afterwards."""
    kind.__module__, kind.__qualname__ = module, kind.__name__
    made: list[str] = []
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        if name not in sys.modules:
            sys.modules[name] = ModuleType(name)
            made.append(name)
    setattr(sys.modules[module], kind.__name__, kind)
    try:
        yield kind
    finally:
        for name in made:
            del sys.modules[name]


class CfgNode(dict):  # type: ignore[type-arg]
    """As yacs has it: settings that are a dict."""


class HistoryBuffer:
    """As mmengine has it: past losses, and a table of its own methods."""

    def __init__(self) -> None:
        self._log_history = np.arange(5.0)
        self._statistics_methods = {"mean": self.mean}

    def mean(self) -> float:
        return float(self._log_history.mean())


def _plain(weights: Weights, path: Path) -> None:
    torch.save(OrderedDict(weights), path)


def _module(weights: Weights, path: Path) -> None:
    torch.save({f"module.{k}": v for k, v in weights.items()}, path)


def _mmengine(weights: Weights, path: Path) -> None:
    with foreign_class("mmengine.logging.history_buffer", HistoryBuffer) as buffer:
        torch.save(
            {
                "meta": {"epoch": 3, "time": "20230101", "mmengine_version": "0.7", "seed": np.int64(7)},
                "state_dict": OrderedDict(weights),
                "message_hub": {"log_scalars": OrderedDict(loss=buffer()), "runtime_info": {}},
                "optimizer": {"state": {0: {"exp_avg": torch.full((3,), float("nan"))}}, "param_groups": []},
            },
            path,
        )


def _nested(weights: Weights, path: Path) -> None:
    torch.save({"model": {"state_dict": weights, "epoch": 1}, "loss": torch.tensor(0.5)}, path)


def _net(weights: Weights, path: Path) -> None:
    torch.save({"net": weights, "scores": defaultdict(list, iou=[0.5])}, path)


def _params(weights: Weights, path: Path) -> None:
    torch.save({"params": {f"module.{k}": v for k, v in weights.items()}}, path)


def _yacs(weights: Weights, path: Path) -> None:
    with foreign_class("yacs.config", CfgNode) as node:
        settings = node(MODEL=node(SCALE=4), DATA=["train"])
        settings.__dict__["__immutable__"] = True
        torch.save({"cfg": settings, "state_dict": weights}, path)


def _namespace(weights: Weights, path: Path) -> None:
    torch.save({"model": weights, "args": argparse.Namespace(lr=1e-3, out=Path("runs"))}, path)


def _legacy(weights: Weights, path: Path) -> None:
    torch.save(OrderedDict(weights), path, _use_new_zipfile_serialization=False)


def _half(weights: Weights, path: Path) -> None:
    halved = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
    torch.save({"state_dict": halved, "step": 5}, path)


def _synced(weights: Weights, path: Path) -> None:
    """As SyncBN saves: the same names, with the module's own notes on versions beside them."""
    noted: OrderedDict[str, Any] = OrderedDict((f"module.{k}", v) for k, v in weights.items())
    noted._metadata = OrderedDict({"module.bn": {"version": 2}})  # type: ignore[attr-defined]
    torch.save({"state_dict": noted}, path)


def _compiled(weights: Weights, path: Path) -> None:
    torch.save({"model_state_dict": {f"_orig_mod.{k}": v for k, v in weights.items()}}, path)


def _lightning(weights: Weights, path: Path) -> None:
    torch.save({"state_dict": {f"model.{k}": v for k, v in weights.items()}, "epoch": 9}, path)


def _without_counters(weights: Weights, path: Path) -> None:
    torch.save({k: v for k, v in weights.items() if not k.endswith("num_batches_tracked")}, path)


def _safetensors(weights: Weights, path: Path) -> None:
    import safetensors.torch

    safetensors.torch.save_file({k: v.clone() for k, v in weights.items()}, path)


WRAPPINGS: dict[str, Callable[[Weights, Path], None]] = {
    "plain": _plain,
    "module": _module,
    "mmengine": _mmengine,
    "nested": _nested,
    "net": _net,
    "params": _params,
    "yacs": _yacs,
    "namespace": _namespace,
    "syncbn": _synced,
    "legacy": _legacy,
    "half": _half,
    "compiled": _compiled,
    "lightning": _lightning,
    "without-counters": _without_counters,
    "safetensors": _safetensors,
}

SMALL: dict[str, dict[str, Any]] = {
    "cgnet_m3n21": {},
    "deepcrack_tip": {"width": 0.125},
    "deepcrack_tip_paper": {"width": 0.125},
    "deepcrack_liu": {"width": 0.125},
    "unet16": {"width": 0.125, "decoder": "deconv"},
    "pspnet": {"width": 0.125},
    "dbpn": {"width": 0.125, "stages": 3, "scale": 2},
    "kbpn": {"width": 0.125, "stages": 2},
    "cssr": {"width": 0.125, "stages": 2, "segmentation": "unet16", "decoder": "bilinear"},
    "csbsr": {"width": 0.125, "stages": 2},
}
"""Every architecture, as small as its tests need it."""


def small_network(name: str) -> nn.Module:
    """A small network of this architecture with weights that are always the same."""
    from crackcore.models import create_network

    torch.manual_seed(5)
    made: nn.Module = create_network(name, **SMALL[name])
    return made.eval()


def ask_here(work: Any, *arguments: Any, **_: Any) -> Any:
    """In place of `ask_child`, for tests of what the child does: the same work in this process."""
    return json.loads(json.dumps(work(unheard, *arguments), allow_nan=False))


# ---------------------------------------------------------------- in a child


def answers_in_a_child(report: Any, files: list[str], architecture: str, folder: str) -> dict[str, Any]:
    """Convert each of the files in this one process; its answers, and how much memory they took more."""
    import resource

    from crackcore.models.importing import conversion

    conversion.limit_memory = lambda _: None  # one limit for all: that of the process
    os.chdir(folder)
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answers = {}
    for file in files:
        made = os.path.join(folder, "made.safetensors")
        wishes = {"architecture": architecture, "name": "foreign", "licence": "unknown"}
        answers[os.path.basename(file)] = conversion.convert(report, file, wishes, made)
        if os.path.exists(made):
            os.unlink(made)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"answers": answers, "more_bytes": (peak - idle) * 1024, "loaded": sorted(sys.modules)}
