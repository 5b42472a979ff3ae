"""Losses of the joint networks: the enlarged picture and the cracks found in it, learnt together.

CSSR: (1 - beta) mean L1(SR, HR) + beta segmentation. CSBSR: the same, with SR weighed as
0.4 L1(SR, HR) + 0.4 L1(SR blurred with the estimated kernel and reduced, LR) + w MSE(kernel). Both
add 0.4 times the loss of the auxiliary branch where the segmentation network has one (PSPNet).

`maps` come from `Cssr.parts` or `Csbsr.parts` with clip=False, as in training. Sources: Kondo &
Ukita, MVA 2021, and IEEE TIM 73, 2024 (Yuki-11/CSSR, Yuki-11/CSBSR).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from crackcore.models.joint import JointMaps
from crackcore.training.degradation import blurred_and_reduced, reduced
from crackcore.training.losses import boundary
from crackcore.training.losses.distances import batch_distances
from crackcore.training.losses.truth import at_least_single

AUXILIARY = 0.4
BETA = 0.3
CSBSR_WEIGHTS = (0.4, 0.4, 0.0)
"""SR, pseudo LR, kernel. The released list is written 0.4, 0.4, 0,2, so its third member is 0; 0.2
was probably meant (models.md section 5)."""

Loss = Callable[[Tensor, Tensor], Tensor]
"""(probabilities (N, 1, H, W), labels (N, H, W)) -> (N,)."""

_NAMED: dict[str, Callable[..., Tensor]] = {
    "wbce": boundary.weighted_bce,
    "dice": boundary.dice,
    "gdice": boundary.generalised_dice,
    "combo": boundary.combo,
    "boundary_gdice": boundary.boundary_generalised_dice,
    "bc1": partial(boundary.boundary_combo, weights=(20.0, 1.0)),
    "bc2": boundary.boundary_combo,
    "gbc1": partial(boundary.generalised_boundary_combo, weights=(20.0, 1.0)),
    "gbc2": boundary.generalised_boundary_combo,
}
SEGMENTATION_LOSSES = tuple(_NAMED)
"""The names of CSSR's comparison of losses."""

_WITH_ALPHA = ("boundary_gdice", "bc1", "bc2", "gbc1", "gbc2")


class JointLoss(NamedTuple):
    """`total` is one number; `enlargement` and `segmentation` are (N,), unweighted by beta."""

    total: Tensor
    enlargement: Tensor
    segmentation: Tensor


def segmentation_loss(
    prob: Tensor,
    labels: Tensor,
    *,
    kind: str = "bc2",
    alpha: float = 1.0,
    auxiliary: Tensor | None = None,
    auxiliary_share: float = AUXILIARY,
) -> Tensor:
    """Loss of a network that ends in a sigmoid, U-Net or PSPNet, by the name of CSSR's comparison: (N,).

    `prob` (N, 1, H, W) and `auxiliary`, of the same kind, may be larger than the labels (N, H, W):
    what is beyond them is cut away. `alpha` is for the kinds with a boundary term. Raises ValueError
    for an unknown kind; they are `SEGMENTATION_LOSSES`.
    """
    if kind not in _NAMED:
        raise ValueError(f'no segmentation loss is called "{kind}"; there are {", ".join(_NAMED)}')
    options: dict[str, object] = {}
    if kind in _WITH_ALPHA:
        # once for both branches: the maps are the costly part
        options = {"alpha": alpha, "distances": batch_distances(labels)}
    loss = _NAMED[kind](prob, labels, **options)
    if auxiliary is None:
        return loss
    return loss + auxiliary_share * _NAMED[kind](auxiliary, labels, **options)


def cssr_joint_loss(
    maps: JointMaps,
    hr: Tensor,
    labels: Tensor,
    *,
    alpha: float,
    beta: float = BETA,
    kind: str = "bc2",
    auxiliary_share: float = AUXILIARY,
) -> JointLoss:
    """(1 - beta) mean_n L1(SR, HR) + beta mean_n segmentation.

    Parameters
    ----------
    maps : what the network gave for the low-resolution pictures, SR not clipped.
    hr : the sharp pictures (N, 3, H, W), RGB 0..1.
    labels : (N, H, W), 1 crack, 255 undecided (left out of the segmentation only).
    alpha : see `boundary_combo`.
    beta : 0.3 in the final models, 0.1 in the comparison of losses.

    Raises ValueError when sizes differ.
    """
    enlargement = _l1(maps.sr_raw, hr)
    segmentation = _segmentation(maps, labels, kind, alpha, auxiliary_share)
    return _joined(enlargement, segmentation, beta)


def csbsr_joint_loss(
    maps: JointMaps,
    hr: Tensor,
    labels: Tensor,
    *,
    lr: Tensor,
    kernels: Tensor,
    alpha: float,
    beta: float = BETA,
    weights: tuple[float, float, float] = CSBSR_WEIGHTS,
    failure_amplitude: float = 0.0,
    kind: str = "bc2",
    auxiliary_share: float = AUXILIARY,
) -> JointLoss:
    """As `cssr_joint_loss`, with the three parts of `blind_enlargement_loss`.

    `lr` (N, 3, H/4, W/4) is what the network was shown, `kernels` (N, 1, 21, 21) the blur it was made
    with. `failure_amplitude` above 0 weighs the pictures' errors by where the segmentation fails
    (w^F; 1 in the published variant). Raises ValueError when sizes differ or no kernel was estimated.
    """
    if maps.kernel is None:
        raise ValueError("this loss needs a network that estimates the blur")
    pixels = None
    if failure_amplitude:
        pixels = boundary.failure_weights(maps.prob, labels, amplitude=failure_amplitude)
    enlargement = blind_enlargement_loss(
        maps.sr_raw, maps.kernel, hr=hr, lr=lr, kernels=kernels, weights=weights, pixel_weights=pixels
    )
    segmentation = _segmentation(maps, labels, kind, alpha, auxiliary_share)
    return _joined(enlargement, segmentation, beta)


def blind_enlargement_loss(
    sr: Tensor,
    kernel: Tensor,
    *,
    hr: Tensor,
    lr: Tensor,
    kernels: Tensor,
    weights: tuple[float, float, float] = CSBSR_WEIGHTS,
    pixel_weights: Tensor | None = None,
) -> Tensor:
    """w1 L1(SR, HR) + w2 L1(reduced(SR * kernel), LR) + w3 MSE(kernel, kernels): (N,).

    `pixel_weights` (N, 1, H, W) multiply the errors of the first part, and, reduced bilinearly, of
    the second. The phase that learns the kernel alone uses weights (0, 0, 1).
    """
    return torch.stack(blind_enlargement_parts(sr, kernel, hr, lr, kernels, pixel_weights), 1) @ (
        at_least_single(sr).new_tensor(weights)
    )


def blind_enlargement_parts(
    sr: Tensor,
    kernel: Tensor,
    hr: Tensor,
    lr: Tensor,
    kernels: Tensor,
    pixel_weights: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The three parts of `blind_enlargement_loss`, (N,) each."""
    sr, kernel = at_least_single(sr), at_least_single(kernel)
    pseudo = blurred_and_reduced(sr, kernel)
    low_weights = None if pixel_weights is None else reduced(pixel_weights, method="bilinear")
    return (
        _l1(sr, hr, pixel_weights),
        _l1(pseudo, lr, low_weights),
        (kernel - kernels).square().mean((1, 2, 3)),
    )


def _segmentation(maps: JointMaps, labels: Tensor, kind: str, alpha: float, auxiliary_share: float) -> Tensor:
    return segmentation_loss(
        maps.prob,
        labels,
        kind=kind,
        alpha=alpha,
        auxiliary=maps.segmentation.get("aux_prob"),
        auxiliary_share=auxiliary_share,
    )


def _joined(enlargement: Tensor, segmentation: Tensor, beta: float) -> JointLoss:
    total = (1 - beta) * enlargement.mean() + beta * segmentation.mean()
    return JointLoss(total, enlargement, segmentation)


def _l1(picture: Tensor, wanted: Tensor, weights: Tensor | None = None) -> Tensor:
    if picture.shape != wanted.shape:
        raise ValueError(f"pictures {tuple(picture.shape)} and {tuple(wanted.shape)} differ in size")
    errors = (at_least_single(picture) - wanted).abs()
    return (errors if weights is None else errors * weights).mean((1, 2, 3))
