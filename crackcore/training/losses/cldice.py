"""Soft centre line Dice: a loss that sees whether a crack is connected, not how thick it is.

Shit et al., "clDice - a Novel Topology-Preserving Loss Function for Tubular Structure Segmentation",
CVPR 2021, algorithms 1 and 2: centre lines by repeated opening with minimum and maximum filters.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from crackcore.training.losses.boundary import dice
from crackcore.training.losses.truth import at_least_single, crack_and_decided, fitted


def soft_skeleton(planes: Tensor, *, rounds: int = 10) -> Tensor:
    """Centre lines of soft planes (N, 1, H, W) in 0..1, of the same shape.

    `rounds` is half the thickness in px of the widest crack that is thinned to its centre.
    """
    eroded = _eroded(planes)
    line = functional.relu(planes - _grown(eroded))
    for _ in range(rounds):
        planes, eroded = eroded, _eroded(eroded)
        rest = functional.relu(planes - _grown(eroded))
        line = line + functional.relu(rest - line * rest)
    return line


def soft_cl_dice(prob: Tensor, labels: Tensor, *, rounds: int = 10, smooth: float = 1.0) -> Tensor:
    """1 - 2 T_p T_s / (T_p + T_s): (N,).

    T_p = (sum(S_p y) + s) / (sum S_p + s) is how much of the predicted centre line S_p lies in the
    truth, T_s the same the other way round. `prob` (N, 1, H, W), labels (N, H, W) with 1 crack; what
    is undecided (255) counts as sound in both. Two empty planes: 0.
    """
    p = at_least_single(fitted(prob, labels))
    crack, decided = crack_and_decided(labels, p)
    p = p * decided
    said_line, true_line = soft_skeleton(p, rounds=rounds), _skeleton_of_mask(crack, rounds)

    def share(line: Tensor, plane: Tensor) -> Tensor:
        return ((line * plane).sum((1, 2, 3)) + smooth) / (line.sum((1, 2, 3)) + smooth)

    precision, sensitivity = share(said_line, crack), share(true_line, p)
    return 1 - 2 * precision * sensitivity / (precision + sensitivity)


def dice_and_cl_dice(prob: Tensor, labels: Tensor, *, share: float = 0.5, rounds: int = 10) -> Tensor:
    """(1 - share) Dice + share clDice: (N,), as the paper trains."""
    return (1 - share) * dice(prob, labels) + share * soft_cl_dice(prob, labels, rounds=rounds)


def _skeleton_of_mask(crack: Tensor, rounds: int) -> Tensor:
    """`soft_skeleton` of planes (N, 1, H, W) of 0 and 1: on a CPU by bytes, a tenth of the time."""
    if crack.device.type != "cpu" or not crack.numel():
        return soft_skeleton(crack, rounds=rounds)
    out = torch.empty_like(crack)
    cross, square = (cv2.getStructuringElement(kind, (3, 3)) for kind in (cv2.MORPH_CROSS, cv2.MORPH_RECT))
    for at, mask in enumerate(crack[:, 0].to(torch.uint8).numpy()):
        plane, line = mask, np.zeros_like(mask)
        for _ in range(rounds + 1):
            eroded = cv2.erode(plane, cross)
            line |= plane & ~cv2.dilate(eroded, square)
            plane = eroded
        out[at, 0] = torch.from_numpy(line)
    return out


def _eroded(planes: Tensor) -> Tensor:
    # the smaller of the minima along both axes: a cross, as in the paper's code for two dimensions
    return _extreme(planes, 2, False).minimum(_extreme(planes, 3, False))


def _grown(planes: Tensor) -> Tensor:
    # a square of 3 x 3; rows first, so that among equals the gradient goes where max_pool2d sends it
    return _extreme(_extreme(planes, 3, True), 2, True)


def _extreme(planes: Tensor, axis: int, highest: bool) -> Tensor:
    found: Tensor = _OfThree.apply(planes, axis, highest)  # type: ignore[no-untyped-call]
    return found


class _OfThree(Function):
    """The highest or lowest of each value and its two neighbours along an axis.

    What `max_pool2d` with a window of three gives, its gradient too (of equals the first gets all),
    without storing where each came from: a tenth of the time.
    """

    @staticmethod
    def forward(ctx: Any, planes: Tensor, axis: int, highest: bool) -> Tensor:
        """Planes (N, 1, H, W) to the same shape; what lies beyond them does not count."""
        better = torch.maximum if highest else torch.minimum
        found, several = planes.clone(), planes.shape[axis] - 1
        after, before = found.narrow(axis, 1, several), found.narrow(axis, 0, several)
        better(after, planes.narrow(axis, 0, several), out=after)
        better(before, planes.narrow(axis, 1, several), out=before)
        ctx.save_for_backward(planes, found)
        ctx.axis = axis
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """The gradient goes where the extreme was, to the first of equals."""
        planes, found = ctx.saved_tensors
        axis, several = ctx.axis, planes.shape[ctx.axis] - 1
        own, from_before = torch.empty_like(planes), torch.empty_like(planes.narrow(axis, 0, several))
        torch.eq(planes, found, out=own)
        torch.eq(planes.narrow(axis, 0, several), found.narrow(axis, 1, several), out=from_before)
        later = own.narrow(axis, 1, several)
        later.addcmul_(later, from_before, value=-1.0)  # of equals the first
        out = gradient * own
        sent = gradient.narrow(axis, 1, several) * from_before
        rest = gradient - out  # whole gradients or 0, so differences are exact
        rest.narrow(axis, 1, several).sub_(sent)
        out.narrow(axis, 0, several).add_(sent)
        out.narrow(axis, 1, several).add_(rest.narrow(axis, 0, several))
        return out, None, None
