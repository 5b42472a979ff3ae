"""What can be done to a score map after the network, by name, and the one door to it.

A refinement sees the score map, the photograph and, where the model has one, its finest side map.
It gives a new score map; what the network said is not changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import RgbImage, ScoreMap
from crackcore.errors import UnknownModel
from crackcore.plugins import nearest
from crackcore.progress import Progress, unheard
from crackcore.refinement.guided_filter import guided, guided_as_published

PUBLISHED_SHARE = 0.31
"""Scores above this share of 255 were the source of the published guided filter."""


@dataclass(frozen=True)
class Refinement:
    """One refinement as a person sees it: a short title, and a sentence on what it does."""

    name: str
    title: str
    summary: str

    def __str__(self) -> str:
        return self.title


REFINEMENTS = {
    row.name: row
    for row in (
        Refinement(
            "guided-filter", "Sharper edges", "Draws the edges of the cracks along those of the photo."
        ),
        Refinement(
            "guided-filter-published",
            "Sharper edges, as published",
            "The guided filter of DeepCrack (Liu 2019), to the pixel.",
        ),
    )
}
"""Name -> what it does for people. The names are those of `ModelSpec.refinement` and `--refine`."""


def refine(
    name: str,
    score: ScoreMap,
    pixels: RgbImage,
    guide: NDArray[np.uint8] | None = None,
    progress: Progress = unheard,
) -> ScoreMap:
    """A refined score map, uint8 (H, W), of the size of `score`.

    `name` is one of REFINEMENTS. `pixels` is the photograph, uint8 (H, W, 3). `guide` is a map
    uint8 (H, W) that the guided filters follow, side 1 of `deepcrack_liu`; without one they follow
    the photograph's lightness.
    Raises UnknownModel with the nearest names, ValueError when shapes or types do not fit, Cancelled.
    """
    if name not in REFINEMENTS:
        raise UnknownModel(name, nearest(name, REFINEMENTS), what="refinement")
    lead = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if guide is None else guide
    source = np.where(score > PUBLISHED_SHARE * 255, np.uint8(255), np.uint8(0))
    if name == "guided-filter-published":
        return guided_as_published(source, lead, progress=progress)
    return guided(source, lead, progress=progress)
