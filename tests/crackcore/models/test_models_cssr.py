"""CSSR against the values of the published implementation: inference, picture to map, training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from golden_networks import TOLERANCE, assert_outputs_equal, assert_published_names_and_shapes
from torch import nn

from crackcore.models import create_network
from crackcore.models.catalogue import known_architecture
from crackcore.training.degradation import reduced

if TYPE_CHECKING:
    from golden_networks import Golden

NAME = "cssr_joint_dbpn6_unet16"


@pytest.fixture(scope="module")
def network(golden: Golden) -> nn.Module:
    return golden.network(NAME)


def test_names_and_shapes_of_the_weights_are_the_published_ones(golden: Golden, network: nn.Module) -> None:
    assert_published_names_and_shapes(golden, NAME, network)


def test_pictures_and_crack_maps_equal_the_published_ones(golden: Golden, network: nn.Module) -> None:
    described, values = golden.case("cssr_joint.16x24")
    with torch.inference_mode():
        outputs = network(golden.input(described))
    assert known_architecture(NAME)[0].outputs == tuple(described["outputs"])
    assert_outputs_equal(described, values, outputs)


def test_from_a_sharp_picture_through_its_reduction_to_the_map(golden: Golden, network: nn.Module) -> None:
    described, values = golden.case("cssr_joint.image.64x96")
    pixels = torch.from_numpy(golden.picture(described)).permute(2, 0, 1)[None].float() / 255
    lr = reduced(pixels, method="bilinear")
    np.testing.assert_allclose(lr[0].numpy(), values["lr"], atol=TOLERANCE, rtol=0)
    with torch.inference_mode():
        _, sr, prob, _ = network(lr)
    np.testing.assert_allclose(sr[0].numpy(), values["sr"], atol=TOLERANCE, rtol=0)
    np.testing.assert_allclose(prob[0].numpy().reshape(64, 96), values["prob"], atol=TOLERANCE, rtol=0)


def test_training_sees_the_enlarged_picture_as_it_is(golden: Golden, network: nn.Module) -> None:
    _, values = golden.case("cssr_joint_loss.64x48")
    with torch.inference_mode():
        sr_raw, sr, prob, _ = network(torch.from_numpy(values["lr"]), clip=False)
    assert torch.equal(sr_raw, sr)
    np.testing.assert_allclose(sr.numpy(), values["sr"], atol=TOLERANCE, rtol=0)
    np.testing.assert_allclose(prob.numpy(), values["prob"], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize(
    "segmentation", ["unet16", "pspnet", "deepcrack_liu", "deepcrack_tip", "cgnet_m3n21", "pspnet_resnet34"]
)
@pytest.mark.parametrize("size", [(1, 1), (5, 9)])
def test_any_segmentation_network_and_any_size(segmentation: str, size: tuple[int, int]) -> None:
    torch.manual_seed(1)
    network = create_network("cssr", stages=2, segmentation=segmentation, width=0.125).eval()
    with torch.inference_mode():
        sr_raw, sr, prob, logit = network(torch.rand(2, 3, *size))
    high = (4 * size[0], 4 * size[1])
    assert sr_raw.shape == sr.shape == (2, 3, *high)
    assert prob.shape == logit.shape == (2, 1, *high)
    assert float(sr.min()) >= 0
    assert float(sr.max()) <= 1
    torch.testing.assert_close(prob, torch.sigmoid(logit))


def test_arguments_reach_the_segmentation_network() -> None:
    network = create_network("cssr", stages=2, width=0.125, scale=2, decoder="bilinear").eval()
    same = create_network("unet16", width=0.125, decoder="bilinear")
    assert list(network.segmentation_model.state_dict()) == list(same.state_dict())
    with torch.inference_mode():
        assert network(torch.rand(1, 3, 8, 8))[2].shape == (1, 1, 16, 16)


@pytest.mark.parametrize("segmentation", ["dbpn", "cssr", "csbsr"])
def test_networks_that_cannot_find_cracks_in_a_picture_are_refused(segmentation: str) -> None:
    with pytest.raises(ValueError, match=segmentation):
        create_network("cssr", segmentation=segmentation)


def test_training_reaches_every_weight_and_clips_nothing() -> None:
    torch.manual_seed(6)
    network = create_network("cssr", stages=3, width=0.125).train()
    maps = network.parts(torch.rand(1, 3, 8, 12))
    assert torch.equal(maps.sr, maps.sr_raw)
    (maps.sr_raw.abs().mean() + maps.prob.mean()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.abs().max() > 0), name
    # what is learnt from cracks reaches the enlargement too
    network.zero_grad()
    network.parts(torch.rand(1, 3, 8, 12)).prob.mean().backward()
    assert bool(network.sr_model.feat0.conv.weight.grad.abs().max() > 0)
