"""Losses on logits (N, 2, H, W) and labels (N, H, W): 0, 1, or 255 where nothing is known."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from crackcore.arrays import UNDECIDED


def weighted_cross_entropy(logits: Tensor, labels: Tensor, *, weights: tuple[float, float]) -> Tensor:
    """Softmax cross entropy with class weights, divided by the sum of the weights of all decided pixels.

    CGNet's recipe on DeepCrack-537 uses weights 5 and 10 (models.md section 3). Undecided pixels
    (255) count neither above nor below the line.
    """
    table = torch.tensor(weights, dtype=logits.dtype, device=logits.device)
    return functional.cross_entropy(logits, labels.long(), weight=table, ignore_index=UNDECIDED)


def soft_dice(logits: Tensor, labels: Tensor, *, smooth: float = 1.0) -> Tensor:
    """1 - (2 sum(p y) + s) / (sum p + sum y + s) of the crack class, over the whole batch.

    Milletari et al., V-Net, 3DV 2016, in the form without squares.
    """
    decided = (labels != UNDECIDED).to(logits.dtype)
    truth = (labels == 1).to(logits.dtype)
    score = torch.softmax(logits, 1)[:, 1] * decided
    return 1 - (2 * (score * truth).sum() + smooth) / (score.sum() + truth.sum() + smooth)


def crack_loss(
    logits: Tensor, labels: Tensor, *, weights: tuple[float, float] = (5.0, 10.0), dice: float = 1.0
) -> Tensor:
    """Weighted cross entropy plus `dice` times soft Dice."""
    loss = weighted_cross_entropy(logits, labels, weights=weights)
    return loss + dice * soft_dice(logits, labels) if dice else loss
