"""Which pictures are worth correcting first: where a correction would change most, each thing once.

What is in doubt at a pixel has two signs: the score lies near the threshold, and the network says
something else when the picture is mirrored. Both are weighed along the centre lines of everything that
may be crack, so that the answer is a length: the px of crack that a person would decide about. A wide
smear of half scores counts as the one line that it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import ScoreMap
from crackcore.evaluation.lines import lengths_along
from crackcore.evaluation.pieces import centre_line

MOST_PIXELS = 2_000_000
"""Larger score maps are looked at smaller: a queue need not know lengths to the pixel."""


@dataclass(frozen=True)
class ReviewWorth:
    """Lengths in px of the score map, along everything scored at least half the threshold.

    candidate_px : all of it. doubt_px : weighed by how near the score is to the threshold (entropy).
    disagreement_px : weighed by how many views say otherwise than most. worth_px : what is in doubt
    by either sign.
    """

    candidate_px: float
    doubt_px: float
    disagreement_px: float
    worth_px: float


@dataclass(frozen=True)
class QueueRow:
    """Place of a picture in the list given, what it is worth, and of which picture it is a near-duplicate."""

    index: int
    worth_px: float
    like: int | None = None


def review_worth(views: Sequence[ScoreMap], threshold: int) -> ReviewWorth:
    """What correcting one picture is worth.

    `views` are its score maps, uint8 (H, W), as it stands and mirrored, each turned back; one is
    enough, but then nobody disagrees. `threshold` is the score step 1..255 of crack. Raises
    ValueError without a view, for maps of different sizes and for other thresholds.

    >>> import numpy as np
    >>> sure, unsure = np.zeros((9, 40), np.uint8), np.zeros((9, 40), np.uint8)
    >>> sure[4], unsure[4] = 255, 128
    >>> review_worth([sure], 128).worth_px, round(review_worth([unsure], 128).worth_px)
    (0.0, 37)
    """
    if not views or any(view.shape != views[0].shape for view in views):
        raise ValueError("views of one picture have one size, and there is at least one")
    if not 1 <= threshold <= 255:
        raise ValueError(f"a threshold is a score step 1..255, not {threshold}")
    height, width = views[0].shape
    factor = min(1.0, (MOST_PIXELS / max(1, height * width)) ** 0.5)
    planes = np.stack([_reduced(view, factor) for view in views]).astype(np.float32)
    mean = planes.mean(axis=0)
    line = centre_line(mean >= threshold / 2)
    lengths = lengths_along(line) / factor
    doubt = entropy(mean[line], threshold)
    says = (planes[:, line] >= threshold).mean(axis=0) if line.any() else np.zeros(0)
    disagreement = 2 * np.minimum(says, 1 - says)
    return ReviewWorth(
        float(lengths.sum()),
        float(lengths @ doubt),
        float(lengths @ disagreement),
        float(lengths @ np.maximum(doubt, disagreement)),
    )


def entropy(score: NDArray[np.float32], threshold: int) -> NDArray[np.float64]:
    """Bits 0..1 of doubt: 1 at the threshold, 0 at scores 0 and 255, whatever the threshold is."""
    values = score.astype(np.float64)
    below, above = values / threshold / 2, 0.5 + (values - threshold) / max(1, 255 - threshold) / 2
    share = np.clip(np.where(values < threshold, below, above), 1e-9, 1 - 1e-9)
    bits: NDArray[np.float64] = -(share * np.log2(share) + (1 - share) * np.log2(1 - share))
    return np.where(bits < 1e-6, 0.0, bits)


def review_order(
    worth_px: Sequence[float], alike: Iterable[tuple[int, int]] = (), corrected: Iterable[int] = ()
) -> list[QueueRow]:
    """The pictures by what they are worth, most first; `corrected` ones are left out.

    `alike` are pairs of near-duplicates, by place. Of pictures that look the same the one worth most
    stands in its place; the others, and those like one that is corrected already, come after
    everything else, for correcting them again teaches little. Equal worths keep their order.
    """
    neighbours: dict[int, set[int]] = {}
    for a, b in alike:
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
    done = set(corrected)
    placed = set(done)
    first: list[QueueRow] = []
    last: list[QueueRow] = []
    for index in sorted(range(len(worth_px)), key=lambda i: (-worth_px[i], i)):
        if index in done:
            continue
        like = min(neighbours.get(index, set()) & placed, default=None)
        (first if like is None else last).append(QueueRow(index, worth_px[index], like))
        if like is None:
            placed.add(index)
    return first + last


def _reduced(view: ScoreMap, factor: float) -> ScoreMap:
    if factor >= 1:
        return view
    size = max(1, round(view.shape[1] * factor)), max(1, round(view.shape[0] * factor))
    # the highest score of what becomes one pixel: a mean would thin out fine cracks
    reach = int(np.ceil(1 / factor))
    grown = cv2.dilate(np.ascontiguousarray(view), np.ones((reach, reach), np.uint8))
    small: ScoreMap = cv2.resize(grown, size, interpolation=cv2.INTER_NEAREST)
    return small
