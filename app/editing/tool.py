"""What every tool can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from app.document import Document

Point = tuple[float, float]


class ToolKey(Enum):
    """Keys that mean something to a pending tool."""

    FINISH = auto()  # Enter, or a double click
    BACK = auto()  # Backspace
    CANCEL = auto()  # Escape


@dataclass
class ToolSettings:
    """What the tools share; changed by the tool box only."""

    brush_px: int = 6
    fill_tolerance: int = 24  # score or colour steps
    fill_by: str = "shown"  # "shown" mask, "score" or "colour"


@dataclass(frozen=True)
class Preview:
    """What the canvas draws for a tool: a stamp ring at the cursor, a path that is being drawn."""

    stamp_px: int = 0  # 0: no ring
    erases: bool = False
    path: tuple[Point, ...] = field(default=())
    closes: bool = False  # the path will be closed to its first point


class Tool(Protocol):
    """One tool. `press` .. `release` is one gesture; a tool may need several until it is done."""

    name: str
    pans: bool  # dragging moves the picture instead

    @property
    def is_pending(self) -> bool:
        """Whether Enter, Backspace and Escape belong to this tool now."""

    def preview(self, *, opposite: bool) -> Preview:
        """What to draw while the cursor hovers."""

    def press(self, document: Document, point: Point, *, opposite: bool) -> str:
        """A button went down; returns a sentence for the person, mostly empty."""

    def move(self, point: Point) -> None:
        """The cursor moved, with or without a button held."""

    def release(self, point: Point) -> None:
        """The button went up."""

    def abort(self) -> None:
        """Forget what is pending; pixels of an open stroke go back."""

    def key(self, key: ToolKey) -> bool:
        """Take a key; False when it means nothing now."""
