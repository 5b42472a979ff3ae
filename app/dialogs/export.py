"""Export: which format, into which folder, and the same thing as a command."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QDateTime, Qt, Signal
from PySide6.QtGui import QFontDatabase, QGuiApplication, QIcon
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from app.dialogs.ask import Ask
from app.jobs.export import ExportRequest, command_line
from app.theme.scheme import SPACE

TITLES = {
    "png": ("Masks as PNG", "One black and white picture each, 0 and 255, the size of the photo."),
    "score": ("Score maps as PNG", "One grey picture each, 0 to 255: how sure the model was."),
    "overlay": ("Overlays as JPEG", "The photo with the cracks drawn over it."),
    "coco": ("COCO", "instances.json with run-length masks, for other annotation and training programs."),
    "training-set": ("Training set", "Photos, masks and a manifest, split by photo, ready for training."),
    "csv": ("Table as CSV", "One line a picture: crack pixels, share of the area, number of cracks."),
}

FOLDER_WORDS = {"png": "masks", "score": "scores", "overlay": "overlays", "csv": "table"}


class ExportDialog(QDialog):
    """Emits `accepted_request` when the user wants it; writes nothing itself."""

    accepted_request = Signal(object)  # ExportRequest

    def __init__(
        self, project: Path, ask: Ask, parent: QWidget | None = None, *, has_finer: bool = False
    ) -> None:
        """`has_finer`: some masks are finer than their photos, so there is something to ask."""
        super().__init__(parent)
        from crackcore.exports import FORMATS

        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Export")
        self.setMinimumWidth(560)
        self._project = project
        self._ask = ask
        self._typed = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        layout.setSpacing(SPACE)

        self.formats = QButtonGroup(self)
        self.names = list(FORMATS)
        for number, name in enumerate(self.names):
            title, about = TITLES.get(name, (name, ""))
            button = QRadioButton(title)
            button.setAccessibleDescription(about)
            self.formats.addButton(button, number)
            note = QLabel(about)
            note.setProperty("soft", True)
            note.setWordWrap(True)
            note.setIndent(24)
            box = QVBoxLayout()
            box.setSpacing(0)
            box.addWidget(button)
            box.addWidget(note)
            layout.addLayout(box)
        self.formats.button(0).setChecked(True)
        self.photo_pixels = QCheckBox("Bring masks that are finer than their photo back to photo pixels")
        self.photo_pixels.setToolTip(
            "Otherwise they are written as fine as they are, and a photo that goes along is enlarged."
        )
        self.photo_pixels.setVisible(has_finer)
        layout.addWidget(self.photo_pixels)

        heading = QLabel("Into this new folder")
        heading.setProperty("heading", True)
        self.folder = QLineEdit()
        self.folder.setAccessibleName("Folder to export into")
        choose = QPushButton("Choose…")
        choose.setAutoDefault(False)  # Enter means "Export", wherever the focus is
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self.folder, 1)
        row.addWidget(choose)
        layout.addSpacing(SPACE // 2)
        layout.addWidget(heading)
        layout.addLayout(row)
        self.problem = QLabel()
        self.problem.setTextFormat(Qt.TextFormat.PlainText)
        self.problem.setWordWrap(True)
        layout.addWidget(self.problem)

        note = QLabel("The same from a terminal")
        note.setProperty("soft", True)
        self.command = QLineEdit()
        self.command.setReadOnly(True)
        self.command.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.command.setAccessibleName("The same export as a command")
        copy = QPushButton("Copy")
        copy.setAutoDefault(False)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.command.text()))
        command_row = QHBoxLayout()
        command_row.setSpacing(SPACE)
        command_row.addWidget(self.command, 1)
        command_row.addWidget(copy)
        layout.addSpacing(SPACE // 2)
        layout.addWidget(note)
        layout.addLayout(command_row)

        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.go = buttons.addButton("Export", QDialogButtonBox.ButtonRole.AcceptRole)
        self.go.setProperty("primary", True)
        buttons.button(QDialogButtonBox.StandardButton.Cancel).setIcon(QIcon())
        layout.addSpacing(SPACE)
        layout.addWidget(buttons)
        self.go.setDefault(True)  # only counts once the button is in the dialog
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        choose.clicked.connect(self._choose)
        self.folder.textEdited.connect(self._edited)
        self.folder.textChanged.connect(self._refresh)
        self.formats.idToggled.connect(self._format_chosen)
        self.photo_pixels.toggled.connect(self._refresh)
        self._format_chosen()

    @property
    def request(self) -> ExportRequest:
        name = self.names[self.formats.checkedId()]
        folder = Path(self.folder.text().strip())
        return ExportRequest(self._project, name, folder, self.photo_pixels.isChecked())

    def _suggestion(self) -> Path:
        """Beside the folder of pictures, not inside: opened again, that folder must not list masks.

        The moment makes it a new one every time, without asking the disk.
        """
        what = FOLDER_WORDS.get(name := self.names[self.formats.checkedId()], name)
        moment = QDateTime.currentDateTime().toString("yyyy-MM-dd HHmmss")
        return self._project.parent.with_name(f"{self._project.stem} {what} {moment}")

    def _format_chosen(self) -> None:
        if not self._typed:
            self.folder.setText(str(self._suggestion()))
        self._refresh()

    def _edited(self) -> None:
        self._typed = True

    def _choose(self) -> None:
        folder = self._ask.folder("Export into a folder inside this one")
        if folder is not None:
            self._typed = True
            self.folder.setText(str(folder / self._suggestion().name))

    def _refresh(self) -> None:
        text = self.folder.text().strip()
        problem = ""
        if not text:
            problem = "Name a folder."
        elif not Path(text).is_absolute():
            problem = "Give the whole path of the folder."
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        self.go.setEnabled(not problem)
        self.command.setText(command_line(self.request) if text else "")
        self.command.setCursorPosition(0)

    def _accept(self) -> None:
        self.accepted_request.emit(self.request)
        self.accept()
