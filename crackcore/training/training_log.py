"""JSON lines beside the model that tell how a training went."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crackcore.training.pairs import ONLY_TEACH, TrainingPair

Hear = Callable[[dict[str, Any]], None]


def nobody(event: dict[str, Any]) -> None:
    """For trainings that nobody watches."""


class TrainingLog:
    """Written and flushed a line at a time, so that a killed run leaves its story; heard as well."""

    def __init__(self, path: Path, hear: Hear = nobody, *, go_on: bool = False, silent: bool = False) -> None:
        self.path = path
        self._hear = hear
        self._silent = silent
        if silent:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if not go_on:
            path.write_text("", encoding="utf-8")
        elif path.is_file() and path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            with path.open("a", encoding="utf-8") as file:
                file.write("\n")  # the line that the kill cut short

    def write(self, event: str, **row: Any) -> None:
        """A line in the file, and the same to the listener."""
        if self._silent:
            return
        line = {"at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "event": event, **row}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._hear(line)

    def say(self, event: str, **row: Any) -> None:
        """To the listener only: what comes too often for a file."""
        if not self._silent:
            self._hear({"event": event, **row})


def log_lines(path: Path) -> list[dict[str, Any]]:
    """What a log holds; lines that a kill cut short are left out, and a missing file holds nothing."""
    lines = []
    with contextlib.suppress(FileNotFoundError):
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                line = json.loads(text)
                if isinstance(line, dict):
                    lines.append(line)
    return lines


def picture_rows(pairs: Sequence[TrainingPair], held: Sequence[bool]) -> list[dict[str, Any]]:
    """What a training has seen, for the record: set, stem, digest and side; no paths."""
    return [
        {"set": p.set_name, "stem": p.stem, "sha256": p.sha256, "kind": p.kind, "side": _side(p, out)}
        for p, out in zip(pairs, held, strict=True)
    ]


def _side(pair: TrainingPair, held: bool) -> str:
    return "check" if held and pair.kind not in ONLY_TEACH else "none" if held else "learn"
