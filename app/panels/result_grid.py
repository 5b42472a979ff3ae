"""How fine a result is: the choice for models that enlarge photos, and the way back for this picture."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.session import Session
from app.theme.scheme import FIELD_PX, SPACE


class ResultGrid(QWidget):
    """Only there while there is something to choose or to take back."""

    resized = Signal()  # another height is needed

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.choice = QComboBox()
        self.choice.setAccessibleName("Result")
        self.choice.setMinimumHeight(FIELD_PX)
        self.choice.addItem("In photo pixels", "photo")
        self.choice.addItem("Four times finer", "finer")
        tip = (
            "This model enlarges photos before it looks for cracks.\n"
            "In photo pixels: the result is brought back to the pixels of the photo.\n"
            "Four times finer: photo and mask are enlarged for the pictures it predicts; "
            "what was drawn by hand stays, enlarged too."
        )
        self.choice.setToolTip(tip)
        self._row = QWidget()
        row = QHBoxLayout(self._row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE)
        label = QLabel("Result")
        label.setBuddy(self.choice)
        label.setToolTip(tip)
        row.addWidget(label)
        row.addWidget(self.choice, 1)
        self.note = QLabel("This picture is four times finer than its photo.")
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setWordWrap(True)
        self.note.setProperty("soft", True)
        self.back = QPushButton("Back to photo pixels")
        self.back.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.back.setToolTip(
            "Strokes keep to whole photo pixels again, and any with crack in it is crack; "
            "scores are averaged.\nUndo takes it back."
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE)
        layout.addWidget(self._row)
        layout.addWidget(self.note)
        layout.addWidget(self.back)

        self.choice.activated.connect(
            lambda index: session.settings.set("result_grid", self.choice.itemData(index))
        )
        self.back.clicked.connect(lambda: session.regridding.back_to_photo())
        session.models.changed.connect(self.refresh)
        session.settings.changed.connect(lambda name: self.refresh())
        session.document_changed.connect(self.refresh)
        session.record_changed.connect(lambda image_id: self.refresh())
        self.refresh()

    def refresh(self) -> None:
        session, document = self._session, self._session.document
        model = session.models.chosen
        self.choice.setCurrentIndex(self.choice.findData(session.settings.value.result_grid))
        self._row.setVisible(model is not None and session.models.finer(model) > 1)
        is_finer = document is not None and document.is_loaded and document.grid.magnification > 1
        self.note.setVisible(is_finer)
        self.back.setVisible(is_finer and not session.read_only)
        self.setVisible(self._row.isVisibleTo(self) or is_finer)
        self.resized.emit()
