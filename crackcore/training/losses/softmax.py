"""Losses on logits and labels (N, H, W): 0, 1, or 255 where nothing is known; each a single number.

Logits are (N, 2, H, W), sound and crack, as CGNet gives them, or (N, 1, H, W), crack against a sound
of 0, as all networks with a sigmoid give them.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from crackcore.arrays import CRACK, UNDECIDED
from crackcore.training.losses.truth import at_least_single


def weighted_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    *,
    weights: tuple[float, float],
    divided_by: Literal["weights", "pixels"] = "weights",
) -> Tensor:
    """Softmax cross entropy with class weights; CGNet's recipe on DeepCrack-537 uses 5 and 10.

    The two versions of the library it was published with divide by different things (models.md
    section 3): the later one by the sum of the weights of all decided pixels, the one of that time
    (1.1.1) by the number of all pixels, so that undecided ones (255), which add nothing, still make
    the loss smaller. The later one fails on them; here they count neither above nor below the line.
    All undecided: 0 with either, where the later version gives nan.
    """
    logits = _two_classes(logits)
    classes = torch.where(labels == UNDECIDED, UNDECIDED, (labels == CRACK).long())
    table = torch.tensor(weights, dtype=logits.dtype, device=logits.device)
    total = functional.cross_entropy(logits, classes, weight=table, ignore_index=UNDECIDED, reduction="sum")
    if divided_by == "pixels":
        return total / labels.numel()
    counted = weights[0] * (classes == 0).sum() + weights[1] * (classes == CRACK).sum()
    return total / torch.where(counted > 0, counted, 1.0)


def soft_dice(logits: Tensor, labels: Tensor, *, smooth: float = 1.0) -> Tensor:
    """1 - (2 sum(p y) + s) / (sum p + sum y + s) of the crack class, over the whole batch.

    Milletari et al., V-Net, 3DV 2016, in the form without squares. Undecided pixels are left out.
    """
    logits = _two_classes(logits)
    decided = (labels != UNDECIDED).to(logits.dtype)
    truth = (labels == CRACK).to(logits.dtype)
    score = torch.softmax(logits, 1)[:, 1] * decided
    return 1 - (2 * (score * truth).sum() + smooth) / (score.sum() + truth.sum() + smooth)


def crack_loss(
    logits: Tensor, labels: Tensor, *, weights: tuple[float, float] = (5.0, 10.0), dice: float = 1.0
) -> Tensor:
    """Weighted cross entropy plus `dice` times soft Dice."""
    loss = weighted_cross_entropy(logits, labels, weights=weights)
    return loss + dice * soft_dice(logits, labels) if dice else loss


def _two_classes(logits: Tensor) -> Tensor:
    logits = at_least_single(logits)
    if logits.shape[1] == 1:
        return torch.cat([torch.zeros_like(logits), logits], 1)
    if logits.shape[1] != 2:
        raise ValueError(f"logits have 1 or 2 channels, not {logits.shape[1]}")
    return logits
