"""Plain keys belong to a text field while it has the focus, and to the picture else."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit, QPlainTextEdit, QWidget

_TYPED_INTO = (QLineEdit, QAbstractSpinBox, QPlainTextEdit)


class KeyGuard(QObject):
    """While a text field has the focus, plain keys belong to it and are no shortcuts.

    Enter and Escape end the typing and give the keys back to the picture. Tab is a shortcut of the
    picture only: anywhere else it moves the focus on, as it must for those who use no mouse.
    """

    def __init__(self, canvas: QWidget, parent: QObject) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._watched: QWidget | None = None
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._focus_changed)

    def _focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        if self._watched is not None:
            self._watched.removeEventFilter(self)
            self._watched = None
        if new is not None and new is not self._canvas and new.window() is self._canvas.window():
            new.installEventFilter(self)
            self._watched = new

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if not isinstance(event, QKeyEvent):
            return False
        key = event.key()
        bare = not event.modifiers() & ~(
            Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier
        )
        typed_into = isinstance(watched, _TYPED_INTO)
        if event.type() == QEvent.Type.ShortcutOverride:
            plain = not Qt.Key.Key_F1 <= key <= Qt.Key.Key_F35 if typed_into else key == Qt.Key.Key_Tab
            if bare and plain:
                event.accept()
                return True
        elif (
            typed_into
            and event.type() == QEvent.Type.KeyPress
            and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape)
        ):
            QTimer.singleShot(0, self._canvas, self._canvas.setFocus)
        return False
