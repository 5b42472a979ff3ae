"""KBPN against the values of the published implementation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from golden_networks import assert_outputs_equal, assert_published_names_and_shapes
from torch import nn

from crackcore.models import create_network

if TYPE_CHECKING:
    from golden_networks import Golden

NAME = "kbpn_x4_stage4_k7to21"


@pytest.fixture(scope="module")
def network(golden: Golden) -> nn.Module:
    return golden.network(NAME)


@pytest.fixture(scope="module")
def small() -> nn.Module:
    torch.manual_seed(4)
    made: nn.Module = create_network("kbpn", stages=3, width=0.0625)
    # the sum of a start's kernel may come close to 0, which would blow everything up
    nn.init.normal_(made.predictor.feat_ext[2].layer.weight, 0.02, 0.1)
    return made


def test_names_and_shapes_of_the_weights_are_the_published_ones(golden: Golden) -> None:
    assert_published_names_and_shapes(golden, NAME)


@pytest.mark.parametrize("size", ["16x24", "13x18"])
def test_picture_residual_and_kernels_equal_the_published_ones(
    golden: Golden, network: nn.Module, size: str
) -> None:
    described, values = golden.case(f"kbpn_x4.{size}")
    with torch.inference_mode():
        outputs = network(golden.input(described))
    assert_outputs_equal(described, values, outputs[:2], names=("sr", "residual"))
    # values of kernels are small: they are held to more than the tolerance of pictures
    assert_outputs_equal(described, values, outputs[2:], names=("kernel", "init_kernel"), tolerance=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (2, 7)])
def test_any_size_is_enlarged_four_times(small: nn.Module, size: tuple[int, int]) -> None:
    with torch.inference_mode():
        sr, residual, kernel, first = small(torch.rand(2, 3, *size))
    assert sr.shape == residual.shape == (2, 3, 4 * size[0], 4 * size[1])
    assert kernel.shape == first.shape == (2, 1, 21, 21)
    torch.testing.assert_close(kernel.sum((1, 2, 3)), torch.ones(2))


def test_a_batch_gives_what_its_pictures_give_alone(small: nn.Module) -> None:
    x = torch.rand(2, 3, 6, 5)
    with torch.inference_mode():
        both = small(x)
        for i in range(2):
            for ours, alone in zip(both, small(x[i : i + 1]), strict=True):
                torch.testing.assert_close(ours[i : i + 1], alone, atol=1e-5, rtol=1e-4)


def test_training_reaches_every_weight(small: nn.Module) -> None:
    small.zero_grad()
    sr, *_ = small(torch.rand(1, 3, 6, 8))
    (sr - torch.rand(1, 3, 24, 32)).abs().mean().backward()
    for name, parameter in small.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.abs().max() > 0), name


def test_a_known_kernel_is_taken_as_it_is(small: nn.Module) -> None:
    small.zero_grad()
    true = torch.rand(1, 1, 21, 21)
    true = true / true.sum()
    sr, _, kernel, first = small(torch.rand(1, 3, 6, 8), true)
    assert torch.equal(first, true)
    torch.testing.assert_close(kernel, true)
    sr.square().mean().backward()
    assert all(p.grad is None for p in small.predictor.parameters())
    assert all(p.grad is None for n, p in small.named_parameters() if "kernel_predictor" in n)
