"""Turn a checkpoint from elsewhere into an installed model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.jobs.job import Job
from crackcore.names import shown_name
from crackcore.progress import Progress

if TYPE_CHECKING:
    from crackcore.models.importing import ImportReport


@dataclass(frozen=True)
class ImportRequest:
    """What the user stated; empty means found out from the file, or named after it."""

    file: Path
    architecture: str = ""
    name: str = ""
    licence: str = ""
    replace: bool = False


def import_model_job(request: ImportRequest) -> Job:
    """Runs on the cpu lane: the file is read in a child process, and nothing of torch here."""

    def work(progress: Progress) -> ImportReport:
        from crackcore.models.importing import import_model

        return import_model(
            request.file,
            architecture=request.architecture,
            name=request.name,
            licence=request.licence,
            replace=request.replace,
            progress=progress,
        )

    return Job(f"Importing {shown_name(request.file)}", work)
