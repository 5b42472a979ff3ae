"""What a person is asked about the masks of a data set, and the pictures that help to answer.

`mask_rule` leaves a question where the values of all masks together do not say what is crack.
`possible_answers` turns that question into a few answers to choose from; `cells` shows each of them on
photographs of the set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import RgbImage
from crackcore.datasets.contact_sheet import CELL_PX, cell_of
from crackcore.datasets.dataset import Dataset, Sample
from crackcore.datasets.reading import mask_values, read_sample, spread
from crackcore.errors import CrackError, InputRefused
from crackcore.imaging.mask_rules import MaskRule, SpaceRule, ValueCounts, rule_for, stated_rule
from crackcore.imaging.mask_values import MaskValues, Space
from crackcore.names import shown_name
from crackcore.progress import Progress, unheard

_LIMITS = (127, 63, 191, 0)
_ALONE = 6  # of more labels than this, each alone is no likely answer
_LOOKED_AT = 4  # times as many masks are looked at as are shown, to show those that hold most values


@dataclass(frozen=True)
class PossibleAnswer:
    """One way to read the masks: in words, and as `imaging.mask_rules.stated_rule` takes it."""

    words: str
    crack: str
    undecided: str = ""

    @property
    def rule(self) -> MaskRule:
        """The rule that this answer makes."""
        return stated_rule(self.crack, self.undecided)


def possible_answers(counts: ValueCounts) -> tuple[PossibleAnswer, ...]:
    """Answers to the question that the values of a set leave, the likeliest first; () when it leaves none.

    >>> from collections import Counter
    >>> counts = ValueCounts({"grey": Counter({0: 900, 2: 60, 7: 40})}, masks=1)
    >>> [answer.words for answer in possible_answers(counts)]
    ['2, 7 are crack', '2 is crack, 7 is not', '7 is crack, 2 is not']
    """
    answers: list[PossibleAnswer] = []
    for space, rule in rule_for(counts).spaces.items():
        if rule.question:
            limited = rule.above is not None or rule.below is not None
            answers += _limits(rule) if limited else _values(space, rule, sorted(counts.pixels[space]))
    return tuple(dict.fromkeys(answers))


def _limits(rule: SpaceRule) -> list[PossibleAnswer]:
    found = [PossibleAnswer(f"Brighter than {n} is crack", f">{n}") for n in _LIMITS]
    dark = PossibleAnswer("Darker than 128 is crack", "<128")
    return [dark, *found] if "inverted" in rule.question else [*found, dark]


def _values(space: Space, rule: SpaceRule, met: Sequence[int]) -> list[PossibleAnswer]:
    said = [_word(value, space) for value in met]
    crack = [_word(value, space) for value in met if value in rule.crack]
    undecided = [_word(value, space) for value in met if value in rule.undecided]
    sound = [word for word in said if word not in crack and word not in undecided]
    found: list[PossibleAnswer] = []
    if crack and sound and len(met) == 2:
        black = PossibleAnswer(f"{_are(sound)} crack", ",".join(sound))
        white = PossibleAnswer(f"{_are(crack)} crack", ",".join(crack))
        return [black, white] if "inverted" in rule.question else [white, black]
    if undecided:
        both = [*crack, *undecided]
        found.append(PossibleAnswer(f"{_are(both)} crack", ",".join(both)))
        words = (
            f"{_are(undecided)} undecided"
            if not crack
            else f"{_are(crack)} crack, {_are(undecided)} undecided"
        )
        found.append(PossibleAnswer(words, ",".join(crack) or "255", ",".join(undecided)))
        return found
    if crack:
        found.append(PossibleAnswer(f"{_are(crack)} crack", ",".join(crack)))
    if 1 < len(crack) <= _ALONE:
        for word in crack:
            others = [other for other in crack if other != word]
            found.append(PossibleAnswer(f"{word} is crack, {_are(others)} not", word))
    if "inverted" in rule.question and sound:
        found.insert(0, PossibleAnswer(f"{_are(sound)} crack", ",".join(sound)))
    return found


def _word(value: int, space: Space) -> str:
    return f"#{value:06x}" if space == "colour" else str(value)


def _are(words: Sequence[str]) -> str:
    listed = ", ".join(words[:_ALONE]) + (" ..." if len(words) > _ALONE else "")
    return f"{listed} {'is' if len(words) == 1 else 'are'}"


# ---------------------------------------------------------------- pictures


@dataclass(frozen=True)
class Cell:
    """One picture of a set at a glance.

    `pixels` is uint8 (H, W, 3), the photograph with its cracks drawn on it, or None where it could not
    be read; `mask` is what its mask holds, values spread over black to white, where that was asked for.
    `said` is why it could not be read.
    """

    name: str
    pixels: RgbImage | None
    mask: RgbImage | None = None
    said: str = ""


def cells(
    dataset: Dataset,
    rule: MaskRule,
    *,
    at_most: int = 12,
    with_masks: bool = False,
    progress: Progress = unheard,
) -> tuple[Cell, ...]:
    """At most so many pictures of a set, evenly spread; with `with_masks` those that hold most values.

    Raises Cancelled; a picture that cannot be read has its reason in the answer.
    """
    chosen = spread(dataset.pairs, at_most)
    if with_masks:
        chosen = _most_telling(dataset, at_most, progress)
    found = []
    for number, sample in enumerate(chosen):
        progress(number, len(chosen), shown_name(sample.photo))
        name = f"{sample.side}/{shown_name(sample.stem)}" if sample.side else shown_name(sample.stem)
        mask = None
        try:
            values = mask_values(sample) if with_masks else None
            mask = None if values is None else mask_picture(values)
            found.append(Cell(name, cell_of(read_sample(sample, rule)), mask))
        except CrackError as error:
            said = error.reason if isinstance(error, InputRefused) else error.sentence()
            found.append(Cell(name, None, mask, said))
    return tuple(found)


def _most_telling(dataset: Dataset, at_most: int, progress: Progress) -> list[Sample]:
    looked_at = spread([s for s in dataset.pairs if s.mask is not None], _LOOKED_AT * at_most)
    telling = []
    for number, sample in enumerate(looked_at):
        progress(number, len(looked_at), shown_name(sample.photo))
        try:
            values = mask_values(sample)
        except CrackError:
            continue
        held = 0 if values is None else len(values.counts())
        telling.append((-held, number))
    return [looked_at[number] for number in sorted(n for _, n in sorted(telling)[:at_most])]


def mask_picture(values: MaskValues) -> RgbImage:
    """A mask as it is, at most CELL_PX long: few values spread over black to white, colours as they are."""
    plane: NDArray[np.uint8]
    if values.space == "colour":
        channels = [(values.values >> shift) & 255 for shift in (16, 8, 0)]
        plane = np.stack(channels, axis=-1).astype(np.uint8)
    else:
        met = np.unique(values.values)
        if len(met) <= 16:
            place = np.searchsorted(met, values.values)
            grey = place * (255.0 / max(1, len(met) - 1)) if len(met) > 1 or met[0] else place * 0.0
        else:
            grey = values.values * (255.0 / max(1, int(met[-1])))
        plane = np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=-1)
    height, width = plane.shape[:2]
    factor = min(1.0, CELL_PX / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small: RgbImage = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return small
