"""One open project: the last save, the journal on top of it, and what can be done with both.

Used from one thread at a time (the disk lane). No HDF5 handle outlives a call.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self
from uuid import UUID, uuid4

import h5py

from crackcore import storage
from crackcore.arrays import ClassMask, HandPlane
from crackcore.domain.change import Change
from crackcore.domain.image_record import ImageRecord
from crackcore.domain.prediction import Prediction
from crackcore.domain.project import Project
from crackcore.errors import (
    CrackError,
    FileProblem,
    PhotoMissing,
    ProjectChangedElsewhere,
    ProjectReadOnly,
    TargetExists,
)
from crackcore.masks.threshold import shown_mask
from crackcore.names import shown_name
from crackcore.progress import Progress, unheard
from crackcore.projects import backups, frames, known, layout, opening, photo_paths, reading
from crackcore.projects.backups import Backup, backups_of, restore_backup
from crackcore.projects.checking import CheckReport, Finding, check_file, check_photos
from crackcore.projects.content import decoded
from crackcore.projects.header import Header
from crackcore.projects.opening import Opened, Recovery
from crackcore.projects.pixels import Pixels
from crackcore.projects.reading import Snapshot
from crackcore.projects.records import ProjectFacts, check_record, format_version_for
from crackcore.projects.saving import BodyRequest, build_body

__all__ = ["Backup", "CheckReport", "ProjectStore", "Recovery", "backups_of", "restore_backup"]

log = logging.getLogger(__name__)

CHECKPOINT_CHANGES = 300
CHECKPOINT_BYTES = 256 << 20
CHECKPOINT_REST = 20


class ProjectStore:
    """An open project file. Make one with `create` or `open`, end it with `close` or a `with` block.

    `append` makes a change durable; `save` folds all changes into a new project file; every
    `read_…` shows both together. Arrays handed out are new and belong to the caller.
    """

    def __init__(self, opened: Opened) -> None:
        """For `create` and `open` only."""
        self.path = opened.path
        self.read_only_reason = opened.read_only_reason
        self.recovered = opened.recovered
        self.backup_problem = ""
        self.outside_allowed = opened.trusted
        self._content = opened.content
        self._journal = opened.journal
        self._lock = opened.lock
        self._pixels = Pixels(opened.snapshot, opened.content, opened.journal, opened.migrated_body)
        self._last_backup: float | None = None
        self._saved_at, self._save_took_s = 0.0, 0.0
        self._closed = False

    # ------------------------------------------------------------ life

    @classmethod
    def create(cls, path: Path | str, project: Project, *, progress: Progress = unheard) -> Self:
        """Write a new project file and open it.

        Raises TargetExists when there is something at `path`, ValueError when a record breaks the
        rules of the format, NoSpace, PlaceReadOnly or FileProblem.
        """
        where = Path(os.path.abspath(path))
        if where.exists() or where.is_symlink():
            raise TargetExists(
                f"{shown_name(where)} exists already.", hint="Choose another name.", path=where
            )
        for record in project.images:
            check_record(record)
        project_uuid = UUID(project.uuid).bytes if project.uuid else uuid4().bytes
        facts = ProjectFacts(project.title, project.classes, project.view)
        request = BodyRequest(project_uuid, facts, {r.id: r for r in project.images}, what="created")
        storage.make_folder(where.parent)
        _write(where, build_body(request, progress))
        return cls.open(where, progress=progress)

    @classmethod
    def open(cls, path: Path | str, *, read_only: bool = False, progress: Progress = unheard) -> Self:
        """Check, then open a project; what the journal holds beyond the last save is taken in.

        The project file is not changed. When another window has the project, or its place cannot
        be written to, it is opened read-only and `read_only_reason` says why. Raises NotAProject,
        ProjectTooNew, ProjectDamaged (whose hint names the newest backup) or FileProblem.
        """
        return cls(opening.open_project(Path(path), read_only=read_only, progress=progress))

    def close(self, *, save: bool = True, progress: Progress = unheard) -> None:
        """Let go of the project; may be called twice.

        With `save`, changes are folded in first, unless somebody only looked around: where they
        looked stays in the journal, and the file as it is. If the save fails, the error is raised
        after everything was let go; the changes are still in the journal for the next time.
        """
        if self._closed:
            return
        try:
            if save and not self.read_only and self._worth_saving:
                self.save(progress)
        finally:
            self._closed = True
            self._journal.close()
            self._pixels.snapshot.close()
            if self._lock is not None:
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(save=error is None)

    # ------------------------------------------------------------ facts

    @property
    def project(self) -> Project:
        """The project as it is now, journal included."""
        return self._content.project

    @property
    def read_only(self) -> bool:
        return bool(self.read_only_reason)

    @property
    def generation(self) -> int:
        """How often the project was saved."""
        return self._pixels.snapshot.header.generation

    @property
    def pending(self) -> int:
        """Changes since the last save; every one of them is durable in the journal."""
        return self._content.pending.changes

    @property
    def unsaved(self) -> bool:
        """Whether a save would write anything."""
        return bool(self.pending) or self._pixels.migrated is not None

    @property
    def _worth_saving(self) -> bool:
        return self.unsaved and not self._content.pending.only_looked_around

    @property
    def wants_checkpoint(self) -> bool:
        """Whether so much has gathered in the journal that a save is due.

        Nothing is at risk in the journal; a save keeps the next start short. So a project that takes
        long to save is saved less often: a twentieth of the time at most, unless the journal grows
        ten times as large.
        """
        much = max(self.pending / CHECKPOINT_CHANGES, self._journal.nbytes / CHECKPOINT_BYTES)
        rested = time.monotonic() - self._saved_at >= CHECKPOINT_REST * self._save_took_s
        return much >= 10 or (much >= 1 and rested)

    # ------------------------------------------------------------ changes

    def append(self, change: Change) -> int:
        """Keep a change; when this returns it survives a kill and a power cut. Returns its number.

        Raises ProjectReadOnly, UnknownPicture, ValueError (the change does not fit its picture),
        NoSpace, PlaceReadOnly or FileProblem; the change then was not taken in and may be given
        again.
        """
        return self.append_many((change,))

    def append_many(self, changes: Sequence[Change]) -> int:
        """The same for several changes with one sync: all of them are kept, or none.

        They are checked one after another, so a later one may touch a picture that an earlier one
        adds. Returns the number of the last.
        """
        self._for_writing()
        coming: dict[str, ImageRecord | None] = {}
        packed = []
        for change in changes:
            sha256 = self._content.check(change, coming)
            packed.append(frames.encode(change, sha256))
        locations = self._journal.append(packed) if packed else []
        for change, location in zip(changes, locations, strict=True):
            self._content.take_in(decoded(change), location)
        return self._journal.last_sequence

    def _for_writing(self) -> None:
        if self._closed:
            raise ProjectReadOnly("The project was closed.", path=self.path)
        if self.read_only:
            raise ProjectReadOnly(self.read_only_reason, path=self.path)

    # ------------------------------------------------------------ reading

    def read_hand(self, image_id: str) -> HandPlane:
        """The hand plane, uint8 (H, W), all 0 when nobody touched the image."""
        return self._pixels.hand(image_id)

    def has_prediction(self, image_id: str) -> bool:
        """Whether a model has looked at this image; no pixel is read."""
        return self._pixels.has_prediction(image_id)

    def predicted_images(self) -> set[str]:
        """Ids of all images that have a prediction, looked up in one go."""
        return self._pixels.predicted_images()

    def read_prediction(self, image_id: str) -> Prediction | None:
        """The newest prediction, or None when no model has looked at this image."""
        return self._pixels.prediction(image_id)

    def read_frozen(self, image_id: str) -> ClassMask | None:
        """What was shown when the image was approved, uint8 (H, W), or None."""
        return self._pixels.frozen(image_id)

    def read_shown(self, image_id: str) -> ClassMask:
        """What is shown, exported and measured, uint8 (H, W); see `masks.threshold.shown_mask`."""
        frozen = self.read_frozen(image_id)
        prediction = self.read_prediction(image_id) if frozen is None else None
        return shown_mask(
            self.read_hand(image_id),
            score=prediction.score if prediction else None,
            threshold=self._content.record(image_id).threshold,
            frozen=frozen,
        )

    def photo_path(self, record: ImageRecord) -> Path:
        """Where the photo of a record should lie; not checked to exist.

        Raises PhotoMissing for a path that leaves the folder of a project from elsewhere, until
        `allow_outside` was called.
        """
        return photo_paths.photo_path(record, self.path.parent, outside_allowed=self.outside_allowed)

    def allow_outside(self) -> None:
        """The person said that pictures outside the project's folder may be opened; remembered."""
        self.outside_allowed = True
        known.remember(self._pixels.snapshot.header)

    # ------------------------------------------------------------ saving

    def save(self, progress: Progress = unheard) -> None:
        """Fold all changes into a new project file, then empty the journal; nothing to do is fine.

        Raises NoSpace, PlaceReadOnly, FileProblem or Cancelled: the old file and all changes are
        still there. Raises ProjectChangedElsewhere when somebody else saved the project meanwhile:
        then everything is in a conflict copy, whose path the error carries, and this store can
        only be read.
        """
        self._for_writing()
        if not self.unsaved:
            return
        began = time.monotonic()
        self._refuse_if_changed(progress)
        pending = self._content.pending
        counts = {"changes": pending.changes, "strokes": pending.strokes, "images": pending.stroked_images}
        body = self._build(self._content.uuid, self._content.records, "saved", counts, progress)
        header = self._next_header(body)
        self._back_up()
        not_synced: FileProblem | None = None
        with storage.staged(self.path, header.to_bytes(), body, progress=progress) as temporary:
            self._refuse_if_changed(progress)
            known.remember(header)
            written = Snapshot.written(temporary, self.path, header)
            try:
                storage.put_in_place(temporary, self.path)
            except storage.FolderNotSynced as error:
                not_synced = error
            except BaseException:
                written.close()
                raise
        self._pixels.snapshot.close()
        self._pixels.snapshot, self._pixels.migrated = written, None
        self._content.forget_pending()
        self._saved_at = time.monotonic()
        self._save_took_s = self._saved_at - began
        if not_synced is not None:
            self._journal.saved(header)
            raise not_synced
        self._journal.empty(header)
        backups.thin(self.path)

    def save_copy(self, path: Path | str, progress: Progress = unheard) -> None:
        """Write the project as it is now to another path, as a project of its own (new uuid).

        Paths of photos are made to fit the new folder. Raises TargetExists, NoSpace,
        PlaceReadOnly or FileProblem. This store stays with its own file.
        """
        where = Path(os.path.abspath(path))
        if where.exists() or where.is_symlink():
            raise TargetExists(
                f"{shown_name(where)} exists already.", hint="Choose another name.", path=where
            )
        moved = {
            r.id: photo_paths.moved_record(r, self.path.parent, where.parent)
            for r in self._content.records.values()
        }
        body = self._build(uuid4().bytes, moved, "copied", {}, progress)
        storage.make_folder(where.parent)
        _write(where, body, progress)

    def _build(
        self,
        project_uuid: bytes,
        image_records: dict[str, ImageRecord],
        what: str,
        details: dict[str, Any],
        progress: Progress,
    ) -> bytes:
        with self._pixels.body() as h5:
            request = BodyRequest(
                project_uuid,
                self._content.facts,
                image_records,
                extra=self._content.extra,
                source=h5,
                pending=self._content.pending.images,
                prediction_of=self._pixels.journaled_prediction,
                frozen_of=self._pixels.journaled_mask,
                what=what,
                details=details,
            )
            return build_body(request, progress)

    def _next_header(self, body: bytes) -> Header:
        return Header(
            uuid=self._content.uuid,
            generation=self.generation + 1,
            body_bytes=len(body),
            body_sha256=hashlib.sha256(body).digest(),
            last_sequence=self._journal.last_sequence,
            journal_id=self._journal.journal_id,
            saved_utc=int(time.time()),
            format_version=format_version_for(self._content.records),
        )

    def _refuse_if_changed(self, progress: Progress) -> None:
        """Before replacing: is the file on disk still the one we know? Locks do not work everywhere."""
        if not self.path.exists():
            return  # removed or renamed by somebody: writing it again harms nobody
        try:
            ours = reading.read_header(self.path).identity == self._pixels.snapshot.header.identity
        except CrackError:
            ours = False
        if not ours:
            self._save_conflict_copy(progress)

    def _save_conflict_copy(self, progress: Progress) -> NoReturn:
        """Everything goes into a new file beside; from then on this store can only be read."""
        name = shown_name(self.path)
        number = 1
        while (where := storage.beside_numbered(self.path, "conflict", number)).exists():
            number += 1
        body = self._build(uuid4().bytes, self._content.records, "saved as conflict copy", {}, progress)
        _write(where, body, progress)
        self.read_only_reason = f"{name} was saved elsewhere; your changes are in {shown_name(where)}."
        self._journal.empty(self._pixels.snapshot.header)
        raise ProjectChangedElsewhere(
            f"{name} was saved by another window or computer meanwhile.",
            hint=f"Your changes were saved beside it, in {shown_name(where)}.",
            path=where,
        )

    def _back_up(self) -> None:
        """The file that is about to be replaced, on the first save and then every half hour.

        A backup that fails does not stop the save, which would leave even more undone;
        `backup_problem` says so.
        """
        now = time.monotonic()
        if self._last_backup is not None and now - self._last_backup < backups.EVERY_S:
            return
        try:
            if self.path.exists():
                backups.keep(self.path, self.generation)
            self._last_backup, self.backup_problem = now, ""
        except FileProblem as error:
            log.warning("No backup was made: %s", error.message)
            self.backup_problem = error.sentence()

    # ------------------------------------------------------------ checking

    def check(self, progress: Progress = unheard) -> CheckReport:
        """Verify digest, every stored part, the journal, and that every photo is there and unchanged."""
        findings = check_file(self.path, progress)
        for entry in self._content.pending.images.values():
            try:
                if entry.prediction is not None:
                    self._pixels.journaled_prediction(entry)
                if entry.frozen is not None:
                    self._pixels.journaled_mask(entry)
            except (CrackError, ValueError):
                findings.append(Finding("journal", "A step in the journal is damaged."))
        photos = check_photos(self._photo_paths(), len(self._content.records), progress)
        return CheckReport(
            findings=(*findings, *photos),
            images=len(self._content.records),
            photos=len(self._content.records) - len(photos),
            generation=self.generation,
            pending=self.pending,
        )

    def _photo_paths(self) -> Iterator[tuple[ImageRecord, Path | PhotoMissing]]:
        for record in self._content.records.values():
            try:
                yield record, self.photo_path(record)
            except PhotoMissing as error:
                yield record, error


def _write(path: Path, body: bytes, progress: Progress = unheard) -> None:
    """A project file of its own: first generation, nothing of any journal folded in."""
    with reading.damage_as_sentence(path), h5py.File(io.BytesIO(body), "r") as h5:
        project_uuid = bytes.fromhex(reading.text_of(h5.attrs[layout.UUID_ATTRIBUTE]))
        format_version = int(h5.attrs[layout.VERSION_ATTRIBUTE])
    header = Header(
        uuid=project_uuid,
        generation=1,
        body_bytes=len(body),
        body_sha256=hashlib.sha256(body).digest(),
        saved_utc=int(time.time()),
        format_version=format_version,
    )
    known.remember(header)
    storage.write_durably(path, header.to_bytes(), body, progress=progress)
