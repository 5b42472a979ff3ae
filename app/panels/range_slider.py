"""A slider with two handles, low and high, over the steps 1 to 255."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

LOWEST, HIGHEST = 1, 255
_HANDLE_PX = 8
_Handle = Literal["low", "high", "both"]


class RangeSlider(QWidget):
    """Dragging the lower handle moves both while they are together; Shift pulls them apart.

    `moved` while a handle is dragged, `released` when it is let go (also after a key or the wheel).
    """

    moved = Signal(int, int)
    released = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._low = self._high = 128
        self._held: _Handle | None = None
        self._focus_handle: _Handle = "both"
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Threshold, low and high")

    def sizeHint(self) -> QSize:
        return QSize(200, 30)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 30)

    @property
    def value(self) -> tuple[int, int]:
        return self._low, self._high

    def set_value(self, low: int, high: int) -> None:
        """Show these; says nothing."""
        if (low, high) != (self._low, self._high):
            self._low, self._high = low, high
            self.update()

    # -------------------------------------------------------------- geometry

    def _x_of(self, step: int) -> float:
        return _HANDLE_PX + (step - LOWEST) / (HIGHEST - LOWEST) * (self.width() - 2 * _HANDLE_PX)

    def _step_at(self, x: float) -> int:
        share = (x - _HANDLE_PX) / max(1, self.width() - 2 * _HANDLE_PX)
        return min(HIGHEST, max(LOWEST, round(LOWEST + share * (HIGHEST - LOWEST))))

    # -------------------------------------------------------------- events

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        x = event.position().x()
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if self._low == self._high:
            # One handle to see: plain dragging moves the plain threshold; Shift pulls a second one out.
            self._held = "both" if not shift else "low" if x < self._x_of(self._low) else "high"
        else:
            nearer_low = abs(x - self._x_of(self._low)) <= abs(x - self._x_of(self._high))
            self._held = "low" if nearer_low else "high"
        self._focus_handle = self._held
        self._drag_to(self._step_at(x))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._held is not None:
            self._drag_to(self._step_at(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._held is not None and event.button() is Qt.MouseButton.LeftButton:
            self._held = None
            self.released.emit(self._low, self._high)
            self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """The handles come together again at the nearer one."""
        step = self._step_at(event.position().x())
        target = min((self._low, self._high), key=lambda s: abs(s - step))
        self._set(target, target)
        self.released.emit(self._low, self._high)

    def wheelEvent(self, event: QWheelEvent) -> None:
        steps = 1 if event.angleDelta().y() > 0 else -1
        self._nudge(steps if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else steps * 3)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Down: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: 1,
            Qt.Key.Key_PageUp: 13,
            Qt.Key.Key_PageDown: -13,
        }
        move = moves.get(Qt.Key(event.key()))
        if move is None:
            super().keyPressEvent(event)
        else:
            self._nudge(move)

    def _nudge(self, by: int) -> None:
        low, high = self._low, self._high
        if low == high or self._focus_handle == "both":
            by = max(LOWEST - low, min(HIGHEST - high, by))
            self._set(low + by, high + by)
        elif self._focus_handle == "low":
            self._set(min(high, max(LOWEST, low + by)), high)
        else:
            self._set(low, max(low, min(HIGHEST, high + by)))
        self.released.emit(self._low, self._high)

    def _drag_to(self, step: int) -> None:
        if self._held == "both":
            self._set(step, step)
        elif self._held == "low":
            self._set(min(step, self._high), self._high)
        else:
            self._set(self._low, max(step, self._low))

    def _set(self, low: int, high: int) -> None:
        if (low, high) != (self._low, self._high):
            self._low, self._high = low, high
            self.moved.emit(low, high)
            self.update()

    # -------------------------------------------------------------- looks

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        on = self.isEnabled()
        line = palette.color(palette.ColorRole.Mid)
        accent = palette.color(palette.ColorRole.Highlight) if on else line
        middle = self.height() / 2
        left, right = self._x_of(LOWEST), self._x_of(HIGHEST)
        low_x, high_x = self._x_of(self._low), self._x_of(self._high)

        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(line)
        painter.drawRoundedRect(QRectF(left, middle - 2, right - left, 4), 2, 2)
        # From the upper handle on a score is a crack for certain; between the two only when joined.
        painter.setBrush(accent)
        painter.drawRoundedRect(QRectF(high_x, middle - 2, right - high_x, 4), 2, 2)
        if low_x < high_x:
            pale = QColor(accent)
            pale.setAlpha(110)
            painter.setBrush(pale)
            painter.drawRect(QRectF(low_x, middle - 2, high_x - low_x, 4))
        ground = palette.color(palette.ColorRole.Base)
        for x in {low_x, high_x}:
            painter.setPen(QPen(accent, 2))
            painter.setBrush(accent if self._held is not None else ground)
            painter.drawEllipse(QPointF(x, middle), _HANDLE_PX - 2, _HANDLE_PX - 2)
        if self.hasFocus():
            halo = QColor(accent)
            halo.setAlpha(70)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(halo)
            x = low_x if self._focus_handle == "low" else high_x
            painter.drawEllipse(QPointF(x, middle), _HANDLE_PX + 3, _HANDLE_PX + 3)
