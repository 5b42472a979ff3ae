"""CSBSR against the values of the published implementation: inference and training, blur included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from golden_networks import TOLERANCE, assert_outputs_equal, assert_published_names_and_shapes
from torch import nn

from crackcore.models import create_network
from crackcore.models.catalogue import known_architecture
from crackcore.training.degradation import blurred_and_reduced
from crackcore.training.losses import csbsr_joint_loss

if TYPE_CHECKING:
    from golden_networks import Golden

NAME = "csbsr_joint_kbpn_pspnet"
KERNEL_TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def network(golden: Golden) -> nn.Module:
    return golden.network(NAME)


@pytest.fixture(scope="module")
def small() -> nn.Module:
    torch.manual_seed(4)
    made: nn.Module = create_network("csbsr", stages=2, width=0.125)
    # the sum of a start's kernel may come close to 0, which would blow everything up
    nn.init.normal_(made.sr_model.predictor.feat_ext[2].layer.weight, 0.02, 0.1)
    return made


def test_names_and_shapes_of_the_weights_are_the_published_ones(golden: Golden, network: nn.Module) -> None:
    assert_published_names_and_shapes(golden, NAME, network)


def test_pictures_crack_maps_and_kernel_equal_the_published_ones(golden: Golden, network: nn.Module) -> None:
    described, values = golden.case("csbsr_joint.16x24")
    with torch.inference_mode():
        outputs = network(golden.input(described))
    assert known_architecture(NAME)[0].outputs == tuple(described["outputs"])
    assert_outputs_equal(described, values, outputs)
    np.testing.assert_allclose(outputs[-1].numpy(), values["kernel"], atol=KERNEL_TOLERANCE, rtol=0)


def test_training_sees_pictures_as_they_are_and_compares_the_blurred_ones(
    golden: Golden, network: nn.Module
) -> None:
    described, values = golden.case("csbsr_joint_loss.64x48")
    with torch.inference_mode():
        maps = network.parts(torch.from_numpy(values["lr"]), clip=False)
        pseudo_lr = blurred_and_reduced(maps.sr_raw, maps.kernel)
    assert torch.equal(maps.sr_raw, maps.sr)
    assert maps.segmentation["aux_prob"].shape == maps.prob.shape
    np.testing.assert_allclose(maps.kernel.numpy(), values["kernel_pred"], atol=KERNEL_TOLERANCE, rtol=0)
    for name, ours in (("sr", maps.sr), ("prob", maps.prob), ("pseudo_lr", pseudo_lr)):
        np.testing.assert_allclose(ours.numpy(), values[name], atol=TOLERANCE, rtol=0, err_msg=name)
    # The loss is met here, not beside the others: the auxiliary map is not stored, and the network is
    # large to make.
    given = {k: torch.from_numpy(values[k]) for k in ("hr", "lr", "kernel_target", "mask")}
    for name, wanted in described["losses"].items():
        found = csbsr_joint_loss(
            maps,
            given["hr"],
            given["mask"],
            lr=given["lr"],
            kernels=given["kernel_target"],
            alpha=float(name.removeprefix("alpha")),
        )
        assert found.total.item() == pytest.approx(wanted["total"], rel=1e-5), name
        np.testing.assert_allclose(found.enlargement.numpy(), wanted["sr_loss"], rtol=1e-5, err_msg=name)
        np.testing.assert_allclose(
            found.segmentation.numpy(), wanted["segment_loss"], rtol=1e-5, err_msg=name
        )


@pytest.mark.parametrize("size", [(1, 1), (5, 8)])
def test_any_size_gives_maps_four_times_as_large(small: nn.Module, size: tuple[int, int]) -> None:
    with torch.inference_mode():
        sr_raw, sr, prob, logit, kernel = small.eval()(torch.rand(2, 3, *size))
    high = (4 * size[0], 4 * size[1])
    assert sr_raw.shape == sr.shape == (2, 3, *high)
    assert prob.shape == logit.shape == (2, 1, *high)
    assert kernel.shape == (2, 1, 21, 21)


def test_training_reaches_every_weight(small: nn.Module) -> None:
    small.train()
    maps = small.parts(torch.rand(2, 3, 8, 12))
    (maps.sr_raw.abs().mean() + maps.prob.mean() + maps.segmentation["aux_prob"].mean()).backward()
    for name, parameter in small.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.abs().max() > 0), name
