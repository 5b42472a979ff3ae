"""Look at: other layers than the result, for the model that is chosen and the score there is."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.session import Session
from app.session.looking import RESULT, View
from app.theme.scheme import FIELD_PX, SPACE


class LookAt(QWidget):
    """A choice of layers; what is being made shows how far it is and can be stopped."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._looking = session.looking
        self._shown: tuple[View, ...] = ()
        self.choice = QComboBox()
        self.choice.setModel(QStandardItemModel(self))
        self.choice.setMinimumHeight(FIELD_PX)
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.setMinimumContentsLength(14)
        self.choice.setAccessibleName("Look at")
        self.choice.setToolTip("What the canvas shows: the result, or another layer of the model (Shift+M)")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.stop = QPushButton("Stop")
        self.outline = QCheckBox("Outline of the mask over it")
        self.use = QPushButton("Use as score")
        self.use.setToolTip(
            "The refined score takes the place of the score; the threshold goes on from there"
        )
        for widget in (self.stop, self.use):
            widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE + 2, 0, SPACE + 2, SPACE + 2)
        layout.setSpacing(SPACE)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        label = QLabel("Look at")
        label.setBuddy(self.choice)
        row.addWidget(label)
        row.addWidget(self.choice, 1)
        layout.addLayout(row)
        self._work = QWidget()
        work = QHBoxLayout(self._work)
        work.setContentsMargins(0, 0, 0, 0)
        work.setSpacing(SPACE)
        work.addWidget(self.bar, 1)
        work.addWidget(self.stop)
        layout.addWidget(self._work)
        layout.addWidget(self.outline)
        layout.addWidget(self.use)

        self.choice.activated.connect(lambda index: self._looking.look_at(self.choice.itemData(index)))
        self.stop.clicked.connect(self._looking.cancel)
        self.outline.toggled.connect(self._looking.set_outline)
        self.use.clicked.connect(self._looking.use_as_score)
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
        job, look = looking.job, looking.look
        self._work.setVisible(job is not None)
        if job is not None:
            self.bar.setRange(0, 1000 if job.total else 0)
            self.bar.setValue(round(1000 * min(1.0, job.done / job.total)) if job.total else 0)
        self.outline.setVisible(look is not None and look.covers_mask)
        self.outline.setChecked(looking.outline)
        self.use.setVisible(looking.can_be_score)

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
        self.choice.setCurrentIndex(self.choice.findData(RESULT))
