"""U-Net with VGG-16 against the values of the published implementation, and its other decoders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from golden_networks import assert_outputs_equal, assert_published_names_and_shapes
from torch import nn

from crackcore.models import create_network, unet16
from crackcore.models.catalogue import known_architecture

if TYPE_CHECKING:
    from golden_networks import Golden

NAME = "unet16_pixel_shuffle"


@pytest.fixture(scope="module")
def network(golden: Golden) -> nn.Module:
    return golden.network(NAME)


def test_names_and_shapes_of_the_weights_are_the_published_ones(golden: Golden, network: nn.Module) -> None:
    assert_published_names_and_shapes(golden, NAME, network)


def test_names_that_the_origin_lists_twice_are_the_same_tensors(golden: Golden, network: nn.Module) -> None:
    state = network.state_dict()
    aliases = [e for e in golden.state_dict_spec(NAME)["entries"] if e.get("alias_of")]
    assert len(aliases) == 26
    for entry in aliases:
        assert state[entry["key"]].data_ptr() == state[entry["alias_of"]].data_ptr(), entry["key"]


@pytest.mark.parametrize("case", [f"{NAME}.64x96", f"{NAME}.48x80"])
def test_probability_and_logit_equal_the_published_ones(
    golden: Golden, network: nn.Module, case: str
) -> None:
    described, values = golden.case(case)
    with torch.inference_mode():
        outputs = network(golden.input(described))
    assert known_architecture(NAME)[0].outputs == tuple(described["outputs"])
    assert_outputs_equal(described, values, outputs)


@pytest.mark.parametrize("decoder", unet16.DECODERS)
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (15, 33), (32, 16)])
def test_any_size_gives_maps_of_that_size(decoder: str, size: tuple[int, int]) -> None:
    network = create_network("unet16", decoder=decoder, width=0.125).eval()
    with torch.inference_mode():
        prob, logit = network(torch.rand(1, 3, *size))
    assert prob.shape == logit.shape == (1, 1, *size)
    torch.testing.assert_close(prob, torch.sigmoid(logit))
    assert bool(torch.isfinite(logit).all())


@pytest.mark.parametrize("decoder", unet16.DECODERS)
def test_an_accepted_size_goes_unchanged_through_the_way_for_any_size(
    decoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = create_network("unet16", decoder=decoder, width=0.125).eval()
    x = torch.rand(1, 3, 16, 48)
    with torch.inference_mode():
        through = network(x)
        monkeypatch.setattr(unet16, "reflected", lambda picture, **_: picture)
        without = network(x)
    assert all(torch.equal(a, b) for a, b in zip(through, without, strict=True))


def test_a_refused_size_is_continued_by_reflection_and_cropped() -> None:
    network = create_network("unet16", width=0.125).eval()
    x = torch.rand(1, 3, 16, 20)
    mirrored = torch.cat([x, x.flip(3)[:, :, :, :12]], 3)
    with torch.inference_mode():
        for ours, whole in zip(network(x), network(mirrored), strict=True):
            torch.testing.assert_close(ours, whole[:, :, :, :20])


def test_the_other_decoders_have_the_published_layers() -> None:
    shapes = {
        decoder: {k: tuple(v.shape) for k, v in _without_values(decoder).state_dict().items()}
        for decoder in ("deconv", "bilinear")
    }
    assert shapes["deconv"]["center.block.0.conv.weight"] == (1024, 512, 3, 3)
    assert shapes["deconv"]["center.block.1.weight"] == (1024, 256, 4, 4)
    assert shapes["deconv"]["dec2.block.1.weight"] == (256, 64, 4, 4)
    assert shapes["bilinear"]["dec4.block.1.conv.weight"] == (1024, 768, 3, 3)
    assert shapes["bilinear"]["dec4.block.2.conv.weight"] == (256, 1024, 3, 3)
    assert shapes["bilinear"]["dec3.block.2.conv.weight"] == (128, 512, 3, 3)


def _without_values(decoder: str) -> nn.Module:
    with torch.device("meta"):
        made: nn.Module = create_network("unet16", decoder=decoder)
    return made


def test_an_unknown_decoder_is_refused() -> None:
    with pytest.raises(ValueError, match=r"pixel_shuffle, deconv, bilinear"):
        create_network("unet16", decoder="nearest")


def test_a_narrow_network_has_far_fewer_parameters() -> None:
    count = sum(p.numel() for p in create_network("unet16", width=0.25).parameters())
    assert count < 29_500_033 / 14


@pytest.mark.parametrize("decoder", unet16.DECODERS)
def test_training_reaches_every_weight(decoder: str) -> None:
    torch.manual_seed(5)
    network = create_network("unet16", decoder=decoder, width=0.125).train()
    _, logit = network(torch.rand(2, 3, 32, 24))
    logit.square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.abs().max() > 0), name
