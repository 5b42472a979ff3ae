"""The published implementations' values: networks with rule-made weights, inputs, and outputs to meet."""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crackcore.models import create_network

TOLERANCE = 1e-4


class Golden:
    """The folder of golden values."""

    def __init__(self, shared: Path) -> None:
        self.folder = shared / "reference" / "golden"

    @property
    def recipe(self) -> ModuleType:
        """The rule by which weights and inputs are made."""
        return _recipe(self.folder)

    def state_dict_spec(self, name: str) -> dict[str, Any]:
        """What the published network's state dict must look like."""
        found: dict[str, Any] = json.loads((self.folder / f"{name}.state_dict.json").read_text())
        return found

    def weights(self, name: str) -> dict[str, Tensor]:
        """Rule-made weights under the published keys."""
        spec = self.state_dict_spec(name)
        made = self.recipe.state_dict(spec, 0, spec["recipe_gain"], spec.get("recipe_gains"))
        return {k: torch.from_numpy(np.array(v)) for k, v in made.items()}

    def network(self, name: str) -> nn.Module:
        """Our network of that name with these weights, in eval mode."""
        network: nn.Module = create_network(name)
        network.load_state_dict(self.weights(name), strict=True)
        return network.eval()

    def case(self, name: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Description and arrays of a case, "deepcrack_tip.64x96"."""
        described = json.loads((self.folder / f"{name}.seed0.json").read_text())
        with np.load(self.folder / f"{name}.seed0.npz", allow_pickle=False) as arrays:
            return described, {k: arrays[k] for k in arrays}

    def input(self, described: dict[str, Any]) -> Tensor:
        """The input tensor (1, 3, H, W) that a case describes."""
        given = described["input"]
        make = getattr(self.recipe, given["fn"].removeprefix("recipe."))
        scale = {"scale": given["scale"]} if "scale" in given else {}
        return torch.from_numpy(make(given["label"], given["shape"], given["seed"], **scale))

    def picture(self, described: dict[str, Any]) -> NDArray[np.uint8]:
        """The uint8 picture (H, W, 3) that an image case describes, in its own channel order."""
        given = described["input"]
        made: NDArray[np.uint8] = self.recipe.image_u8(
            given["label"], given["height"], given["width"], given["seed"]
        )
        return made


@cache
def _recipe(folder: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location("golden_recipe", folder / "recipe.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def assert_published_names_and_shapes(golden: Golden, name: str, network: nn.Module | None = None) -> None:
    """Keys in order, shapes, aliases and the number of parameters are those of the published network.

    `network` is ours where it is there already: the large ones take seconds to make.
    """
    spec = golden.state_dict_spec(name)
    network = create_network(name) if network is None else network
    ours = {k: list(v.shape) for k, v in network.state_dict().items()}
    assert list(ours) == [e["key"] for e in spec["entries"]]
    for entry in spec["entries"]:
        assert ours[entry["key"]] == entry["shape"], entry["key"]
    assert sum(p.numel() for p in network.parameters()) == spec["parameters"]


def assert_outputs_equal(
    described: dict[str, Any],
    values: dict[str, NDArray[Any]],
    outputs: Tensor | tuple[Tensor, ...],
    *,
    names: tuple[str, ...] | None = None,
    tolerance: float = TOLERANCE,
) -> None:
    """Every output, in the golden order, within the tolerance of the stored values."""
    wanted = names or tuple(described["outputs"])
    given = (outputs,) if isinstance(outputs, Tensor) else outputs
    for name, tensor in zip(wanted, given, strict=True):
        ours = tensor.detach().float().numpy()
        assert list(ours.shape) == described["outputs"][name]["shape"], name
        if "::2" in (described["outputs"][name].get("stored") or ""):
            ours = ours[..., ::2, ::2]
        np.testing.assert_allclose(ours, values[name], atol=tolerance, rtol=0, err_msg=name)
