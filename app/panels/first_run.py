"""The page that is shown while no project is open: three ways in, and the projects of late."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.jobs import Job, Lanes
from app.jobs.load import thumbnail_job
from app.panels.image_model import pixmap_of
from app.theme.icons import icon, pixmap
from app.theme.scheme import RADIUS, SPACE, Theme
from crackcore.names import shown_name
from crackcore.progress import Progress

SAMPLES_SHOWN = 4
SAMPLE_SIZE = QSize(158, 112)
RECENT_SHOWN = 6


class FirstRunPage(QWidget):
    """Three wide buttons, the samples as pictures, the recent projects as links."""

    samples_wanted = Signal()
    project_wanted = Signal(object)  # Path

    def __init__(
        self,
        actions: Iterable[QAction],
        samples: Path,
        lanes: Lanes,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._lanes = lanes
        self._samples = samples
        self.setObjectName("first")
        self._mark = QLabel()
        title = QLabel("Crackscope")
        title.setProperty("title", True)
        claim = QLabel("Find cracks in photographs, correct what was found, and keep a record of it.")
        claim.setProperty("soft", True)
        head = QHBoxLayout()
        head.setSpacing(SPACE * 2)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addStretch(1)
        words.addWidget(title)
        words.addWidget(claim)
        words.addStretch(1)
        head.addWidget(self._mark)
        head.addLayout(words, 1)

        self.samples_card = QFrame()
        self.samples_card.setObjectName("card")
        card = QVBoxLayout(self.samples_card)
        card.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        card.setSpacing(SPACE + 4)
        card_title = QLabel("New here? See a crack within a minute")
        card_title.setProperty("heading", True)
        card_text = QLabel(
            "Opens a project of your own with some photographs of concrete, asphalt and stone, and looks for "
            "cracks in them."
        )
        card_text.setProperty("soft", True)
        card_text.setWordWrap(True)
        pictures = QHBoxLayout()
        pictures.setSpacing(SPACE)
        self._pictures = [QLabel() for _ in range(SAMPLES_SHOWN)]
        for label in self._pictures:
            label.setFixedSize(SAMPLE_SIZE)
            label.setObjectName("sample")
            pictures.addWidget(label)
        pictures.addStretch(1)
        self.samples_button = QPushButton("Open the samples")
        self.samples_button.setProperty("primary", True)
        self.samples_button.clicked.connect(self.samples_wanted)
        line = QHBoxLayout()
        line.addWidget(self.samples_button)
        line.addStretch(1)
        card.addWidget(card_title)
        card.addWidget(card_text)
        card.addLayout(pictures)
        card.addLayout(line)

        ways = QGridLayout()
        ways.setSpacing(SPACE)
        self._buttons: list[tuple[QPushButton, QAction]] = []
        for number, action in enumerate(actions):
            button = QPushButton(f"  {action.text()}")
            button.setMinimumHeight(44)
            button.setIconSize(QSize(20, 20))
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.clicked.connect(action.trigger)
            ways.addWidget(button, 0, number)
            self._buttons.append((button, action))
        drop = QLabel("You can also drop a folder, pictures or a project anywhere in this window.")
        drop.setProperty("soft", True)

        self._recent_title = QLabel("Recent projects")
        self._recent_title.setProperty("heading", True)
        self._recent = QVBoxLayout()
        self._recent.setSpacing(0)

        column_box = QWidget()
        column_box.setMaximumWidth(720)
        column = QVBoxLayout(column_box)
        column.setSpacing(SPACE * 2)
        column.addStretch(2)
        column.addLayout(head)
        column.addWidget(self.samples_card)
        column.addLayout(ways)
        column.addWidget(drop)
        column.addWidget(self._recent_title)
        column.addLayout(self._recent)
        column.addStretch(3)
        across = QHBoxLayout(self)
        across.addStretch(1)
        across.addWidget(column_box, 20)
        across.addStretch(1)
        theme.changed.connect(self._dress)
        self._dress()
        self._look_for_samples()

    def show_recent(self, projects: Iterable[Path]) -> None:
        while (item := self._recent.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        shown = list(projects)[:RECENT_SHOWN]
        for path in shown:
            button = QPushButton(
                f"{shown_name(path.stem)}    {shown_name(path.parent, whole=True)}".replace("&", "&&")
            )
            button.setObjectName("recent")
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            button.clicked.connect(lambda checked=False, path=path: self.project_wanted.emit(path))
            self._recent.addWidget(button)
        self._recent_title.setVisible(bool(shown))

    def _look_for_samples(self) -> None:
        """Which samples there are is a look at the disk, so it is done on a lane."""
        folder = self._samples

        def work(progress: Progress) -> tuple[Path, ...]:
            from crackcore.imaging.scanning import scan

            return tuple(scan([folder], progress).pictures)

        job = Job("Looking for the samples", work, shown=False)
        job.succeeded.connect(self._show_samples)
        job.failed.connect(lambda error: self._show_samples(()))
        self._lanes.cpu.submit(job)

    def _show_samples(self, found: tuple[Path, ...]) -> None:
        self.samples_card.setVisible(bool(found))
        step = max(1, len(found) // SAMPLES_SHOWN)
        for label, path in zip(self._pictures, found[::step], strict=False):
            job = thumbnail_job(path, SAMPLE_SIZE.width() * 2)
            job.succeeded.connect(lambda pixels, label=label: label.setPixmap(_cut(pixmap_of(pixels))))
            self._lanes.cpu.submit(job)

    def _dress(self) -> None:
        scheme = self._theme.scheme
        self._mark.setPixmap(pixmap("crackscope", scheme.accent, 96, 2.0))
        for button, action in self._buttons:
            button.setIcon(action.icon() if not action.icon().isNull() else icon("open-folder", scheme))
        self.setStyleSheet(
            f"#first {{ background: {scheme.ground}; }}"
            f"#card {{ background: {scheme.raised}; "
            f"border: 1px solid {scheme.line}; border-radius: {RADIUS + 3}px; }}"
            f"#sample {{ background: {scheme.canvas}; border-radius: {RADIUS}px; }}"
            f"#recent {{ text-align: left; border: none; background: transparent; "
            f"color: {scheme.accent}; padding: 4px 0; }}"
            "#recent:hover { text-decoration: underline; }"
        )


def _cut(picture: QPixmap) -> QPixmap:
    """The middle of a picture, filling the frame."""
    filled = picture.scaled(
        SAMPLE_SIZE, Qt.AspectRatioMode.KeepAspectRatioByExpanding, Qt.TransformationMode.SmoothTransformation
    )
    left = (filled.width() - SAMPLE_SIZE.width()) // 2
    top = (filled.height() - SAMPLE_SIZE.height()) // 2
    return filled.copy(left, top, SAMPLE_SIZE.width(), SAMPLE_SIZE.height())
