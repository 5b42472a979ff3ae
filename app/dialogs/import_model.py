"""Import a model: a checkpoint of the authors', what it is, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.dialogs.ask import Ask
from app.dialogs.outcome import Outcome
from app.jobs.import_model import ImportRequest
from app.messages import Kind
from app.theme.scheme import FIELD_PX, SPACE, Theme

WIDTH = 600
FIND_OUT = "Find out from the file"
INTRO = (
    "Weights that others published (.pth, .pt, .ckpt, .safetensors) are read in a process of their own, "
    "checked, and kept as a model file. Nothing in the file is run."
)
LICENCE_NOTE = (
    "Published weights have a licence of their own. Knowing and keeping it is your responsibility; what you "
    "write here stays with the model."
)


class ImportDialog(QDialog):
    """Asks, and shows what came of it; the work itself is done by whoever hears `wanted`."""

    wanted = Signal(object)  # ImportRequest
    stopped = Signal()
    chosen = Signal(str)  # the name of the model that was imported and shall be used

    def __init__(
        self,
        architectures: Sequence[tuple[str, str]],
        ask: Ask,
        theme: Theme,
        parent: QWidget | None = None,
        *,
        file: Path | None = None,
        architecture: str = "",
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Import a model")
        self.setMinimumWidth(WIDTH)
        self._ask = ask
        self._running = False
        self._made = ""

        self._intro = QLabel(INTRO)
        self._intro.setWordWrap(True)
        self._intro.setProperty("soft", True)
        self.form = self._build_form(architectures, file, architecture)
        self.note = QLabel()
        self.note.setProperty("soft", True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self._work = QWidget()
        work = QVBoxLayout(self._work)
        work.setContentsMargins(0, 0, 0, 0)
        work.setSpacing(SPACE // 2)
        work.addWidget(self.note)
        work.addWidget(self.bar)
        self.outcome = Outcome(theme)

        buttons = QDialogButtonBox()
        self.leave = buttons.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        self.again = buttons.addButton("Replace it", QDialogButtonBox.ButtonRole.ResetRole)
        self.go = buttons.addButton("Import", QDialogButtonBox.ButtonRole.AcceptRole)
        self.go.setProperty("primary", True)
        for button in (self.leave, self.again, self.go):
            button.setIcon(QIcon())
            button.setAutoDefault(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        layout.setSpacing(SPACE * 2)
        layout.addWidget(self._intro)
        layout.addWidget(self.form)
        layout.addWidget(self._work)
        layout.addWidget(self.outcome)
        layout.addStretch(1)
        layout.addWidget(buttons)
        self.go.setDefault(True)
        self.go.clicked.connect(self._go)
        self.again.clicked.connect(lambda: self._start(replace(self.request, replace=True)))
        self.leave.clicked.connect(self.reject)
        self.outcome.arranged.connect(self._fit)
        self._refresh()

    def _build_form(
        self, architectures: Sequence[tuple[str, str]], file: Path | None, architecture: str
    ) -> QWidget:
        self.file = QLineEdit("" if file is None else str(file))
        self.file.setAccessibleName("File")
        self.file.setPlaceholderText("A file of weights")
        self.choose = QPushButton("Choose…")
        self.choose.setAutoDefault(False)  # Enter means "Import", wherever the focus is
        self.network = QComboBox()
        self.network.addItem(FIND_OUT, "")
        for name, title in architectures:
            self.network.addItem(title, name)
        self.network.setCurrentIndex(max(0, self.network.findData(architecture)))
        self.name = QLineEdit()
        self.name.setPlaceholderText("As the file")
        self.name.setMaxLength(60)
        self.licence = QLineEdit()
        self.licence.setPlaceholderText("For example: for research only")
        self.licence.setMaxLength(500)
        for field in (self.file, self.network, self.name, self.licence):
            field.setMinimumHeight(FIELD_PX)
        about = QLabel(LICENCE_NOTE)
        about.setWordWrap(True)
        about.setProperty("soft", True)
        page = QWidget()
        form = QGridLayout(page)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(SPACE * 2)
        form.setVerticalSpacing(SPACE)
        form.setColumnStretch(1, 1)
        fields: tuple[tuple[str, QLineEdit | QComboBox], ...] = (
            ("File", self.file),
            ("Network", self.network),
            ("Name", self.name),
            ("Licence", self.licence),
        )
        for number, (caption, entry) in enumerate(fields):
            label = QLabel(caption)
            label.setBuddy(entry)
            form.addWidget(label, number, 0)
            form.addWidget(entry, number, 1, 1, 1 if entry is self.file else 2)
        form.addWidget(self.choose, 0, 2)
        form.addWidget(about, len(fields), 1, 1, 2)
        self.file.textChanged.connect(lambda text: self._refresh())
        self.choose.clicked.connect(self._choose)
        return page

    # -------------------------------------------------------------- asking

    @property
    def request(self) -> ImportRequest:
        return ImportRequest(
            Path(self.file.text().strip()),
            self.network.currentData(),
            self.name.text().strip(),
            self.licence.text().strip(),
        )

    @property
    def is_running(self) -> bool:
        return self._running

    def _choose(self) -> None:
        file = self._ask.weights("Choose a file of weights")
        if file is not None:
            self.file.setText(str(file))

    def _go(self) -> None:
        if self._made:
            name = self._made
            self.accept()
            self.chosen.emit(name)
        else:
            self._start(self.request)

    def _start(self, request: ImportRequest) -> None:
        self._running = True
        self.outcome.clear()
        self.show_progress(0, 0, "")
        self._refresh()
        self.wanted.emit(request)

    def reject(self) -> None:
        """Escape and the left button: stop the work, or leave."""
        if self._running:
            self.show_stopped()
            self.stopped.emit()
        else:
            super().reject()

    # -------------------------------------------------------------- answers

    def show_progress(self, done: float, total: float, note: str) -> None:
        self.note.setText(note or "Reading the file…")
        self.bar.setRange(0, 1000 if total else 0)
        self.bar.setValue(round(1000 * min(1.0, done / total)) if total else 0)

    def show_stopped(self) -> None:
        self._over()
        self.outcome.show_lines(Kind.INFO, "Stopped. Nothing was kept.")

    def show_refusal(self, sentence: str, details: Sequence[str], *, may_replace: bool = False) -> None:
        """Why the file was not taken, and the way out; the form is there for another try."""
        self._over()
        self.again.setVisible(may_replace)
        self.outcome.show_lines(Kind.ERROR, sentence, details=details)

    def show_report(
        self, name: str, sentence: str, facts: Sequence[tuple[str, str]], details: Sequence[str]
    ) -> None:
        """It is there: what it is, what was checked, where it is kept."""
        self._made = name
        self._over()
        self._intro.hide()
        self.form.hide()
        self.outcome.show_lines(Kind.DONE, sentence, facts=facts, details=details)
        self.go.setText("Use this model")
        self.leave.setText("Close")
        self.go.setFocus()

    def _over(self) -> None:
        self._running = False
        self._refresh()

    def _refresh(self) -> None:
        running = self._running
        self.form.setEnabled(not running)
        self._work.setVisible(running)
        self.again.hide()
        self.go.setVisible(not running)
        self.go.setEnabled(bool(self.file.text().strip()))
        self.leave.setText("Stop" if running else "Cancel")
        self._fit()

    def _fit(self) -> None:
        """As high as the text needs at this width; a size hint guesses too much for text that wraps."""
        layout = self.layout()
        if layout is not None:
            layout.activate()
            width = max(self.width() if self.isVisible() else 0, WIDTH)
            self.resize(width, layout.totalHeightForWidth(width))
