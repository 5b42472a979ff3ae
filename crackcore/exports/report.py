"""What an export says of itself: to the caller, and in the manifest it leaves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crackcore import __version__
from crackcore.domain.provenance import Provenance
from crackcore.exports.source import Walk, public_name
from crackcore.names import shown_name

PROGRAM = "Crackscope"


@dataclass(frozen=True)
class ExportReport:
    """How it went. `written` counts pictures, `skipped` is (shown name, reason), `files` are the
    names inside `folder`, with forward slashes; `notes` are sentences worth showing."""

    format: str
    folder: Path
    written: int
    skipped: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """One line for a person."""
        pictures = "picture" if self.written == 1 else "pictures"
        left_out = f"; {len(self.skipped)} left out" if self.skipped else ""
        return f"{self.written} {pictures} exported to {shown_name(self.folder)}{left_out}."


def provenance() -> Provenance:
    """This program, now."""
    return Provenance(PROGRAM, __version__, datetime.now(UTC).isoformat(timespec="seconds"))


def header(format: str, format_version: int = 1) -> dict[str, Any]:
    """The first lines of every manifest."""
    made = provenance()
    return {
        "format": f"crackscope-{format}",
        "format_version": format_version,
        "program": made.program,
        "program_version": made.version,
        "made_at": made.made_at,
    }


def skipped_rows(walk: Walk) -> list[dict[str, str]]:
    """For a manifest: who was left out and why."""
    return [
        {**public_name(image), "image_id": image.record.id, "reason": reason}
        for image, reason in walk.skipped
    ]


def skipped_names(walk: Walk) -> tuple[tuple[str, str], ...]:
    """For the report: who was left out and why."""
    return tuple((shown_name(image.name), reason) for image, reason in walk.skipped)


def json_bytes(value: Any, *, indent: int | None = 1) -> bytes:
    """ASCII JSON for people and programs; never NaN."""
    return (json.dumps(value, ensure_ascii=True, allow_nan=False, indent=indent) + "\n").encode("ascii")
