"""KBPN with its kernel maps computed once gives what the plain one gives, sooner."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from crackcore.models import create_network
from crackcore.models.deploy.constant_maps import compute_kernel_maps_once, constant_maps, spread


@pytest.fixture(scope="module")
def plain() -> nn.Module:
    torch.manual_seed(4)
    made: nn.Module = create_network("kbpn", stages=3, width=0.0625)
    # the sum of a start's kernel may come close to 0, which would blow everything up
    nn.init.normal_(made.predictor.feat_ext[2].layer.weight, 0.02, 0.1)
    for name, parameter in made.named_parameters():  # zeros would hide a lost bias
        if name.endswith("bias"):
            nn.init.normal_(parameter, 0.0, 0.1)
    return made.eval()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (3, 2), (6, 7)])
def test_the_outputs_are_the_same_at_any_size(plain: nn.Module, size: tuple[int, int]) -> None:
    quick = compute_kernel_maps_once(deepcopy(plain))
    x = torch.rand(2, 3, *size)
    with torch.inference_mode():
        for ours, theirs in zip(quick(x), plain(x), strict=True):
            torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-4)


def test_the_plain_network_stays_and_others_are_left_alone(plain: nn.Module) -> None:
    keys = list(plain.state_dict())
    compute_kernel_maps_once(deepcopy(plain))
    assert list(plain.state_dict()) == keys
    other = create_network("dbpn", stages=2, width=0.125)
    assert list(compute_kernel_maps_once(deepcopy(other)).state_dict()) == list(other.state_dict())


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("size", [(1, 2), (3, 8), (4, 5), (7, 6)])
def test_spread_maps_are_the_convolved_ones(layers: int, size: tuple[int, int]) -> None:
    convolve = nn.Sequential(*(nn.Conv2d(4, 4, 3, padding=1) for _ in range(layers))).requires_grad_(False)
    values = torch.rand(2, 4, 1, 1)
    ours = spread(convolve(constant_maps(values, size, layers=layers)), size)
    torch.testing.assert_close(ours, convolve(values.expand(-1, -1, *size)))


def test_less_is_multiplied(plain: nn.Module) -> None:
    x = torch.rand(1, 3, 16, 16)
    assert _multiplications(compute_kernel_maps_once(deepcopy(plain)), x) < 0.5 * _multiplications(plain, x)


def _multiplications(network: nn.Module, x: torch.Tensor) -> int:
    """Those of all convolutions (transposed ones apart, which nothing changes)."""
    counted: list[int] = []

    def count(module: nn.Module, _: object, output: torch.Tensor) -> None:
        counted.append(output.numel() * module.weight[0].numel())  # type: ignore[index, union-attr]

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d)]
    with torch.inference_mode():
        network(x)
    for hook in hooks:
        hook.remove()
    return sum(counted)
