"""Liu's DeepCrack against the values of the published implementation, in both its norm modes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from golden_networks import TOLERANCE, assert_outputs_equal, assert_published_names_and_shapes
from torch import Tensor, nn

from crackcore.domain.model_spec import ModelSpec
from crackcore.inference.network_input import network_input
from crackcore.models import create_network
from crackcore.models.catalogue import known_architecture

if TYPE_CHECKING:
    from golden_networks import Golden

MODES = {"eval": False, "batch_stats": True}


@pytest.fixture(scope="module")
def networks(golden: Golden) -> dict[str, nn.Module]:
    found = {}
    for mode, statistics in MODES.items():
        found[mode] = create_network("deepcrack_liu", batch_statistics=statistics).eval()
        found[mode].load_state_dict(golden.weights("deepcrack_liu"), strict=True)
    return found


@pytest.fixture(scope="module")
def narrow() -> nn.Module:
    torch.manual_seed(3)
    made: nn.Module = create_network("deepcrack_liu", width=0.125)
    return made


def test_names_and_shapes_of_the_weights_are_the_published_ones(golden: Golden) -> None:
    assert_published_names_and_shapes(golden, "deepcrack_liu")


@pytest.mark.parametrize(
    ("case", "mode"),
    [
        ("deepcrack_liu.64x96", "eval"),
        ("deepcrack_liu.75x101", "eval"),
        ("deepcrack_liu.bn_batch_stats.64x96", "batch_stats"),
    ],
)
def test_the_six_maps_equal_the_published_ones(
    golden: Golden, networks: dict[str, nn.Module], case: str, mode: str
) -> None:
    described, values = golden.case(case)
    with torch.inference_mode():
        outputs = networks[mode](golden.input(described))
    assert known_architecture("deepcrack_liu")[0].outputs == tuple(described["outputs"])
    assert_outputs_equal(described, values, outputs)


@pytest.mark.parametrize("mode", list(MODES))
def test_from_a_picture_to_the_saved_bytes(golden: Golden, networks: dict[str, nn.Module], mode: str) -> None:
    described, values = golden.case("deepcrack_liu.image.50x66")
    spec = ModelSpec(
        "golden",
        "deepcrack_liu",
        preprocessing=known_architecture("deepcrack_liu")[0].preprocessing,
        multiple_px=1,
        minimum_px=1,
    )
    with torch.inference_mode():
        side1, *_, fused = networks[mode](network_input(golden.picture(described), spec))
    for name, logit in (("side1", side1), ("fused", fused)):
        prob = torch.sigmoid(logit)[0, 0].numpy()
        np.testing.assert_allclose(prob, values[f"prob_{name}_{mode}"], atol=TOLERANCE, rtol=0)
        if name == "fused":
            saved = np.floor(255 * prob).astype(np.uint8)
            assert np.array_equal(saved, values[f"saved_u8_fused_{mode}"])


def test_statistics_of_the_picture_leave_the_running_ones_alone_and_pictures_apart(
    golden: Golden, networks: dict[str, nn.Module]
) -> None:
    described, values = golden.case("deepcrack_liu.bn_batch_stats.64x96")
    network = networks["batch_stats"]
    before = {k: v.clone() for k, v in network.state_dict().items()}
    one = golden.input(described)
    with torch.inference_mode():
        both = network(torch.cat([torch.rand(1, 3, 64, 96), one]))
    assert_outputs_equal(described, values, tuple(o[1:] for o in both))
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


@pytest.mark.parametrize("statistics", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (5, 40), (15, 16), (31, 17), (16, 33)])
def test_any_size_gives_six_maps_of_that_size(size: tuple[int, int], statistics: bool) -> None:
    network = create_network("deepcrack_liu", width=0.125, batch_statistics=statistics).eval()
    with torch.inference_mode():
        maps = network(torch.rand(1, 3, *size))
    assert [tuple(m.shape) for m in maps] == [(1, 1, *size)] * 6
    assert all(bool(torch.isfinite(m).all()) for m in maps)


@pytest.mark.parametrize("statistics", [False, True])
def test_training_reaches_every_weight_and_moves_the_running_statistics(statistics: bool) -> None:
    torch.manual_seed(5)
    network = create_network("deepcrack_liu", width=0.125, batch_statistics=statistics).train()
    twin = create_network("deepcrack_liu", width=0.125).train()
    twin.load_state_dict(network.state_dict())
    x = torch.rand(2, 3, 24, 40)
    maps: tuple[Tensor, ...] = network(x)
    torch.stack([m.square().mean() for m in maps]).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.abs().max() > 0), name
    twin(x)
    for key, value in twin.state_dict().items():
        if "running" in key or "batches" in key:
            torch.testing.assert_close(network.state_dict()[key], value, msg=key)
    assert int(network.state_dict()["conv1.1.num_batches_tracked"]) == 1


def test_a_narrow_one_has_the_same_names(narrow: nn.Module, golden: Golden) -> None:
    entries = golden.state_dict_spec("deepcrack_liu")["entries"]
    assert list(narrow.state_dict()) == [e["key"] for e in entries]
    assert narrow.state_dict()["conv4.3.weight"].shape == (64, 64, 3, 3)
