"""Which mask values are crack, where the masks do not say it themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from app.theme.scheme import FIELD_PX, RADIUS, SPACE, Theme

if TYPE_CHECKING:
    from crackcore.datasets.asking import PossibleAnswer

OWN = "Say it yourself:"
FORM = "Values (2,4), colours (#ff0000), or a limit (>127, <128)"


class QuestionPanel(QFrame):
    """The question, likely answers, and a line for any other. Nothing is taken for granted: one of them
    must be chosen by hand."""

    answered = Signal(str, str)  # crack and undecided values, as `stated_rule` takes them
    settled = Signal()  # whether there is an answer may have changed

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setObjectName("question")
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setProperty("heading", True)
        self._answers: tuple[PossibleAnswer, ...] = ()
        self.group = QButtonGroup(self)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(SPACE * 3)
        self._grid.setVerticalSpacing(SPACE - 2)
        self.own = QRadioButton(OWN)
        self.crack = QLineEdit()
        self.crack.setPlaceholderText(FORM)
        self.crack.setAccessibleName("Values that are crack")
        self.undecided = QLineEdit()
        self.undecided.setPlaceholderText("undecided, if any")
        self.undecided.setAccessibleName("Values that are undecided")
        self.undecided.setMaximumWidth(150)
        self.show_own = QPushButton("Show")
        self.show_own.setAutoDefault(False)
        for field in (self.crack, self.undecided):
            field.setMinimumHeight(FIELD_PX)
            field.textEdited.connect(lambda text: self._edited())
        self.wrong = QLabel()
        self.wrong.hide()
        line = QHBoxLayout()
        line.setSpacing(SPACE)
        line.addWidget(self.own)
        line.addWidget(self.crack, 1)
        line.addWidget(self.undecided)
        line.addWidget(self.show_own)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE + 4, SPACE + 2, SPACE + 4, SPACE + 2)
        layout.setSpacing(SPACE)
        layout.addWidget(self.text)
        layout.addLayout(self._grid)
        layout.addLayout(line)
        layout.addWidget(self.wrong)
        self.group.addButton(self.own)
        self.group.buttonClicked.connect(lambda button: self._choose())
        self.show_own.clicked.connect(self._choose)
        theme.changed.connect(self._dress)
        self._dress()

    def ask(self, question: str, answers: Sequence[PossibleAnswer]) -> None:
        """Begin anew; nothing is chosen."""
        self.text.setText(question)
        self.setAccessibleDescription(question)
        for button in self.group.buttons():
            if button is not self.own:
                self.group.removeButton(button)
                button.hide()
                button.deleteLater()
        self._answers = tuple(answers)
        self.group.setExclusive(False)
        self.own.setChecked(False)
        self.group.setExclusive(True)
        for number, answer in enumerate(self._answers):
            button = QRadioButton(answer.words)
            self.group.addButton(button, number)
            self._grid.addWidget(button, number // 2, number % 2)
        self.crack.clear()
        self.undecided.clear()
        self._say_wrong("")

    def begin(self) -> None:
        """Put the keyboard where the answer is given."""
        button = self.group.button(0) if self._answers else self.own
        button.setFocus()

    @property
    def said(self) -> tuple[str, str]:
        """Crack and undecided values; two empty texts while nothing is chosen."""
        number = self.group.checkedId()
        if self.own.isChecked():
            return self.crack.text().strip(), self.undecided.text().strip()
        if 0 <= number < len(self._answers):
            return self._answers[number].crack, self._answers[number].undecided
        return "", ""

    @property
    def is_settled(self) -> bool:
        """Whether what is chosen can be understood."""
        return bool(self.said[0]) and not reason_against(*self.said)

    def _edited(self) -> None:
        self.own.setChecked(True)
        self._say_wrong("")
        self.settled.emit()

    def _choose(self) -> None:
        crack, undecided = self.said
        if self.own.isChecked() and not crack:
            self._say_wrong("")
            self.crack.setFocus()
            self.settled.emit()
            return
        reason = reason_against(crack, undecided)
        self._say_wrong(reason)
        self.settled.emit()
        if crack and not reason:
            self.answered.emit(crack, undecided)

    def _say_wrong(self, reason: str) -> None:
        self.wrong.setText(f"{reason[:1].upper()}{reason[1:]}." if reason else "")
        self.wrong.setVisible(bool(reason))

    def _dress(self) -> None:
        scheme = self._theme.scheme
        self.setStyleSheet(
            f"#question {{ background: {scheme.raised}; border: 1px solid {scheme.line}; "
            f"border-left: 3px solid {scheme.warning}; border-radius: {RADIUS}px; }}"
            # The style's own circle can hardly be seen on the raised ground of the dark scheme.
            f"QRadioButton::indicator {{ width: 12px; height: 12px; border: 1px solid {scheme.text_soft}; "
            f"border-radius: 7px; background: {scheme.ground}; }}"
            f"QRadioButton::indicator:checked {{ width: 6px; height: 6px; border: 4px solid {scheme.accent}; "
            f"border-radius: 7px; background: {scheme.accent_text}; }}"
            f"QRadioButton:focus {{ color: {scheme.accent}; }}"
        )
        self.wrong.setStyleSheet(f"color: {scheme.error};")


def reason_against(crack: str, undecided: str) -> str:
    """Why these words are no answer; empty when they are one, or when nothing is said."""
    from crackcore.imaging.mask_rules import stated_rule

    if not crack:
        return ""
    try:
        stated_rule(crack, undecided)
    except ValueError as error:
        return str(error)
    return ""
