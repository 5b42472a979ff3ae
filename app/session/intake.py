"""Pictures come in: look through what was chosen, then make a project of them or add them to the open one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.jobs.project import (
    PROJECT_SUFFIX,
    DescribedPictures,
    FoundPictures,
    MovedRequest,
    describe_job,
    find_job,
    find_moved_job,
)
from app.messages import Kind, Message, Way
from crackcore.domain.image_record import ImageRecord
from crackcore.names import shown_name
from crackcore.resources import resources_folder, state_folder

if TYPE_CHECKING:
    from app.session.session import Session

LISTED = 12


class Intake(QObject):
    """Asks the cpu lane what there is, then the session to open or to keep it."""

    place_wanted = Signal(object)  # Path: suggestion; answered by `make_at`

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._without_place: FoundPictures | None = None

    # -------------------------------------------------------------- new projects

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Whatever the user points at: one project, or folders and pictures."""
        projects = [p for p in paths if p.suffix.lower() == PROJECT_SUFFIX]
        if projects:
            self._session.open_project(projects[0])
        elif [p.absolute() for p in paths] == [samples_folder().absolute()]:
            self.open_samples()
        elif paths:
            self._find(paths, None)

    def open_samples(self) -> None:
        """The shipped photographs, in a project of the user's own (the shipped folder stays as it is)."""
        self._session.predict_when_open = True
        self._find([samples_folder()], state_folder() / "samples" / f"Samples{PROJECT_SUFFIX}")

    def make_at(self, place: Path) -> None:
        """The answer to `place_wanted`."""
        found, self._without_place = self._without_place, None
        if found is not None:
            if place.suffix.lower() != PROJECT_SUFFIX:
                place = place.with_name(place.name + PROJECT_SUFFIX)
            self._make(found.pictures, found.skipped, place)

    def _find(self, paths: Sequence[Path], place: Path | None) -> None:
        job = find_job(paths, place)
        job.succeeded.connect(self._found)
        job.failed.connect(self._session.tell_error)
        self._session.lanes.cpu.submit(job, replaces="find")

    def _found(self, found: FoundPictures) -> None:
        if found.exists:
            self._session.open_project(found.place, with_pictures=found.pictures)
        elif not found.pictures:
            self._session.tell(
                Message(
                    "There is no picture in there that can be opened. "
                    "JPEG, PNG, TIFF, BMP, WebP and JPEG 2000 are read.",
                    Kind.WARNING,
                    key="intake",
                    stays=True,
                    details=tuple(f"{shown_name(p)}: {why}" for p, why in found.skipped[:LISTED]),
                )
            )
        elif not found.can_write:
            self._without_place = found
            self.place_wanted.emit(Path.home() / found.place.name)
        else:
            self._make(found.pictures, found.skipped, found.place)

    def _make(self, pictures: tuple[Path, ...], skipped: tuple[tuple[Path, str], ...], place: Path) -> None:
        def described(answer: DescribedPictures) -> None:
            self._tell_refused(answer, skipped)
            if answer.records:
                self._session.create_project(place, answer.records)

        job = describe_job(pictures, place.parent)
        job.succeeded.connect(described)
        job.failed.connect(self._session.tell_error)
        self._session.lanes.cpu.submit(job, replaces="describe")

    # -------------------------------------------------------------- into the open project

    def add_paths(self, paths: Sequence[Path]) -> None:
        """Add the pictures in these files and folders to the open project."""
        session = self._session
        if session.store is None or session.read_only:
            return
        job = find_job(paths, session.store.path)
        job.succeeded.connect(lambda found: self.add_pictures(found.pictures, found.skipped))
        job.failed.connect(session.tell_error)
        session.lanes.cpu.submit(job, replaces="find")

    def add_pictures(self, pictures: tuple[Path, ...], skipped: tuple[tuple[Path, str], ...] = ()) -> None:
        session = self._session
        store = session.store
        if store is None:
            return
        known = frozenset(record.sha256 for record in session.project.images)

        def described(answer: DescribedPictures) -> None:
            if session.store is not store:
                return  # another project was opened meanwhile
            self._tell_refused(answer, skipped)
            session.add_records(answer.records)
            if answer.records or answer.known:
                text = f"{_pictures(len(answer.records))} added."
                if answer.known:
                    text += f" {_pictures(answer.known)} were there already."
                session.tell(Message(text, Kind.DONE, key="added"))

        job = describe_job(pictures, store.path.parent, known)
        job.succeeded.connect(described)
        job.failed.connect(session.tell_error)
        session.lanes.cpu.submit(job, replaces="describe")

    def look_for_new(self, pictures: tuple[Path, ...]) -> None:
        """A folder was opened that has a project already: offer what is new in it."""
        session = self._session
        new = len(pictures) - len(session.project.images)
        if new > 0 and not session.read_only:
            session.tell(
                Message(
                    f"This folder already has a project, which is open now. It holds {_pictures(new)} more "
                    "than the project.",
                    Kind.INFO,
                    (Way("Add them", lambda: self.add_pictures(pictures)),),
                    key="added",
                    stays=True,
                )
            )

    # -------------------------------------------------------------- moved pictures

    def find_moved(self, folder: Path) -> None:
        """Look below a folder for pictures that are not where they were, by their content."""
        session = self._session
        store = session.store
        if store is None:
            return

        def found(records: tuple[ImageRecord, ...]) -> None:
            if session.store is not store:
                return
            if session.read_only:
                return
            there = [record for record in records if record.id in session.project]
            # Everything else about them may have changed while the folder was looked through.
            session.keep_records([replace(session.record(r.id), file=r.file) for r in there])
            if records:
                session.tell(Message(f"{_pictures(len(records))} found again.", Kind.DONE, key="moved"))
                session.showing.show_again()
            else:
                session.tell(
                    Message("None of the missing pictures lies in that folder.", Kind.WARNING, key="moved")
                )

        request = MovedRequest(session.project.images, store.path.parent, store.outside_allowed, folder)
        job = find_moved_job(request)
        job.succeeded.connect(found)
        job.failed.connect(session.tell_error)
        session.lanes.cpu.submit(job, replaces="moved")

    def _tell_refused(self, answer: DescribedPictures, skipped: tuple[tuple[Path, str], ...]) -> None:
        lines = [*answer.refused, *(f"{shown_name(path)}: {why}" for path, why in skipped)]
        if lines:
            more = [f"… and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
            self._session.tell(
                Message(
                    f"{len(lines)} of the files could not be taken; the others were.",
                    Kind.WARNING,
                    key="refused",
                    stays=True,
                    details=tuple(lines[:LISTED] + more),
                )
            )


def samples_folder() -> Path:
    return resources_folder() / "samples"


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures".replace(",", " ")
