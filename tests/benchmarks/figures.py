"""What a benchmark yields: figures, and the small means to take them.

A benchmark is one file here with a function `measure() -> Iterator[Figure]`. It is run in a process of its
own, so that no benchmark sees the memory or the libraries of another.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Figure:
    """One measured number; `median` is the only one where a thing was measured once.

    `at_most` is the target from the project's goals, for the median unless `target_is_p95`; for
    figures of which more is better it is `at_least`.
    """

    what: str
    case: str
    median: float
    unit: str
    p95: float | None = None
    repeats: int = 1
    at_most: float | None = None
    target_is_p95: bool = False
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        if self.at_least is not None:
            return self.median >= self.at_least
        if self.at_most is None:
            return None
        judged = self.p95 if self.target_is_p95 and self.p95 is not None else self.median
        return judged <= self.at_most

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.met}

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Figure:
        return cls(**{name: value for name, value in facts.items() if name != "met"})


def timed(
    step: Callable[[], object], *, repeats: int, before: Callable[[], object] | None = None
) -> NDArray[np.float64]:
    """Seconds of every run of `step`; `before` is run ahead of each and not counted."""
    seconds = np.empty(repeats)
    for number in range(repeats):
        if before:
            before()
        started = time.perf_counter()
        step()
        seconds[number] = time.perf_counter() - started
    return seconds


def from_seconds(
    what: str,
    case: str,
    seconds: NDArray[np.float64],
    *,
    unit: str = "ms",
    at_most: float | None = None,
    target_is_p95: bool = False,
) -> Figure:
    """Median and 95th percentile of many runs, in seconds or milliseconds."""
    factor = {"ms": 1000.0, "s": 1.0}[unit]
    return Figure(
        what,
        case,
        float(np.median(seconds)) * factor,
        unit,
        float(np.percentile(seconds, 95)) * factor if len(seconds) >= 5 else None,
        len(seconds),
        at_most,
        target_is_p95,
    )


class PeakMemory:
    """The highest resident memory of this process since a moment, in MiB above what it was then.

    Linux keeps the high-water mark and lets a process reset it; elsewhere `above_mib` is NaN.
    """

    def __init__(self) -> None:
        gc.collect()
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            self._start = float("nan")
        else:
            self._start = _status_mib("VmRSS")

    def above_mib(self) -> float:
        return _status_mib("VmHWM") - self._start if self._start == self._start else float("nan")


def _status_mib(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def in_a_child(script: str, *arguments: object) -> Any:
    """Runs a script in a fresh Python and returns the JSON value of the last line it prints."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen"},
        stdout=subprocess.PIPE,
        text=True,
        timeout=1800,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def large_picture(height_px: int, width_px: int) -> NDArray[np.uint8]:
    """A picture of any size, made of the shipped samples side by side; uint8 (H, W, 3)."""
    out = np.empty((height_px, width_px, 3), np.uint8)
    paths = sorted((ROOT / "resources" / "samples").glob("*.jpg"))
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
    top, number = 0, 0
    while top < height_px:
        left, row_height = 0, 320
        while left < width_px:
            tile = pictures[number % len(pictures)][:row_height]
            number += 1
            part = out[top : top + tile.shape[0], left : left + tile.shape[1]]
            part[:] = tile[: part.shape[0], : part.shape[1]]
            left += tile.shape[1]
        top += row_height
    return out
