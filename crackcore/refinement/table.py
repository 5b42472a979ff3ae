"""What can be done to a score map after the network, by name, and the one door to it.

A refinement sees the score map, the photograph and, where the model has one, its finest side map. It
gives a new score map to be cut at the same threshold; what the network said is not changed.

What they do to F1 (%, at 0 and 2 px, at the model's own threshold) of `cgnet-open`, whose map is made at an
eighth of the size; 16 pictures of each set that did not serve to choose parameters, as measured by
`python -m tests.benchmarks refinement`:

    set                           as it is       guided-filter  crf
    cfd                           52.4 78.9      54.7 79.8      57.3 81.6
    concrete_rissbilder_volker    48.3 72.2      48.1 72.3      47.9 72.4
    crack500_scenes               61.1 75.6      62.0 75.8      64.7 79.3
    cracksc                       44.6 68.3      44.9 68.2      45.2 68.9
    deepcrack537                  67.4 84.2      69.5 85.4      71.7 87.3
    uav_concrete                  71.2 83.6      73.0 84.5      73.1 84.8
    false crack where there is none  0.362          0.360          0.377

With a side map (`deepcrack_liu`, the six published pictures) best F is 80.5 as it is, 82.4 with the
guided filter, exact or as published. The plain filter with the photo as guide loses up to 5.5 points on
thin cracks (`cracksc`), which is why `guided_by_photo` is another one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import RgbImage, ScoreMap
from crackcore.errors import ModelProblem, UnknownModel
from crackcore.plugins import nearest
from crackcore.progress import Progress, unheard
from crackcore.refinement.dense_crf import dense_crf
from crackcore.refinement.guided_filter import guided, guided_as_published, guided_by_photo

PUBLISHED_SHARE = 0.31
"""Scores above this share of 255 were the source of the published guided filter ..."""

PUBLISHED_THRESHOLD = 0.48
"""... and this is where its authors cut the result (best F on the 237 test pictures)."""


@dataclass(frozen=True)
class Refinement:
    """One refinement as a person sees it: a short title, and a sentence on what it does.

    `guide` names the model's map (as in `Architecture.maps`) that it follows, "" for none; with
    `needs_guide` it does not work on models without that map.
    """

    name: str
    title: str
    summary: str
    guide: str = ""
    needs_guide: bool = False

    def __str__(self) -> str:
        return self.title


REFINEMENTS = {
    row.name: row
    for row in (
        Refinement(
            "guided-filter",
            "Sharper edges",
            "Edges of cracks follow the photo; thin cracks are kept.",
            guide="side1",
        ),
        Refinement(
            "guided-filter-published",
            "Sharper edges, as published",
            "The guided filter of DeepCrack (Liu 2019) to the pixel, for that model only.",
            guide="side1",
            needs_guide=True,
        ),
        Refinement(
            "crf",
            "Weighed against the whole picture",
            "Every pixel is weighed against all that look like it: gaps close, edges follow the photo.",
        ),
    )
}
"""Name -> what it does for people. The names are those of `ModelSpec.refinement` and `--refine`."""


def known_refinement(name: str) -> Refinement:
    """The row of this name. Raises UnknownModel with the nearest names."""
    if name not in REFINEMENTS:
        raise UnknownModel(name, nearest(name, REFINEMENTS), what="refinement")
    return REFINEMENTS[name]


def threshold_after(name: str, share: float) -> float:
    """Where to cut the refined map, 0..1, when `share` is the model's own threshold.

    The same, but for the published guided filter: its source is cut at 0.31 already, whatever the
    model's threshold, and its result was published with 0.48.
    """
    return PUBLISHED_THRESHOLD if name == "guided-filter-published" else share


def refine(
    name: str,
    score: ScoreMap,
    pixels: RgbImage,
    guide: NDArray[np.uint8] | None = None,
    progress: Progress = unheard,
    *,
    threshold: float = 0.5,
) -> ScoreMap:
    """A refined score map, uint8 (H, W), of the size of `score`.

    Parameters
    ----------
    name : one of REFINEMENTS.
    score : uint8 (H, W), 255 for certainty.
    pixels : the photograph, uint8 (h, w, 3); brought to the score's size where that is another.
    guide : uint8 (H, W), the model's map that the refinement's `guide` names. Without one the guided
        filter follows the photograph; `guided-filter-published` cannot do without.
    threshold : the model's own, 0..1. Only `crf` asks for it: the score that means "either".

    Raises UnknownModel with the nearest names, ModelProblem where a guide is needed, ValueError when
    shapes or types do not fit, Cancelled.
    """
    row = known_refinement(name)
    _check(score, pixels, guide)
    if row.needs_guide and guide is None:
        raise ModelProblem(
            f'"{row.title}" follows a side map that this model does not have.',
            hint=f'Use "{REFINEMENTS["guided-filter"].title}" instead.',
        )
    if guide is not None and row.guide:
        if name == "guided-filter-published":
            source = np.where(score > PUBLISHED_SHARE * 255, np.uint8(255), np.uint8(0))
            return guided_as_published(source, guide, progress=progress)
        return guided(score, guide, progress=progress)
    if pixels.shape[:2] != score.shape:
        size = (score.shape[1], score.shape[0])
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    if name == "crf":
        return dense_crf(score, pixels, threshold=threshold, progress=progress)
    return guided_by_photo(score, pixels, progress=progress)


def _check(score: ScoreMap, pixels: RgbImage, guide: NDArray[np.uint8] | None) -> None:
    if score.dtype != np.uint8 or score.ndim != 2 or not score.size:
        raise ValueError(f"the score must be uint8 (H, W), not {score.dtype} {score.shape}")
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(f"the photo must be uint8 (H, W, 3), not {pixels.dtype} {pixels.shape}")
    if guide is not None and (guide.dtype != np.uint8 or guide.shape != score.shape):
        raise ValueError(f"guide {guide.dtype} {guide.shape} does not fit the score {score.shape}")
