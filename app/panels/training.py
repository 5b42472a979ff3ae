"""The training dock: how a retraining goes, its curves, and what becomes of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.panels.chart import Chart
from app.panels.training_words import basis, facts, sentence_of, title
from app.session import Session
from app.session.retraining import Stage
from app.session.training_course import Phase
from app.theme.scheme import SPACE, Theme

SIDE_PX = 420
HEIGHT_PX = 216
DRAWN_POINTS = 100  # of a curve; a thousand took 37 ms to paint
DRAWN_EVERY_S = 0.5


@dataclass(frozen=True)
class _Way:
    """A button: its text, what it does, and whether it is the one that Enter means."""

    text: str
    run: Callable[[], object]
    primary: bool = False
    tip: str = ""
    enabled: bool = True


class TrainingPanel(QWidget):
    """Follows `session.retraining`; may be hidden and shown at any time."""

    wanted = Signal()  # a retraining is to be set up
    close_wanted = Signal()

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._retraining = session.retraining
        self._asking = ""  # "cancel" or "use": a question stands in place of the buttons
        self._drawn = -1
        self._drawn_at = 0.0
        self._ways: tuple[_Way, ...] = ()
        self.title = _plain()
        self.title.setProperty("heading", True)
        self.text = _plain()
        self.basis = _plain()
        self.basis.setProperty("soft", True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self._facts = QWidget()
        self._form = QFormLayout(self._facts)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setHorizontalSpacing(SPACE * 2)
        self._form.setVerticalSpacing(SPACE // 2)
        self._row = QHBoxLayout()
        self._row.setSpacing(SPACE)
        self.buttons: list[QPushButton] = []

        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(SPACE + 4, SPACE, SPACE, SPACE)
        column.setSpacing(SPACE)
        for widget in (self.title, self.text, self.bar, self.basis, self._facts):
            column.addWidget(widget)
        column.addStretch(1)
        self.setMinimumHeight(HEIGHT_PX)
        self.close_button = QPushButton("Close")
        self.close_button.setToolTip("Close this panel; the learning goes on")
        self.close_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.close_button.clicked.connect(self.close_wanted)
        scroll = QScrollArea()
        scroll.setWidget(side)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.loss = Chart(theme, "Step", "Training error")
        self.f1 = Chart(theme, "Step", "F1 at 2 px")
        self.f1.set_range_y(0.0, 1.0)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, SPACE, SPACE // 2)
        row.setSpacing(SPACE)
        left = QWidget()
        left.setFixedWidth(SIDE_PX)
        under = QVBoxLayout(left)  # the buttons are always seen, however long the words are
        under.setContentsMargins(0, 0, 0, SPACE)
        under.setSpacing(SPACE)
        self._row.setContentsMargins(SPACE + 4, 0, SPACE, 0)
        under.addWidget(scroll, 1)
        under.addLayout(self._row)
        row.addWidget(left)
        for chart in (self.loss, self.f1):
            policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
            chart.setSizePolicy(policy)
            row.addWidget(chart, 1)
        row.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight)
        self._retraining.changed.connect(self._changed)
        self._retraining.moved.connect(self._moved)
        session.project_changed.connect(self._changed)
        session.models.changed.connect(self._changed)
        self._session = session
        self._changed()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._changed()

    # -------------------------------------------------------------- following

    def _changed(self) -> None:
        """Another stage: everything anew."""
        if self._retraining.stage is not Stage.RUNNING and self._asking == "cancel":
            self._asking = ""
        if self._retraining.stage is not Stage.FINISHED and self._asking == "use":
            self._asking = ""
        self._fill_facts()
        self._drawn = -1
        self._moved()

    def _moved(self) -> None:
        if not self.isVisible():
            return
        retraining, course = self._retraining, self._retraining.course
        self.title.setText(title(retraining))
        text = sentence_of(retraining)
        if text != self.text.text():
            self.text.setText(text)
        self.setAccessibleDescription(text)
        running = retraining.stage is Stage.RUNNING
        self.bar.setVisible(running)
        learning = course.phase is Phase.LEARNING
        done, of = (course.step, course.steps) if learning else (course.done, course.of)
        paused = running and retraining.state == "paused"
        self.bar.setRange(0, 1000 if of or paused else 0)
        self.bar.setValue(round(1000 * min(1.0, done / of)) if of else 0)
        rests_on = basis(course) if retraining.stage in (Stage.RUNNING, Stage.FINISHED) else ""
        self.basis.setText(rests_on)
        self.basis.setVisible(bool(rests_on))
        self._show_ways(self._possible())
        soon = running and learning and time.monotonic() - self._drawn_at < DRAWN_EVERY_S
        if course.number != self._drawn and not (soon and self._drawn >= 0):
            self._drawn = course.number
            self._draw()

    def _draw(self) -> None:
        course = self._retraining.course
        self._drawn_at = time.monotonic()
        for chart in (self.loss, self.f1):
            chart.setVisible(self._retraining.stage is not Stage.NONE)
            if course.steps:
                chart.set_range_x(0, course.steps)
        if course.losses:
            steps, means, smooth = loss_curves(course.losses)
            self.loss.set_line("training error", steps, means, role=0)
            self.loss.set_line("smoothed", steps, smooth, role=1)
        else:
            self.loss.clear()
        if course.before_f1 is not None or course.checks:
            if course.before_f1 is not None and course.steps:
                self.f1.set_line("old model", [0, course.steps], [course.before_f1] * 2, role=1)
            if course.checks:
                points = [*([(0, course.before_f1)] if course.before_f1 is not None else []), *course.checks]
                self.f1.set_line(
                    "new model", [s for s, _ in points], [v for _, v in points], role=0, points=True
                )
        else:
            self.f1.clear()

    def _fill_facts(self) -> None:
        while self._form.rowCount():
            self._form.removeRow(0)
        report = self._retraining.report if self._retraining.stage is Stage.FINISHED else None
        for caption, said in facts(report) if report is not None else ():
            name, value = _plain(), _plain()
            name.setText(caption)
            name.setWordWrap(False)
            name.setProperty("soft", True)
            name.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
            value.setText(said)
            self._form.addRow(name, value)
        self._facts.setVisible(report is not None)

    # -------------------------------------------------------------- buttons

    def _possible(self) -> tuple[_Way, ...]:
        retraining, stage = self._retraining, self._retraining.stage
        if retraining.is_busy:
            return ()
        if stage is Stage.RUNNING:
            return self._while_running()
        if stage is Stage.BROKEN_OFF:
            ways = [_Way("Go on", retraining.go_on, primary=True)] if retraining.can_go_on else []
            if retraining.has_learned and retraining.can_go_on:
                tip = "Compare the best weights so far with the old model, without learning on"
                ways.append(_Way("Judge the best so far", retraining.judge, tip=tip))
            return (*ways, _Way("Throw away", retraining.keep_old, tip="What was learned is removed"))
        if stage is Stage.FINISHED:
            return self._when_finished()
        again = _Way("Retrain…", self.wanted.emit, primary=stage is Stage.NONE, enabled=self._session.is_open)
        if stage is Stage.DECIDED and retraining.model_before is not None:
            return (_Way(f"Go back to {retraining.model_before.name}", retraining.go_back), again)
        return (again,)

    def _while_running(self) -> tuple[_Way, ...]:
        retraining = self._retraining
        if self._asking == "cancel":
            throw = _Way("Throw away what was learned", self._cancel, primary=True)
            return (throw, _Way("No, go on", lambda: self._ask("")))
        cancel = _Way("Cancel…", lambda: self._ask("cancel"), tip="End at once and keep nothing")
        if retraining.course.phase is not Phase.LEARNING:
            return (cancel,)
        state = retraining.state
        if state in ("pausing", "paused"):
            pause = _Way("Go on", retraining.go_on, primary=True)
        else:
            pause = _Way("Pause", retraining.pause, enabled=state == "running")
        stop = _Way(
            "Stop and keep best",
            retraining.stop,
            tip="End here and compare the best so far with the old model",
            enabled=state != "stopping",
        )
        return (pause, stop, cancel)

    def _when_finished(self) -> tuple[_Way, ...]:
        retraining, report = self._retraining, self._retraining.report
        assert report is not None
        keep = _Way("Keep the old one", retraining.keep_old, primary=not report.better)
        if report.better:
            return (_Way("Use the new model", retraining.use, primary=True), keep)
        if self._asking == "use":
            sure = _Way("Yes, use the new model", lambda: retraining.use(insist=True))
            return (sure, _Way("No", lambda: self._ask(""), primary=True))
        return (keep, _Way("Use it all the same…", lambda: self._ask("use")))

    def _ask(self, what: str) -> None:
        self._asking = what
        self._moved()
        if self.buttons:
            self.buttons[0 if what == "cancel" else -1].setFocus()

    def _cancel(self) -> None:
        self._asking = ""
        self._retraining.cancel()

    def _show_ways(self, ways: tuple[_Way, ...]) -> None:
        """Only what is new is built: a button must not vanish under the mouse."""
        if [(w.text, w.primary) for w in ways] != [(w.text, w.primary) for w in self._ways]:
            had_focus = any(button.hasFocus() for button in self.buttons)
            while self._row.count():
                item = self._row.takeAt(0)
                widget = item.widget() if item is not None else None
                if widget is not None:
                    widget.hide()
                    widget.deleteLater()
            self.buttons = []
            for number, way in enumerate(ways):
                button = QPushButton(way.text.replace("&", "&&"))
                button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
                button.setProperty("primary", way.primary)
                button.setToolTip(way.tip)
                button.clicked.connect(lambda checked=False, number=number: self._ways[number].run())
                self._row.addWidget(button)
                self.buttons.append(button)
            self._row.addStretch(1)
            if had_focus and self.buttons:
                self.buttons[0].setFocus()
        self._ways = ways
        for button, way in zip(self.buttons, ways, strict=True):
            button.setEnabled(way.enabled)


def loss_curves(losses: list[tuple[int, float]]) -> tuple[list[int], list[float], list[float]]:
    """At most DRAWN_POINTS steps, the mean error since the one before, and a running mean of all steps."""
    every = math.ceil(len(losses) / DRAWN_POINTS)
    steps, means, smooth = [], [], []
    running = losses[0][1]
    for first in range(0, len(losses), every):
        part = losses[first : first + every]
        for _, value in part:
            running += 0.1 * (value - running)
        steps.append(part[-1][0])
        means.append(sum(value for _, value in part) / len(part))
        smooth.append(running)
    return steps, means, smooth


def _plain() -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
