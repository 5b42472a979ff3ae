"""What changed since the last save, image by image; small, because pixels stay in the journal."""

from __future__ import annotations

from dataclasses import dataclass, field

from crackcore.domain.image_record import ImageRecord
from crackcore.masks.patch import Patch
from crackcore.projects.frames import Kind
from crackcore.projects.journal import Location


@dataclass
class ImagePending:
    """Steps of one image that the project file does not hold yet.

    `fresh`: forget what the file holds (the image was removed meanwhile). `prediction` and
    `frozen` say where in the journal the newest ones stand; `let_go`: approval was taken back.
    `regridded`: the image lies on another grid than in the file, so all its planes are in the journal:
    the first patch leads from an untouched plane to what was drawn by then.
    `reshown`: nothing but the threshold changed, so only the shown mask has to be made again.
    """

    fresh: bool = False
    regridded: bool = False
    patches: list[Patch] = field(default_factory=list)
    prediction: Location | None = None
    frozen: Location | None = None
    let_go: bool = False
    reshown: bool = False
    strokes: int = 0


@dataclass
class Pending:
    """All of them, and how many changes there were."""

    images: dict[str, ImagePending] = field(default_factory=dict)
    changes: int = 0
    strokes: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def of(self, image_id: str) -> ImagePending | None:
        return self.images.get(image_id)

    def _touched(self, image_id: str) -> ImagePending:
        return self.images.setdefault(image_id, ImagePending())

    def note(self, kind: Kind, image_id: str, location: Location, patch: Patch | None, *, gone: bool) -> None:
        """Take in one frame; `gone` marks a MaskFrozen that lets go, a Regridded without a prediction."""
        self.changes += 1
        self.counts[kind.name.lower()] = self.counts.get(kind.name.lower(), 0) + 1
        match kind:
            case Kind.HAND:
                assert patch is not None
                touched = self._touched(image_id)
                touched.patches.append(patch)
                touched.strokes += 1
                self.strokes += 1
            case Kind.PREDICTED:
                self._touched(image_id).prediction = location
            case Kind.FROZEN:
                touched = self._touched(image_id)
                touched.frozen, touched.let_go = (None, True) if gone else (location, False)
            case Kind.REGRIDDED:
                assert patch is not None
                touched = self._touched(image_id)
                touched.regridded, touched.patches = True, [patch]
                touched.prediction = None if gone else location
                touched.frozen, touched.let_go = None, True
            case Kind.REMOVED:
                self.images[image_id] = ImagePending(fresh=True)
            case _:
                pass

    def note_record(self, before: ImageRecord | None, after: ImageRecord) -> None:
        """A record is about to change: with another threshold, another mask is shown."""
        if before is not None and before.threshold != after.threshold:
            self._touched(after.id).reshown = True

    @property
    def only_looked_around(self) -> bool:
        """Whether nothing changed but where somebody looked."""
        return self.changes > 0 and self.changes == self.counts.get(Kind.VIEW.name.lower(), 0)

    @property
    def stroked_images(self) -> int:
        return sum(1 for p in self.images.values() if p.strokes)
