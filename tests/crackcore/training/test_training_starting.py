"""Where weights begin: from a model, from a part of one, with other classes, or by a rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from crackcore.domain.model_spec import ModelSpec
from crackcore.errors import WeightsDoNotFit
from crackcore.models import create_network
from crackcore.models.catalogue import InstalledModel
from crackcore.models.model_files import save_model
from crackcore.training.starting import STARTS, begun


def saved(folder: Path, architecture: str, **arguments: Any) -> InstalledModel:
    torch.manual_seed(len(architecture))
    network = create_network(architecture, **arguments)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.01)
    spec = ModelSpec(name="before", architecture=architecture, arguments=arguments)
    return save_model(folder / f"{architecture}.safetensors", network, spec)


def test_the_same_network_goes_on_as_it_was(tmp_path: Path) -> None:
    model = saved(tmp_path, "deepcrack_liu", width=0.125)
    network = begun("deepcrack_liu", {"width": 0.125}, model=model)
    again = begun("deepcrack_liu", {"width": 0.125, "batch_statistics": False}, model=model)
    for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_other_classes_keep_all_but_the_last_layer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = saved(tmp_path, "cgnet_m3n21", classes=19)
    network = begun("cgnet_m3n21", {}, model=model)
    before = create_network("cgnet_m3n21", classes=19)
    assert network.state_dict().keys() == before.state_dict().keys()
    assert "starts anew" in caplog.text
    assert "backbone" not in caplog.text


def test_a_joint_network_takes_over_its_parts(tmp_path: Path) -> None:
    arguments = {"width": 0.125, "stages": 2}
    for architecture, part, own in (
        ("dbpn", "sr_model", arguments),
        ("unet16", "segmentation_model", {"width": 0.125}),
    ):
        model = saved(tmp_path, architecture, **own)
        network = begun("cssr", arguments, model=model)
        torch.manual_seed(len(architecture))
        wanted = create_network(architecture, **own)
        found = dict(getattr(network, part).named_parameters())
        for name, parameter in wanted.named_parameters():
            assert torch.allclose(found[name], parameter + 0.01, atol=1e-6)


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    model = saved(tmp_path, "deepcrack_liu", width=0.125)
    with pytest.raises(WeightsDoNotFit, match="other sizes"):
        begun("deepcrack_liu", {"width": 0.25}, model=model)
    with pytest.raises(WeightsDoNotFit, match="before is a deepcrack_liu; this trains a cgnet_m3n21"):
        begun("cgnet_m3n21", {}, model=model)


@pytest.mark.parametrize(("start", "gain"), [("liu", 0.02), ("msra", None)])
def test_published_rules(start: str, gain: float | None) -> None:
    torch.manual_seed(0)
    network = create_network("deepcrack_tip_paper", width=0.25)
    STARTS[start](network)
    conv = max((m for m in network.modules() if isinstance(m, nn.Conv2d)), key=lambda m: m.weight.numel())
    fan_in = conv.in_channels * conv.kernel_size[0] ** 2
    fan_out = conv.out_channels * conv.kernel_size[0] ** 2
    wanted = (2 / fan_in) ** 0.5 if gain is None else gain * (2 / (fan_in + fan_out)) ** 0.5
    assert float(conv.weight.detach().std()) == pytest.approx(wanted, rel=0.05)
