"""Model, device, predict buttons and the threshold of the present image."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.document import Document
from app.messages import Kind, Message
from app.panels.model_button import ModelButton
from app.panels.range_slider import RangeSlider
from app.panels.result_grid import ResultGrid
from app.session import Session
from app.theme.scheme import FIELD_PX, SPACE, Theme
from crackcore.domain.image_record import Threshold
from crackcore.domain.model_families import RESEARCH, RESEARCH_MARK


class PredictionPanel(QWidget):
    """Shows and changes what decides where the model's score becomes a crack."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._document: Document | None = None

        self.model = ModelButton(session, theme)
        self.grid = ResultGrid(session)

        self.predict_this = QPushButton("Predict this")
        self.predict_this.setProperty("primary", True)
        self.predict_all = QPushButton("Predict all")
        for button in (self.predict_this, self.predict_all):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE)
        buttons.addWidget(self.predict_this, 1)
        buttons.addWidget(self.predict_all, 1)

        self.slider = RangeSlider()
        self.slider.setToolTip(
            "Drag to move the threshold.\nShift-drag pulls a second handle out: scores between the two count "
            "only where they are joined to a certain crack.\nDouble-click brings the handles together."
        )
        self.low, self.high = _percent("Threshold, low"), _percent("Threshold, high")
        self.for_all = QPushButton("Use for all not approved")
        self.for_all.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.for_all.clicked.connect(self._use_for_all)
        self.low.setPrefix("low  ")
        self.high.setPrefix("high  ")
        self.low.setToolTip("A score from here on is a possible crack")
        self.high.setToolTip("A possible crack counts where it is joined to a score from here on")
        numbers = QHBoxLayout()
        numbers.setSpacing(SPACE)
        numbers.addWidget(self.low, 1)
        numbers.addWidget(self.high, 1)
        self.state = QLabel()
        self.state.setTextFormat(Qt.TextFormat.PlainText)
        self.state.setWordWrap(True)
        self.state.setProperty("soft", True)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE + 2, SPACE, SPACE + 2, SPACE + 2)
        layout.setSpacing(SPACE)
        layout.addWidget(self.model)
        layout.addWidget(self.grid)
        layout.addLayout(buttons)
        heading = QLabel("Threshold")
        heading.setProperty("heading", True)
        layout.addSpacing(SPACE // 2)
        layout.addWidget(heading)
        layout.addWidget(self.slider)
        layout.addLayout(numbers)
        layout.addWidget(self.for_all)
        layout.addWidget(self.state)
        layout.addStretch(1)

        self.slider.moved.connect(lambda low, high: self._set(low, high, final=False))
        self.slider.released.connect(lambda low, high: self._set(low, high, final=True))
        self.low.valueChanged.connect(self._low_typed)
        self.high.valueChanged.connect(self._high_typed)
        session.document_changed.connect(self._follow)
        session.project_changed.connect(self._refresh)
        session.models.changed.connect(self._refresh)
        session.predicting.changed.connect(self._refresh)
        self.grid.resized.connect(self._keep_height)
        self._follow()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._keep_height()

    def _keep_height(self) -> None:
        """Wrapped text has a height only once the width is known, and a dock would cut it off."""
        layout = self.layout()
        if layout is not None and self.width() > 0:
            height = layout.totalHeightForWidth(self.width())
            self.setMinimumHeight(max(height, layout.minimumSize().height(), 0))

    # -------------------------------------------------------------- following

    def _follow(self) -> None:
        if self._document is not None:
            for signal in _signals(self._document):
                signal.disconnect(self._refresh)
        self._document = self._session.document
        if self._document is not None:
            for signal in _signals(self._document):
                signal.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        session, document = self._session, self._document
        ready = document is not None and document.is_loaded
        self.predict_this.setEnabled(ready and session.predicting.can_predict)
        self.predict_all.setEnabled(session.predicting.can_predict and bool(session.project.images))
        self.predict_all.setText("Predict all" if session.predicting.batch is None else "Stop")
        if session.predicting.batch is not None:
            self.predict_all.setEnabled(True)
        frozen = document is not None and document.frozen is not None
        movable = ready and not frozen and not session.read_only
        for widget in (self.slider, self.low, self.high, self.for_all):
            widget.setEnabled(movable)
        if document is not None:
            threshold = document.threshold
            self.slider.set_value(threshold.low, threshold.high)
            for box, step in ((self.low, threshold.low), (self.high, threshold.high)):
                box.blockSignals(True)
                box.setValue(step / 255 * 100)
                box.blockSignals(False)
        self.state.setText(self._state_text())
        self.state.setVisible(bool(self.state.text()))
        self._keep_height()

    def _state_text(self) -> str:
        document = self._document
        if document is None:
            return ""
        if document.record.reason:
            return "Not analysed; the reason stands over the picture."
        if document.frozen is not None:
            return "Approved, so the mask is frozen. Reopen it to move the threshold."
        if document.prediction is None:
            return "Not predicted yet."
        prediction = document.prediction
        seconds = f" in {prediction.seconds:.1f} s" if prediction.seconds else ""
        made = f"Predicted by {prediction.model}{seconds}."
        return f"{made} {RESEARCH_MARK}" if prediction.family == RESEARCH else made

    # -------------------------------------------------------------- changing

    def _set(self, low: int, high: int, *, final: bool) -> None:
        if self._document is not None:
            self._document.set_threshold(Threshold(low, high), final=final)

    def _low_typed(self, percent: float) -> None:
        low, high = _step(percent), self.slider.value[1]
        was_one = self.slider.value[0] == high
        self._set(low, low if was_one else max(low, high), final=True)

    def _high_typed(self, percent: float) -> None:
        low, high = self.slider.value[0], _step(percent)
        self._set(min(low, high), high, final=True)

    def _use_for_all(self) -> None:
        low, high = self.slider.value
        changed = self._session.threshold_for_all_open(Threshold(low, high))
        text = "Every picture had this threshold already."
        if changed:
            pictures = "1 picture" if changed == 1 else f"{changed} pictures"
            text = f"The threshold is used for {pictures} more. Approved ones were left as they are."
        self._session.tell(Message(text, Kind.DONE, key="threshold"))


def _percent(name: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(100 / 255, 100)
    box.setDecimals(1)
    box.setSingleStep(1)
    box.setSuffix(" %")
    box.setKeyboardTracking(False)
    box.setMinimumHeight(FIELD_PX)
    box.setAccessibleName(name)
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return box


def _step(percent: float) -> int:
    return min(255, max(1, round(percent / 100 * 255)))


def _signals(document: Document):  # type: ignore[no-untyped-def]
    return (
        document.threshold_changed,
        document.prediction_changed,
        document.frozen_changed,
        document.record_changed,
        document.loaded,
    )
