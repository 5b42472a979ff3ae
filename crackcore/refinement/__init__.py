"""What is done to a score map after the network: edges drawn along the photo's, stray pixels weighed again.

Only numpy and OpenCV here: no network, no window, no file.
"""

from crackcore.refinement.table import REFINEMENTS, Refinement, refine

__all__ = ["REFINEMENTS", "Refinement", "refine"]
