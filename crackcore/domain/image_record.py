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


@dataclass(frozen=True)
class ImageRecord:
    """One image of a project.

    `file` is relative to the project file's folder, with forward slashes, or absolute when the
    photo lies on another drive; `sha256` is that of the file's bytes and finds it again when it
    moved. Sizes are those of the upright picture.
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
