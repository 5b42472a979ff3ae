"""Bring one image into memory: its photo (cpu lane) and what the project keeps of it (disk lane)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.jobs.job import Job
from crackcore.arrays import ClassMask, HandPlane, RgbImage, ScoreMap
from crackcore.domain.image_record import ImageRecord
from crackcore.domain.prediction import Prediction
from crackcore.errors import InputRefused
from crackcore.progress import Progress

if TYPE_CHECKING:
    from crackcore.projects.store import ProjectStore


@dataclass(frozen=True)
class LoadedPhoto:
    """The photo, its levels as fine as its mask, and what is worth telling about how it was read."""

    image_id: str
    photo: RgbImage
    levels: tuple[RgbImage, ...]
    notes: tuple[str, ...]
    is_changed: bool  # the file's content is not what it was when it was added


@dataclass(frozen=True)
class LoadedPlanes:
    """What the project keeps of an image."""

    image_id: str
    hand: HandPlane
    prediction: Prediction | None
    frozen: ClassMask | None
    arranged: Any  # what `arrange` made of them for the canvas


Arrange = Callable[[HandPlane, "ScoreMap | None", "ClassMask | None"], Any]


def photo_job(record: ImageRecord, path: Path) -> Job:
    def work(progress: Progress) -> LoadedPhoto:
        from crackcore.imaging.enlarging import check_finer, enlarged
        from crackcore.imaging.pyramid import photo_levels
        from crackcore.imaging.reading import read_photo

        photo = read_photo(path)
        progress(1, 2)
        height, width = photo.pixels.shape[:2]
        if (height, width) != (record.height_px, record.width_px):
            # Work was done on the picture as it was; stretching a mask silently is never right.
            raise InputRefused(
                path,
                f"it is {width} × {height} px now, but was {record.width_px} × {record.height_px} px "
                "when it was added.",
                hint="Put the original file back; what was drawn on it is kept.",
            )
        check_finer(path, record.size_px, record.magnification)
        levels = photo_levels(enlarged(photo.pixels, record.magnification))
        changed = photo.facts.sha256 != record.sha256
        return LoadedPhoto(record.id, photo.pixels, tuple(levels), tuple(photo.facts.notes), changed)

    return Job("Opening the picture", work, shown=False)


def planes_job(store: ProjectStore, image_id: str, arrange: Arrange) -> Job:
    """`arrange` builds the smaller levels for the canvas from the very arrays that were read."""

    def work(progress: Progress) -> LoadedPlanes:
        hand = store.read_hand(image_id)
        progress(1, 4)
        prediction = store.read_prediction(image_id)
        progress(2, 4)
        frozen = store.read_frozen(image_id)
        progress(3, 4)
        arranged = arrange(hand, None if prediction is None else prediction.score, frozen)
        return LoadedPlanes(image_id, hand, prediction, frozen, arranged)

    return Job("Opening the mask", work, shown=False)


def thumbnail_job(path: Path, side_px: int) -> Job:
    def work(progress: Progress) -> RgbImage:
        from crackcore.imaging.thumbnails import make_thumbnail

        thumbnail: RgbImage = make_thumbnail(path, side_px)
        return thumbnail

    return Job("Thumbnail", work, shown=False)
