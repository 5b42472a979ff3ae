"""Evaluation: how good a model, or two, are on the approved pictures; a click shows the errors of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.jobs.evaluate import TOLERANCES_PX, Evaluation
from app.panels import evaluation_words as words
from app.panels.chart import Chart
from app.panels.evaluation_table import EvaluationTable
from app.panels.evaluation_words import Reading
from app.session import Session
from app.theme.scheme import FIELD_PX, SPACE, Theme
from crackcore.names import shown_name

if TYPE_CHECKING:
    from crackcore.models.catalogue import InstalledModel

LISTED_FAILURES = 4
NAME_PX = 110
FOLLOW_AFTER_MS = 100
PRECISION_RECALL, OVER_THRESHOLD = "Precision over recall", "F1 over threshold"


class EvaluationPanel(QWidget):
    """Follows `session.evaluating`; decides only how figures are read."""

    save_wanted = Signal()
    close_wanted = Signal()

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._evaluating = session.evaluating
        self._shown: Evaluation | None = None
        self._models: tuple[InstalledModel, ...] = ()
        self._is_stale = True  # something changed while the panel was not seen

        self.model, self.rival = _choice("Model to evaluate"), _choice("Model to compare with")
        self.go = QPushButton("Evaluate")
        self.go.setProperty("primary", True)
        self.go.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setRange(0, 1000)
        self.progress.setFixedWidth(120)
        self.progress.setAccessibleName("How far the evaluation is")
        self.note = _plain_label(soft=True)
        self.note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.stop = _button("Cancel", "Stop evaluating; the last result stays")
        self.tolerance = _choice("How near a hit must be")
        for tolerance in TOLERANCES_PX:
            title = "To the pixel" if tolerance == 0 else f"Within {tolerance:g} px"
            self.tolerance.addItem(title, tolerance)
        self.tolerance.setCurrentIndex(1)
        self.tolerance.setToolTip("How far from what you approved a pixel may lie and still be a hit")
        self.threshold = _choice("At which threshold")
        self.threshold.addItem("Its own threshold", False)
        self.threshold.addItem("Its best threshold", True)
        self.threshold.setToolTip(
            "Its own: the threshold that the model brings along.\n"
            "Its best: where F1 to the pixel is highest on these pictures, which flatters it a little."
        )
        self.save = _button("Save…", "Save all figures as a table (CSV) or whole (JSON)")
        self.close_button = _button("Close", "Close this panel; the result stays")

        self.summary = QWidget()
        self._grid = QGridLayout(self.summary)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(SPACE * 2)
        self._grid.setVerticalSpacing(2)
        self.verdict = _plain_label(wrap=True)
        self.verdict.setProperty("heading", True)
        self.basis = _plain_label(soft=True, wrap=True)
        self.doubt = _plain_label(wrap=True)
        self.leave_out = _button(
            "Leave these out", "Measure once more without the pictures that flatter a model"
        )
        self.out_of_date = _plain_label(soft=True, wrap=True)
        self.failures = _plain_label(soft=True, wrap=True)
        self.failures.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.table = EvaluationTable()
        self.curve = _choice("Which curve")
        for title in (PRECISION_RECALL, OVER_THRESHOLD):
            self.curve.addItem(title)
        self.chart = Chart(theme, "Recall", "Precision")
        self.chart.set_range_x(0, 1)
        self.chart.set_range_y(0, 1)
        self.empty = _plain_label(soft=True, wrap=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._build()

        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(FOLLOW_AFTER_MS)
        self._soon.timeout.connect(self._refresh)
        self.go.clicked.connect(self._start)
        self.stop.clicked.connect(self._evaluating.cancel)
        self.save.clicked.connect(self.save_wanted)
        self.close_button.clicked.connect(self.close_wanted)
        self.leave_out.clicked.connect(self._leave_out)
        self.tolerance.currentIndexChanged.connect(self._read_anew)
        self.threshold.currentIndexChanged.connect(self._read_anew)
        self.curve.currentIndexChanged.connect(self._draw)
        self.table.chosen.connect(self._show_errors)
        self._evaluating.changed.connect(self._refresh)
        session.models.changed.connect(self._refresh)
        for signal in (session.project_changed, session.images_changed, session.records_changed):
            signal.connect(self._soon.start)
        session.record_changed.connect(lambda image_id: self._soon.start())
        session.document_changed.connect(self._follow)
        self._refresh()

    # -------------------------------------------------------------- building

    def _build(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(SPACE)
        for caption, choice in (("Model", self.model), ("Compare with", self.rival)):
            label = QLabel(caption)
            label.setBuddy(choice)
            top.addWidget(label)
            top.addWidget(choice)
        top.addWidget(self.go)
        top.addWidget(self.progress)
        top.addWidget(self.stop)
        top.addWidget(self.note, 1)
        top.addWidget(self.close_button)

        figures = QWidget()
        column = QVBoxLayout(figures)
        column.setContentsMargins(0, 0, SPACE, SPACE)
        column.setSpacing(SPACE)
        column.addWidget(self.verdict)
        column.addWidget(self.doubt)
        column.addWidget(self.leave_out, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.summary)
        column.addWidget(self.basis)
        column.addWidget(self.out_of_date)
        column.addWidget(self.failures)
        column.addStretch(1)
        scroll = self._scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        scroll.setAccessibleName("Summary of the evaluation")
        scroll.setWidget(figures)
        reading = QHBoxLayout()
        reading.setSpacing(SPACE)
        reading.addWidget(self.tolerance)
        reading.addWidget(self.threshold)
        reading.addStretch(1)
        reading.addWidget(self.save)
        middle, curves = QWidget(), QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(SPACE, 0, SPACE, 0)
        column.setSpacing(SPACE)
        column.addLayout(reading)
        column.addWidget(self.table, 1)
        column = QVBoxLayout(curves)
        column.setContentsMargins(SPACE, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addWidget(self.curve, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.chart, 1)
        self.parts = QSplitter()
        self.parts.setChildrenCollapsible(False)
        for part, stretch in ((scroll, 4), (middle, 5), (curves, 4)):
            self.parts.addWidget(part)
            self.parts.setStretchFactor(self.parts.count() - 1, stretch)
        self.parts.setSizes([340, 420, 300])
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.parts)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE + 2, SPACE // 2, SPACE + 2, SPACE)
        layout.setSpacing(SPACE)
        layout.addLayout(top)
        layout.addWidget(self.pages, 1)
        self.setMinimumHeight(190)

    def sizeHint(self) -> QSize:
        """Room for all rows of the summary, where the screen has it."""
        return QSize(900, 350)

    # -------------------------------------------------------------- wishes

    @property
    def reading(self) -> Reading:
        return Reading(float(self.tolerance.currentData()), bool(self.threshold.currentData()))

    def _start(self) -> None:
        models = {m.sha256: m for m in self._models}
        model = models.get(str(self.model.currentData()))
        if model is not None:
            self._evaluating.start(model, models.get(str(self.rival.currentData())))

    def _leave_out(self) -> None:
        whole, now = self._evaluating.everything, self._evaluating.result
        if whole is not None:
            self._evaluating.leave_out(whole.doubtful if now is whole else frozenset())

    def _show_errors(self, image_id: str, side: int) -> None:
        if self._shown is not None:
            step = self.reading.step(self._shown.sides[side])
            self._evaluating.show_errors(
                image_id, side=side, step=step, tolerance_px=self.reading.tolerance_px
            )

    # -------------------------------------------------------------- following

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._is_stale:
            self._refresh()

    def _refresh(self) -> None:
        if not self.isVisible():
            self._is_stale = True
            return
        self._is_stale = False
        self._fill_models()
        run, result = self._evaluating.run, self._evaluating.result
        approved = len(self._evaluating.approved)
        self.go.setEnabled(approved > 0 and self.model.count() > 0)
        had_focus = self.stop.hasFocus() or self.go.hasFocus()
        self.go.setVisible(run is None)
        self.progress.setVisible(run is not None)
        self.stop.setVisible(run is not None)
        if run is not None:
            self.progress.setValue(round(1000 * run.share))
            left = run.remaining_s
            self._say(f"{run.note}…" + (f" about {_lasting(left)} left" if left is not None else ""))
        else:
            self._say("")
        self.model.setEnabled(run is None)
        self.rival.setEnabled(run is None)
        self.pages.setCurrentWidget(self.empty if result is None else self.parts)
        if not approved:
            self.empty.setText(
                "Approve some pictures first.\nA model is measured by the masks that you approved."
            )
        else:
            self.empty.setText(
                "“Evaluate” measures the model by the masks of the "
                f"{words.pictures(approved)} you approved.\n"
                "Nothing in the project is changed."
            )
        if result is not self._shown:
            self._shown = result
            self._read_anew()
        if had_focus:  # the button that was pressed has given way to another
            target = self.stop if run is not None else self.table if result is not None else self.go
            target.setFocus(Qt.FocusReason.OtherFocusReason)
        changed = self._evaluating.out_of_date
        self.out_of_date.setText(
            f"Since then {words.pictures(changed)} came to be approved or not any more: evaluate again."
        )
        self.out_of_date.setVisible(result is not None and changed > 0)

    def _fill_models(self) -> None:
        models = self._session.models
        found = tuple(m for m in models.installed if models.finds_cracks(m))
        if found == self._models:
            return
        self._models = found
        now = (self.model.currentData(), self.rival.currentData())
        for choice in (self.model, self.rival):
            choice.clear()
        self.rival.addItem("nothing", "")
        for model in found:
            self.model.addItem(shown_name(model.name), model.sha256)
            self.rival.addItem(shown_name(model.name), model.sha256)
        chosen = models.chosen
        for choice, digest in zip((self.model, self.rival), now, strict=True):
            choice.setCurrentIndex(max(0, choice.findData(digest)))
        if now[0] is None and chosen is not None:
            self.model.setCurrentIndex(max(0, self.model.findData(chosen.sha256)))

    def _say(self, text: str) -> None:
        self.note.setText(text)
        self.note.setToolTip(text)

    def _read_anew(self) -> None:
        """Another result, tolerance or threshold: the same counts, read another way."""
        result, reading = self._shown, self.reading
        self.table.show_evaluation(result, reading)
        self._follow()
        if result is None:
            self.chart.clear()
            return
        self._fill_summary(result, reading)
        verdict = words.comparison(result, reading)
        self.verdict.setText(verdict)
        self.verdict.setVisible(bool(verdict))
        whole = self._evaluating.everything
        is_less = whole is not None and whole is not result
        doubts = words.doubts(result)
        if is_less and whole is not None:
            doubts = [f"{words.pictures(len(whole.pictures) - len(result.pictures))} left out.".capitalize()]
        self.doubt.setText("\n".join(doubts))
        self.doubt.setVisible(bool(doubts))
        self.leave_out.setText("Take all of them" if is_less else "Leave these out")
        possible = is_less or len(result.doubtful) < len(result.pictures)
        self.leave_out.setVisible(bool(doubts) and possible)
        self.basis.setText(words.basis(result, reading))
        self.failures.setText(words.failures(result.failed, LISTED_FAILURES))
        self.failures.setVisible(bool(result.failed))
        QTimer.singleShot(0, self, self._widen)  # once the new figures have their fonts
        self._draw()

    def _widen(self) -> None:
        """As wide as the figures: they are never cut, and words wrap."""
        bar = self._scroll.verticalScrollBar().sizeHint().width()
        self._scroll.setMinimumWidth(self._grid.totalMinimumSize().width() + SPACE + bar)

    def _fill_summary(self, result: Evaluation, reading: Reading) -> None:
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = None if item is None else item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        if len(result.sides) > 1:
            for number, side in enumerate(result.sides, 1):
                name = _plain_label()
                name.setProperty("heading", True)
                full = shown_name(side.name)
                name.ensurePolished()
                name.setText(name.fontMetrics().elidedText(full, Qt.TextElideMode.ElideMiddle, NAME_PX))
                name.setToolTip(full)
                self._grid.addWidget(name, 0, number)
        for row, (caption, texts, about) in enumerate(words.summary_rows(result, reading), 1):
            label = _plain_label(soft=True)
            label.setText(caption)
            label.setToolTip(about)
            self._grid.addWidget(label, row, 0)
            for number, text in enumerate(texts, 1):
                value = _plain_label()
                # Two models side by side have no room for brackets; what they differ by has its own.
                value.setText(text if len(texts) == 1 else text.partition(" (")[0])
                value.setToolTip(about if len(texts) == 1 else f"{text}\n{about}")
                value.setAccessibleName(f"{caption}: {text}")
                self._grid.addWidget(value, row, number)
        self._grid.setColumnStretch(len(result.sides) + 1, 1)

    def _draw(self) -> None:
        result, reading = self._shown, self.reading
        if result is None:
            return
        over = self.curve.currentText() == OVER_THRESHOLD
        if over:
            self.chart.set_titles("Threshold, %", "F1")
            self.chart.set_range_x(0, 100)
        else:
            self.chart.set_titles("Recall", "Precision")
            self.chart.set_range_x(0, 1)
        self.chart.clear()
        for role, side in enumerate(result.sides):
            counts = side.pooled[reading.tolerance_px]
            steps = np.arange(1, 256)
            step = min(255, reading.step(side))
            name = shown_name(side.name)
            if over:
                x, y = 100 * steps / 255, counts.f1s()[1:]
            else:
                # Where nothing is predicted any more there is no precision to draw.
                said = counts.predicted[1:] > 0
                steps = steps[said]
                x, y = counts.recalls()[1:][said], counts.precisions()[1:][said]
            self.chart.set_line(name, x, y, role=role)
            at = np.flatnonzero(steps == step)
            if at.size:
                point = f"{name} at {words.share(step)}"
                self.chart.set_line(point, x[at], y[at], role=role, points=True, told=False)

    def _follow(self) -> None:
        if self._shown is not None:
            self.table.follow(self._session.shown_id)


def _choice(name: str) -> QComboBox:
    choice = QComboBox()
    choice.setAccessibleName(name)
    choice.setMinimumHeight(FIELD_PX)
    choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    choice.setMinimumWidth(80)  # a small screen is to hold the row
    choice.setMaximumWidth(220)
    choice.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return choice


def _button(title: str, tip: str) -> QPushButton:
    button = QPushButton(title)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


def _plain_label(*, soft: bool = False, wrap: bool = False) -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(wrap)
    if soft:
        label.setProperty("soft", True)
    return label


def _lasting(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"
