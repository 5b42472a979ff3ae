"""Which values of masks mean crack: suggested by the values of a whole set, or stated by a person.

One picture often does not tell. A mask of 0 and 255 may show cracks in white, or no crack and padding
with label 255; 1, 2 and 3 may be kinds of cracks or of tiles. So the values of all masks of a set are
counted (`ValueCounts`), one `MaskRule` is made of them and said in words, with a question where a
person must decide, and only then applied.

| values found | crack | undecided |
|---|---|---|
| 0 and one of 1, 255, 65535 (1 bit counts as 0 and 255) | that one | |
| 0, 1 and 255 | 1 | 255 |
| 0, 127 and 255 (our own export) | 255 | 127 |
| palette, else than black and white | every index above 0 | index 255 |
| a few labels, such as 0, 2, 700, or colours | all but 0 or black | |
| other grey values, all JPEGs | above 127 (upper half of the depth) | |
| other colours | whose brightest channel is above 127 | |
| regions of CrackForest (.mat) | 2 and 4; 3 is background that cracks enclose | |
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import UNDECIDED, ClassMask
from crackcore.errors import InputRefused
from crackcore.imaging.mask_values import SPACE_WORDS, MaskValues, Space

INVERTED_SHARE = 0.5  # cracks never cover half a picture
_MAX_LABELS = 16
_SPREAD_SHARE = 0.6  # of what is not dark, so much lies in the middle: the masks have no two sides


@dataclass
class ValueCounts:
    """Values met in many masks, apart for each kind of mask."""

    pixels: dict[Space, Counter[int]] = field(default_factory=dict)
    together: dict[Space, Counter[frozenset[int]]] = field(default_factory=dict)
    lossy: set[Space] = field(default_factory=set)
    bits: int = 8
    masks: int = 0

    def add(self, mask: MaskValues) -> None:
        """Count one more mask."""
        found = mask.counts()
        self.pixels.setdefault(mask.space, Counter()).update(found)
        self.masks += 1
        self.bits = max(self.bits, mask.bits)
        if mask.lossy:
            self.lossy.add(mask.space)
        if len(found) <= 4:
            self.together.setdefault(mask.space, Counter())[frozenset(found)] += 1


@dataclass(frozen=True)
class SpaceRule:
    """For masks of one kind.

    `crack` and `undecided` are exact values; `above` and `below` are limits on brightness in 8 bits
    (for colours: of the brightest channel). `known` are the values that were looked at when the rule
    was made; None: whatever is not crack or undecided is sound. `words` say what counts as crack.
    """

    crack: frozenset[int] = frozenset()
    undecided: frozenset[int] = frozenset()
    above: int | None = None
    below: int | None = None
    known: frozenset[int] | None = None
    words: str = ""
    note: str = ""
    question: str = ""


@dataclass(frozen=True)
class MaskRule:
    """Which values are crack, for each kind of mask in a set.

    `stated` is true when a person or a published layout said so, not the values themselves.
    """

    spaces: dict[Space, SpaceRule] = field(default_factory=dict)
    stated: bool = False

    @property
    def words(self) -> str:
        """What was taken for crack, for a person; empty when no mask marks anything."""
        return "; ".join(dict.fromkeys(rule.words for rule in self.spaces.values() if rule.words))

    @property
    def question(self) -> str:
        """What a person should decide; empty when the masks are clear."""
        return " ".join(dict.fromkeys(rule.question for rule in self.spaces.values() if rule.question))

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences worth showing."""
        return tuple(dict.fromkeys(rule.note for rule in self.spaces.values() if rule.note))

    def apply(self, mask: MaskValues, path: Path | str) -> ClassMask:
        """Classes of one mask, uint8 (H, W) of 0, 1 and 255; a new array.

        Raises InputRefused when the mask holds what the rule says nothing about.
        """
        if mask.space == "classes":
            return mask.values.astype(np.uint8)
        rule = self.spaces.get(mask.space)
        hint = "Say which values are crack."
        if rule is None:
            held = SPACE_WORDS[mask.space]
            raise InputRefused(path, f"this mask holds {held}, unlike those that were looked at.", hint=hint)
        if rule.known is not None and (strange := sorted(set(mask.counts()) - rule.known)):
            held = _listed(strange, mask.space)
            raise InputRefused(path, f"this mask holds {held}, unlike those that were looked at.", hint=hint)
        return _applied(rule, mask)


def _applied(rule: SpaceRule, mask: MaskValues) -> ClassMask:
    values = mask.values
    crack = _among(values, rule.crack)
    if rule.above is not None or rule.below is not None:
        brightness = brightest(values) if mask.space == "colour" else values
        # Limits are stated for 8 bits; 16 bits have 257 steps for each of them.
        low, high = (rule.below, rule.above)
        if mask.bits == 16:
            low = None if low is None else low * 257 - 128
            high = None if high is None else high * 257 + 128
        if high is not None:
            crack |= brightness > high
        if low is not None:
            crack |= brightness < low
    classes: ClassMask = crack.astype(np.uint8)
    if rule.undecided:
        classes[_among(values, rule.undecided) & ~crack] = UNDECIDED
    return classes


def _among(values: NDArray[Any], wanted: frozenset[int]) -> NDArray[np.bool_]:
    if values.dtype.itemsize <= 2 and values.dtype.kind == "u":
        table = np.zeros(1 << (8 * values.dtype.itemsize), np.bool_)
        table[[v for v in wanted if v < len(table)]] = True
        found: NDArray[np.bool_] = table[values]
        return found
    return np.isin(values, tuple(wanted))


def brightest(packed: NDArray[Any]) -> NDArray[Any]:
    """The brightest of the three channels of 0xRRGGBB, 0..255."""
    top: NDArray[Any] = np.maximum(np.maximum(packed >> 16, (packed >> 8) & 255), packed & 255)
    return top


# ---------------------------------------------------------------- what the values suggest


def rule_for(counts: ValueCounts, *, of_a_set: bool = True) -> MaskRule:
    """The rule that the values suggest.

    With `of_a_set`, values that no mask of the set held are refused later, and doubts become
    questions; for a single mask the table of this module's head is followed without asking.
    """
    spaces: dict[Space, SpaceRule] = {}
    for space, pixels in counts.pixels.items():
        if space == "grey":
            rule = _grey_rule(pixels, counts, of_a_set)
        elif space == "lossy":
            rule = _LOSSY
        elif space == "index":
            rule = _index_rule(pixels)
        elif space == "colour":
            rule = _colour_rule(pixels, counts)
        elif space == "regions":
            rule = REGIONS
        else:
            continue
        if of_a_set:
            rule = _with_doubts(space, rule, counts)
            if space in ("grey", "index", "colour") and rule.above is None:
                rule = replace(rule, known=frozenset(pixels) | rule.crack | {0})
        spaces[space] = rule
    return MaskRule(spaces)


_LOSSY = SpaceRule(
    above=127,
    words="brighter than 127",
    note="The mask was saved with loss (JPEG or WebP); values above 127 count as crack.",
)
REGIONS = SpaceRule(
    crack=frozenset({2, 4}),
    known=frozenset(range(5)),
    words="regions 2 and 4",
    note="Of the numbered regions, 2 and 4 are crack; 3 is background that cracks enclose.",
)


def _grey_rule(pixels: Counter[int], counts: ValueCounts, of_a_set: bool) -> SpaceRule:
    found = set(pixels)
    full = 65535 if counts.bits == 16 else 255
    for crack in (1, full, 255):
        if found <= {0, crack}:
            return SpaceRule(frozenset({crack}), words=str(crack) if crack in found else "")
    if found <= {0, 1, 255}:
        note = "Value 255 of the mask was read as undecided, value 1 as crack."
        asked = _two_conventions(counts)
        return SpaceRule(frozenset({1}), frozenset({255}), words="1", note=note, question=asked)
    if found <= {0, 127, 255}:
        note, asked = "Value 127 of the mask was read as undecided.", ""
        if 255 not in found:
            asked = "The masks hold 0 and 127 only. Here 127 means undecided; is it crack?"
        words = "255" if 255 in found else ""
        return SpaceRule(frozenset({255}), frozenset({127}), words=words, note=note, question=asked)
    labels = sorted(found - {0})
    few = len(found) <= _MAX_LABELS and (max(found) <= 127 or 255 < max(found) < full)
    if few or (of_a_set and len(labels) == 1):
        listed = _listed(labels, "grey")
        asked = f"The masks hold the values {listed}; which of them are crack?" if len(labels) > 1 else ""
        return SpaceRule(frozenset(labels), words=listed, note=_label_note(labels), question=asked)
    return SpaceRule(
        above=127,
        words="brighter than 127" if full == 255 else "in the upper half of the 16 bits",
        note="The mask holds grey values; those in the upper half count as crack.",
    )


def _index_rule(pixels: Counter[int]) -> SpaceRule:
    labels = sorted(i for i in pixels if 0 < i < 255)
    note = asked = ""
    if len(labels) > 1:
        note = _label_note(labels)
        asked = f"The masks have a palette with the labels {_listed(labels, 'index')}; which are crack?"
    words = f"label {_listed(labels, 'index')}" if labels else ""
    # An index that was not met is no doubt for a single mask; `known` sees to it for a set.
    every = frozenset(labels) or frozenset({1})
    return SpaceRule(every, frozenset({255}), words=words, note=note, question=asked)


def _colour_rule(pixels: Counter[int], counts: ValueCounts) -> SpaceRule:
    colours = sorted(set(pixels) - {0})
    if "colour" not in counts.lossy and len(colours) <= _MAX_LABELS:
        listed = _listed(colours, "colour")
        asked = f"The masks hold the colours {listed}; which of them are crack?" if len(colours) > 1 else ""
        note = "The mask is in colour; every colour but black counts as crack."
        return SpaceRule(frozenset(colours), words=listed, note=note, question=asked)
    return SpaceRule(
        above=127,
        words="colours whose brightest channel is above 127",
        note="The mask is in colour; the brightest channel decides.",
        question="The masks hold very many colours; which of them are crack?",
    )


def _two_conventions(counts: ValueCounts) -> str:
    """A question when some masks hold 0 and 1, others 0 and 255, and none all of them."""
    sets = counts.together.get("grey", Counter())
    if any({1, 255} <= s for s in sets):
        return ""
    return "Some masks hold 0 and 1, others 0 and 255. Is 255 crack too, or undecided?"


def _with_doubts(space: Space, rule: SpaceRule, counts: ValueCounts) -> SpaceRule:
    """The rule with a question when it would mark half of everything, or cut through a ramp."""
    if rule.question:
        return rule
    pixels = counts.pixels[space]
    values: NDArray[Any] = np.array(
        list(pixels), np.uint16 if counts.bits == 16 and space == "grey" else np.int32
    )
    numbers = np.array(list(pixels.values()), np.float64)
    classes = _applied(rule, MaskValues(values[None], space, counts.bits))[0]
    decided = max(1.0, float(numbers[classes != UNDECIDED].sum()))
    share = float(numbers[classes == 1].sum()) / decided
    if share > INVERTED_SHARE:
        asked = f"{round(100 * share)} % of the masks would be crack; are they inverted (crack in black)?"
        return replace(rule, question=asked)
    if rule.above is None or space == "colour":
        return rule
    step = 257 if counts.bits == 16 and space == "grey" else 1
    lit = float(numbers[values >= 64 * step].sum())
    middle = float(numbers[(values >= 64 * step) & (values < 192 * step)].sum())
    if space == "grey" and not lit:
        asked = "The masks hold many grey values, none of them bright; are these masks?"
        return replace(rule, question=asked)
    if middle > _SPREAD_SHARE * lit:
        asked = "The masks hold many grey values and few bright ones; above which is crack?"
        return replace(rule, question=asked)
    return rule


# ---------------------------------------------------------------- what a person states


_PART = re.compile(r"(?:(#[0-9a-f]{6})|([<>])\s*(\d{1,3})|(\d{1,5}))", re.IGNORECASE)


def stated_rule(crack: str, undecided: str = "") -> MaskRule:
    """A rule in a person's words: values (also palette indices) and colours, or one limit.

    >>> stated_rule("2,4").words, stated_rule("> 100").words, stated_rule("#ff0000", "7").words
    ('2, 4', 'brighter than 100', '#ff0000')

    Raises ValueError, with a reason for a person, for anything else.
    """
    said = _Stated.of(crack)
    open_ = _Stated.of(undecided) if undecided.strip() else _Stated()
    if open_.above is not None or open_.below is not None:
        raise ValueError("undecided values are numbers or colours, not a limit")
    limit = said.above is not None or said.below is not None
    if limit and (said.values or said.colours or (said.above is not None and said.below is not None)):
        raise ValueError("state either values or one limit")
    words = f"brighter than {said.above}" if said.above is not None else f"darker than {said.below}"
    if not limit:
        listed = [*map(str, sorted(said.values)), *(f"#{c:06x}" for c in sorted(said.colours))]
        words = ", ".join(listed)
    numbers = SpaceRule(frozenset(said.values), frozenset(open_.values), words=words)
    colours = SpaceRule(frozenset(said.colours), frozenset(open_.colours), words=words)
    limited = {"above": said.above, "below": said.below}
    spaces: dict[Space, SpaceRule] = {}
    if limit:
        spaces = {s: replace(numbers, **limited) for s in ("grey", "lossy")}  # type: ignore[arg-type]
        spaces["colour"] = replace(colours, **limited)  # type: ignore[arg-type]
    if said.values:
        spaces = {"grey": numbers, "lossy": numbers, "index": numbers, "regions": numbers}
    if said.colours:
        spaces["colour"] = colours
    return MaskRule(spaces, stated=True)


@dataclass
class _Stated:
    values: set[int] = field(default_factory=set)
    colours: set[int] = field(default_factory=set)
    above: int | None = None
    below: int | None = None

    @classmethod
    def of(cls, text: str) -> _Stated:
        said = cls()
        for part in text.split(","):
            found = _PART.fullmatch(part.strip())
            if not found:
                raise ValueError(f'"{part.strip()}" is no value, colour (#rrggbb) or limit (>127)')
            colour, sign, limit, value = found.groups()
            if colour:
                said.colours.add(int(colour[1:], 16))
            elif sign == ">":
                said.above = int(limit)
            elif sign == "<":
                said.below = int(limit)
            else:
                said.values.add(int(value))
        return said


def _label_note(labels: list[int]) -> str:
    return f"The mask holds labels ({_listed(labels, 'grey')}); every label above 0 counts as crack."


def _listed(values: Iterable[int], space: Space) -> str:
    shown = [f"#{v:06x}" if space == "colour" else str(v) for v in values]
    return ", ".join(shown[:6]) + (" ..." if len(shown) > 6 else "")
