"""Messages above the picture: plain text, dismissible, with the ways out as buttons. Never modal."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.messages import Kind, Message, Way
from app.theme.icons import icon, pixmap
from app.theme.scheme import RADIUS, SPACE, Scheme, Theme

SHOWN_AT_ONCE = 3
FADE_MS = 7000


class MessageStrip(QFrame):
    """One message."""

    def __init__(self, message: Message, scheme: Scheme, parent: MessageArea) -> None:
        super().__init__(parent)
        self.message = message
        self.setObjectName("strip")
        self._area = parent
        self._picture = QLabel()
        self.text = QLabel(message.text)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.details = QLabel("\n".join(message.details))
        self.details.setTextFormat(Qt.TextFormat.PlainText)
        self.details.setWordWrap(True)
        self.details.setProperty("soft", True)
        self.details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.details.hide()

        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self._picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.text, 1)
        if message.details:
            more = QPushButton("Show details")
            more.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            more.clicked.connect(lambda: self._toggle_details(more))
            row.addWidget(more, 0, Qt.AlignmentFlag.AlignTop)
        self.buttons: list[QPushButton] = []
        for way in message.ways:
            button = QPushButton(way.title)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda checked=False, way=way: self._go(way))
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
            self.buttons.append(button)
        self.close_button = QToolButton()
        self.close_button.setAutoRaise(True)
        self.close_button.setAccessibleName("Dismiss")
        self.close_button.setToolTip("Dismiss")
        self.close_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.close_button.clicked.connect(lambda: self._area.dismiss(self))
        row.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE + 4, SPACE // 2 + 2, SPACE // 2, SPACE // 2 + 2)
        layout.addLayout(row)
        layout.addWidget(self.details)
        self.dress(scheme)

    def dress(self, scheme: Scheme) -> None:
        colour = {
            Kind.INFO: scheme.info,
            Kind.DONE: scheme.done,
            Kind.WARNING: scheme.warning,
            Kind.ERROR: scheme.error,
        }[self.message.kind]
        self.setStyleSheet(
            f"#strip {{ background: {scheme.raised}; border: 1px solid {scheme.line}; "
            f"border-left: 3px solid {colour}; border-radius: {RADIUS}px; }}"
        )
        self._picture.setPixmap(pixmap(self.message.kind.value, colour, 18, self.devicePixelRatioF()))
        self.close_button.setIcon(icon("cancel", scheme))

    def _toggle_details(self, button: QPushButton) -> None:
        self.details.setVisible(not self.details.isVisible())
        button.setText("Hide details" if self.details.isVisible() else "Show details")
        self._area.arranged.emit()

    def _go(self, way: Way) -> None:
        self._area.dismiss(self)
        way.run()


class MessageArea(QWidget):
    """The newest messages, newest first. Those that do not stay fade after some seconds."""

    arranged = Signal()  # its size is another one now

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(SPACE // 2)
        self.strips: list[MessageStrip] = []
        theme.changed.connect(self._dress)
        self.hide()

    def tell(self, message: Message) -> None:
        for strip in list(self.strips):
            if message.key and strip.message.key == message.key:
                self.dismiss(strip)
        strip = MessageStrip(message, self._theme.scheme, self)
        self.strips.insert(0, strip)
        self._layout.insertWidget(0, strip)
        self.setAccessibleDescription(message.text)
        # What stays is never pushed out by what fades.
        fading = [s for s in self.strips[1:] if not s.message.stays]
        while len(self.strips) > SHOWN_AT_ONCE and fading:
            self.dismiss(fading.pop())
        while len(self.strips) > SHOWN_AT_ONCE + 2:
            self.dismiss(self.strips[-1])
        if not message.stays:
            QTimer.singleShot(FADE_MS, strip, lambda: self._fade(strip))
        self.show()
        self.arranged.emit()

    def dismiss(self, strip: MessageStrip) -> None:
        if strip in self.strips:
            self.strips.remove(strip)
            self._layout.removeWidget(strip)
            strip.hide()
            strip.deleteLater()
        self.setVisible(bool(self.strips))
        self.arranged.emit()

    def clear(self) -> None:
        for strip in list(self.strips):
            self.dismiss(strip)

    def _fade(self, strip: MessageStrip) -> None:
        if strip.underMouse():  # being read
            QTimer.singleShot(FADE_MS, strip, lambda: self._fade(strip))
        else:
            self.dismiss(strip)

    def _dress(self) -> None:
        for strip in self.strips:
            strip.dress(self._theme.scheme)
