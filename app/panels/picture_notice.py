"""A line over the lower edge of the picture for what must not be overlooked: it was not analysed."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from app.document import Document
from app.session import Session
from app.theme.scheme import RADIUS, SPACE, Theme


class PictureNotice(QLabel):
    """Hidden unless the last analysis of the shown picture failed.

    A picture without a mask looks like a wall without cracks; only this line tells the two apart
    where one looks.
    """

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._theme = theme
        self._document: Document | None = None
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setMinimumWidth(320)
        self.setMaximumWidth(640)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("State of the picture")
        session.document_changed.connect(self._follow)
        session.loading_changed.connect(self._refresh)
        theme.changed.connect(self._dress)
        self._dress()
        self._follow()

    def _follow(self) -> None:
        if self._document is not None:
            self._document.record_changed.disconnect(self._refresh)
            self._document.prediction_changed.disconnect(self._refresh)
        self._document = self._session.document
        if self._document is not None:
            self._document.record_changed.connect(self._refresh)
            self._document.prediction_changed.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        # While another picture is on its way, its thumbnail may be what is seen.
        hushed = self._document is None or self._session.is_loading
        text = "" if hushed or self._document is None else notice_text(self._document)
        self.setText(text)
        self.setVisible(bool(text))

    def _dress(self) -> None:
        scheme = self._theme.scheme
        self.setStyleSheet(
            f"background: {scheme.raised}; color: {scheme.text}; border: 2px solid {scheme.error}; "
            f"border-radius: {RADIUS}px; padding: {SPACE // 2}px {SPACE}px; margin: {SPACE}px;"
        )


def notice_text(document: Document) -> str:
    """What to say over the picture; empty when there is nothing to warn of."""
    reason = document.record.reason
    if not reason:
        return ""
    shown = " What is shown comes from an earlier prediction." if document.prediction is not None else ""
    return f"Not analysed: {reason}{shown}"
