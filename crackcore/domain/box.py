"""A rectangle of pixels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """Rows top..bottom and columns left..right, half open; empty when nothing lies inside."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        return max(0, self.bottom - self.top)

    @property
    def width(self) -> int:
        return max(0, self.right - self.left)

    @property
    def is_empty(self) -> bool:
        return self.height == 0 or self.width == 0

    @property
    def slices(self) -> tuple[slice, slice]:
        """For indexing an (H, W) array; the box must lie inside it."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def clipped(self, height: int, width: int) -> Box:
        """The part of this box inside an image of the given size."""
        top, left = min(max(self.top, 0), height), min(max(self.left, 0), width)
        return Box(top, max(top, min(self.bottom, height)), left, max(left, min(self.right, width)))

    def grown(self, by_px: int) -> Box:
        return Box(self.top - by_px, self.bottom + by_px, self.left - by_px, self.right + by_px)

    def joined(self, other: Box) -> Box:
        """The smallest box around both; an empty box adds nothing."""
        if self.is_empty:
            return other
        if other.is_empty:
            return self
        return Box(
            min(self.top, other.top),
            max(self.bottom, other.bottom),
            min(self.left, other.left),
            max(self.right, other.right),
        )


EMPTY_BOX = Box(0, 0, 0, 0)
