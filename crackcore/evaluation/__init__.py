"""How good is it: arrays in, counts and curves out. numpy, scipy and OpenCV only, no torch.

Why counts and not scores travel: F1 is not additive, counts are. A set is scored by adding the
`SweepCounts` of its pictures (pooled), or picture by picture and then averaged; say which.
"""

from crackcore.evaluation.sweep import Best, SweepCounts, pooled, step_above, sweep

__all__ = ["Best", "SweepCounts", "pooled", "step_above", "sweep"]
