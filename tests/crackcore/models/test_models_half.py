"""Weights stored in half precision: half the bytes, the same answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from crackcore.domain.model_spec import ModelSpec
from crackcore.imaging.reading import read_photo
from crackcore.inference.predictor import Predictor
from crackcore.models.catalogue import create_network, find_model
from crackcore.models.model_files import load_network, save_model


def test_weights_are_halved_and_statistics_are_not(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = create_network("cgnet_m3n21")
    spec = ModelSpec("m", "cgnet_m3n21")
    whole = save_model(tmp_path / "whole.safetensors", network, spec)
    half = save_model(tmp_path / "half.safetensors", network, spec, half=True)
    assert half.bytes < 0.56 * whole.bytes
    stored = safetensors.torch.load_file(half.path)
    kinds = {name.rsplit(".", 1)[1]: tensor.dtype for name, tensor in stored.items()}
    assert kinds["weight"] is torch.float16
    assert kinds["running_var"] is kinds["running_mean"] is torch.float32
    again = load_network(half).state_dict()
    for name, tensor in network.state_dict().items():
        assert again[name].dtype == tensor.dtype
        assert torch.allclose(again[name], tensor, rtol=2**-10, atol=2**-24)


def test_numbers_too_large_for_half_precision_stay_whole(tmp_path: Path) -> None:
    network = create_network("cgnet_m3n21")
    with torch.no_grad():
        network.decode_head.conv_seg.bias[0] = 7e4
    model = save_model(tmp_path / "large.safetensors", network, ModelSpec("m", "cgnet_m3n21"), half=True)
    stored = safetensors.torch.load_file(model.path)
    assert stored["decode_head.conv_seg.bias"].dtype is torch.float32
    assert stored["decode_head.conv_seg.weight"].dtype is torch.float16
    assert load_network(model).decode_head.conv_seg.bias[0] == 7e4


@pytest.mark.parametrize("name", ["cgnet-open"])
def test_a_shipped_model_says_the_same_in_half_precision(name: str, tmp_path: Path, samples: Path) -> None:
    model = find_model(name)
    network: nn.Module = load_network(model)
    half = save_model(tmp_path / "half.safetensors", network, model.spec, half=True)
    photo = read_photo(sorted(samples.glob("*.jpg"))[0]).pixels[:256, :256]
    before = Predictor(network, model.spec).predict(photo).score.astype(np.int16)
    after = Predictor(load_network(half), half.spec).predict(photo).score.astype(np.int16)
    assert np.abs(after - before).max() <= 2
    assert np.mean(after != before) < 0.05
