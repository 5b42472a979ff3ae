"""The shortcut sheet: all keys on one page."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.theme.scheme import SPACE


@dataclass(frozen=True)
class ShortcutRow:
    title: str
    keys: tuple[str, ...]


class ShortcutSheet(QDialog):
    """Sections in three columns, filled so that the columns end at about the same height."""

    def __init__(
        self,
        sections: list[tuple[str, list[ShortcutRow]]],
        parent: QWidget | None = None,
        *,
        columns: int = 3,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keyboard shortcuts")
        page = QWidget()
        across = QHBoxLayout(page)
        across.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE)
        across.setSpacing(SPACE * 4)
        lanes = [QVBoxLayout() for _ in range(columns)]
        heights = [0] * columns
        for title, rows in sections:
            shortest = heights.index(min(heights))
            lanes[shortest].addWidget(_section(title.replace("&", ""), rows))
            heights[shortest] += len(rows) + 2
        for lane in lanes:
            lane.addStretch(1)
            across.addLayout(lane)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setWidget(page)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, SPACE, SPACE)
        layout.addWidget(scroll, 1)
        layout.addWidget(buttons)
        hint = page.sizeHint()
        self.resize(min(1280, hint.width() + 40), min(820, hint.height() + 90))


def _section(title: str, rows: list[ShortcutRow]) -> QWidget:
    box = QWidget()
    grid = QGridLayout(box)
    grid.setContentsMargins(0, 0, 0, SPACE)
    grid.setHorizontalSpacing(SPACE * 2)
    grid.setVerticalSpacing(SPACE - 3)
    grid.setColumnStretch(0, 1)
    heading = QLabel(title)
    heading.setProperty("heading", True)
    grid.addWidget(heading, 0, 0, 1, 2)
    for number, row in enumerate(rows, start=1):
        grid.addWidget(QLabel(row.title), number, 0)
        keys = QWidget()
        line = QHBoxLayout(keys)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        line.addStretch(1)
        for key in row.keys:
            cap = QLabel(key)
            cap.setTextFormat(Qt.TextFormat.PlainText)
            cap.setProperty("chip", True)
            line.addWidget(cap)
        grid.addWidget(keys, number, 1)
    return box
