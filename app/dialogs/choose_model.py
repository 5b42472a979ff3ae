"""Choose a model: every one that is installed, and how to get the others."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.dialogs.model_delegate import ModelDelegate, RowRole
from app.dialogs.model_rows import ModelRow
from app.theme.scheme import SPACE, Theme

SIZE = QSize(780, 680)


class ModelList(QListWidget):
    """Rows as high as their text, also when the width changes; the keyboard goes over headings."""

    def __init__(self, rows: Sequence[ModelRow], theme: Theme) -> None:
        super().__init__()
        self.setItemDelegate(ModelDelegate(theme, self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMouseTracking(True)
        self.setAccessibleName("Models")
        there = [row for row in rows if row.installed]
        missing = [row for row in rows if not row.installed]
        for title, part in (("Installed", there), ("Without weights", missing)):
            if part:
                heading = QListWidgetItem(title, self)
                heading.setFlags(Qt.ItemFlag.NoItemFlags)
            for row in part:
                item = QListWidgetItem(row.title, self)
                item.setData(RowRole, row)
                item.setData(Qt.ItemDataRole.AccessibleTextRole, row.spoken)
                # As escaped rich text, which wraps; a tool tip guesses what a name with markup would be.
                item.setToolTip(f"<p>{escape(row.more)}</p>")
                if row.chosen or (self.currentItem() is None and row.installed):
                    self.setCurrentItem(item)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.scheduleDelayedItemsLayout()

    def row_of(self, item: QListWidgetItem | None) -> ModelRow | None:
        found: ModelRow | None = None if item is None else item.data(RowRole)
        return found


class ModelChooser(QDialog):
    """Emits `chosen` with a model's name, or `import_wanted` with an architecture's ("" for any)."""

    chosen = Signal(str)
    import_wanted = Signal(str)

    def __init__(self, rows: Sequence[ModelRow], theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Choose a model")
        self.list = ModelList(rows, theme)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        buttons.button(QDialogButtonBox.StandardButton.Cancel).setIcon(QIcon())
        self.bring = QPushButton("Import a model…")
        self.bring.setAutoDefault(False)
        buttons.addButton(self.bring, QDialogButtonBox.ButtonRole.ResetRole)
        self.go = buttons.addButton("Use this model", QDialogButtonBox.ButtonRole.AcceptRole)
        self.go.setProperty("primary", True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, SPACE + 4)
        layout.setSpacing(SPACE + 4)
        layout.addWidget(self.list, 1)
        below = QVBoxLayout()
        below.setContentsMargins(SPACE * 2, 0, SPACE * 2, 0)
        below.addWidget(buttons)
        layout.addLayout(below)
        self.go.setDefault(True)  # only counts once the button is in the dialog
        buttons.accepted.connect(self._take)
        buttons.rejected.connect(self.reject)
        self.bring.clicked.connect(lambda: self._import(""))
        self.list.itemActivated.connect(lambda item: self._take())
        self.list.currentItemChanged.connect(lambda item, before: self._refresh())
        self._refresh()
        self.list.setFocus()
        room = self.screen().availableSize() if parent is None else parent.size()
        self.resize(SIZE.boundedTo(room - QSize(SPACE * 4, SPACE * 8)))

    @property
    def current(self) -> ModelRow | None:
        return self.list.row_of(self.list.currentItem())

    def _refresh(self) -> None:
        row = self.current
        self.go.setEnabled(row is not None)
        self.go.setText("Use this model" if row is None or row.installed else "Import its weights…")

    def _take(self) -> None:
        row = self.current
        if row is None:
            return
        if row.installed:
            self.accept()
            self.chosen.emit(row.name)
        else:
            self._import(row.name)

    def _import(self, architecture: str) -> None:
        self.accept()
        self.import_wanted.emit(architecture)
