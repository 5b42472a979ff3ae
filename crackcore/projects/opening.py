"""Opening: lock, check, inspect what comes from elsewhere, read the records, replay the journal."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from crackcore import storage
from crackcore.errors import (
    FileProblem,
    NotAProject,
    PlaceReadOnly,
    ProjectDamaged,
    UnknownPicture,
)
from crackcore.names import shown_name
from crackcore.progress import Progress
from crackcore.projects import backups, frames, inspection, known, layout, migrations, reading, records
from crackcore.projects.content import Content
from crackcore.projects.frames import Kind
from crackcore.projects.journal import Journal
from crackcore.projects.reading import Snapshot
from crackcore.storage import Lock


@dataclass(frozen=True)
class Recovery:
    """What the journal held beyond the last save when the project was opened."""

    strokes: int = 0
    images: int = 0
    set_aside: bool = False
    others: int = 0  # predictions, approvals, thresholds

    def sentence(self) -> str:
        """For people; empty when there was nothing worth a word."""
        said = []
        if self.strokes:
            strokes = "1 stroke" if self.strokes == 1 else f"{self.strokes:,} strokes"
            images = "1 picture" if self.images == 1 else f"{self.images:,} pictures"
            said.append(f"Recovered {strokes} in {images}.")
        elif self.others:
            steps = "1 step" if self.others == 1 else f"{self.others:,} steps"
            said.append(f"Recovered {steps} that the last save did not hold.")
        if self.set_aside:
            said.append("A part of the journal did not fit this project and was set aside.")
        return " ".join(said)


@dataclass
class Opened:
    """All that a ProjectStore starts from."""

    path: Path
    snapshot: Snapshot
    content: Content
    journal: Journal
    lock: Lock | None
    read_only_reason: str
    recovered: Recovery
    trusted: bool
    migrated_body: bytes | None


def open_project(path: Path, *, read_only: bool, progress: Progress) -> Opened:
    """See `ProjectStore.open`."""
    where = Path(os.path.realpath(path))
    with reading.open_file(where):  # a missing file must not leave a lock file behind
        pass
    with contextlib.ExitStack() as undo:
        lock, reason = (None, "It was opened for reading only.") if read_only else _locked(where)
        if lock is not None:
            undo.callback(lock.release)
            if lock.held:
                storage.remove_stale(where)
        try:
            snapshot, trusted = _checked(where, progress)
            undo.callback(snapshot.close)
            migrated = None
            if snapshot.header.format_version < layout.PLAIN_VERSION:
                with reading.damage_as_sentence(where):
                    migrated = migrations.migrated(
                        snapshot.body_bytes(), snapshot.header.format_version, where
                    )
            content = _content(snapshot, migrated)
        except ProjectDamaged as error:
            if not error.hint:
                error.hint = backups.newest_sentence(where)
            raise
        journal = Journal(where, snapshot.header, read_only=bool(reason))
        undo.callback(journal.close)
        recovered = _replayed(journal, content)
        undo.pop_all()
    return Opened(
        path=where,
        snapshot=snapshot,
        content=content,
        journal=journal,
        lock=lock,
        read_only_reason=reason,
        recovered=recovered if not reason else Recovery(),
        trusted=trusted,
        migrated_body=migrated,
    )


def _locked(where: Path) -> tuple[Lock | None, str]:
    """The lock, or why the project can only be read. Where no locks exist, a save looks twice."""
    name = shown_name(where)
    if not os.access(where, os.W_OK):
        return None, f"{name} is write-protected."
    lock = Lock(storage.beside(where, ".lock"))
    try:
        taken = lock.take()
    except PlaceReadOnly:
        return None, f"The folder of {name} cannot be written to."
    except FileProblem as error:
        return None, error.message
    if taken is False:
        who = f" ({lock.holder})" if lock.holder else ""
        return None, f"{name} is open in another window{who}; here it can only be looked at."
    return lock, ""


def _checked(where: Path, progress: Progress) -> tuple[Snapshot, bool]:
    """The digest-checked file, and whether this installation wrote it; others are inspected first."""
    try:
        snapshot = Snapshot(where, progress=progress)
    except NotAProject as error:
        if inspection.looks_like_hdf5(where):  # then a better sentence may be had
            inspection.inspect_headerless(where)
        if any(not b.damaged for b in backups.backups_of(where)):
            raise ProjectDamaged(error.message, path=where) from error
        raise
    try:
        trusted = known.is_known(snapshot.header)
        if not trusted:
            inspection.inspect(where, snapshot.header, progress)
    except BaseException:
        snapshot.close()
        raise
    return snapshot, trusted


def _content(snapshot: Snapshot, migrated: bytes | None) -> Content:
    path = snapshot.path
    with reading.body_of(snapshot, migrated) as h5:
        try:
            facts = records.facts_from_json(reading.read_json(h5, layout.PROJECT))
            found, extra = records.records_from_json(reading.read_json(h5, layout.RECORDS))
        except ValueError as error:
            said = f"{shown_name(path)} is damaged: {error}."
            raise ProjectDamaged(said, path=path) from error
    return Content(snapshot.header.uuid, facts, found, extra)


def _replayed(journal: Journal, content: Content) -> Recovery:
    """Take in what the journal holds; the first frame that does not fit ends it."""
    strokes, others, images = 0, 0, set()
    for location, payload in journal.replay():
        try:
            frame = frames.decode(location.kind, payload, content.record)
            content.check_decoded(frame)
        except (ValueError, KeyError, UnknownPicture):
            break
        content.take_in(frame, location)
        if frame.kind == Kind.HAND:
            strokes += 1
            images.add(frame.image_id)
        elif frame.kind != Kind.VIEW:
            others += 1
    journal.keep_good_part()
    return Recovery(strokes, len(images), journal.set_aside is not None, others)
