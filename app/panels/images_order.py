"""In which order the pictures are listed, why, and how far the work on it is."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.session import Session
from app.theme.icons import icon
from app.theme.scheme import FIELD_PX, RADIUS, SPACE, Theme

AS_ADDED = "In the order of the project"
BY_WORTH = "Most to correct first"
ABOUT = (
    "The chosen model looks at every picture and at its mirror images. Where it contradicts itself, or is "
    "near its threshold, there is most to correct. Pictures that look the same come last."
)


class OrderBar(QWidget):
    """Follows the session's queue and changes it. `order` stands beside the search field; the bar itself
    is there only while it has something to say."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._theme = theme
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        group = QActionGroup(menu)
        self.as_added, self.by_worth = (menu.addAction(title) for title in (AS_ADDED, BY_WORTH))
        for entry in (self.as_added, self.by_worth):
            entry.setCheckable(True)
            group.addAction(entry)
        self.by_worth.setToolTip(ABOUT)
        self.order = QToolButton()
        self.order.setMenu(menu)
        self.order.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.order.setIconSize(QSize(18, 18))
        self.order.setFixedSize(FIELD_PX + 4, FIELD_PX)
        self.order.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.order.setObjectName("order")
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
        layout.addLayout(line)
        layout.addWidget(self.bar)
        self.as_added.triggered.connect(lambda checked: self._chosen(by_worth=False))
        self.by_worth.triggered.connect(lambda checked: self._chosen(by_worth=True))
        self.button.clicked.connect(self._pressed)
        session.queue.changed.connect(self._refresh)
        session.queue.moved.connect(self._refresh)
        theme.changed.connect(self._dress)
        self._dress()
        self._refresh()

    def _dress(self) -> None:
        scheme = self._theme.scheme
        self.order.setIcon(icon("order", scheme))
        self.order.setStyleSheet(
            f"QToolButton {{ background: {scheme.raised}; border: 1px solid {scheme.line}; "
            f"border-radius: {RADIUS}px; }} QToolButton:hover {{ background: {scheme.hover}; }} "
            f"QToolButton:focus {{ border-color: {scheme.accent}; }} "
            "QToolButton::menu-indicator { image: none; }"
        )

    def _chosen(self, *, by_worth: bool) -> None:
        queue = self._session.queue
        if not by_worth and queue.is_running:
            queue.stop()
        queue.choose(by_worth=by_worth)
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
        by_worth = queue.by_worth or running
        (self.by_worth if by_worth else self.as_added).setChecked(True)
        self.by_worth.setEnabled(queue.can_rank or queue.by_worth)
        shown = BY_WORTH if by_worth else AS_ADDED
        self.order.setToolTip(f"Order of the pictures: {shown[:1].lower()}{shown[1:]}")
        self.order.setAccessibleName(self.order.toolTip())
        stale = queue.by_worth and (queue.unranked > 0 or queue.is_of_another_model)
        said = progress_words(queue.done, queue.total, queue.remaining_s) if running else self._about()
        self.text.setText(said)
        self.text.setVisible(bool(said))
        self.bar.setVisible(running)
        if running:
            self.bar.setRange(0, max(0, queue.total))
            self.bar.setValue(queue.done)
        self.button.setVisible(running or (stale and queue.can_rank))
        self.setVisible(bool(said))
        self.button.setText("Stop" if running else "Order again")
        self.button.setToolTip("Stop; what was looked at is not looked at again" if running else ABOUT)

    def _about(self) -> str:
        queue = self._session.queue
        ranking = queue.ranking
        if not queue.by_worth or ranking is None:
            return ""
        parts = [f"Most crack in doubt first, as {ranking.model} sees it."]
        if ranking.alike:
            parts.append(f"{_pictures(ranking.alike, 'looks', 'look')} like another: last.")
        if queue.unranked:
            parts.append(f"{_pictures(queue.unranked, 'is', 'are')} new: at the end.")
        if queue.is_of_another_model:
            parts.append("Another model is chosen now.")
        return " ".join(parts)


def _pictures(count: int, one: str, many: str) -> str:
    return f"1 {one}" if count == 1 else f"{count} {many}"


def progress_words(done: int, total: int, remaining_s: float | None) -> str:
    """How far it is, with the time that is left once there is a pace."""
    if done >= total:
        return "Comparing the pictures…"
    said = f"Looked at {done} of {total} pictures"
    if remaining_s is None:
        return said
    left = max(1, round(remaining_s))
    return f"{said}, {left} s left" if left < 100 else f"{said}, {round(left / 60)} min left"
