"""A line over the lower edge of the picture while something else than the result is looked at."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from app.session import Session
from app.session.looking import RESULT
from app.theme.icons import pixmap
from app.theme.scheme import RADIUS, SPACE, Theme


class LookedAtNotice(QFrame):
    """Says what is seen, so that nobody takes it for the mask; the way back is beside it."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._theme = theme
        self.setObjectName("looked-at")
        self._picture = QLabel()
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.back = QPushButton("Back to the result")
        self.back.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.back.clicked.connect(lambda: session.looking.look_at(RESULT))
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE + 4, SPACE // 2, SPACE // 2, SPACE // 2)
        row.setSpacing(SPACE)
        row.addWidget(self._picture)
        row.addWidget(self.text)
        row.addSpacing(SPACE)
        row.addWidget(self.back)
        session.looking.changed.connect(self._refresh)
        session.loading_changed.connect(self._refresh)
        theme.changed.connect(self._dress)
        self._dress()
        self._refresh()

    def _refresh(self) -> None:
        look = None if self._session.is_loading else self._session.looking.look
        if look is not None:
            instead = "not the mask" if look.covers_mask else "not the photo"
            self.text.setText(f"You are looking at {look.title}: {instead}.")
            self.setAccessibleName(self.text.text())
        self.setVisible(look is not None)

    def _dress(self) -> None:
        scheme = self._theme.scheme
        self.setStyleSheet(
            f"#looked-at {{ background: {scheme.raised}; border: 2px solid {scheme.warning}; "
            f"border-radius: {RADIUS}px; }}"
        )
        self._picture.setPixmap(pixmap("layers", scheme.warning, 18, self.devicePixelRatioF()))
