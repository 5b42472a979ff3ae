"""One committed step of work on a project: what the journal keeps and a save folds in.

A project is its last saved snapshot plus the changes since. The window sends a change when a
person finished a stroke, moved a threshold, approved an image, or a prediction came back; from the
moment the store's `append` has returned, that step survives a kill and a power cut.
"""

from __future__ import annotations

from dataclasses import dataclass

from crackcore.arrays import ClassMask
from crackcore.domain.image_record import ImageRecord
from crackcore.domain.prediction import Prediction
from crackcore.domain.project import ViewState
from crackcore.masks.patch import Patch


@dataclass(frozen=True)
class RecordChanged:
    """An image was added, or its record (review, threshold, notes, file) is now this."""

    record: ImageRecord


@dataclass(frozen=True)
class ImageRemoved:
    """The image and all that is kept of it leaves the project."""

    image_id: str


@dataclass(frozen=True)
class HandEdited:
    """A stroke, a fill, an undo or a redo on the hand plane. `title` is for people."""

    image_id: str
    patch: Patch
    title: str = ""


@dataclass(frozen=True)
class Predicted:
    """A model has looked at the image."""

    image_id: str
    prediction: Prediction


@dataclass(frozen=True)
class MaskFrozen:
    """Approving keeps what was shown (`mask`); None lets go of it again."""

    image_id: str
    mask: ClassMask | None


@dataclass(frozen=True)
class Regridded:
    """The image's planes lie on another grid from now on, and these are all of them.

    `magnification` is that of the record from now on (`ImageRecord.magnification`). `hand` leads from an
    untouched plane of the new size to what people drew; the score of `prediction` has the new size too,
    None: there is no prediction any more. A frozen mask does not survive this: whoever sends it sees to
    it that the image is not approved.
    """

    image_id: str
    magnification: int
    hand: Patch
    prediction: Prediction | None


@dataclass(frozen=True)
class ViewMoved:
    """Where the user is looking."""

    view: ViewState


Change = RecordChanged | ImageRemoved | HandEdited | Predicted | MaskFrozen | Regridded | ViewMoved
