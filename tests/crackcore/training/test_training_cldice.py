"""Soft clDice by its short cuts against the definition with pooling windows, values and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, relu

from crackcore.training.losses import soft_cl_dice, soft_skeleton

ROUNDS = 4


def _eroded(planes: Tensor) -> Tensor:
    upright = -max_pool2d(-planes, (3, 1), 1, (1, 0))
    return upright.minimum(-max_pool2d(-planes, (1, 3), 1, (0, 1)))


def _skeleton(planes: Tensor) -> Tensor:
    line = relu(planes - max_pool2d(_eroded(planes), 3, 1, 1))
    for _ in range(ROUNDS):
        planes = _eroded(planes)
        rest = relu(planes - max_pool2d(_eroded(planes), 3, 1, 1))
        line = line + relu(rest - line * rest)
    return line


def _loss(prob: Tensor, crack: Tensor) -> Tensor:
    said, true = _skeleton(prob), _skeleton(crack)
    precision = ((said * crack).sum((1, 2, 3)) + 1) / (said.sum((1, 2, 3)) + 1)
    recall = ((true * prob).sum((1, 2, 3)) + 1) / (true.sum((1, 2, 3)) + 1)
    return 1 - 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("equals", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (2, 2), (33, 46)])
def test_values_and_gradients_are_those_of_pooling_also_among_equals(
    size: tuple[int, int], equals: bool
) -> None:
    generator = torch.Generator().manual_seed(sum(size))
    values = torch.rand(3, 1, *size, generator=generator, dtype=torch.float64)
    if equals:  # few levels: most windows hold their extreme more than once
        values = (avg_pool2d(values, 3, 1, 1) * 5).round() / 5
    labels = (torch.rand(3, *size, generator=generator) > 0.6).to(torch.uint8)
    found, wanted = values.clone().requires_grad_(), values.clone().requires_grad_()
    loss = soft_cl_dice(found, labels, rounds=ROUNDS)
    expected = _loss(wanted, (labels == 1)[:, None].to(values.dtype))
    assert torch.equal(loss, expected)
    torch.autograd.backward(loss.sum())
    torch.autograd.backward(expected.sum())
    assert found.grad is not None
    assert wanted.grad is not None
    torch.testing.assert_close(found.grad, wanted.grad, rtol=1e-12, atol=1e-14)
    assert torch.equal(soft_skeleton(values, rounds=ROUNDS), _skeleton(values))
