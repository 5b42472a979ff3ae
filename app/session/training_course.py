"""How the learning of a retraining goes, from what its process says: for curves and for words."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Phase(StrEnum):
    """What a running one does."""

    STARTING = "starting"
    COPYING = "copying"
    READING = "reading"
    MEASURING = "measuring"
    PREPARING = "preparing"
    LEARNING = "learning"
    COMPARING = "comparing"


_PHASES = {
    "copying": Phase.COPYING,
    "reading": Phase.READING,
    "measuring": Phase.MEASURING,
    "preparing": Phase.PREPARING,
    "start": Phase.LEARNING,
    "resume": Phase.LEARNING,
    "step": Phase.LEARNING,
    "comparing": Phase.COMPARING,
}


@dataclass
class Course:
    """How the learning went so far, for curves and words; steps count from 1."""

    phase: Phase = Phase.STARTING
    done: int = 0
    of: int = 0
    step: int = 0
    steps: int = 0
    seconds_left: float | None = None
    learn: int = 0
    check: int = 0
    old: int = 0  # samples mixed in
    before_f1: float | None = None
    losses: list[tuple[int, float]] = field(default_factory=list)
    checks: list[tuple[int, float]] = field(default_factory=list)
    number: int = 0  # of events heard, so that who draws knows whether there is something new

    def hear(self, event: dict[str, Any]) -> None:
        """Take one event of the child."""
        kind = event["event"]
        self.number += 1
        self.phase = _PHASES.get(kind, self.phase)
        if "done" in event:
            self.done, self.of = int(event["done"]), int(event["of"])
        if kind == "resume":  # what was done after the last saved state is done again
            last = int(event["iteration"])
            self.losses = [row for row in self.losses if row[0] <= last]
            self.checks = [row for row in self.checks if row[0] <= last]
        if kind == "step":
            self.step, self.steps = int(event["iteration"]), int(event["of"])
            self.seconds_left = float(event["seconds_left"])
            self.losses.append((self.step, float(event["loss"])))
        elif kind == "before":
            self.before_f1 = event["corrected_f1"]
        elif kind in ("check", "earlier"):
            step = int(event["iteration"])
            self.checks = [c for c in self.checks if c[0] != step]
            self.checks.append((step, float(event["corrected_f1"])))
            if kind == "earlier" and event.get("loss") is not None:
                self.losses.append((step, float(event["loss"])))
        elif kind == "sides":
            self.learn, self.check, self.old = event["learn"], event["check"], event["old"]


def duration(seconds: float) -> str:
    """About how long, for people."""
    if seconds < 60:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {max(1, round(seconds / 60))} min"
    return f"about {seconds / 3600:.1f} h"
