"""What is known of one photograph, without its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Review(StrEnum):
    """How far a person has come with this image."""

    NEW = "new"
    PREDICTED = "predicted"
    EDITED = "edited"
    APPROVED = "approved"
    FAILED = "failed"


@dataclass(frozen=True)
class Threshold:
    """Where a score becomes a crack, both in 0..255 score steps.

    A pixel is shown as crack when its score is at least `low` and its connected region holds a
    pixel of at least `high`. With low == high it is a plain threshold.
    """

    low: int = 128
    high: int = 128

    def __post_init__(self) -> None:
        if not 1 <= self.low <= self.high <= 255:
            raise ValueError(f"threshold needs 1 <= low <= high <= 255, not {self.low}, {self.high}")


MAGNIFICATIONS = (1, 4)
"""How many mask pixels may lie along one photo pixel; 4 is what networks that enlarge photos give."""


@dataclass(frozen=True)
class ImageRecord:
    """One image of a project.

    `file` is relative to the project file's folder, with forward slashes, or absolute when the
    photo lies on another drive; `sha256` is that of the file's bytes and finds it again when it
    moved. Sizes are those of the upright photo.

    `magnification` is how many pixels of the mask lie along one pixel of the photo: score, hand plane
    and frozen mask are `grid_size` large. Only `change.Regridded` changes it.
    """

    id: str
    file: str
    sha256: str
    height_px: int
    width_px: int
    bytes: int = 0
    taken_at: str = ""
    review: Review = Review.NEW
    reason: str = ""  # why analysis failed, when review is FAILED
    threshold: Threshold = Threshold()
    notes: str = ""
    magnification: int = 1

    def __post_init__(self) -> None:
        if self.magnification not in MAGNIFICATIONS:
            raise ValueError(f"a mask has 1 or 4 pixels along one of its photo, not {self.magnification}")

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width of the upright photo."""
        return self.height_px, self.width_px

    @property
    def grid_size(self) -> tuple[int, int]:
        """Height and width of score, hand plane and masks, in pixels of their own."""
        return self.height_px * self.magnification, self.width_px * self.magnification
