"""DBPN against the values of the published implementation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from golden_networks import assert_outputs_equal, assert_published_names_and_shapes

from crackcore.models import create_network

if TYPE_CHECKING:
    from golden_networks import Golden


@pytest.mark.parametrize("name", ["dbpn_x4_stage4", "dbpn_x4_stage6"])
def test_names_and_shapes_of_the_weights_are_the_published_ones(golden: Golden, name: str) -> None:
    assert_published_names_and_shapes(golden, name)


@pytest.mark.parametrize(
    ("name", "size"),
    [("dbpn_x4_stage4", "16x24"), ("dbpn_x4_stage6", "16x24"), ("dbpn_x4_stage6", "17x13")],
)
def test_the_enlarged_picture_equals_the_published_one(golden: Golden, name: str, size: str) -> None:
    described, values = golden.case(f"{name}.{size}")
    with torch.inference_mode():
        sr = golden.network(name)(golden.input(described))
    assert_outputs_equal(described, values, sr)


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("size", [(1, 1), (3, 8)])
def test_every_scale_enlarges_any_size(scale: int, size: tuple[int, int]) -> None:
    network = create_network("dbpn", scale=scale, stages=2, width=0.125).eval()
    with torch.inference_mode():
        sr = network(torch.rand(1, 3, *size))
    assert sr.shape == (1, 3, size[0] * scale, size[1] * scale)


def test_training_reaches_every_weight() -> None:
    torch.manual_seed(2)
    network = create_network("dbpn", stages=4, width=0.125).train()
    x = torch.rand(1, 3, 5, 6)
    (network(x) - torch.rand(1, 3, 20, 24)).abs().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.abs().max() > 0), name


@pytest.mark.parametrize("arguments", [{"scale": 3}, {"stages": 1}, {"width": 0}])
def test_what_it_cannot_be_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"DBPN|width"):
        create_network("dbpn", **arguments)
