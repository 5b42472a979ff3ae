"""Dice, weighted cross entropy, boundary loss, and what CSSR and CSBSR combine of them.

All take probabilities p (N, 1, H, W), after the sigmoid, and labels (N, H, W): y = 1 crack, 255
undecided, all else sound; all give one value per sample, (N,). Undecided pixels are left out of
every sum and every mean. A sample without any decided pixel gives 0 and teaches nothing.

Sources: Kondo & Ukita, MVA 2021, and IEEE TIM 73, 2024 (Yuki-11/CSSR, Yuki-11/CSBSR); Milletari et
al., 3DV 2016 (Dice); Sudre et al., DLMIA 2017 (generalised Dice); Kervadec et al., MIDL 2019
(boundary). One thing differs: masks there are JPEGs whose grey values enter as they are, so that soft
edges count as part crack; labels here are decided or undecided.
"""

from __future__ import annotations

import torch
from torch import Tensor

from crackcore.training.losses.distances import batch_distances
from crackcore.training.losses.truth import (
    at_least_single,
    crack_and_decided,
    fitted,
    mean_of_decided,
)

_LEAST = 1e-8

Pair = tuple[float, float]


def weighted_bce(prob: Tensor, labels: Tensor, *, weights: Pair = (1.0, 1.0)) -> Tensor:
    """WBCE = mean(-(a y log(p + e) + b (1 - y) log(1 - p + e)) / (a + b)), e = 1e-8: (N,).

    `weights` is (a, b), crack and sound. p is clamped from below at e.
    """
    p, crack, decided = _prepared(prob, labels)
    return _weighted_bce(p, crack, decided, weights)


def dice(prob: Tensor, labels: Tensor) -> Tensor:
    """Dice = 1 - (2 sum(p y) + 1e-6) / (sum p^2 + sum y^2 + 1e-6): (N,)."""
    p, crack, decided = _prepared(prob, labels, clamp=False)
    return _dice(p, crack, decided)


def generalised_dice(prob: Tensor, labels: Tensor) -> Tensor:
    """GDice = 1 - 2 (w sum(p y) + s) / (w (sum p + sum y) + s), w = 1 / (sum y + 1e-10)^2, s = 1e-5: (N,).

    Without crack it is 1 whatever is predicted, and its slope 0: such samples teach nothing.
    """
    p, crack, decided = _prepared(prob, labels, clamp=False)
    return _generalised_dice(p, crack, decided)


def boundary_loss(prob: Tensor, labels: Tensor, *, distances: Tensor | None = None) -> Tensor:
    """Boundary = mean(p S): (N,), S the normalised signed distances (`distances.signed_distances`).

    `distances` (N, 1, H, W) are these maps where they are at hand; else they are made here.
    """
    p, _, decided = _prepared(prob, labels, clamp=False)
    return _boundary(p, labels, decided, distances)


def combo(prob: Tensor, labels: Tensor, *, weights: Pair = (1.0, 1.0), shares: Pair = (1.0, 1.0)) -> Tensor:
    """Combo = (w1 WBCE + w2 Dice) / (w1 + w2): (N,); `shares` is (w1, w2), `weights` those of WBCE."""
    p, crack, decided = _prepared(prob, labels, clamp=False)
    return _mixed(
        _weighted_bce(p.clamp(min=_LEAST), crack, decided, weights), _dice(p, crack, decided), shares
    )


def boundary_combo(
    prob: Tensor,
    labels: Tensor,
    *,
    alpha: float,
    weights: Pair = (1.0, 1.0),
    shares: Pair = (1.0, 1.0),
    distances: Tensor | None = None,
) -> Tensor:
    """BC = alpha Combo + (1 - alpha) Boundary: (N,); p clamped from below at 1e-8 in both.

    Published as BC1 with `weights` (20, 1) and BC2 with (1, 1), the one of the final models. `alpha`
    falls from 1 during training (`schedules.BoundaryAlpha`).
    """
    p, crack, decided = _prepared(prob, labels)
    regions = _mixed(_weighted_bce(p, crack, decided, weights), _dice(p, crack, decided), shares)
    return alpha * regions + (1 - alpha) * _boundary(p, labels, decided, distances)


def generalised_boundary_combo(
    prob: Tensor,
    labels: Tensor,
    *,
    alpha: float,
    weights: Pair = (1.0, 1.0),
    shares: Pair = (1.0, 1.0),
    distances: Tensor | None = None,
) -> Tensor:
    """`boundary_combo` with generalised Dice in the place of Dice (GBC1, GBC2): (N,)."""
    p, crack, decided = _prepared(prob, labels)
    regions = _mixed(_weighted_bce(p, crack, decided, weights), _generalised_dice(p, crack, decided), shares)
    return alpha * regions + (1 - alpha) * _boundary(p, labels, decided, distances)


def boundary_generalised_dice(
    prob: Tensor, labels: Tensor, *, alpha: float, distances: Tensor | None = None
) -> Tensor:
    """alpha GDice + (1 - alpha) Boundary: (N,); "B-GDice", the pair of Kervadec et al."""
    p, crack, decided = _prepared(prob, labels)
    regions = _generalised_dice(p, crack, decided)
    return alpha * regions + (1 - alpha) * _boundary(p, labels, decided, distances)


def failure_weights(prob: Tensor, labels: Tensor, *, amplitude: float = 1.0) -> Tensor:
    """w^F = exp(m |p - y|): (N, 1, H, W), 1 where undecided; no gradient. `amplitude` is m.

    Where the segmentation fails, the enlarged picture counts more. Source: Yuki-11/CSBSR.
    """
    p = at_least_single(fitted(prob, labels)).detach()
    crack, decided = crack_and_decided(labels, p)
    return torch.exp(amplitude * (p - crack).abs() * decided)


def crack_weights(labels: Tensor, *, amplitude: float = 1.0) -> Tensor:
    """w^C = 2 exp(-m D_out): (N, 1, H, W), D_out the distance in px to the crack; 2 without any crack.

    Near cracks, the enlarged picture counts more. `amplitude` is m. Source: Yuki-11/CSBSR.
    """
    outside = batch_distances(labels, normalised=False).clamp(min=0.0)
    return 2 * torch.exp(-amplitude * outside)


def _prepared(prob: Tensor, labels: Tensor, *, clamp: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    p = at_least_single(fitted(prob, labels))
    crack, decided = crack_and_decided(labels, p)
    return (p.clamp(min=_LEAST) if clamp else p), crack, decided


def _weighted_bce(p: Tensor, crack: Tensor, decided: Tensor, weights: Pair) -> Tensor:
    a, b = weights
    found = a * crack * torch.log(p.clamp(min=_LEAST) + _LEAST)
    spared = b * (1 - crack) * torch.log(1 - p + _LEAST)
    return mean_of_decided(-(found + spared) / (a + b), decided)


def _dice(p: Tensor, crack: Tensor, decided: Tensor) -> Tensor:
    p, smooth = p * decided, 1e-6
    above = 2 * (p * crack).sum((1, 2, 3)) + smooth
    below = (p**2).sum((1, 2, 3)) + crack.sum((1, 2, 3)) + smooth
    return (1 - above / below) * _any(decided)


def _generalised_dice(p: Tensor, crack: Tensor, decided: Tensor) -> Tensor:
    p, smooth = p * decided, 1e-5
    there = crack.sum((1, 2, 3))
    weight = 1 / (there + 1e-10) ** 2
    above = weight * (p * crack).sum((1, 2, 3)) + smooth
    below = weight * (p.sum((1, 2, 3)) + there) + smooth
    return (1 - 2 * above / below) * _any(decided)


def _boundary(p: Tensor, labels: Tensor, decided: Tensor, distances: Tensor | None) -> Tensor:
    maps = batch_distances(labels) if distances is None else distances
    return mean_of_decided(p * maps.to(p.device, p.dtype), decided)


def _mixed(first: Tensor, second: Tensor, shares: Pair) -> Tensor:
    return (shares[0] * first + shares[1] * second) / (shares[0] + shares[1])


def _any(decided: Tensor) -> Tensor:
    return decided.amax((1, 2, 3))
