"""Write results for other programs, from a saved project, without standing in the journal's way."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.jobs.job import Job
from crackcore.names import shown_name
from crackcore.progress import Progress

if TYPE_CHECKING:
    from crackcore.exports import ExportReport


@dataclass(frozen=True)
class ExportRequest:
    project: Path
    format: str
    out: Path
    photo_pixels: bool = False  # masks that are finer than their photo are brought back


def export_job(request: ExportRequest) -> Job:
    """Runs on the cpu lane with a store of its own, opened read-only after a save.

    Why so: an export of a thousand pictures takes minutes, and the disk lane has strokes to keep.
    """

    def work(progress: Progress) -> ExportReport:
        from crackcore.exports import export, images_of
        from crackcore.projects.store import ProjectStore

        store = ProjectStore.open(request.project, read_only=True)
        try:
            return export(
                request.format,
                images_of(store),
                request.out,
                project=store.project,
                progress=progress,
                photo_pixels=request.photo_pixels,
            )
        finally:
            store.close(save=False)

    return Job(f"Exporting to {shown_name(request.out)}", work)


def command_line(request: ExportRequest) -> str:
    """The same export for a terminal."""
    project, out = shown_name(request.project, whole=True), shown_name(request.out, whole=True)
    words = ["crackcore", "export", project, "--format", request.format, "--out", out]
    if request.photo_pixels:
        words.append("--photo-pixels")
    return " ".join(shlex.quote(word) for word in words)
