"""CGNet against the values of the published implementation."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from crackcore.inference.predictor import network_input, score_of_logits
from crackcore.models.catalogue import known_architecture
from crackcore.models.cgnet import CGNet
from crackcore.models.importing.origins import origin_spec

LOGITS_TOLERANCE = 1e-4
IMAGE_TOLERANCE = 1e-3  # logits reach 60 there; the golden README says so


@pytest.fixture(scope="module")
def golden(shared: Path) -> Path:
    return shared / "reference" / "golden"


@pytest.fixture(scope="module")
def recipe(golden: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location("golden_recipe", golden / "recipe.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def network(golden: Path, recipe: ModuleType) -> CGNet:
    spec = recipe.load_spec(golden / "cgnet_m3n21.state_dict.json")
    weights = recipe.state_dict(spec, seed=0, gain=spec["recipe_gain"])
    net = CGNet()
    net.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()}, strict=True)
    return net.eval()


def _case(golden: Path, name: str) -> tuple[dict[str, Any], Any]:
    described = json.loads((golden / f"{name}.seed0.json").read_text())
    return described, np.load(golden / f"{name}.seed0.npz", allow_pickle=False)


def test_names_and_shapes_of_the_weights_are_the_published_ones(golden: Path) -> None:
    spec = json.loads((golden / "cgnet_m3n21.state_dict.json").read_text())
    net = CGNet()
    ours = {k: list(v.shape) for k, v in net.state_dict().items()}
    assert list(ours) == [e["key"] for e in spec["entries"]]
    assert all(ours[e["key"]] == e["shape"] for e in spec["entries"])
    assert sum(p.numel() for p in net.parameters()) == spec["parameters"] == 491_956


@pytest.mark.parametrize("case", ["cgnet_m3n21.64x96", "cgnet_m3n21.75x101"])
def test_every_stage_equals_the_published_one(
    golden: Path, recipe: ModuleType, network: CGNet, case: str
) -> None:
    described, values = _case(golden, case)
    given = described["input"]
    inputs = torch.from_numpy(recipe.normal(given["label"], given["shape"], 0, given["scale"]))
    with torch.inference_mode():
        outputs = network.stages(inputs)
    for name, tensor in zip(("stage0", "stage1", "stage2", "logits", "logits_full"), outputs, strict=True):
        ours = tensor.numpy()
        assert list(ours.shape) == described["outputs"][name]["shape"]
        if "::2" in described["outputs"][name]["stored"]:
            ours = ours[..., ::2, ::2]
        np.testing.assert_allclose(ours, values[name], atol=LOGITS_TOLERANCE, rtol=0)


def test_from_a_picture_through_the_doubled_input_to_logits_and_mask(
    golden: Path, recipe: ModuleType, network: CGNet
) -> None:
    described, values = _case(golden, "cgnet_m3n21.image.48x64")
    given = described["input"]
    bgr = recipe.image_u8(given["label"], given["height"], given["width"])
    rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    spec = origin_spec(
        known_architecture("cgnet_m3n21")[0], {}, name="golden", licence="", source="", source_sha256=""
    )
    assert spec.preprocessing.input_scale == 2.0
    inputs = network_input(rgb, spec)
    expected = described["outputs"]["preprocessed"]
    assert list(inputs.shape) == expected["shape"]
    assert float(inputs.double().sum()) == pytest.approx(expected["sum"], abs=1.0)
    pixels = inputs[0].permute(1, 2, 0).numpy() + np.array(spec.preprocessing.mean)
    np.testing.assert_allclose(pixels, values["resized"][:, :, ::-1], atol=1e-4)  # stored as BGR
    with torch.inference_mode():
        logits = network(inputs)
        small = torch.nn.functional.interpolate(logits, size=(48, 64), mode="bilinear", align_corners=False)
        score = score_of_logits(logits, (48, 64), tuple(inputs.shape[2:]), spec).numpy()
    np.testing.assert_allclose(small[0].numpy(), values["seg_logits"], atol=IMAGE_TOLERANCE, rtol=0)
    mask = score > 0.5
    assert int(mask.sum()) == described["crack_pixels"]
    assert np.array_equal(mask, values["pred"][0] == 1)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 7), (64, 64)])
def test_any_size_gives_a_map_of_that_size(size: tuple[int, int]) -> None:
    net = CGNet().eval()
    with torch.inference_mode():
        assert net(torch.zeros(1, 3, *size)).shape == (1, 2, *size)
