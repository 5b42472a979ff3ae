"""Soft centre line Dice: a loss that sees whether a crack is connected, not how thick it is.

Shit et al., "clDice - a Novel Topology-Preserving Loss Function for Tubular Structure Segmentation",
CVPR 2021, algorithms 1 and 2: centre lines by repeated opening with minimum and maximum filters.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from crackcore.training.losses.boundary import dice
from crackcore.training.losses.truth import at_least_single, crack_and_decided, fitted


def soft_skeleton(planes: Tensor, *, rounds: int = 10) -> Tensor:
    """Centre lines of soft planes (N, 1, H, W) in 0..1, of the same shape.

    `rounds` is half the thickness in px of the widest crack that is thinned to its centre.
    """
    line = functional.relu(planes - _opened(planes))
    for _ in range(rounds):
        planes = _eroded(planes)
        rest = functional.relu(planes - _opened(planes))
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
    said_line, true_line = soft_skeleton(p, rounds=rounds), soft_skeleton(crack, rounds=rounds)

    def share(line: Tensor, plane: Tensor) -> Tensor:
        return ((line * plane).sum((1, 2, 3)) + smooth) / (line.sum((1, 2, 3)) + smooth)

    precision, sensitivity = share(said_line, crack), share(true_line, p)
    return 1 - 2 * precision * sensitivity / (precision + sensitivity)


def dice_and_cl_dice(prob: Tensor, labels: Tensor, *, share: float = 0.5, rounds: int = 10) -> Tensor:
    """(1 - share) Dice + share clDice: (N,), as the paper trains."""
    return (1 - share) * dice(prob, labels) + share * soft_cl_dice(prob, labels, rounds=rounds)


def _eroded(planes: Tensor) -> Tensor:
    # the smaller of the minima along both axes: a cross, as in the paper's code for two dimensions
    upright = -functional.max_pool2d(-planes, (3, 1), 1, (1, 0))
    lying = -functional.max_pool2d(-planes, (1, 3), 1, (0, 1))
    return upright.minimum(lying)


def _opened(planes: Tensor) -> Tensor:
    return functional.max_pool2d(_eroded(planes), 3, 1, 1)
