"""What is done to a score map after the network: edges drawn along the photo's, pixels weighed again.

Only numpy and OpenCV here: no network, no window, no file.
"""

from crackcore.refinement.table import REFINEMENTS, Refinement, known_refinement, refine, threshold_after

__all__ = ["REFINEMENTS", "Refinement", "known_refinement", "refine", "threshold_after"]
