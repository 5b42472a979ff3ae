"""Zou's DeepCrack against the published implementation's values; the paper's variant by its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch
from golden_networks import TOLERANCE, assert_outputs_equal, assert_published_names_and_shapes
from torch import Tensor, nn
from torch.nn import functional

from crackcore.domain.model_spec import ModelSpec
from crackcore.inference.network_input import network_input
from crackcore.models import create_network
from crackcore.models import deepcrack_tip as tip
from crackcore.models.catalogue import known_architecture
from crackcore.models.deepcrack_tip_paper import BilinearDeconvolution

if TYPE_CHECKING:
    from golden_networks import Golden

BOTH = ("deepcrack_tip", "deepcrack_tip_paper")


@pytest.fixture(scope="module")
def network(golden: Golden) -> nn.Module:
    return golden.network("deepcrack_tip")


@pytest.fixture(scope="module", params=BOTH)
def narrow(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(4)
    made: nn.Module = create_network(request.param, width=0.125)
    return made.eval()


def test_names_and_shapes_of_the_weights_are_the_published_ones(golden: Golden, network: nn.Module) -> None:
    assert_published_names_and_shapes(golden, "deepcrack_tip", network)


@pytest.mark.parametrize("case", ["deepcrack_tip.64x96", "deepcrack_tip.48x80"])
def test_the_six_maps_equal_the_published_ones(golden: Golden, network: nn.Module, case: str) -> None:
    described, values = golden.case(case)
    with torch.inference_mode():
        outputs = network(golden.input(described))
    assert known_architecture("deepcrack_tip")[0].outputs == tuple(described["outputs"])
    assert_outputs_equal(described, values, outputs)


def test_from_a_picture_to_the_saved_bytes(golden: Golden, network: nn.Module) -> None:
    described, values = golden.case("deepcrack_tip.image.64x48")
    rgb = cv2.cvtColor(golden.picture(described), cv2.COLOR_BGR2RGB)  # it is described as OpenCV reads it
    spec = ModelSpec(
        "golden", "deepcrack_tip", preprocessing=known_architecture("deepcrack_tip")[0].preprocessing
    )
    with torch.inference_mode():
        prob = torch.sigmoid(network(network_input(rgb, spec))[0])[0, 0].numpy()
    np.testing.assert_allclose(prob, values["prob"], atol=TOLERANCE, rtol=0)
    assert np.array_equal(np.floor(255 * prob).astype(np.uint8), values["saved_u8"])


@pytest.mark.parametrize("size", [(32, 32), (48, 80), (80, 32)])
def test_an_accepted_size_goes_unchanged_through_the_way_for_any_size(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = create_network("deepcrack_tip", width=0.125).eval()
    x = torch.rand(2, 3, *size)
    with torch.inference_mode():
        through = network(x)
        monkeypatch.setattr(tip, "reflected", lambda picture, **_: picture)
        without = network(x)
    assert all(torch.equal(a, b) for a, b in zip(through, without, strict=True))


def test_a_refused_size_is_continued_by_reflection_and_cropped() -> None:
    network = create_network("deepcrack_tip", width=0.125).eval()
    x = torch.rand(1, 3, 40, 50)
    mirrored = torch.cat([x, x.flip(2)[:, :, :8]], 2)
    mirrored = torch.cat([mirrored, mirrored.flip(3)[:, :, :, :14]], 3)
    with torch.inference_mode():
        for ours, whole in zip(network(x), network(mirrored), strict=True):
            assert ours.shape == (1, 1, 40, 50)
            assert torch.equal(ours, whole[:, :, :40, :50])


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (17, 16), (31, 33), (50, 70)])
def test_any_size_gives_six_maps_of_that_size(narrow: nn.Module, size: tuple[int, int]) -> None:
    with torch.inference_mode():
        maps = narrow(torch.rand(1, 3, *size))
    assert [tuple(m.shape) for m in maps] == [(1, 1, *size)] * 6
    assert all(bool(torch.isfinite(m).all()) for m in maps)


@pytest.mark.parametrize("name", BOTH)
def test_a_narrow_network_has_far_fewer_parameters(name: str) -> None:
    count = sum(p.numel() for p in create_network(name, width=0.25).parameters())
    assert count < 30_905_011 / 14


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(("count", "size"), [(2, (32, 48)), (1, (9, 16))])
def test_training_reaches_every_weight(name: str, count: int, size: tuple[int, int]) -> None:
    torch.manual_seed(5)
    network = create_network(name, width=0.125).train()
    x = torch.rand(count, 3, *size)
    maps: tuple[Tensor, ...] = network(x)
    torch.stack([m.square().mean() for m in maps]).sum().backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert bool(torch.isfinite(parameter.grad).all()), key
    first = next(network.parameters()).grad
    assert first is not None
    assert bool(first.abs().max() > 0)


# ------------------------------------------------------------------ the network of the paper


@pytest.fixture(scope="module")
def paper() -> nn.Module:
    made: nn.Module = create_network("deepcrack_tip_paper")
    return made


def _convs(network: nn.Module, part: str) -> list[int]:
    return [m.out_channels for m in network.get_submodule(part).modules() if isinstance(m, nn.Conv2d)]


def test_its_stages_have_the_layers_of_the_paper(paper: nn.Module) -> None:
    stages = {1: [64] * 2, 2: [128] * 2, 3: [256] * 3, 4: [512] * 3, 5: [512] * 3}
    for k, channels in stages.items():
        assert _convs(paper, f"down{k}") == channels
        assert _convs(paper, f"up{k}") == channels
        score = paper.get_submodule(f"score{k}")
        assert isinstance(score, nn.Conv2d)
        assert (score.in_channels, score.out_channels, score.kernel_size) == (2 * channels[-1], 1, (1, 1))
    for part in ("down1", "up5", "reduce3"):
        kinds = [type(m) for m in paper.get_submodule(part)]  # type: ignore[arg-type]
        assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * (len(kinds) // 3)


def test_it_starts_as_the_paper_says(paper: nn.Module) -> None:
    for name, module in paper.named_modules():
        if isinstance(module, nn.Conv2d):
            assert module.bias is not None
            assert not bool(module.bias.any()), name
            if module.weight.numel() > 10_000:
                wanted = (2 / module.weight[0].numel()) ** 0.5
                assert float(module.weight.detach().std()) == pytest.approx(wanted, rel=0.05), name


@pytest.mark.parametrize("times", [1, 2, 4, 8, 16])
def test_its_deconvolution_starts_as_bilinear_interpolation(times: int) -> None:
    score = torch.rand(1, 1, 6, 5)
    with torch.inference_mode():
        ours = BilinearDeconvolution(times).onto(score, 6 * times, 5 * times)
    wanted = functional.interpolate(score, scale_factor=times, mode="bilinear", align_corners=False)
    inside = slice(times // 2, -(times // 2) or None)  # beyond the outermost pixels Caffe has zeros
    torch.testing.assert_close(ours[:, :, inside, inside], wanted[:, :, inside, inside])


def test_its_sizes_are_those_of_pools_that_keep_the_last_window() -> None:
    network = create_network("deepcrack_tip_paper", width=0.125).eval()
    seen: dict[str, tuple[int, ...]] = {}
    for k in (1, 2, 3, 4, 5):
        network.get_submodule(f"up{k}").register_forward_hook(
            lambda _m, _i, out, k=k: seen.update({f"up{k}": tuple(out.shape[2:])})
        )
    with torch.inference_mode():
        network(torch.rand(1, 3, 75, 101))
    assert seen == {"up5": (5, 7), "up4": (10, 13), "up3": (19, 26), "up2": (38, 51), "up1": (75, 101)}


def test_its_map_is_the_weighted_sum_of_the_five() -> None:
    network = create_network("deepcrack_tip_paper", width=0.125).eval()
    with torch.inference_mode():
        output, *five = network(torch.rand(1, 3, 40, 33))
        weights, bias = network.final.weight[0, :, 0, 0], network.final.bias[0]
        summed = sum(w * m for w, m in zip(weights, five, strict=True)) + bias
    torch.testing.assert_close(output, summed)
