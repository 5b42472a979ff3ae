"""What came of something, inside a dialog: one sentence, facts in two columns, details to unfold."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFormLayout, QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.messages import Kind
from app.theme.icons import pixmap
from app.theme.scheme import RADIUS, SPACE, Theme

_ICON_PX = 18
_INDENT = _ICON_PX + SPACE
_SELECTABLE = Qt.TextInteractionFlag.TextSelectableByMouse


class Outcome(QFrame):
    """Hidden until there is something to say."""

    arranged = Signal()  # its height is another one now

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setObjectName("outcome")
        self._picture = QLabel()
        self.text = _plain()
        self.more = QPushButton("Show details")
        self.more.setAutoDefault(False)
        self.details = _plain()
        self.details.setProperty("soft", True)
        self._facts = QWidget()
        top = QHBoxLayout()
        top.setSpacing(SPACE)
        top.addWidget(self._picture, 0, Qt.AlignmentFlag.AlignTop)
        top.addWidget(self.text, 1)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(SPACE + 4, SPACE + 2, SPACE + 4, SPACE + 2)
        self._layout.setSpacing(SPACE)
        self._layout.addLayout(top)
        self._layout.addWidget(self._facts)
        self.details.setContentsMargins(_INDENT, 0, 0, 0)
        self._layout.addWidget(self.details)
        under = QHBoxLayout()
        under.addSpacing(_INDENT)
        under.addWidget(self.more)
        under.addStretch(1)
        self._layout.addLayout(under)
        self.more.clicked.connect(self._toggle)
        self.hide()

    def clear(self) -> None:
        self.hide()
        self.arranged.emit()

    def show_lines(
        self,
        kind: Kind,
        sentence: str,
        *,
        facts: Sequence[tuple[str, str]] = (),
        details: Sequence[str] = (),
    ) -> None:
        """Say it; `facts` are captions and what belongs to them."""
        scheme = self._theme.scheme
        colour = {Kind.DONE: scheme.done, Kind.ERROR: scheme.error, Kind.WARNING: scheme.warning}.get(
            kind, scheme.info
        )
        self.setStyleSheet(
            f"#outcome {{ background: {scheme.raised}; border: 1px solid {scheme.line}; "
            f"border-left: 3px solid {colour}; border-radius: {RADIUS}px; }}"
        )
        self._picture.setPixmap(pixmap(kind.value, colour, _ICON_PX, self.devicePixelRatioF()))
        self.text.setText(sentence)
        self.setAccessibleDescription(sentence)
        self._fill(facts)
        self.details.setText("\n".join(details))
        self.details.hide()
        self.more.setText("Show details")
        self.more.setVisible(bool(details))
        self.show()
        self.arranged.emit()

    def _fill(self, facts: Sequence[tuple[str, str]]) -> None:
        page = QWidget()
        form = QFormLayout(page)
        form.setContentsMargins(_INDENT, 0, 0, 0)
        form.setHorizontalSpacing(SPACE * 2)
        form.setVerticalSpacing(SPACE // 2)
        for caption, said in facts:
            name, value = QLabel(caption), _plain()
            name.setProperty("soft", True)
            name.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
            value.setText(said)
            form.addRow(name, value)
        self._layout.replaceWidget(self._facts, page)
        self._facts.hide()
        self._facts.deleteLater()
        self._facts = page
        page.setVisible(bool(facts))

    def _toggle(self) -> None:
        self.details.setVisible(self.details.isHidden())
        self.more.setText("Show details" if self.details.isHidden() else "Hide details")
        self.arranged.emit()


def _plain() -> QLabel:
    """Names of files and of layers come from elsewhere: never as markup."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(_SELECTABLE)
    return label
