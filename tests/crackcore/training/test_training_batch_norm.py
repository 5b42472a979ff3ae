"""Batch norm that a training adds and folds away: the saved network is the published one."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from crackcore.models.catalogue import create_network
from crackcore.training.batch_norm import NormedConv, with_batch_norm, without_batch_norm


def first_map(network: nn.Module, pictures: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        out = network(pictures)
    return out if isinstance(out, torch.Tensor) else out[0]


def trained_a_little(network: nn.Module, pictures: torch.Tensor) -> nn.Module:
    """Weights, running means and deviations that are no longer those of the start."""
    optimiser = torch.optim.SGD(network.parameters(), lr=0.02)
    network.train()
    for _ in range(3):
        optimiser.zero_grad()
        out = network(pictures)
        (out[0] if isinstance(out, tuple) else out).square().mean().backward()
        optimiser.step()
    return network


@pytest.mark.parametrize(
    ("name", "arguments", "convolutions"),
    [("deepcrack_tip", {"width": 0.125}, 31), ("unet16", {"width": 0.125}, 18)],
)
def test_the_saved_network_is_the_published_one_and_computes_the_same(
    name: str, arguments: dict[str, float], convolutions: int
) -> None:
    torch.manual_seed(0)
    pictures = torch.rand(2, 3, 48, 48)
    plain = create_network(name, **arguments)
    keys = {k: v.shape for k, v in plain.state_dict().items()}
    normed = trained_a_little(with_batch_norm(plain), pictures).eval()
    assert len({id(m) for m in normed.modules() if isinstance(m, NormedConv)}) == convolutions

    saved = without_batch_norm(normed)

    assert {k: v.shape for k, v in saved.state_dict().items()} == keys
    assert not any(isinstance(m, NormedConv | nn.BatchNorm2d) for m in saved.modules())
    assert (first_map(saved, pictures) - first_map(normed, pictures)).abs().max() < 1e-4
    assert any(isinstance(m, NormedConv) for m in normed.modules()), "the one that trains keeps its own"


def test_a_known_network_goes_on_computing_what_it_computed() -> None:
    torch.manual_seed(1)
    pictures = torch.rand(2, 3, 64, 64)
    known = create_network("deepcrack_tip", width=0.125).eval()
    before = first_map(known, pictures)

    normed = with_batch_norm(deepcopy(known), pictures)

    assert (first_map(normed.eval(), pictures) - before).abs().max() < 1e-4
    # also while it trains: the batch's own mean and deviation are the ones it begins with
    assert (first_map(normed.train(), pictures) - before).abs().max() < 1e-3
    assert (first_map(with_batch_norm(deepcopy(known)).train(), pictures) - before).abs().max() > 1e-2


def test_networks_that_have_norm_layers_stay_as_they_are() -> None:
    for name in ("cgnet_m3n21", "pspnet", "deepcrack_liu", "deepcrack_tip_paper"):
        network = create_network(name)
        keys = list(network.state_dict())
        assert list(with_batch_norm(network).state_dict()) == keys
