"""Find pictures, make, open, save and close a project."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.jobs.job import Job
from crackcore.domain.change import Change
from crackcore.domain.image_record import ImageRecord
from crackcore.domain.project import Project
from crackcore.errors import CrackError, FileProblem, PhotoMissing
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
            except FileProblem as error:  # refused, vanished, not readable: the others go on
                refused.append(error.sentence())
                continue
            except OSError as error:
                refused.append(f"{shown_name(path)}: {(error.strerror or 'it cannot be read').lower()}")
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


def save_job(store: ProjectStore) -> Job:
    return Job("Saving", lambda progress: store.save(progress), can_cancel=False)


def save_copy_job(store: ProjectStore, place: Path) -> Job:
    def work(progress: Progress) -> Path:
        store.save_copy(place, progress)
        return place

    return Job("Saving a copy", work, can_cancel=False)


def carry_over_job(
    copy: Path, take: Callable[[], list[Change]], give_back: Callable[[list[Change]], None]
) -> Job:
    """Put steps that came too late for a conflict copy into it; answers how many.

    `take` is called on the lane, after every job before it has put its steps back.
    """

    def work(progress: Progress) -> int:
        changes = take()
        if not changes:
            return 0
        from crackcore.projects.store import ProjectStore

        try:
            with ProjectStore.open(copy) as store:
                store.append_many(changes)
        except Exception:
            give_back(changes)
            raise
        return len(changes)

    return Job("Putting the last steps into the copy", work, shown=False, can_cancel=False)


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


@dataclass(frozen=True)
class MovedRequest:
    """Whose photos are looked for, and where. Frozen values: the store belongs to the disk lane."""

    records: tuple[ImageRecord, ...]
    project_folder: Path
    outside_allowed: bool
    folder: Path


def find_moved_job(request: MovedRequest) -> Job:
    """Look below a folder for the pictures that are not where they were; answers new records."""

    def work(progress: Progress) -> tuple[ImageRecord, ...]:
        from dataclasses import replace

        from crackcore.imaging.fingerprint import find_moved
        from crackcore.projects.photo_paths import photo_path, stored_path

        def is_missing(record: ImageRecord) -> bool:
            try:
                path = photo_path(record, request.project_folder, outside_allowed=request.outside_allowed)
                return not path.is_file()
            except (PhotoMissing, OSError, ValueError):
                return True  # a path that may not be followed leads nowhere, and is not looked at

        missing: dict[str, list[ImageRecord]] = {}
        for record in request.records:
            if record.sha256 and is_missing(record):
                missing.setdefault(record.sha256, []).append(record)
        found = find_moved(
            {sha: records[0].bytes for sha, records in missing.items()}, request.folder, progress
        )
        return tuple(
            replace(record, file=stored_path(path, request.project_folder))
            for sha, path in found.items()
            for record in missing[sha]
        )

    return Job("Looking for moved pictures", work)
