"""PSPNet with ResNet-34 against the values of the published implementation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from golden_networks import assert_outputs_equal, assert_published_names_and_shapes
from torch import nn

from crackcore.models import create_network
from crackcore.models.catalogue import known_architecture

if TYPE_CHECKING:
    from golden_networks import Golden

NAME = "pspnet_resnet34"


@pytest.fixture(scope="module")
def network(golden: Golden) -> nn.Module:
    return golden.network(NAME)


@pytest.fixture(scope="module")
def narrow() -> nn.Module:
    torch.manual_seed(6)
    made: nn.Module = create_network("pspnet", width=0.125)
    return made.eval()


def test_names_and_shapes_of_the_weights_are_the_published_ones(golden: Golden, network: nn.Module) -> None:
    assert_published_names_and_shapes(golden, NAME, network)


@pytest.mark.parametrize("case", [f"{NAME}.64x96", f"{NAME}.75x101"])
def test_all_four_maps_equal_the_published_ones(golden: Golden, network: nn.Module, case: str) -> None:
    described, values = golden.case(case)
    with torch.inference_mode():
        outputs = network(golden.input(described))
    assert known_architecture(NAME)[0].outputs == tuple(described["outputs"])
    assert_outputs_equal(described, values, outputs)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (9, 8), (33, 17)])
@pytest.mark.parametrize("training", [False, True])
def test_any_size_gives_maps_of_the_published_sizes(
    narrow: nn.Module, size: tuple[int, int], training: bool
) -> None:
    network = create_network("pspnet", width=0.125).train() if training else narrow
    with torch.no_grad():
        prob, aux_prob, aux_logit_low, logit = network(torch.rand(1, 3, *size))
    low = tuple(-(-side // 8) for side in size)
    assert prob.shape == logit.shape == (1, 1, 8 * low[0], 8 * low[1])
    assert aux_logit_low.shape == (1, 1, *low)
    assert aux_prob.shape == (1, 1, *size)
    assert all(bool(torch.isfinite(m).all()) for m in (prob, aux_prob, aux_logit_low, logit))


def test_channels_are_dropped_in_training_only(narrow: nn.Module) -> None:
    drops = {k: m.p for k, m in narrow.named_modules() if isinstance(m, nn.Dropout2d)}
    assert drops == {"drop_1": 0.3, "drop_2": 0.15, "aux.3": 0.1}
    x = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(narrow(x)[3], narrow(x)[3])
    network = create_network("pspnet", width=0.125)
    for module in network.modules():
        module.train(isinstance(module, nn.Dropout2d))  # batch norm as in inference
    network.training = True
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    network.drop_1.register_forward_hook(lambda _m, before, after: seen.append((before[0], after)))
    with torch.no_grad():
        network(x)
    (before, after), fallen = seen[0], 0
    for one, other in zip(before.flatten(0, 1), after.flatten(0, 1), strict=True):  # channel by channel
        kept = torch.allclose(other, one / 0.7)
        assert kept or not bool(other.any())
        fallen += not kept
    assert 0.15 < fallen / int((before.flatten(2) > 0).any(2).sum()) < 0.45


def test_the_first_blocks_of_layers_three_and_four_are_not_dilated(narrow: nn.Module) -> None:
    feats = narrow.feats
    for layer, dilation in (("layer1", 1), ("layer2", 1), ("layer3", 2), ("layer4", 4)):
        blocks = list(feats.get_submodule(layer))  # type: ignore[operator, union-attr, arg-type]
        assert [b.conv2.dilation[0] for b in blocks] == [1] + [dilation] * (len(blocks) - 1)
    assert [len(list(feats.get_submodule(f"layer{k}"))) for k in (1, 2, 3, 4)] == [3, 4, 6, 3]  # type: ignore[operator, union-attr, arg-type]


def test_a_narrow_network_has_far_fewer_parameters() -> None:
    count = sum(p.numel() for p in create_network("pspnet", width=0.25).parameters())
    assert count < 28_091_141 / 14


def test_training_reaches_every_weight() -> None:
    torch.manual_seed(5)
    network = create_network("pspnet", width=0.125).train()
    _, aux_prob, _, logit = network(torch.rand(2, 3, 32, 48))
    (logit.square().mean() + aux_prob.square().mean()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.abs().max() > 0), name
