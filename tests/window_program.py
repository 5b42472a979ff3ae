"""The whole program in a test: real lanes, real session, real window, closed the polite way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.application import Program
from app.messages import Message

LONG_MS = 60_000  # for what a busy machine may take; nothing waits longer than it must


class Answers:
    """Stands for the user in front of the system's file dialogs."""

    def __init__(self) -> None:
        self.folders: list[Path] = []
        self.picture_lists: list[list[Path]] = []
        self.projects: list[Path] = []
        self.new_projects: list[Path] = []
        self.weight_files: list[Path] = []
        self.data_sets: list[Path] = []
        self.figure_files: list[Path] = []
        self.asked: list[str] = []

    def folder(self, title: str) -> Path | None:
        self.asked.append(title)
        return self.folders.pop(0) if self.folders else None

    def pictures(self, title: str) -> list[Path]:
        self.asked.append(title)
        return self.picture_lists.pop(0) if self.picture_lists else []

    def project(self, title: str) -> Path | None:
        self.asked.append(title)
        return self.projects.pop(0) if self.projects else None

    def weights(self, title: str) -> Path | None:
        self.asked.append(title)
        return self.weight_files.pop(0) if self.weight_files else None

    def data_set(self, title: str) -> Path | None:
        self.asked.append(title)
        return self.data_sets.pop(0) if self.data_sets else None

    def figures(self, title: str, suggestion: Path) -> Path | None:
        self.asked.append(title)
        return self.figure_files.pop(0) if self.figure_files else None

    def new_project(self, title: str, suggestion: Path) -> Path | None:
        self.asked.append(title)
        return self.new_projects.pop(0) if self.new_projects else None


class Running:
    """A program under test, and what one does with it."""

    def __init__(self, program: Program, answers: Answers, qtbot: Any) -> None:
        self.program = program
        self.answers = answers
        self.qtbot = qtbot
        self.window = program.window
        self.session = program.session
        self.canvas = program.window.canvas
        self.told: list[Message] = []
        self.session.told.connect(self.told.append)

    def until(self, true: Any, timeout: int = LONG_MS) -> None:
        self.qtbot.waitUntil(true, timeout=timeout)

    def run(self, action_id: str) -> None:
        self.window.actions_set.run(action_id)

    def settle(self) -> None:
        """Until nothing is going on any more."""
        self.until(lambda: self.program.lanes.is_idle and self.session.predicting.batch is None)

    def until_shown(self, image_id: str | None = None) -> None:
        def shown() -> bool:
            document = self.session.document
            right = document is not None and (image_id is None or document.record.id == image_id)
            return right and not self.session.is_loading and document.is_loaded

        self.until(shown)

    def until_models(self) -> None:
        self.until(lambda: self.session.models.known)

    def go_to(self, image_id: str) -> None:
        self.session.show(image_id)
        self.until_shown(image_id)

    def key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.window.focusWidget() or self.window, key, modifiers)

    def stroke(
        self, *points: tuple[float, float], button: Qt.MouseButton = Qt.MouseButton.LeftButton
    ) -> None:
        """Draw with the mouse through points (y, x) of the image."""
        at = [self.on_screen(point) for point in points]
        QTest.mousePress(self.canvas, button, Qt.KeyboardModifier.NoModifier, at[0])
        for point in at[1:]:
            QTest.mouseMove(self.canvas, point)
        QTest.mouseRelease(self.canvas, button, Qt.KeyboardModifier.NoModifier, at[-1])

    def on_screen(self, point: tuple[float, float]) -> QPoint:
        y, x = self.canvas.viewport.to_screen(*point)
        ratio = self.canvas.devicePixelRatioF()
        return QPointF(x / ratio, y / ratio).toPoint()

    def texts(self) -> list[str]:
        """The messages on screen, newest first."""
        return [strip.message.text for strip in self.window.messages.strips]

    def press(self, way: str) -> None:
        """Press a button of a message that is on screen."""
        for strip in self.window.messages.strips:
            for button in strip.buttons:
                if button.text() == way:
                    button.click()
                    return
        raise AssertionError(f"no message offers {way!r}: {self.texts()}")

    def close(self) -> None:
        self.window.close()
        self.until(lambda: not self.window.isVisible())


@contextmanager
def running(
    qtbot: Any, state: Path, paths: Sequence[Path] = (), *, look_for_device: bool = False
) -> Iterator[Running]:
    """Start the program on these paths; on the way out its window is closed as a user would."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    answers = Answers()
    program = Program(application, state, ask=answers, look_for_device=look_for_device)  # type: ignore[arg-type]
    under_test = Running(program, answers, qtbot)
    program.start(paths)
    try:
        yield under_test
        if under_test.window.isVisible():
            under_test.close()
    finally:
        program.end()
        program.window.hide()
        program.window.deleteLater()
        program.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        application.setStyleSheet("")


def picture(path: Path, size: tuple[int, int] = (96, 128), *, seed: int = 0) -> Path:
    """A small grey wall with a dark line, as a PNG or JPEG file; `size` is (height, width)."""
    rng = np.random.default_rng(seed)
    height, width = size
    pixels = 150 + 8 * rng.standard_normal((height, width, 3))
    columns = np.arange(width)
    rows = np.clip((height / 2 + height / 6 * np.sin(columns / 15 + seed)).astype(int), 2, height - 3)
    for offset in (-1, 0, 1):
        pixels[rows + offset, columns] = 45
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
    return path


def pictures(folder: Path, count: int = 3, size: tuple[int, int] = (96, 128)) -> list[Path]:
    return [picture(folder / f"wall {number}.png", size, seed=number) for number in range(count)]
