"""What is known of an open project, in memory: facts, image records, and what the last save lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from crackcore.domain.change import (
    Change,
    HandEdited,
    ImageRemoved,
    MaskFrozen,
    Predicted,
    RecordChanged,
    Regridded,
    ViewMoved,
)
from crackcore.domain.image_record import ImageRecord
from crackcore.domain.project import Project
from crackcore.errors import UnknownPicture
from crackcore.masks.patch import Patch
from crackcore.projects.frames import Decoded, Kind
from crackcore.projects.journal import Location
from crackcore.projects.pending import ImagePending, Pending
from crackcore.projects.records import ProjectFacts, check_record


class Content:
    """Records by id in the order of the list; `pending` is emptied by a save.

    `project` is made when it is asked for, not at every change: ten thousand pictures that are
    added one by one would otherwise be copied ten thousand times.
    """

    def __init__(
        self,
        project_uuid: bytes,
        facts: ProjectFacts,
        records: dict[str, ImageRecord],
        extra: dict[str, dict[str, Any]],
    ) -> None:
        self.uuid = project_uuid
        self.facts = facts
        self.records = records
        self.extra = extra
        self.pending = Pending()
        self._project: Project | None = None

    @property
    def project(self) -> Project:
        if self._project is None:
            self._project = Project(
                title=self.facts.title,
                uuid=str(UUID(bytes=self.uuid)),
                images=tuple(self.records.values()),
                classes=self.facts.classes,
                view=self.facts.view,
            )
        return self._project

    def record(self, image_id: str, coming: Mapping[str, ImageRecord | None] | None = None) -> ImageRecord:
        """Raises UnknownPicture. `coming`: see `check`."""
        found = self.records.get(image_id)
        if coming is not None:
            found = coming.get(image_id, found)
        if found is None:
            raise UnknownPicture("This picture is not part of the project.")
        return found

    def size_of(self, image_id: str) -> tuple[int, int]:
        """Height and width of an image's planes; raises UnknownPicture."""
        return self.record(image_id).grid_size

    def entry(self, image_id: str) -> ImagePending | None:
        return self.pending.images.get(image_id)

    # ------------------------------------------------------------ changes

    def check(self, change: Change, coming: dict[str, ImageRecord | None] | None = None) -> str:
        """The picture digest that goes with a change (empty where no picture is meant).

        Raises UnknownPicture, or ValueError when the change does not fit the picture's size.
        `coming` holds what earlier changes of the same batch do to records (None: removed); this
        change is noted there too.
        """
        coming = {} if coming is None else coming
        if isinstance(change, ViewMoved):
            return ""
        if isinstance(change, RecordChanged):
            record = change.record
            check_record(record)
            before = coming.get(record.id, self.records.get(record.id))
            if before is not None and before.size_px != record.size_px:
                raise ValueError("a picture's size cannot change; remove it and add the new one")
            if before is not None and before.magnification != record.magnification:
                raise ValueError("a picture's grid changes only together with its planes")
            coming[record.id] = record
            return record.sha256
        record = self.record(change.image_id, coming)
        match change:
            case ImageRemoved(image_id):
                coming[image_id] = None
            case HandEdited(_, patch):
                _check_patch(patch, record)
            case Predicted(_, prediction):
                _check_plane(prediction.score, record)
            case MaskFrozen(_, mask):
                if mask is not None:
                    _check_plane(mask, record)
            case Regridded(image_id, magnification, hand, prediction):
                regridded = replace(record, magnification=magnification)
                check_record(regridded)
                _check_patch(hand, regridded)
                if prediction is not None:
                    _check_plane(prediction.score, regridded)
                coming[image_id] = regridded
        return record.sha256

    def check_decoded(self, frame: Decoded) -> None:
        """The same for a frame of the journal; raises ValueError or UnknownPicture."""
        match frame.kind:
            case Kind.RECORD:
                assert frame.record is not None
                self.check(RecordChanged(frame.record))
            case Kind.VIEW:
                pass
            case _:
                record = self.record(frame.image_id)
                if record.sha256 != frame.sha256:
                    raise ValueError("a step belongs to another version of this picture")
                if frame.kind is Kind.REGRIDDED:
                    check_record(replace(record, magnification=frame.magnification))

    def take_in(self, frame: Decoded, location: Location) -> None:
        """Make a checked change part of the project as it is now."""
        match frame.kind:
            case Kind.RECORD:
                assert frame.record is not None
                self.pending.note_record(self.records.get(frame.image_id), frame.record)
                self.records[frame.image_id] = frame.record
            case Kind.REMOVED:
                del self.records[frame.image_id]
                self.extra.pop(frame.image_id, None)
            case Kind.REGRIDDED:
                before = self.records[frame.image_id]
                self.records[frame.image_id] = replace(before, magnification=frame.magnification)
            case Kind.VIEW:
                self.facts = replace(self.facts, view=frame.view)
            case _:
                pass
        self.pending.note(frame.kind, frame.image_id, location, frame.patch, gone=frame.gone)
        self._project = None

    def forget_pending(self) -> None:
        """A save holds everything now."""
        self.pending = Pending()


def decoded(change: Change) -> Decoded:
    """A change in the form of a frame, planes left out (they are read from the journal when needed)."""
    match change:
        case RecordChanged(record):
            return Decoded(Kind.RECORD, record.id, record.sha256, record=record)
        case ImageRemoved(image_id):
            return Decoded(Kind.REMOVED, image_id)
        case HandEdited(image_id, patch, title):
            return Decoded(Kind.HAND, image_id, patch=patch, title=title)
        case Predicted(image_id):
            return Decoded(Kind.PREDICTED, image_id)
        case MaskFrozen(image_id, mask):
            return Decoded(Kind.FROZEN, image_id, gone=mask is None)
        case Regridded(image_id, magnification, hand, prediction):
            gone = prediction is None
            return Decoded(Kind.REGRIDDED, image_id, patch=hand, gone=gone, magnification=magnification)
        case ViewMoved(view):
            return Decoded(Kind.VIEW, view=view)


def _check_plane(plane: NDArray[np.uint8], record: ImageRecord) -> None:
    if plane.dtype != np.uint8 or plane.shape != record.grid_size:
        raise ValueError("a plane must be uint8 and have the size of its picture")


def _check_patch(patch: Patch, record: ImageRecord) -> None:
    height, width = record.grid_size
    for t in patch.tiles:
        if t.y < 0 or t.x < 0 or t.y + t.height > height or t.x + t.width > width:
            raise ValueError("a stroke lies outside its picture")
