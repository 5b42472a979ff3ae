"""A line over the lower edge of the picture while something else than the result is looked at, or made."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.document.looked_at import LookedAtClass
from app.session import Session
from app.session.adapted_preview import AFTER
from app.session.looking import RESULT
from app.theme.icons import pixmap
from app.theme.scheme import RADIUS, SPACE, Theme

WORK_SHOWN_AFTER_MS = 250  # shorter work would only flicker
TEXT_PX = 420


class LookedAtNotice(QWidget):
    """Says what is seen, so that nobody takes it for the mask; the way back is beside it."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._looking = session.looking
        self._theme = theme
        self._frame = QFrame()
        self._frame.setObjectName("looked-at")
        self._picture = QLabel()
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(120)
        self.legend = QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.outline = QCheckBox("Outline of the mask")
        self.use = QPushButton("Use as score")
        self.use.setToolTip("The refined score takes the place of the score; the threshold goes on from it")
        self.stop = QPushButton("Stop")
        self.back = QPushButton("Back to the result")
        row = QHBoxLayout(self._frame)
        row.setContentsMargins(SPACE + 4, SPACE // 2, SPACE // 2, SPACE // 2)
        row.setSpacing(SPACE)
        row.addWidget(self._picture)
        row.addWidget(self.text)
        row.addWidget(self.legend)
        row.addSpacing(SPACE)
        for widget in (self.bar, self.outline, self.use, self.stop, self.back):
            widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            row.addWidget(widget)
        self.bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, 0, SPACE, SPACE)
        layout.addWidget(self._frame)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(WORK_SHOWN_AFTER_MS)
        self._soon.timeout.connect(self._refresh)
        self.outline.toggled.connect(self._looking.set_outline)
        self.use.clicked.connect(self._looking.use_as_score)
        self.stop.clicked.connect(self._looking.cancel)
        self.back.clicked.connect(lambda: self._looking.look_at(RESULT))
        self._looking.changed.connect(self._changed)
        session.loading_changed.connect(self._refresh)
        theme.changed.connect(self._dress)
        self._dress()
        self._refresh()

    def _changed(self) -> None:
        if self._looking.job is None:
            self._soon.stop()
        elif not self._soon.isActive() and self.stop.isHidden():
            self._soon.start()
            return
        self._refresh()

    def _refresh(self) -> None:
        looking = self._looking
        hushed = self._session.is_loading
        job = None if hushed or self._soon.isActive() else looking.job
        # What an adapted model says has a bar of its own, with the way back.
        hushed = hushed or looking.key == AFTER
        look = None if hushed or job is not None else looking.look
        if job is not None:
            view = looking.view(looking.wanted)
            self._say("" if view is None else f"Making “{view.title}”…")
            self.bar.setRange(0, 1000 if job.total else 0)
            self.bar.setValue(round(1000 * min(1.0, job.done / job.total)) if job.total else 0)
        elif look is not None:
            self._say(
                f"You are looking at {look.title}, not at the {'mask' if look.covers_mask else 'photo'}."
            )
        classes = () if look is None else look.classes
        self.legend.setText("&nbsp;&nbsp;".join(map(_swatch, classes)))
        self.legend.setVisible(bool(classes))
        self.bar.setVisible(job is not None)
        self.stop.setVisible(job is not None)
        self.back.setVisible(look is not None)
        self.outline.setVisible(look is not None and look.covers_mask)
        self.outline.setChecked(looking.outline)
        self.use.setVisible(look is not None and looking.can_be_score)
        self.setVisible(job is not None or look is not None)

    def _say(self, text: str) -> None:
        self.setAccessibleName(text)
        self.text.setToolTip(text)
        self.text.setText(self.text.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, TEXT_PX))

    def _dress(self) -> None:
        scheme = self._theme.scheme
        self._frame.setStyleSheet(
            f"#looked-at {{ background: {scheme.hover}; border: 2px solid {scheme.warning}; "
            f"border-radius: {RADIUS}px; }}"
        )
        self._picture.setPixmap(pixmap("layers", scheme.warning, 18, self.devicePixelRatioF()))


def _swatch(entry: LookedAtClass) -> str:
    red, green, blue = entry.colour
    return f'<span style="color: rgb({red}, {green}, {blue})">\u25a0</span>&nbsp;{escape(entry.title)}'
