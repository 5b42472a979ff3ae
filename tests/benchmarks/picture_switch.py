"""From "next picture" to the whole picture on the canvas, and how long the window stood still meanwhile."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication

from app.application import Program
from crackcore.domain.change import Predicted
from crackcore.domain.prediction import Prediction
from crackcore.domain.project import Project
from crackcore.imaging.scanning import record_for
from crackcore.projects.store import ProjectStore
from tests.benchmarks.figures import Figure, from_seconds, large_picture

HEIGHT_PX, WIDTH_PX, COUNT = 3000, 4000, 10
PATIENCE_S = 60.0


class Heartbeat:
    """The longest time between two turns of the event loop."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def restart(self) -> None:
        self.longest_s, self._last = 0.0, time.perf_counter()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.longest_s, self._last = max(self.longest_s, now - self._last), now


def make_project(folder: Path) -> Path:
    """Ten 12-megapixel JPEGs, each with a score map, in a project."""
    whole = large_picture(HEIGHT_PX + 64 * COUNT, WIDTH_PX)
    records = []
    for number in range(COUNT):
        path = folder / f"DSC_{number:04d}.jpg"
        Image.fromarray(whole[64 * number : 64 * number + HEIGHT_PX]).save(path, quality=92)
        records.append(record_for(path, folder))
    place = folder / "switch.crackscope"
    score = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    score[500:520, 100:3900] = 200
    with ProjectStore.create(place, Project("Switch", uuid.uuid4().hex, tuple(records))) as store:
        store.append_many([Predicted(r.id, Prediction(score, "benchmark", "0" * 64)) for r in records])
    return place


def wait_for(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        QApplication.processEvents()
        if time.monotonic() > deadline:
            raise TimeoutError("the picture did not come")
    QApplication.processEvents()


def measure() -> Iterator[Figure]:
    application = QApplication([])
    application.setStyle("Fusion")
    with tempfile.TemporaryDirectory(prefix="crackscope-benchmark-") as folder:
        place = make_project(Path(folder))
        program = Program(application, Path(folder) / "state", look_for_device=False)
        program.window.resize(1600, 1000)
        program.start([place])
        session = program.session

        def shows(image_id: str) -> Callable[[], bool]:
            return lambda: (
                session.document is not None
                and session.document.record.id == image_id
                and session.document.is_loaded
                and not session.is_loading
            )

        wait_for(lambda: session.is_open and session.document is not None and not session.is_loading)
        ids = [record.id for record in session.project.images]
        beat = Heartbeat()

        def visit(image_id: str) -> tuple[float, float]:
            # Thumbnails and other work of the start must not be counted.
            wait_for(lambda: program.lanes.is_idle)
            beat.restart()
            started = time.perf_counter()
            session.show(image_id)
            wait_for(shows(image_id))
            program.window.repaint()
            return time.perf_counter() - started, beat.longest_s

        first = np.array([visit(image_id) for image_id in ids[1:]])
        again = np.array([visit(image_id) for image_id in [*ids[-3:], *ids[-3:], *ids[-3:]][:-1]])
        yield from_seconds("full picture, first visit", "12 MP JPEG", first[:, 0], at_most=300.0)
        yield from_seconds("longest standstill, first visit", "12 MP JPEG", first[:, 1], at_most=33.0)
        yield from_seconds("back to a picture in memory", "12 MP JPEG", again[:, 0])
        program.window.close()
        wait_for(lambda: program.lanes.is_idle and not session.is_open)
        program.end()
