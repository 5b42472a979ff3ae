"""Look into a data set: where it is, what it is, which mask values are crack, and how it looks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.dialogs.ask import Ask
from app.dialogs.data_set_cells import CellList
from app.dialogs.data_set_facts import FactsPanel
from app.dialogs.data_set_question import QuestionPanel
from app.dialogs.outcome import Outcome
from app.jobs.data_set import DataSetFigures, DataSetLook, DataSetRequest
from app.messages import Kind
from app.theme.scheme import FIELD_PX, SPACE, Theme

if TYPE_CHECKING:
    from crackcore.datasets.asking import Cell

SIZE = (980, 680)
FACTS_PX = 330
INTRO = "A folder with photographs and masks, in any of the published layouts, a list of pairs, or a project."
PROMISE = (
    "Here you will see what it is, which mask values are taken for crack,\n"
    "how its pictures look, and its figures. Nothing in it is changed."
)
CRACK_FREE = "None of these photographs shows a crack (there are no masks)"


class DataSetDialog(QDialog):
    """Asks, and shows what was found; the work is done by whoever hears `wanted` and its kind."""

    wanted = Signal(object)  # DataSetRequest: look into it
    answered = Signal(object)  # DataSetRequest: show what this answer would mark
    measure_wanted = Signal(object)  # DataSetLook
    stopped = Signal()
    chosen = Signal(object)  # ChosenDataSet

    def __init__(
        self,
        ask: Ask,
        theme: Theme,
        parent: QWidget | None = None,
        *,
        purpose: str = "",
        use: str = "",
    ) -> None:
        """`purpose` says in a sentence what the set is for; `use` is the title of the button that takes
        it, or empty where it is only looked at."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Look into a data set" if not use else "Choose a data set")
        self.resize(*SIZE)
        self._ask = ask
        self._reading = False
        self._measuring = False
        self.look: DataSetLook | None = None

        intro = QLabel(f"{purpose} {INTRO}".strip())
        intro.setWordWrap(True)
        intro.setProperty("soft", True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        layout.setSpacing(SPACE + 4)
        layout.addWidget(intro)
        layout.addWidget(self._build_form())
        self.outcome = Outcome(theme)
        layout.addWidget(self.outcome)
        layout.addWidget(self._build_body(theme), 1)
        self._empty = QLabel(PROMISE)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setProperty("soft", True)
        layout.addWidget(self._empty, 1)
        layout.addWidget(self._build_work())
        layout.addWidget(self._build_buttons(use))
        self._refresh()
        self.folder_button.setFocus()

    # -------------------------------------------------------------- building

    def _build_form(self) -> QWidget:
        self.place = QLineEdit()
        self.place.setAccessibleName("Folder, list or project")
        self.place.setPlaceholderText("A folder, a list of pairs (.txt) or a project")
        self.place.setMinimumHeight(FIELD_PX)
        self.folder_button = QPushButton("Folder…")
        self.file_button = QPushButton("List or project…")
        self.crack_free = QCheckBox(CRACK_FREE)
        for button in (self.folder_button, self.file_button):
            button.setAutoDefault(False)
        self.form = QWidget()
        form = QVBoxLayout(self.form)
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(SPACE)
        line = QHBoxLayout()
        line.setSpacing(SPACE)
        line.addWidget(self.place, 1)
        line.addWidget(self.folder_button)
        line.addWidget(self.file_button)
        form.addLayout(line)
        form.addWidget(self.crack_free)
        self.folder_button.clicked.connect(lambda: self._choose(self._ask.folder("Choose a data set")))
        self.file_button.clicked.connect(
            lambda: self._choose(self._ask.data_set("Choose a list or a project"))
        )
        self.place.textChanged.connect(lambda text: self._forget())
        self.crack_free.toggled.connect(lambda on: self._said_again())
        return self.form

    def _build_work(self) -> QWidget:
        self.note = QLabel()
        self.note.setProperty("soft", True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self._work = QWidget()
        work = QVBoxLayout(self._work)
        work.setContentsMargins(0, 0, 0, 0)
        work.setSpacing(SPACE // 2)
        work.addWidget(self.note)
        work.addWidget(self.bar)
        return self._work

    def _build_body(self, theme: Theme) -> QWidget:
        self.question = QuestionPanel(theme)
        self.facts = FactsPanel()
        self.cells = CellList()
        scroll = QScrollArea()
        scroll.setWidget(self.facts)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFixedWidth(FACTS_PX)
        self._body = QWidget()
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(SPACE + 4)
        sides = QHBoxLayout()
        sides.setSpacing(SPACE * 2)
        sides.addWidget(scroll)
        right = QVBoxLayout()
        right.setSpacing(SPACE // 2)
        right.addWidget(self.cells, 1)
        self.legend = QLabel()
        self.legend.setProperty("soft", True)
        self.legend.setWordWrap(True)
        right.addWidget(self.legend)
        sides.addLayout(right, 1)
        body.addWidget(self.question)
        body.addLayout(sides, 1)
        self.question.answered.connect(self._show_answer)
        self.question.settled.connect(lambda: self._refresh())
        return self._body

    def _build_buttons(self, use: str) -> QWidget:
        buttons = QDialogButtonBox()
        self.leave = buttons.addButton("Close", QDialogButtonBox.ButtonRole.RejectRole)
        self.again = buttons.addButton("Answer again", QDialogButtonBox.ButtonRole.ResetRole)
        self.take = buttons.addButton(use or "Use it", QDialogButtonBox.ButtonRole.AcceptRole)
        self.go = buttons.addButton("Look into it", QDialogButtonBox.ButtonRole.AcceptRole)
        self._can_take = bool(use)
        for button in (self.leave, self.again, self.take, self.go):
            button.setAutoDefault(False)
        for button in (self.take, self.go):
            button.setProperty("primary", True)
        self.leave.clicked.connect(self.reject)
        self.go.clicked.connect(self._go)
        self.take.clicked.connect(self._take)
        self.again.clicked.connect(self._ask_again)
        return buttons

    # -------------------------------------------------------------- asking

    @property
    def request(self) -> DataSetRequest:
        crack, undecided = self.question.said if self.look is not None and self.look.question else ("", "")
        return DataSetRequest(
            Path(self.place.text().strip()), self.crack_free.isChecked(), crack=crack, undecided=undecided
        )

    def look_into(self, place: Path) -> None:
        """Begin with this place."""
        self._choose(place)

    def _choose(self, place: Path | None) -> None:
        if place is not None:
            self.place.setText(str(place))
            self._go()

    def _said_again(self) -> None:
        had = self.look is not None or self.outcome.isVisible()
        self._forget()
        if had and self.place.text().strip():
            self._go()

    def _forget(self) -> None:
        """The place is another one: what was found is not about it."""
        self.look = None
        self.outcome.clear()
        if self._reading or self._measuring:
            self._reading = self._measuring = False
            self.stopped.emit()
        self._refresh()

    def _go(self) -> None:
        """Look into it, or, with a question answered, look again with the answer."""
        if not self.place.text().strip() or self._reading:
            return
        request = self.request
        self.look = None
        self.outcome.clear()
        self._reading = True
        self.show_progress(0, 0, "")
        self._refresh()
        self.wanted.emit(request)

    def _ask_again(self) -> None:
        """The answer that was given is taken back."""
        self._forget()
        self._go()

    def _show_answer(self, crack: str, undecided: str) -> None:
        if self.look is not None:
            self._refresh()
            self.answered.emit(self.request)

    def _take(self) -> None:
        look = self.look
        if look is None or look.question:
            return
        chosen = look.chosen
        self.accept()
        self.chosen.emit(chosen)

    def reject(self) -> None:
        """Escape and the left button: stop the reading, or leave."""
        if self._reading:
            self._reading = False
            self.stopped.emit()
            self.outcome.show_lines(Kind.INFO, "Stopped.")
            self._refresh()
        else:
            super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.stopped.emit()
        super().closeEvent(event)

    # -------------------------------------------------------------- answers

    def show_progress(self, done: float, total: float, note: str) -> None:
        self.note.setText(note or "Reading…")
        self.bar.setRange(0, 1000 if total else 0)
        self.bar.setValue(round(1000 * min(1.0, done / total)) if total else 0)

    def show_refusal(self, sentence: str) -> None:
        """Why it is no data set; the form is there for another try."""
        self._reading = False
        self.outcome.show_lines(Kind.ERROR, sentence)
        self._refresh()

    def show_look(self, look: DataSetLook) -> None:
        """What it is. Without a question its figures are asked for at once."""
        self._reading = False
        self.look = look
        self.facts.show_look(look)
        self.cells.show_cells(look.cells)
        self.question.ask(look.question, look.answers)
        self.legend.setText(
            "Left the mask as it is, right what would be crack: orange. Blue is undecided."
            if look.question
            else "Cracks are orange, undecided parts blue; what does not count is dark."
        )
        self._refresh()
        if look.question:
            self.question.begin()
        else:
            self._measuring = True
            self._refresh()
            (self.take if self._can_take else self.leave).setFocus()
            self.show_progress(0, 0, "Reading every picture…")
            self.measure_wanted.emit(look)

    def show_cells(self, cells: Sequence[Cell]) -> None:
        """What an answer would mark."""
        self.cells.show_cells(cells)

    def show_figures(self, figures: DataSetFigures) -> None:
        """The figures of all pictures."""
        self._measuring = False
        self.facts.show_figures(figures)
        self._refresh()

    def show_not_measured(self, sentence: str) -> None:
        """The figures could not be had; what was seen before stands."""
        self._measuring = False
        self.outcome.show_lines(Kind.WARNING, sentence)
        self._refresh()

    def _refresh(self) -> None:
        look = self.look
        asking = look is not None and bool(look.question)
        self.form.setEnabled(not self._reading)
        self._work.setVisible(self._reading or self._measuring)
        self._body.setVisible(look is not None)
        self._empty.setVisible(look is None)
        self._empty.setText("" if self._reading or self.outcome.isVisibleTo(self) else PROMISE)
        self.question.setVisible(asking)
        self.leave.setText("Stop" if self._reading else "Close")
        self.go.setVisible(not self._reading and (look is None or asking))
        self.go.setText("Use this answer" if asking else "Look into it")
        self.go.setEnabled(bool(self.place.text().strip()) and (not asking or self.question.is_settled))
        self.again.setVisible(look is not None and bool(look.request.crack) and not self._reading)
        self.take.setVisible(self._can_take and look is not None and not asking)
        for button in (self.take, self.go):
            button.setDefault(not button.isHidden())
