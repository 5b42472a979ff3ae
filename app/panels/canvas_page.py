"""The middle of the window: the canvas, and what floats over it without ever moving the picture."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget


class CanvasPage(QWidget):
    """The canvas, what covers it for a moment, and notices over its lower edge, one above the other."""

    def __init__(self, canvas: QWidget, coming: QWidget, notices: Sequence[QWidget]) -> None:
        super().__init__()
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(canvas, 0, 0)
        layout.addWidget(coming, 0, 0)
        lower = QVBoxLayout()
        lower.setSpacing(0)
        for notice in notices:
            lower.addWidget(notice, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addLayout(lower, 0, 0, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignHCenter)


def stacked(*parts: QWidget) -> QWidget:
    """One above the other, at the top."""
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    for part in parts:
        layout.addWidget(part)
    layout.addStretch(1)
    return page
