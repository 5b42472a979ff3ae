"""Look at: other layers than the result, of the model that is chosen and of the score there is."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

from app.session import Session
from app.session.looking import View
from app.theme.scheme import FIELD_PX, SPACE


class LookAt(QWidget):
    """A choice of layers; what belongs to the one that is looked at stands over the picture."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._looking = session.looking
        self._shown: tuple[View, ...] = ()
        self.choice = QComboBox()
        self.choice.setModel(QStandardItemModel(self))
        self.choice.setMinimumHeight(FIELD_PX)
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.setMinimumContentsLength(14)
        self.choice.setAccessibleName("Look at")
        self.choice.setToolTip("The result, or another layer of the model (Shift+M goes through them)")
        label = QLabel("Look at")
        label.setBuddy(self.choice)
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE + 2, 0, SPACE + 2, SPACE + 2)
        row.setSpacing(SPACE)
        row.addWidget(label)
        row.addWidget(self.choice, 1)
        self.choice.activated.connect(lambda index: self._looking.look_at(self.choice.itemData(index)))
        self._looking.changed.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        looking = self._looking
        views = looking.views
        if views != self._shown:
            self._shown = views
            self._fill(views)
        self.choice.setCurrentIndex(self.choice.findData(looking.wanted or looking.key))
        self.choice.setEnabled(len(views) > 1)

    def _fill(self, views: tuple[View, ...]) -> None:
        model = self.choice.model()
        assert isinstance(model, QStandardItemModel)
        model.clear()
        heading = ""
        for view in views:
            if view.group != heading:
                heading = view.group
                entry = QStandardItem(heading)
                entry.setFlags(Qt.ItemFlag.NoItemFlags)
                font = entry.font()
                font.setBold(True)
                entry.setFont(font)
                model.appendRow(entry)
            entry = QStandardItem(view.title)
            entry.setData(view.key, Qt.ItemDataRole.UserRole)
            if view.about:
                entry.setToolTip(view.about)
            model.appendRow(entry)
