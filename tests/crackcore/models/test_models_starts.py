"""Starts from ImageNet files that the user has, made up here in torchvision's names."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from crackcore.errors import CheckpointRefused, WeightsDoNotFit
from crackcore.models import create_network
from crackcore.models.resnet34 import ResNet34
from crackcore.models.starts import RESNET34, VGG16, load_start, starts_folder
from crackcore.models.vgg16 import vgg16_features

WRITERS: dict[str, Callable[[dict[str, Tensor], Path], None]] = {
    ".safetensors": lambda weights, path: safetensors.torch.save_file(weights, path),
    ".pth": lambda weights, path: torch.save(weights, path),
}


@cache
def _vgg16() -> dict[str, Tensor]:
    torch.manual_seed(21)
    weights = {f"features.{k}": torch.randn_like(v) for k, v in vgg16_features().state_dict().items()}
    return {**weights, "classifier.0.weight": torch.ones(8, 32), "classifier.0.bias": torch.zeros(8)}


def _resnet34(*, counters: bool = False) -> dict[str, Tensor]:
    torch.manual_seed(34)
    weights = {k: v.clone() for k, v in ResNet34().state_dict().items() if counters or "batches" not in k}
    for name, tensor in weights.items():
        if tensor.is_floating_point():
            weights[name] = torch.rand_like(tensor)
    return {**weights, "fc.weight": torch.ones(10, 512), "fc.bias": torch.zeros(10)}


@pytest.fixture(scope="module")
def vgg16_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("starts") / "vgg16-made-up.safetensors"
    WRITERS[path.suffix](_vgg16(), path)
    return path


@pytest.fixture(scope="module")
def unet() -> nn.Module:
    """At full width, as real files want it; every test here may load into it."""
    made: nn.Module = create_network("unet16")
    return made.eval()


def test_vgg16_from_a_file_becomes_the_encoder_under_both_its_names(
    vgg16_file: Path, unet: nn.Module, caplog: pytest.LogCaptureFixture
) -> None:
    decoder = {k: v.clone() for k, v in unet.state_dict().items() if k.startswith(("dec", "center"))}
    with caplog.at_level(logging.INFO):
        (start,) = load_start(unet, vgg16_file)
    assert (start.encoder, start.place, start.file) == (VGG16, "encoder", vgg16_file)
    assert "encoder starts from ImageNet weights: vgg16-made-up.safetensors" in caplog.text
    weights, state = _vgg16(), unet.state_dict()
    assert torch.equal(state["encoder.0.weight"], weights["features.0.weight"])
    assert torch.equal(state["conv5.4.bias"], weights["features.28.bias"])
    assert all(
        torch.equal(state[f"encoder.{n}.weight"], weights[f"features.{n}.weight"]) for n in (2, 14, 28)
    )
    assert all(torch.equal(state[k], v) for k, v in decoder.items())


def test_the_start_is_used_in_what_the_network_computes(vgg16_file: Path, unet: nn.Module) -> None:
    nn.init.zeros_(unet.get_parameter("encoder.0.weight"))
    x = torch.rand(1, 3, 16, 16)
    load_start(unet, vgg16_file)
    with torch.inference_mode():
        wanted = x
        for n in (0, 2):
            weights, biases = (_vgg16()[f"features.{n}.{kind}"] for kind in ("weight", "bias"))
            wanted = nn.functional.conv2d(wanted, weights, biases, padding=1).relu()
        torch.testing.assert_close(unet.get_submodule("conv1")(x), wanted)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_resnet34_with_module_before_its_names_and_with_or_without_counters(
    tmp_path: Path, suffix: str
) -> None:
    weights = _resnet34(counters=suffix == ".pth")
    path = tmp_path / f"resnet34{suffix}"
    WRITERS[suffix]({f"module.{k}": v for k, v in weights.items()}, path)
    network = create_network("pspnet")
    (start,) = load_start(network, path)
    assert (start.encoder, start.place) == (RESNET34, "feats")
    state = network.feats.state_dict()
    for name, tensor in weights.items():
        assert name.startswith("fc.") or torch.equal(state[name], tensor), name


def test_without_a_file_the_log_names_the_fall_back(caplog: pytest.LogCaptureFixture) -> None:
    network = create_network("unet16", width=0.125)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    (start,) = load_start(network)
    assert start.file is None
    assert "no ImageNet weights of VGG-16" in caplog.text
    assert "Kaiming" in caplog.text
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_the_fall_back_is_kaiming_by_fan_out() -> None:
    torch.manual_seed(1)
    encoders = {"conv": vgg16_features()[10], "residual": ResNet34().get_submodule("layer3.1.conv1")}
    for name, conv in encoders.items():
        assert isinstance(conv, nn.Conv2d)
        wanted = (2 / (conv.out_channels * 9)) ** 0.5
        assert float(conv.weight.detach().std()) == pytest.approx(wanted, rel=0.02), name


def test_files_in_the_folder_for_starts_are_found_for_each_part_of_a_network_of_several(
    vgg16_file: Path, unet: nn.Module, caplog: pytest.LogCaptureFixture
) -> None:
    starts_folder().mkdir(parents=True)
    (starts_folder() / "vgg16_bn-made-up.pth").write_bytes(b"another network; not looked at")
    laid = starts_folder() / "vgg16-made-up.safetensors"
    shutil.copy(vgg16_file, laid)
    parts = {"finder": unet, "enlarger": create_network("pspnet", width=0.125)}
    rows = {start.place: start for start in load_start(nn.ModuleDict(parts))}
    assert rows["finder.encoder"].file == laid
    assert rows["enlarger.feats"].file is None
    assert "no ImageNet weights of ResNet-34" in caplog.text


@pytest.mark.parametrize(
    ("name", "places"),
    [("cssr", {"segmentation_model.encoder"}), ("csbsr", {"segmentation_model.feats", "sr_model.feat"})],
)
def test_the_parts_of_joint_networks_are_known(name: str, places: set[str]) -> None:
    assert {start.place for start in load_start(create_network(name, width=0.125))} == places


def test_kbpn_takes_the_first_four_convs_of_vgg16(vgg16_file: Path) -> None:
    network = create_network("kbpn", stages=2)  # its first layers have full width
    (start,) = load_start(network, vgg16_file)
    weights, state = _vgg16(), network.state_dict()
    assert start.place == "feat"
    for ours, theirs in ((0, 0), (2, 2), (4, 5), (6, 7)):
        for kind in ("weight", "bias"):
            assert torch.equal(state[f"feat.{ours}.{kind}"], weights[f"features.{theirs}.{kind}"])


def test_a_narrow_network_is_told_from_a_wrong_file(
    vgg16_file: Path, unet: nn.Module, tmp_path: Path
) -> None:
    network = create_network("unet16", width=0.25)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    with pytest.raises(WeightsDoNotFit) as refusal:
        load_start(network, vgg16_file)
    assert refusal.value.sentence() == (
        "vgg16-made-up.safetensors does not fit: features.0.weight is [64, 3, 3, 3], "
        "this network has [16, 3, 3, 3] there. ImageNet weights fit networks of width 1 only."
    )
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())

    other = {**_vgg16(), "features.28.weight": torch.zeros(512, 512, 1, 1)}
    other["features.0.bias"] = torch.ones(64)
    path = tmp_path / "other.safetensors"
    WRITERS[path.suffix](other, path)
    before = {k: v.clone() for k, v in unet.state_dict().items()}
    with pytest.raises(WeightsDoNotFit, match=r"features\.28\.weight is \[512, 512, 1, 1\]") as refusal:
        load_start(unet, path)
    assert refusal.value.hint == ""
    assert all(torch.equal(v, before[k]) for k, v in unet.state_dict().items())


def test_files_that_cannot_serve_are_refused_in_a_sentence(
    vgg16_file: Path, unet: nn.Module, tmp_path: Path
) -> None:
    with pytest.raises(WeightsDoNotFit, match=r"^vgg16-made-up.safetensors holds VGG-16; .* ResNet-34\.$"):
        load_start(create_network("pspnet", width=0.125), vgg16_file)
    with pytest.raises(WeightsDoNotFit, match=r"no part that starts from ImageNet"):
        load_start(create_network("cgnet_m3n21"), vgg16_file)
    strange = tmp_path / "strange.safetensors"
    WRITERS[strange.suffix]({"a.weight": torch.zeros(2, 2)}, strange)
    with pytest.raises(
        WeightsDoNotFit, match=r"strange.safetensors does not hold ImageNet weights of VGG-16"
    ):
        load_start(create_network("unet16", width=0.125), strange)
    parts = {k: v for k, v in _vgg16().items() if "17" not in k}
    WRITERS[strange.suffix](parts, strange)
    with pytest.raises(WeightsDoNotFit, match=r"features\.17\.weight is missing"):
        load_start(unet, strange)
    page = tmp_path / "vgg16.safetensors"
    page.write_text("<!DOCTYPE html><title>Sign in</title>")
    with pytest.raises(CheckpointRefused, match=r"vgg16.safetensors is not taken: it is a web page"):
        load_start(create_network("unet16", width=0.125), page)
    with pytest.raises(CheckpointRefused, match=r"it is not there"):
        load_start(create_network("unet16", width=0.125), tmp_path / "none.pth")


def test_a_pickled_file_in_disguise_is_read_in_a_child_that_runs_nothing(tmp_path: Path) -> None:
    trap = tmp_path / "trap"

    class Runs:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return os.mkdir, (str(trap),)

    path = tmp_path / "vgg16.safetensors"
    torch.save({"features.0.weight": torch.zeros(1), "x": Runs()}, path)
    with pytest.raises(CheckpointRefused, match=r"would run parts of other programs"):
        load_start(create_network("unet16", width=0.125), path)
    assert not trap.exists()


def test_a_network_without_such_parts_starts_as_it_is() -> None:
    assert load_start(create_network("cgnet_m3n21")) == []
