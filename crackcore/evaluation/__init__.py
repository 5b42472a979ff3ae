"""How good is it: arrays in, counts and curves out. numpy, scipy and OpenCV only, no torch.

Why counts and not scores travel: F1 is not additive, counts are. A set is scored by adding the
`SweepCounts` of its pictures (pooled), or picture by picture and then averaged; say which.

Words of a table: tolerance in px beside every F1; "pooled" or "mean"; exact IoU beside every figure
with a tolerance, for tolerance hides thickness.
"""

from crackcore.evaluation.by_threshold import iou_curve, over_thresholds, surface_curves
from crackcore.evaluation.class_scores import ClassScores, class_scores
from crackcore.evaluation.curves import ap, confidence, false_share, means, ods, ois
from crackcore.evaluation.intervals import (
    mean_difference,
    mean_interval,
    pooled_difference,
    pooled_interval,
)
from crackcore.evaluation.lines import LineCounts, compare_lines, false_length, width_errors
from crackcore.evaluation.masks import MaskCounts, cl_dice, compare, error_map
from crackcore.evaluation.pictures import psnr, ssim
from crackcore.evaluation.surfaces import outline_distances
from crackcore.evaluation.sweep import Best, SweepCounts, pooled, step_above, sweep

__all__ = [
    "Best",
    "ClassScores",
    "LineCounts",
    "MaskCounts",
    "SweepCounts",
    "ap",
    "cl_dice",
    "class_scores",
    "compare",
    "compare_lines",
    "confidence",
    "error_map",
    "false_length",
    "false_share",
    "iou_curve",
    "mean_difference",
    "mean_interval",
    "means",
    "ods",
    "ois",
    "outline_distances",
    "over_thresholds",
    "pooled",
    "pooled_difference",
    "pooled_interval",
    "psnr",
    "ssim",
    "step_above",
    "surface_curves",
    "sweep",
    "width_errors",
]
