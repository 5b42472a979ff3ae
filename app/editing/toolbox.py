"""The tools by name, the one in hand, and what they share."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.editing.brush import Brush, Eraser
from app.editing.fill import Fill
from app.editing.pan import Pan
from app.editing.polygon import Polygon
from app.editing.tool import Tool, ToolSettings
from crackcore.masks.strokes import MAX_DIAMETER_PX, MIN_DIAMETER_PX

FILL_BY = ("shown", "score", "colour")


class ToolBox(QObject):
    """Which tool is in hand; `changed` when that, a size or the opposite changes."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None, *, brush_px: int = 6) -> None:
        super().__init__(parent)
        self._settings = ToolSettings(brush_px=brush_px)
        made: tuple[Tool, ...] = (
            Brush(self._settings),
            Eraser(self._settings),
            Fill(self._settings),
            Polygon(),
            Pan(),
        )
        self.tools: dict[str, Tool] = {tool.name: tool for tool in made}
        self._current: Tool = self.tools["brush"]
        self._swapped = False

    @property
    def current(self) -> Tool:
        return self._current

    def choose(self, name: str) -> None:
        """Take a tool; whatever the one before was in the middle of is dropped."""
        tool = self.tools[name]
        if tool is not self._current:
            self._current.abort()
            self._current = tool
        self._swapped = False  # a newly taken tool does what its name says
        self.changed.emit()

    @property
    def swapped(self) -> bool:
        """Whether the tool does the opposite until `toggle_opposite` is called again."""
        return self._swapped

    def toggle_opposite(self) -> None:
        self._swapped = not self._swapped
        self.changed.emit()

    @property
    def size_px(self) -> int:
        return self._settings.brush_px

    @size_px.setter
    def size_px(self, size_px: int) -> None:
        size_px = min(max(int(size_px), MIN_DIAMETER_PX), MAX_DIAMETER_PX)
        if size_px != self._settings.brush_px:
            self._settings.brush_px = size_px
            self.changed.emit()

    def resize(self, steps: int) -> None:
        """Make the stamp larger (or, negative, smaller) by steps that grow with it."""
        size = self.size_px
        for _ in range(abs(steps)):
            size = _larger(size) if steps > 0 else _smaller(size)
        self.size_px = size

    @property
    def fill_tolerance(self) -> int:
        return self._settings.fill_tolerance

    @fill_tolerance.setter
    def fill_tolerance(self, steps: int) -> None:
        self._settings.fill_tolerance = min(max(int(steps), 0), 255)
        self.changed.emit()

    @property
    def fill_by(self) -> str:
        return self._settings.fill_by

    @fill_by.setter
    def fill_by(self, what: str) -> None:
        if what not in FILL_BY:
            raise ValueError(f"fill by one of {', '.join(FILL_BY)}, not {what}")
        self._settings.fill_by = what
        self.changed.emit()


# 1, 2, ... 10, 12, ... 20, 25, ... 50, 60, ... 200: a step is felt at every size, and a step up and
# a step down cancel out.
_SIZES = (*range(1, 10), *range(10, 20, 2), *range(20, 50, 5), *range(50, 201, 10))


def _larger(size_px: int) -> int:
    return min((size for size in _SIZES if size > size_px), default=MAX_DIAMETER_PX)


def _smaller(size_px: int) -> int:
    return max((size for size in _SIZES if size < size_px), default=MIN_DIAMETER_PX)
