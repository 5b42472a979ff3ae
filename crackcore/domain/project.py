"""What a project is, without pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from crackcore.domain.image_record import ImageRecord


@dataclass(frozen=True)
class MaskClass:
    """One class of the masks."""

    number: int
    name: str
    colour: str  # "#rrggbb"


CLASSES = (MaskClass(0, "sound", "#000000"), MaskClass(1, "crack", "#ff3b30"))


@dataclass(frozen=True)
class ViewState:
    """Where the user was: shown again when the project is opened the next time."""

    image_id: str = ""
    centre_x: float = 0.0
    centre_y: float = 0.0
    px_per_screen_px: float = 0.0  # 0: fit


@dataclass(frozen=True)
class Project:
    """Title, classes and image records, in the order of the list."""

    title: str
    uuid: str
    images: tuple[ImageRecord, ...] = ()
    classes: tuple[MaskClass, ...] = CLASSES
    view: ViewState = ViewState()
    _index: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", {r.id: i for i, r in enumerate(self.images)})

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._index

    def image(self, image_id: str) -> ImageRecord:
        """The record of this id; KeyError when the project does not hold it."""
        return self.images[self._index[image_id]]

    def position(self, image_id: str) -> int:
        return self._index[image_id]

    def with_image(self, record: ImageRecord) -> Project:
        """The project with this record added, or put in place of the one with the same id."""
        images = list(self.images)
        if record.id in self._index:
            images[self._index[record.id]] = record
        else:
            images.append(record)
        return replace(self, images=tuple(images))

    def with_images(self, records: Iterable[ImageRecord]) -> Project:
        """The same for many at once: thousands of records cost one walk through the list, not one each."""
        images, at = list(self.images), dict(self._index)
        for record in records:
            if record.id in at:
                images[at[record.id]] = record
            else:
                at[record.id] = len(images)
                images.append(record)
        return replace(self, images=tuple(images))

    def without_image(self, image_id: str) -> Project:
        return replace(self, images=tuple(r for r in self.images if r.id != image_id))
