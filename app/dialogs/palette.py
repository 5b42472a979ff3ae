"""The command palette: type a few letters of what you want."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from app.theme.scheme import SPACE


@dataclass(frozen=True)
class Command:
    title: str
    keys: str
    run: Callable[[], object]


def rank(text: str, title: str) -> int | None:
    """How well a title fits what was typed, smaller is better; None when it does not.

    Every word typed must begin a word of the title, or at least stand somewhere in it.
    """
    title = title.casefold()
    words = title.split()
    total = 0
    for piece in text.casefold().split():
        if any(word.startswith(piece) for word in words):
            total += 0 if title.startswith(piece) else 1
        elif piece in title:
            total += 3
        else:
            return None
    return total


class CommandPalette(QDialog):
    """A field and a list; Enter runs, Esc leaves."""

    def __init__(self, commands: list[Command], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("All commands")
        self.setMinimumSize(460, 420)
        self._commands = commands
        self.field = QLineEdit()
        self.field.setPlaceholderText("What do you want to do?")
        self.field.setAccessibleName("What do you want to do?")
        self.list = QListWidget()
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        layout.addWidget(self.field)
        layout.addWidget(self.list, 1)
        self.field.textChanged.connect(self._fill)
        self.field.returnPressed.connect(self._run)
        self.list.itemActivated.connect(lambda item: self._run())
        self.list.itemClicked.connect(lambda item: self._run())
        self.field.installEventFilter(self)
        self._fill("")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            if step is not None and self.list.count():
                self.list.setCurrentRow((self.list.currentRow() + step) % self.list.count())
                return True
        return super().eventFilter(watched, event)

    def _fill(self, text: str) -> None:
        self.list.clear()
        ranked = [(rank(text, c.title), n, c) for n, c in enumerate(self._commands)]
        fitting = [(r, n, c) for r, n, c in ranked if r is not None]
        for _, _, command in sorted(fitting, key=lambda entry: entry[:2]):
            item = QListWidgetItem(f"{command.title}    {command.keys}" if command.keys else command.title)
            item.setData(Qt.ItemDataRole.UserRole, command)
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    def _run(self) -> None:
        item = self.list.currentItem()
        self.accept()
        if item is not None:
            item.data(Qt.ItemDataRole.UserRole).run()
