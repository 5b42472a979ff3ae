"""What the training dock says: where a retraining is, and how the new model did, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.session.retraining import Retraining, Stage
from app.session.training_course import Course, Phase, duration
from crackcore.names import shown_name

if TYPE_CHECKING:
    from crackcore.training.retrain_report import HoldOutScore, RetrainReport

_PHASES = {
    Phase.STARTING: "Starting…",
    Phase.COPYING: "Copying the approved pictures…",
    Phase.READING: "Reading pictures…",
    Phase.MEASURING: "Finding out how long a step takes here…",
    Phase.PREPARING: "Finding pictures that show the same place…",
    Phase.COMPARING: "Comparing the new model with the old one…",
}
_STATES = {
    "pausing": "Pausing after this step…",
    "paused": "Paused. Memory is kept.",
    "stopping": "Stopping after this step; then the best so far is compared with the old model…",
}


def title(retraining: Retraining) -> str:
    """The heading."""
    if retraining.stage is Stage.NONE:
        return "No retraining"
    name, base = shown_name(retraining.name), shown_name(retraining.base)
    return f"{name} (from {base})"


def sentence_of(retraining: Retraining) -> str:
    """What is going on, or what came out."""
    course = retraining.course
    stage = retraining.stage
    if stage is Stage.NONE:
        return (
            "A model can learn from the pictures you approved: for minutes, beside your work, in a process "
            "of its own. Some of the pictures are kept back to check whether it got better."
        )
    if stage is Stage.RUNNING:
        return running_words(course, retraining.state)
    if stage is Stage.BROKEN_OFF:
        at = f" at step {course.step} of {course.steps}" if course.step and course.steps else ""
        if retraining.trouble:
            return retraining.trouble
        return f"It was interrupted{at}. What was learned up to the last saved state is kept."
    if stage is Stage.DECIDED:
        return f"{shown_name(retraining.used)} is in use. {shown_name(retraining.base)} is still installed."
    assert retraining.report is not None
    return verdict(retraining.report)


def running_words(course: Course, state: str) -> str:
    """One line about a running one."""
    if state in _STATES and course.phase is not Phase.COMPARING:
        return _STATES[state]
    if course.phase is Phase.LEARNING:
        if not course.steps:
            return "Learning…"
        left = course.seconds_left
        about = f", {duration(left)} left" if left is not None else ""
        return f"Learning: step {course.step} of {course.steps}{about}"
    return _PHASES[course.phase]


def basis(course: Course) -> str:
    """What learning and checking rest on; empty while it is not known."""
    if not course.learn:
        return ""
    parts = [f"{_pictures(course.learn)} learn{'s' if course.learn == 1 else ''}", f"{course.check} check"]
    if course.check == 1:
        parts[1] += "s"
    if course.old:
        parts.append(f"{course.old} old samples are mixed in")
    return ", ".join(parts) + "."


def verdict(report: RetrainReport) -> str:
    """Whether the new model is better, and how sure that is."""
    if report.better:
        return "The new model is better on the pictures that were kept back."
    if report.forgets:
        return "The new model lost too much on the old samples. Keep the old one."
    difference = report.corrected.difference.difference
    if difference.high < 0:
        return "The new model is worse on the pictures that were kept back. Keep the old one."
    if report.corrected.pictures < 2:
        return "One picture alone cannot show whether the new model is better. Approve more pictures."
    return "It cannot be told whether the new model is better. Keep the old one, or approve more pictures."


def facts(report: RetrainReport) -> list[tuple[str, str]]:
    """Captions and figures of a report."""
    rows = [("Kept back", score_words(report.corrected))]
    if report.old is not None:
        rows.append(("Old samples", score_words(report.old)))
    rows.append(("Learned for", _for_how_long(report.seconds)))
    if report.stopped:
        rows.append(("Ended early", report.stopped))
    return rows


def score_words(score: HoldOutScore) -> str:
    """F1 before and after with the interval of the difference, and what it rests on."""
    change = score.difference.difference
    interval = f"{100 * change.level:.0f} % interval {change.low:+.3f} to {change.high:+.3f}"
    figures = f"F1 {score.before:.3f} → {score.after:.3f} at 2 px on {_pictures(score.pictures)}"
    return f"{figures}; change {change.estimate:+.3f} ({interval})"


def _for_how_long(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"
