"""Retrain: from which pictures, from which model on, for how long, and under which name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QIcon, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.jobs.data_set import ChosenDataSet
from app.jobs.retrain import Survey
from app.theme.scheme import FIELD_PX, SPACE
from crackcore.models.catalogue import InstalledModel
from crackcore.names import shown_name

WIDTH = 620
INTRO = (
    "The model goes on learning from the pictures you approved, in a process of its own; you can work on. "
    "Some of the pictures are kept back, and only if it does better on those the new model is recommended. "
    "The old model stays."
)
OLD_NOTE = "Mixed in, so that the model keeps what it knew. How much it forgot is measured."
MINUTES, STEPS = 0, 1
_AGAIN = re.compile(r" retrained( \d+)?$")
_UNITS = {MINUTES: ("minutes", 1, 600, 5), STEPS: ("steps", 20, 20_000, 300)}


@dataclass(frozen=True)
class RetrainWish:
    """What the user asked for; of `minutes` and `steps` one is above 0."""

    base: InstalledModel
    name: str
    minutes: int
    steps: int
    also_edited: bool
    old: tuple[ChosenDataSet, ...]


class RetrainDialog(QDialog):
    """Asks; the pictures are counted by whoever hears `survey_wanted`."""

    wanted = Signal(object)  # RetrainWish
    survey_wanted = Signal(object)  # InstalledModel
    old_wanted = Signal()

    def __init__(
        self,
        models: Sequence[InstalledModel],
        chosen: InstalledModel,
        taken: Sequence[str],
        parent: QWidget | None = None,
    ) -> None:
        """`taken` are the names of all installed models."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Retrain a model")
        self.setMinimumWidth(WIDTH)
        self._models = list(models)
        self._taken = {name.casefold() for name in taken}
        self._survey: Survey | None = None
        self._problem = ""
        self._named = False
        self._old: list[ChosenDataSet] = []

        intro = _plain(INTRO, soft=True)
        self.pictures = _plain("Looking at the approved pictures…")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 0)
        self.also_edited = QCheckBox()
        self.also_edited.hide()
        self.base = QComboBox()
        self.base.setMinimumHeight(FIELD_PX)
        self.base.setAccessibleName("Start from")
        for model in self._models:
            self.base.addItem(shown_name(model.name))
        self.base.setCurrentIndex(self._models.index(chosen))
        self.old = QListWidget()
        self.old.setAccessibleName("Old samples")
        self.old.setMaximumHeight(84)
        self.add = QPushButton("Add old samples…")
        self.add.setAutoDefault(False)
        self.remove = QPushButton("Remove")
        self.remove.setAutoDefault(False)
        self.length = QSpinBox()
        self.length.setMinimumHeight(FIELD_PX)
        self.length.setAccessibleName("How long")
        self.unit = QComboBox()
        self.unit.setMinimumHeight(FIELD_PX)
        self.unit.setAccessibleName("Unit of how long")
        for words, *_ in _UNITS.values():
            self.unit.addItem(words)
        self.name = QLineEdit()
        self.name.setMaxLength(60)
        self.name.setAccessibleName("Name of the new model")
        self.problem = _plain("")

        seen = QVBoxLayout()
        seen.setSpacing(SPACE // 2)
        for widget in (self.pictures, self.bar, self.also_edited):
            seen.addWidget(widget)
        old_row = QHBoxLayout()
        old_row.setSpacing(SPACE)
        old_row.addWidget(self.add)
        old_row.addWidget(self.remove)
        old_row.addStretch(1)
        old = QVBoxLayout()
        old.setSpacing(SPACE // 2)
        old.addWidget(self.old)
        old.addLayout(old_row)
        old.addWidget(_plain(OLD_NOTE, soft=True))
        length = QHBoxLayout()
        length.setSpacing(SPACE)
        length.addWidget(self.length)
        length.addWidget(self.unit)
        length.addStretch(1)
        form = QFormLayout()
        form.setHorizontalSpacing(SPACE * 2)
        form.setVerticalSpacing(SPACE + 4)
        self.name.setMinimumHeight(FIELD_PX)
        form.addRow("Pictures", seen)
        form.addRow(_caption("Start from", self.base), self.base)
        form.addRow(_caption("Old samples", self.add, on_top=True), old)
        form.addRow(_caption("Learn for", self.length), length)
        form.addRow(_caption("Name", self.name), self.name)

        buttons = QDialogButtonBox()
        self.leave = buttons.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        self.go = buttons.addButton("Retrain", QDialogButtonBox.ButtonRole.AcceptRole)
        self.go.setProperty("primary", True)
        for button in (self.leave, self.go):
            button.setIcon(QIcon())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        layout.setSpacing(SPACE * 2)
        layout.addWidget(intro)
        layout.addLayout(form)
        layout.addWidget(self.problem)
        layout.addStretch(1)
        layout.addWidget(buttons)
        self.go.setDefault(True)

        self.base.currentIndexChanged.connect(self._base_chosen)
        self.also_edited.toggled.connect(self._refresh)
        self.add.clicked.connect(self.old_wanted)
        self.remove.clicked.connect(self._remove)
        self.old.itemSelectionChanged.connect(self._refresh)
        self.unit.currentIndexChanged.connect(self._unit_chosen)
        self.name.textEdited.connect(self._name_typed)
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        self._unit_chosen(MINUTES)
        self._suggest_name()
        self._show_old()
        # After the caller has joined the signals.
        QTimer.singleShot(0, self, lambda: self.survey_wanted.emit(self.model))

    # -------------------------------------------------------------- what was asked for

    @property
    def model(self) -> InstalledModel:
        return self._models[self.base.currentIndex()]

    @property
    def wish(self) -> RetrainWish:
        in_minutes = self.unit.currentIndex() == MINUTES
        return RetrainWish(
            self.model,
            self.name.text().strip(),
            self.length.value() if in_minutes else 0,
            0 if in_minutes else self.length.value(),
            self.also_edited.isChecked(),
            tuple(self._old),
        )

    # -------------------------------------------------------------- answers

    def show_progress(self, done: float, total: float, note: str) -> None:
        self.bar.setRange(0, 1000 if total else 0)
        self.bar.setValue(round(1000 * min(1.0, done / total)) if total else 0)

    def show_survey(self, survey: Survey) -> None:
        """The pictures were counted."""
        self._survey, self._problem = survey, ""
        edited = survey.all_learn + survey.all_check - survey.approved_learn - survey.approved_check
        what = "1 picture that is" if edited == 1 else f"{edited} pictures that are"
        self.also_edited.setText(f"Also {what} corrected and not approved yet")
        self.also_edited.setVisible(edited > 0)
        self._refresh()

    def show_problem(self, sentence: str) -> None:
        self._problem = sentence
        self._refresh()

    def add_old(self, chosen: ChosenDataSet) -> None:
        """A folder of old samples was chosen."""
        if all(one.folder != chosen.folder for one in self._old):
            self._old.append(chosen)
            self._show_old()

    # -------------------------------------------------------------- following

    def _base_chosen(self) -> None:
        if not self._named:
            self._suggest_name()
        self._survey = None
        self.bar.setRange(0, 0)
        self._refresh()
        self.survey_wanted.emit(self.model)

    def _unit_chosen(self, unit: int) -> None:
        _, low, high, usual = _UNITS[unit]
        self.length.setRange(low, high)
        self.length.setSingleStep(1 if unit == MINUTES else 50)
        self.length.setValue(usual)
        about = "of learning; reading and comparing come on top" if unit == MINUTES else "of a batch each"
        self.length.setToolTip(f"{_UNITS[unit][0].capitalize()} {about}")

    def _suggest_name(self) -> None:
        base = f"{_AGAIN.sub('', self.model.name)[:44]} retrained"
        name, number = base, 2
        while name.casefold() in self._taken:
            name, number = f"{base} {number}", number + 1
        self.name.setText(name)
        self._refresh()

    def _name_typed(self) -> None:
        self._named = True
        self._refresh()

    def _remove(self) -> None:
        rows = {index.row() for index in self.old.selectedIndexes()}
        self._old = [one for row, one in enumerate(self._old) if row not in rows]
        self._show_old()

    def _show_old(self) -> None:
        self.old.clear()
        for one in self._old:
            free = ", crack-free" if one.kind == "crack-free" else ""
            item = QListWidgetItem(f"{shown_name(one.name)}: {one.pictures} pictures{free}")
            item.setToolTip(shown_name(one.folder, whole=True))
            self.old.addItem(item)
        self.old.setVisible(bool(self._old))
        self._refresh()

    def _refresh(self) -> None:
        survey = self._survey
        self.bar.setVisible(survey is None and not self._problem)
        enough = False
        if survey is not None:
            text, enough = picture_words(survey, self.also_edited.isChecked())
            self.pictures.setText(text)
            self.pictures.setToolTip("\n".join(survey.unreadable[:12]))
        elif not self._problem:
            self.pictures.setText("Looking at the approved pictures…")
        name = self.name.text().strip()
        said = self._problem
        if not said and not name:
            said = "Give the new model a name."
        elif not said and name.casefold() in self._taken:
            said = "There is a model of this name already; choose another name."
        self.problem.setText(said)
        self.problem.setVisible(bool(said))
        self.remove.setEnabled(bool(self.old.selectedItems()))
        self.remove.setVisible(bool(self._old))
        self.go.setEnabled(enough and not said)
        self._fit()

    def _fit(self) -> None:
        """As high as the text needs at this width; a size hint guesses too much for text that wraps."""
        layout = self.layout()
        if layout is not None:
            layout.activate()
            width = max(self.width() if self.isVisible() else 0, WIDTH)
            self.resize(width, layout.totalHeightForWidth(width))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit()

    def _accept(self) -> None:
        self.wanted.emit(self.wish)
        self.accept()


def picture_words(survey: Survey, also_edited: bool) -> tuple[str, bool]:
    """How many pictures there are and which side they take, and whether that is enough."""
    if also_edited:
        learn, check = survey.all_learn, survey.all_check
    else:
        learn, check = survey.approved_learn, survey.approved_check
    count = learn + check
    what = "approved" if not also_edited else "approved or corrected"
    words = f"1 {what} picture" if count == 1 else f"{count} {what} pictures"
    lost = len(survey.unreadable)
    cannot = f" {lost} cannot be read." if lost else ""
    if not count:
        return f"No picture is {what} yet. Approve some first.{cannot}", False
    if not (learn and check):
        return (
            f"{words}: too few. At least two of different places are needed, one to learn from and one to "
            f"check, that the model has not learned before.{cannot}",
            False,
        )
    few = " With so few, it can hardly be told whether the new model is better." if check < 2 else ""
    return f"{words}: {learn} to learn from, {check} kept back to check.{few}{cannot}", True


def _caption(text: str, buddy: QWidget, *, on_top: bool = False) -> QLabel:
    """As high as the field beside it, so that both stand on one line."""
    label = QLabel(text)
    label.setMinimumHeight(FIELD_PX)
    label.setBuddy(buddy)
    if on_top:
        label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    return label


def _plain(text: str, *, soft: bool = False) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setProperty("soft", soft)
    return label
