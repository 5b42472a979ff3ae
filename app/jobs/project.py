"""Find pictures, make, open, save and close a project."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.jobs.job import Job
from crackcore.domain.change import Change
from crackcore.domain.image_record import ImageRecord
from crackcore.domain.project import Project
from crackcore.errors import CrackError, InputRefused
from crackcore.names import shown_name
from crackcore.progress import Progress

if TYPE_CHECKING:
    from crackcore.projects.store import ProjectStore

PROJECT_SUFFIX = ".crackscope"


@dataclass(frozen=True)
class FoundPictures:
    """What lies in the folders and files that were chosen, and where a project for them would go."""

    pictures: tuple[Path, ...]
    skipped: tuple[tuple[Path, str], ...]
    place: Path  # the project file
    exists: bool  # there is a project in this place already
    can_write: bool


@dataclass(frozen=True)
class DescribedPictures:
    """Records of pictures that can be taken, and what was refused with the reason."""

    records: tuple[ImageRecord, ...]
    refused: tuple[str, ...]
    known: int = 0  # already in the project


@dataclass(frozen=True)
class OpenedProject:
    """An open store, and what the window shows of it."""

    store: ProjectStore
    project: Project
    recovered: str
    read_only: bool
    read_only_reason: str


def find_job(paths: Sequence[Path], place: Path | None = None) -> Job:
    """Look for pictures; `place` says where the project would go, else it is beside them."""

    def work(progress: Progress) -> FoundPictures:
        from crackcore.imaging.scanning import scan

        found = scan(paths, progress)
        there = place or project_place(paths)
        folder = there.parent
        return FoundPictures(
            tuple(found.pictures),
            tuple(found.skipped),
            there,
            there.is_file(),
            os.access(folder, os.W_OK) if folder.is_dir() else place is not None,
        )

    return Job("Looking for pictures", work)


def project_place(paths: Sequence[Path]) -> Path:
    """Beside the pictures: `<folder>/<folder name>.crackscope`."""
    folders = [str(path if path.is_dir() else path.parent) for path in paths]
    try:
        folder = Path(os.path.commonpath([os.path.abspath(f) for f in folders]))
    except ValueError:  # on different drives
        folder = Path(folders[0]).absolute()
    name = folder.name.strip(". ") or "pictures"
    # Many file systems stop at 255 bytes, and a temporary file beside it needs room for its own end.
    while len(os.fsencode(name)) > 150:
        name = name[:-1]
    return folder / f"{name}{PROJECT_SUFFIX}"


def describe_job(pictures: Sequence[Path], folder: Path, known: frozenset[str] = frozenset()) -> Job:
    """Read size and digest of each picture; those in `known` (by digest) are left out."""

    def work(progress: Progress) -> DescribedPictures:
        from crackcore.imaging.scanning import record_for

        records: list[ImageRecord] = []
        refused: list[str] = []
        seen, doubles = set(known), 0
        for number, path in enumerate(pictures):
            progress(number, len(pictures), shown_name(path))
            try:
                record = record_for(path, folder)
            except InputRefused as error:
                refused.append(error.sentence())
                continue
            if record.sha256 in seen:
                doubles += 1
                continue
            seen.add(record.sha256)
            records.append(record)
        return DescribedPictures(tuple(records), tuple(refused), doubles)

    return Job("Reading the pictures", work)


def create_job(place: Path, records: tuple[ImageRecord, ...]) -> Job:
    def work(progress: Progress) -> OpenedProject:
        from crackcore.projects.store import ProjectStore

        place.parent.mkdir(parents=True, exist_ok=True)
        project = Project(title=shown_name(place.stem), uuid=uuid.uuid4().hex, images=records)
        ProjectStore.create(place, project, progress=progress).close(save=False)
        return _opened(place, progress)

    return Job("Making the project", work, can_cancel=False, dispose=_close_untaken)


def open_job(place: Path) -> Job:
    def work(progress: Progress) -> OpenedProject:
        return _opened(place, progress)

    return Job("Opening the project", work, dispose=_close_untaken)


def _close_untaken(opened: OpenedProject) -> None:
    """Nobody waits for this project any more; open, it would keep its lock."""
    opened.store.close(save=False)


def _opened(place: Path, progress: Progress) -> OpenedProject:
    from crackcore.projects.store import ProjectStore

    store = ProjectStore.open(place, progress=progress)
    recovered = store.recovered.sentence() if store.recovered.strokes or store.recovered.set_aside else ""
    return OpenedProject(store, store.project, recovered, store.read_only, store.read_only_reason)


def append_job(store: ProjectStore, take: Sequence[Change]) -> Job:
    """Make these steps durable, all with one sync."""
    return Job(
        "Keeping your work", lambda progress: store.append_many(list(take)), shown=False, can_cancel=False
    )


def save_job(store: ProjectStore) -> Job:
    return Job("Saving", lambda progress: store.save(progress), can_cancel=False)


def save_copy_job(store: ProjectStore, place: Path) -> Job:
    def work(progress: Progress) -> Path:
        store.save_copy(place, progress)
        return place

    return Job("Saving a copy", work, can_cancel=False)


def close_job(store: ProjectStore, *, save: bool) -> Job:
    def work(progress: Progress) -> None:
        # Not cancellable: the progress of leaving is heard by nobody.
        try:
            store.close(save=save)
        except CrackError:
            if not save:
                raise
            store.close(save=False)  # the journal holds every step; it is replayed at the next open
            raise

    return Job("Closing the project", work, can_cancel=False)


def restore_job(place: Path) -> Job:
    """Bring the newest backup of a damaged project back."""

    def work(progress: Progress) -> Path:
        from crackcore.projects.store import backups_of, restore_backup

        backups = backups_of(place)
        if not backups:
            raise CrackError("There is no backup of this project.", hint="Look for a copy elsewhere.")
        restore_backup(place, backups[0])
        return place

    return Job("Bringing back the last backup", work, can_cancel=False)


def find_moved_job(store: ProjectStore, records: tuple[ImageRecord, ...], folder: Path) -> Job:
    """Look below `folder` for the pictures that are not where they were; answers new records."""

    def work(progress: Progress) -> tuple[ImageRecord, ...]:
        from dataclasses import replace

        from crackcore.imaging.fingerprint import find_moved
        from crackcore.imaging.scanning import stored_path

        missing = {r.sha256: r for r in records if not store.photo_path(r).is_file()}
        found = find_moved({sha: r.bytes for sha, r in missing.items()}, folder, progress)
        return tuple(
            replace(missing[sha], file=stored_path(path, store.path.parent)) for sha, path in found.items()
        )

    return Job("Looking for moved pictures", work)
