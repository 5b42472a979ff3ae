"""What exports read: pictures of a project, one at a time, and which of them may go out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from crackcore.arrays import UNTOUCHED, ClassMask, HandPlane, RgbImage, ScoreMap
from crackcore.domain.image_record import ImageRecord, Review
from crackcore.domain.prediction import Prediction
from crackcore.domain.project import Project
from crackcore.errors import FileProblem, InputRefused, PhotoMissing
from crackcore.exports.stems import safe_stems
from crackcore.names import escaped, shown_name, unescaped
from crackcore.progress import Progress, unheard

if TYPE_CHECKING:
    from crackcore.imaging.reading import Photo

NOT_ANALYSED = "not analysed"
NOT_REVIEWED = "not reviewed by a person"
NOT_APPROVED = "not approved"
CHANGED = "the photo was changed since it was added to the project"


class Store(Protocol):
    """The part of `projects.store.ProjectStore` that exports need."""

    @property
    def project(self) -> Project: ...
    def photo_path(self, record: ImageRecord) -> Path: ...
    def has_prediction(self, image_id: str) -> bool: ...
    def read_prediction(self, image_id: str) -> Prediction | None: ...
    def read_hand(self, image_id: str) -> HandPlane: ...
    def read_shown(self, image_id: str) -> ClassMask: ...


@dataclass(frozen=True)
class ExportImage:
    """One picture on its way out. Its planes, uint8 (H, W), are loaded when asked for, every time.

    `photo` is where the photograph should lie; when `refused` is set it must not be opened (a project
    from elsewhere may name any file of this computer).
    """

    record: ImageRecord
    photo: Path
    shown: Callable[[], ClassMask]
    hand: Callable[[], HandPlane]
    prediction: Callable[[], Prediction | None]
    predicted: Callable[[], bool]
    refused: FileProblem | None = None
    brought_back: bool = False  # from a finer grid to photo pixels, see `exports.grids`

    @cached_property
    def has_prediction(self) -> bool:
        """Whether a model has looked at the picture; asked once."""
        return self.predicted()

    def score(self) -> ScoreMap | None:
        """The model's score map, None when no model has looked at the picture."""
        prediction = self.prediction()
        return None if prediction is None else prediction.score

    @property
    def name(self) -> str:
        """The photo's file name as on disk; may hold anything a file system allows."""
        return self.photo.name

    def read_photo(self) -> Photo:
        """The photo, upright. Raises PhotoMissing, or InputRefused also when it is another picture
        than the one that was marked: a mask over it would be wrong without anyone noticing."""
        if self.refused is not None:
            raise self.refused
        from crackcore.imaging.reading import read_photo  # decoders load only when a photo is read

        photo = read_photo(self.photo)
        if self.record.sha256 and photo.facts.sha256 != self.record.sha256:
            raise InputRefused(self.photo, CHANGED)
        return photo

    def read_pixels(self) -> RgbImage:
        """The photo's pixels, uint8 (H, W, 3); raises like `read_photo`."""
        return self.read_photo().pixels

    def read_grid_pixels(self) -> RgbImage:
        """The photo as large as its mask: enlarged (bicubic) where that is finer.
        Raises like `read_photo`."""
        return self.on_grid(self.read_pixels())

    def on_grid(self, pixels: RgbImage) -> RgbImage:
        """This photo's pixels as large as its mask; raises InputRefused when that is too large."""
        from crackcore.imaging.enlarging import check_finer, enlarged

        check_finer(self.photo, self.record.size_px, self.record.magnification)
        return enlarged(pixels, self.record.magnification)


def images_of(store: Store) -> Iterator[ExportImage]:
    """The pictures of an open project, in the order of its list.

    The store is read only when a plane is asked for; call from the thread that owns it.
    """

    def image(record: ImageRecord) -> ExportImage:
        refused: FileProblem | None = None
        try:
            photo = store.photo_path(record)
        except (InputRefused, PhotoMissing) as error:  # the name is needed all the same
            photo, refused = Path(unescaped(record.file)), error
        return ExportImage(
            record,
            photo,
            shown=lambda: store.read_shown(record.id),
            hand=lambda: store.read_hand(record.id),
            prediction=lambda: store.read_prediction(record.id),
            predicted=lambda: store.has_prediction(record.id),
            refused=refused,
        )

    for record in store.project.images:
        yield image(record)


def why_not(image: ExportImage, *, only_approved: bool = False, only_reviewed: bool = False) -> str:
    """Why this picture's mask must not go out; empty when it may.

    An empty mask is an answer ("no cracks") only when a model or a person has looked: a picture
    that no model has analysed goes out only if a person touched or approved it. A failed analysis
    does not bring back an older one.
    """
    review = image.record.review
    if only_approved and review is not Review.APPROVED:
        return NOT_APPROVED
    if review in (Review.APPROVED, Review.EDITED):
        return ""
    analysed = image.has_prediction and review is not Review.FAILED
    if analysed and not only_reviewed:
        return ""
    if bool(np.any(image.hand() != UNTOUCHED)):
        return ""
    if analysed:
        return NOT_REVIEWED
    reason = image.record.reason if review is Review.FAILED else ""
    return f"{NOT_ANALYSED}: {reason}" if reason else NOT_ANALYSED


@dataclass
class Walk:
    """Goes through the pictures once, with a stem for each, and keeps who was left out and why.

    The stem of a picture is the same in every format and whatever else is left out.
    """

    images: list[ExportImage]
    progress: Progress = unheard
    only_approved: bool = False
    only_reviewed: bool = False
    skipped: list[tuple[ExportImage, str]] = field(default_factory=list)
    _done: int = 0

    @classmethod
    def of(
        cls,
        source: Iterable[ExportImage],
        progress: Progress,
        *,
        only_approved: bool,
        only_reviewed: bool = False,
    ) -> Walk:
        return cls(list(source), progress, only_approved, only_reviewed)

    def each(self, write: Callable[[ExportImage, str], None]) -> None:
        """Call `write(image, stem)` for every picture that may go out.

        A photo that is missing or refused is noted and the rest goes on; any other error ends the
        export, which then leaves nothing behind.
        """
        stems = safe_stems([image.name for image in self.images])
        for done, (image, stem) in enumerate(zip(self.images, stems, strict=True)):
            self._done = done
            self.breathe()
            reason = why_not(image, only_approved=self.only_approved, only_reviewed=self.only_reviewed)
            if not reason:
                try:
                    write(image, stem)
                except InputRefused as error:
                    reason = error.reason
                except PhotoMissing as error:
                    reason = error.message
            if reason:
                self.skipped.append((image, reason))
        self.progress(len(self.images), len(self.images))

    def breathe(self) -> None:
        """Report again, so that a cancel is heard between the steps of one large picture."""
        if self._done < len(self.images):
            self.progress(self._done, len(self.images), shown_name(self.images[self._done].name))


def public_path(image: ExportImage) -> str:
    """A picture's path inside the project, as it may be told to others: never an absolute one nor
    one that climbs out, for those name people and machines. May hold lone surrogates."""
    text = unescaped(image.record.file)
    inside, windows = PurePosixPath(text), PureWindowsPath(text)
    leaves = ".." in inside.parts or ".." in windows.parts
    if not text or leaves or inside.is_absolute() or windows.drive or windows.root:
        return image.name
    return text


def public_name(image: ExportImage) -> dict[str, str]:
    """A picture's name twice: `picture` for people, and `picture_escaped` in ASCII, which gives back
    the very name through `names.unescaped`."""
    text = public_path(image)
    plain = "/".join(shown_name(part) for part in text.split("/"))
    return {"picture": plain, "picture_escaped": escaped(text)}


def facts_of(image: ExportImage) -> dict[str, Any]:
    """What a manifest says of every picture: name, identity, size, review, threshold and model.

    The size is that of the photo; its mask has `magnification` times as many pixels along each side.
    """
    record = image.record
    prediction = image.prediction() if image.has_prediction else None
    return {
        **public_name(image),
        "image_id": record.id,
        "sha256": record.sha256,
        "width_px": record.width_px,
        "height_px": record.height_px,
        "magnification": record.magnification,
        "review": record.review.value,
        "model": prediction.model if prediction else "",
        "model_sha256": prediction.model_sha256 if prediction else "",
        "model_family": prediction.family if prediction else "",
        "threshold": {"low": record.threshold.low, "high": record.threshold.high} if prediction else None,
    }
