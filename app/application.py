"""Builds lanes, session and window, and joins them: the only place that knows all of them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from app.dialogs.ask import Ask
from app.jobs import Job, Lanes
from app.messages import LastNet, start_log
from app.session import Session
from app.session.intake import samples_folder
from app.settings.storage import SettingsHolder, read_settings, write_settings
from app.theme.icons import pixmap
from app.theme.scheme import Theme
from app.window import Window
from crackcore import __version__
from crackcore.resources import state_folder

DEVICE_ASKED_AFTER_MS = 600  # after the first picture is on screen


class Program(QObject):
    """One running window and all it needs. `ask` and `look_for_device` are for tests."""

    def __init__(
        self,
        application: QApplication,
        state: Path,
        *,
        ask: Ask | None = None,
        look_for_device: bool = True,
    ) -> None:
        super().__init__(application)
        self._state = state
        self._look_for_device = look_for_device
        self.settings = SettingsHolder(read_settings(state), self)
        self.theme = Theme(application, self.settings.value.theme)
        self.lanes = Lanes(self)
        self.session = Session(self.lanes, self.settings, self)
        self.window = Window(self.session, self.lanes, self.settings, self.theme, ask=ask)
        self.settings.changed.connect(self._write_settings)
        self.session.document_changed.connect(self._first_picture)

    def start(self, paths: Sequence[Path] = ()) -> None:
        """Show the window; everything that takes time comes after it."""
        self.window.show()
        QTimer.singleShot(0, self, self.session.models.look_for)
        if paths:
            QTimer.singleShot(0, self, lambda: self.session.intake.open_paths(list(paths)))

    def end(self) -> None:
        """After the event loop: no thread is left behind."""
        self.lanes.shut()

    def _write_settings(self, name: str) -> None:
        value, state = self.settings.value, self._state
        job = Job("Keeping the settings", lambda progress: write_settings(state, value), shown=False)
        job.can_cancel = False
        job.failed.connect(self.session.tell_error)
        self.lanes.disk.submit(job)

    def _first_picture(self) -> None:
        if self._look_for_device and self.session.document is not None:
            self._look_for_device = False
            # torch takes a second or two to import; the picture is to be seen first.
            QTimer.singleShot(DEVICE_ASKED_AFTER_MS, self, self.session.models.look_for_device)


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the window; returns the exit status."""
    options = _options(sys.argv[1:] if arguments is None else arguments)
    state = state_folder()
    crash_log = _start_log(state)
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    application.setApplicationName("crackscope")
    application.setApplicationDisplayName("Crackscope")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("crackscope")
    application.setStyle("Fusion")
    application.setWindowIcon(QIcon(pixmap("crackscope", "#0b62c4", 64)))
    program = Program(application, state)
    net = LastNet(application)
    net.caught.connect(program.session.told)
    net.install()
    paths = [samples_folder()] if options.samples else [Path(p) for p in options.paths]
    program.start(paths)
    status = application.exec()
    program.end()
    net.remove()
    if crash_log is not None:
        crash_log.flush()
    return status


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="crackscope", description="Find, correct and record cracks in photographs."
    )
    parser.add_argument("paths", nargs="*", help="a project, or folders and pictures, to open")
    parser.add_argument("--samples", action="store_true", help="open the sample photographs")
    parser.add_argument("--version", action="version", version=f"crackscope {__version__}")
    return parser.parse_args(arguments)


def _start_log(state: Path) -> TextIO | None:
    """A log if there is a place for one: a read-only home must not keep the window from opening."""
    try:
        return start_log(state)[1]
    except OSError as error:
        sys.stderr.write(f"No log is kept: {error.strerror}\n")
        return None
