"""In which order the pictures are listed, why, and how far the work on it is."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.session import Session
from app.theme.scheme import FIELD_PX, SPACE

AS_ADDED = "In the order of the project"
BY_WORTH = "Worth correcting first"
ABOUT = (
    "The chosen model looks at every picture and at its mirror images. Where it contradicts itself, or is "
    "near its threshold, a correction teaches it most. Pictures that look the same come last."
)


class OrderBar(QWidget):
    """Follows the session's queue and changes it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.order = QComboBox()
        self.order.addItems([AS_ADDED, BY_WORTH])
        self.order.setItemData(1, ABOUT, Qt.ItemDataRole.ToolTipRole)
        self.order.setToolTip(ABOUT)
        self.order.setAccessibleName("Order of the pictures")
        self.order.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.order.setMinimumHeight(FIELD_PX)
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.text.setProperty("soft", True)
        self.button = QPushButton()
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        line = QHBoxLayout()
        line.setSpacing(SPACE)
        line.addWidget(self.text, 1)
        line.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE - 2)
        layout.addWidget(self.order)
        layout.addLayout(line)
        layout.addWidget(self.bar)
        self.order.activated.connect(self._chosen)
        self.button.clicked.connect(self._pressed)
        session.queue.changed.connect(self._refresh)
        session.queue.moved.connect(self._refresh)
        self._refresh()

    def _chosen(self, index: int) -> None:
        queue = self._session.queue
        if index == 0 and queue.is_running:
            queue.stop()
        queue.choose(by_worth=index == 1)
        self._refresh()

    def _pressed(self) -> None:
        queue = self._session.queue
        if queue.is_running:
            queue.stop()
        else:
            queue.start()

    def _refresh(self) -> None:
        queue = self._session.queue
        running = queue.is_running
        with QSignalBlocker(self.order):
            self.order.setCurrentIndex(1 if queue.by_worth or running else 0)
        self.order.setEnabled(queue.can_rank or queue.by_worth)
        stale = queue.by_worth and (queue.unranked > 0 or queue.is_of_another_model)
        said = progress_words(queue.done, queue.total, queue.remaining_s) if running else self._about()
        self.text.setText(said)
        self.text.setVisible(bool(said))
        self.bar.setVisible(running)
        if running:
            self.bar.setRange(0, max(0, queue.total))
            self.bar.setValue(queue.done)
        self.button.setVisible(running or (stale and queue.can_rank))
        self.button.setText("Stop" if running else "Order again")
        self.button.setToolTip("Stop; what was looked at is not looked at again" if running else ABOUT)

    def _about(self) -> str:
        queue = self._session.queue
        ranking = queue.ranking
        if not queue.by_worth or ranking is None:
            return ""
        parts = [f"Most crack in doubt first, by {ranking.model}."]
        if ranking.alike:
            parts.append(f"{_number(ranking.alike)} like another one: last.")
        if queue.unranked:
            parts.append(f"{_number(queue.unranked)} new: at the end.")
        if queue.is_of_another_model:
            parts.append("Another model is chosen now.")
        return " ".join(parts)


def _number(count: int) -> str:
    return "1 is" if count == 1 else f"{count} are"


def progress_words(done: int, total: int, remaining_s: float | None) -> str:
    """How far it is, with the time that is left once there is a pace."""
    if done >= total:
        return "Comparing the pictures…"
    said = f"Looked at {done} of {total} pictures"
    if remaining_s is None:
        return said
    left = max(1, round(remaining_s))
    return f"{said}, {left} s left" if left < 100 else f"{said}, {round(left / 60)} min left"
