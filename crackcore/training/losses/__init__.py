"""What networks are trained against. Published losses by their published values, with guards.

Three families, by what they look at:

- whole outputs of a network, in the order its `forward` returns them, to one number: `tip_loss`,
  `liu_loss`; on logits (N, 2 or 1, H, W): `weighted_cross_entropy`, `soft_dice`, `crack_loss`;
- probabilities (N, 1, H, W), to one value per sample (N,): `segmentation_loss` by name, and its
  parts in `boundary` and `cldice`;
- the maps of a joint network: `cssr_joint_loss`, `csbsr_joint_loss`.

Labels are (N, H, W) uint8: 0 sound, 1 crack, 255 undecided. Undecided pixels are left out. Where the
originals divide 0 by 0 (nothing decided, all crack), these give 0 and teach nothing.
"""

from crackcore.training.losses.boundary import (
    boundary_combo,
    boundary_generalised_dice,
    boundary_loss,
    combo,
    crack_weights,
    dice,
    failure_weights,
    generalised_boundary_combo,
    generalised_dice,
    weighted_bce,
)
from crackcore.training.losses.cldice import dice_and_cl_dice, soft_cl_dice, soft_skeleton
from crackcore.training.losses.deepcrack import (
    LIU_CRACK_WEIGHT,
    LIU_SIDE_WEIGHTS,
    TIP_BATCH,
    liu_loss,
    liu_map_losses,
    tip_loss,
    tip_map_losses,
)
from crackcore.training.losses.distances import batch_distances, signed_distances
from crackcore.training.losses.joint import (
    SEGMENTATION_LOSSES,
    JointLoss,
    blind_enlargement_loss,
    blind_enlargement_parts,
    csbsr_joint_loss,
    cssr_joint_loss,
    segmentation_loss,
)
from crackcore.training.losses.softmax import crack_loss, soft_dice, weighted_cross_entropy

__all__ = [
    "LIU_CRACK_WEIGHT",
    "LIU_SIDE_WEIGHTS",
    "SEGMENTATION_LOSSES",
    "TIP_BATCH",
    "JointLoss",
    "batch_distances",
    "blind_enlargement_loss",
    "blind_enlargement_parts",
    "boundary_combo",
    "boundary_generalised_dice",
    "boundary_loss",
    "combo",
    "crack_loss",
    "crack_weights",
    "csbsr_joint_loss",
    "cssr_joint_loss",
    "dice",
    "dice_and_cl_dice",
    "failure_weights",
    "generalised_boundary_combo",
    "generalised_dice",
    "liu_loss",
    "liu_map_losses",
    "segmentation_loss",
    "signed_distances",
    "soft_cl_dice",
    "soft_dice",
    "soft_skeleton",
    "tip_loss",
    "tip_map_losses",
    "weighted_bce",
    "weighted_cross_entropy",
]
