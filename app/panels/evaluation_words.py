"""What an evaluation says, in words and short tables; every figure with what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.jobs.evaluate import FEW, Evaluation, Side
from crackcore.evaluation.intervals import Interval
from crackcore.evaluation.sets import PictureAt, PictureScores, SetAt


@dataclass(frozen=True)
class Reading:
    """How figures are read: a hit within so many px is a hit, at which of the two thresholds."""

    tolerance_px: float = 2.0
    at_best: bool = False

    @property
    def within(self) -> str:
        return "to the pixel" if self.tolerance_px == 0 else f"within {self.tolerance_px:g} px"

    def of_set(self, side: Side) -> SetAt:
        return side.scores.best if self.at_best else side.scores.given

    def of_picture(self, row: PictureScores) -> PictureAt:
        return row.best if self.at_best else row.given

    def step(self, side: Side) -> int:
        return self.of_set(side).threshold


def pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"


def figure(value: float) -> str:
    return f"{value:.3f}"


def share(step: int) -> str:
    """A score step as the threshold that the window shows, in per cent."""
    return f"{100 * step / 255:.0f} %"


def with_limits(interval: Interval) -> str:
    return f"{interval.estimate:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def summary_rows(evaluation: Evaluation, reading: Reading) -> list[tuple[str, tuple[str, ...], str]]:
    """Caption, one text for each model, and what the caption means."""
    t = reading.tolerance_px
    ats = [reading.of_set(side) for side in evaluation.sides]
    many = len(evaluation.pictures) >= FEW

    def limits(interval: Interval) -> str:
        return with_limits(interval) if many else figure(interval.estimate)

    own = "The model's own threshold." if not reading.at_best else "Where F1 to the pixel is highest here."
    brackets = "In brackets: where 95 of 100 draws of such pictures would lie." if many else ""
    rows: list[tuple[str, list[str], str]] = [
        ("Threshold", [share(at.threshold) for at in ats], own),
        (
            f"F1 {reading.within}",
            [limits(at.f1_interval[t]) for at in ats],
            f"Of precision and recall, all pixels together. {brackets}".strip(),
        ),
        ("Precision", [figure(at.precision[t]) for at in ats], "How much of what the model says is crack."),
        ("Recall", [figure(at.recall[t]) for at in ats], "How much of the crack the model says."),
        (
            "mIoU, to the pixel",
            [figure(at.classes.mean_iou) for at in ats],
            "Overlap by union, the mean of crack and of everything else.",
        ),
        (
            "clDice",
            [limits(at.cl_dice_interval) for at in ats],
            f"Centre lines within the other mask, mean over pictures. {brackets}".strip(),
        ),
        (
            "Best F1 for all (ODS)",
            [f"{figure(s.scores.ods[t].f1)} at {share(s.scores.ods[t].threshold)}" for s in evaluation.sides],
            f"{reading.within.capitalize()}, with the one threshold that is best for all pictures.",
        ),
        (
            "Best F1 for each (OIS)",
            [figure(s.scores.ois[t].f1) for s in evaluation.sides],
            f"{reading.within.capitalize()}, each picture at the threshold that is best for it.",
        ),
        (
            "Average precision",
            [figure(s.scores.ap[t]) for s in evaluation.sides],
            f"{reading.within.capitalize()}, mean precision over all recalls; those that no threshold from "
            "1 to 99 % gives count as nought.",
        ),
    ]
    return [(caption, tuple(texts), about) for caption, texts, about in rows]


def basis(evaluation: Evaluation, reading: Reading) -> str:
    """What all figures rest on."""
    count = len(evaluation.pictures)
    left_out = f", {len(evaluation.failed)} not evaluated" if evaluation.failed else ""
    t = reading.tolerance_px
    rule = "A hit counts to the pixel" if t == 0 else f"A hit within {t:g} px counts"
    return f"On {pictures(count)} as you approved them{left_out}. {rule}, in photo pixels."


def comparison(evaluation: Evaluation, reading: Reading) -> str:
    """Which of two models is better, or that it cannot be told; "" for one."""
    differences = evaluation.at_best if reading.at_best else evaluation.at_threshold
    if len(evaluation.sides) < 2 or reading.tolerance_px not in differences:
        return ""
    count = len(evaluation.pictures)
    if count < FEW:
        return f"{pictures(count).capitalize()} cannot tell which model is better; approve at least {FEW}."
    names = [side.name for side in evaluation.sides]
    found = differences[reading.tolerance_px].difference
    if found.low > 0:
        better, by, low, high = names[1], found.estimate, found.low, found.high
    elif found.high < 0:
        better, by, low, high = names[0], -found.estimate, -found.high, -found.low
    else:
        return (
            f"No difference can be told on {pictures(count)}. "
            f"F1 differs by {_signed(found.estimate)} ({_signed(found.low)} to {_signed(found.high)})."
        )
    return f"{better} is better by {figure(by)} of F1 ({figure(low)} to {figure(high)}) on {pictures(count)}."


def doubts(evaluation: Evaluation) -> list[str]:
    """Why figures may flatter a model."""
    total, found = len(evaluation.pictures), []
    for side in evaluation.sides:
        if side.learned:
            found.append(
                f"{side.name} learned from {len(side.learned)} of these {total}; it knows their answers."
            )
        if side.unchanged:
            those = "is" if len(side.unchanged) == 1 else "are"
            found.append(
                f"{len(side.unchanged)} of these {total} masks {those} what {side.name} found, approved "
                "without a correction; its errors there are not seen."
            )
    return found


def failures(failed: Sequence[tuple[str, str]], shown: int) -> str:
    """Pictures that could not be evaluated, with why."""
    if not failed:
        return ""
    lines = [f"{name}: {text}" for name, text in failed[:shown]]
    more = len(failed) - len(lines)
    if more:
        lines.append(f"And {pictures(more)} more; a saved table lists all.")
    return "Not evaluated:\n" + "\n".join(lines)


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+'}{abs(value):.3f}"
