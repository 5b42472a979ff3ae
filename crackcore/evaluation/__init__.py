"""How good is it: arrays in, counts and curves out. numpy, scipy and OpenCV only, no torch.

Why counts and not scores travel: F1 is not additive, counts are. A set is scored by adding the
`SweepCounts` of its pictures (pooled), or picture by picture and then averaged; say which.

Words of a table: tolerance in px beside every F1; "pooled" or "mean"; exact IoU beside every figure
with a tolerance, for tolerance hides thickness.
"""

from crackcore.evaluation.curves import ap, confidence, false_share, means, ods, ois
from crackcore.evaluation.masks import MaskCounts, cl_dice, compare
from crackcore.evaluation.sweep import Best, SweepCounts, pooled, step_above, sweep

__all__ = [
    "Best",
    "MaskCounts",
    "SweepCounts",
    "ap",
    "cl_dice",
    "compare",
    "confidence",
    "false_share",
    "means",
    "ods",
    "ois",
    "pooled",
    "step_above",
    "sweep",
]
