"""The losses of both DeepCracks: cross entropy on every side output and on the fused one.

Maps come as the networks return them, logits (N, 1, H, W) each; labels are (N, H, W): 1 crack, 255
undecided, all else sound. Means are over the decided pixels of the batch; none decided gives 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from crackcore.training.losses.truth import at_least_single, crack_and_decided, fitted

TIP_BATCH = 8
LIU_SIDE_WEIGHTS = (0.5, 0.75, 1.0, 0.75, 0.5)
LIU_CRACK_WEIGHT = 1 / 0.03
"""Median-frequency balance of DeepCrack-537: sound pixels 0.03, crack pixels 1."""


def tip_map_losses(
    outputs: Sequence[Tensor], labels: Tensor, *, pos_weight: float = 1.0, again_divided_by: float = 1.0
) -> Tensor:
    """Cross entropy of each map of Zou's DeepCrack: (6,), in the order of the maps.

    l_k = mean(-w y log s(z) - (1 - y) log(1 - s(z))) / d, s the sigmoid. `pos_weight` is w.
    `again_divided_by` is d: the released code divides the mean once more by the configured batch
    size (`TIP_BATCH`), whatever the batch holds, in validation too. Source: qinnzou/DeepCrack;
    Zou et al., IEEE TIP 28(3), 2019.
    """
    return (
        torch.stack([_mean(_cross_entropy(one, labels, pos_weight), labels) for one in outputs])
        / again_divided_by
    )


def tip_loss(
    outputs: Sequence[Tensor],
    labels: Tensor,
    *,
    pos_weight: float = 1.0,
    again_divided_by: float = 1.0,
    scale_weights: Sequence[float] | None = None,
) -> Tensor:
    """Sum of the six losses of `tip_map_losses`: output, fuse5 ... fuse1; one number.

    `scale_weights`, six of them, are 1 in the paper and the release (others were worse, models.md
    section 1).
    """
    each = tip_map_losses(outputs, labels, pos_weight=pos_weight, again_divided_by=again_divided_by)
    return each.sum() if scale_weights is None else _weighted_sum(each, scale_weights)


def liu_map_losses(
    outputs: Sequence[Tensor],
    labels: Tensor,
    *,
    mode: Literal["focal", "bce"] = "focal",
    pos_weight: float = LIU_CRACK_WEIGHT,
    gamma: float = 2.0,
) -> Tensor:
    """Loss of each map of Liu's DeepCrack: (6,), side1 ... side5, fused.

    "focal" (the released script): mean((1 - e^-b)^gamma b) with b the unweighted cross entropy of a
    pixel. "bce": mean of the cross entropy with crack pixels weighted by `pos_weight`. Source:
    yhlleo/DeepSegmentor; Liu et al., Neurocomputing 338, 2019.
    """
    if mode == "bce":
        return torch.stack([_mean(_cross_entropy(one, labels, pos_weight), labels) for one in outputs])
    losses = []
    for one in outputs:
        b = _cross_entropy(one, labels, 1.0)
        losses.append(_mean((1 - torch.exp(-b)) ** gamma * b, labels))
    return torch.stack(losses)


def liu_loss(
    outputs: Sequence[Tensor],
    labels: Tensor,
    *,
    mode: Literal["focal", "bce"] = "focal",
    side_weights: Sequence[float] = LIU_SIDE_WEIGHTS,
    lambda_side: float = 1.0,
    lambda_fused: float = 1.0,
    pos_weight: float = LIU_CRACK_WEIGHT,
    gamma: float = 2.0,
) -> Tensor:
    """lambda_side * sum_k w_k side_k + lambda_fused * fused, of `liu_map_losses`; one number."""
    each = liu_map_losses(outputs, labels, mode=mode, pos_weight=pos_weight, gamma=gamma)
    return lambda_side * _weighted_sum(each[:-1], side_weights) + lambda_fused * each[-1]


def _cross_entropy(logits: Tensor, labels: Tensor, pos_weight: float) -> Tensor:
    logits = at_least_single(fitted(logits, labels))
    crack, _ = crack_and_decided(labels, logits)
    return functional.binary_cross_entropy_with_logits(
        logits, crack, pos_weight=logits.new_tensor(pos_weight), reduction="none"
    )


def _mean(values: Tensor, labels: Tensor) -> Tensor:
    _, decided = crack_and_decided(labels, values)
    return (values * decided).sum() / decided.sum().clamp(min=1.0)


def _weighted_sum(values: Tensor, weights: Sequence[float]) -> Tensor:
    if len(weights) != len(values):
        raise ValueError(f"{len(values)} maps and {len(weights)} weights")
    return (values * values.new_tensor(tuple(weights))).sum()
