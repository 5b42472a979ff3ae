"""The gestures of the canvas: pan, zoom, threshold step, brush move, hover, at 12 and 100 megapixels.

Every step is a real gesture on a real widget of 1600 x 1000, from the event to the painted frame. Run by
itself (`python -m tests.benchmarks.canvas`) it uses the platform that QT_QPA_PLATFORM names, so that under
`xvfb-run` with xcb the frames also reach an X server. Beside the time on the clock stands the processor time
of all threads: on a busy machine it is the more honest of the two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from app.canvas import CanvasView
from app.document import Document, LayerOptions, ScorePlanes, display_planes, peak_planes, score_planes
from app.editing import ToolBox
from crackcore.domain.image_record import ImageRecord, Threshold
from crackcore.domain.prediction import Prediction
from crackcore.domain.project import ViewState
from crackcore.imaging.pyramid import photo_levels
from tests.benchmarks.figures import Figure, from_seconds, large_picture

WIDTH, HEIGHT = 1600, 1000
SIZES = {"12 MP": (3000, 4000), "100 MP": (10_000, 10_000)}
STEPS = 60
GESTURE_MS = 8.0  # the target for the median; 16 for the 95th percentile
NO_KEYS = Qt.KeyboardModifier.NoModifier
LEFT, NO_BUTTON = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


def wandering_cracks(height: int, width: int) -> NDArray[np.uint8]:
    """A score map with thin and thick cracks of many scores."""
    random = np.random.default_rng(7)
    score = np.zeros((height, width), np.uint8)
    for _ in range(40):
        way = random.normal(0, 30, (60, 2)).cumsum(axis=0) + random.uniform(0, 1, 2) * (width, height)
        points = way.astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(score, [points], False, int(random.integers(90, 255)), int(random.integers(1, 9)))
    return score


class Stage:
    """One canvas with one big document, and the gestures on it."""

    def __init__(self, size: str) -> None:
        self.size = size
        self.height, self.width = SIZES[size]
        self.score = wandering_cracks(self.height, self.width)
        self.hand = np.zeros((self.height, self.width), np.uint8)
        self.levels = photo_levels(large_picture(self.height, self.width))
        self.document = Document(ImageRecord("a", "a.jpg", "", self.height, self.width))
        self.toolbox = ToolBox(brush_px=12)
        self.view = CanvasView(self.toolbox)
        self.view.resize(WIDTH, HEIGHT)

    def shown(self) -> None:
        """Work off what Qt was asked to paint, and nothing more."""
        QApplication.processEvents()

    def place(self, scale: float) -> None:
        centre = self.width / 2, self.height / 2
        self.view.set_view_state(ViewState("", *centre, 1 / scale if scale else 0.0))
        self.shown()

    def mouse(self, kind: QEvent.Type, x: float, y: float, held: Qt.MouseButton) -> None:
        button = NO_BUTTON if kind == QEvent.Type.MouseMove else LEFT
        at = QPointF(x, y)
        event = QMouseEvent(kind, at, self.view.mapToGlobal(at), button, held, NO_KEYS)
        QApplication.sendEvent(self.view, event)

    def pan(self, step: int) -> None:
        self.view._set_view(self.view.viewport.moved(17 if step % 2 else -13, 23 if step % 3 else -31))
        self.shown()

    def zoom(self, step: int) -> None:
        at = QPointF(700, 400)
        turn = QPoint(0, 120 if step % 8 < 4 else -120)
        phase = Qt.ScrollPhase.NoScrollPhase
        wheel = QWheelEvent(at, self.view.mapToGlobal(at), QPoint(), turn, NO_BUTTON, NO_KEYS, phase, False)
        QApplication.sendEvent(self.view, wheel)
        self.shown()

    def threshold(self, step: int) -> None:
        value = 40 + step * 7 % 200
        self.document.set_threshold(Threshold(value, value), final=False)
        self.shown()

    def brush(self, step: int) -> None:
        """Forty pixels of the screen at a time, back and forth over the widget."""
        self.mouse(QEvent.Type.MouseMove, 200 + step * 37 % 1200, 150 + step * 15 % 700, LEFT)
        self.shown()

    def hover(self, step: int) -> None:
        self.mouse(QEvent.Type.MouseMove, 200 + step * 11 % 1200, 150 + step * 7 % 700, NO_BUTTON)
        self.shown()

    def let_go(self) -> None:
        self.mouse(QEvent.Type.MouseButtonRelease, 200, 150, NO_BUTTON)

    def gesture(self, name: str, case: str, step: Callable[[int], None]) -> Iterator[Figure]:
        clock, processor = [], []
        for number in range(STEPS + 3):
            clock_start, processor_start = time.perf_counter(), time.process_time()
            step(number)
            clock.append(time.perf_counter() - clock_start)
            processor.append(time.process_time() - processor_start)
        case = f"{self.size}, {case}"
        yield from_seconds(name, case, np.array(clock[3:]), at_most=GESTURE_MS)
        yield from_seconds(f"{name}, processor", case, np.array(processor[3:]))

    def once(self, name: str, case: str, work: Callable[[], object]) -> Figure:
        start = time.perf_counter()
        work()
        seconds = np.array([time.perf_counter() - start])
        return from_seconds(name, f"{self.size}, {case}", seconds)


def measure() -> Iterator[Figure]:
    application = QApplication.instance() or QApplication([])
    for size in SIZES:
        yield from _of_size(size)
    del application


def _of_size(size: str) -> Iterator[Figure]:
    stage = Stage(size)
    document, view = stage.document, stage.view
    planes = [display_planes(stage.hand, stage.score, None)]
    yield stage.once(
        "levels of all layers", "cpu lane", lambda: display_planes(stage.hand, stage.score, None)
    )
    prediction = Prediction(stage.score, "m", "")
    yield stage.once(
        "take loaded arrays",
        "GUI thread",
        lambda: document.set_loaded(stage.levels, stage.hand, prediction, None, planes=planes.pop()),
    )
    view.show()
    while not view.window().windowHandle().isExposed():
        stage.shown()
    view.set_document(document, keep_view=False)
    plain, all_layers = LayerOptions(), LayerOptions(outline=True, score_visible=True)
    for case, scale, layers in (
        ("fit", 0.0, plain),
        ("1:1", 1.0, plain),
        ("1:1, outline and score", 1.0, all_layers),
        ("1:1.7", 1 / 1.7, plain),
        ("6:1", 6.0, plain),
    ):
        view.set_layers(layers)
        for name, step in (("pan", stage.pan), ("zoom", stage.zoom), ("threshold step", stage.threshold)):
            stage.place(scale)
            yield from stage.gesture(name, case, step)
        stage.place(scale)
        yield from stage.gesture("hover", case, stage.hover)
        stage.mouse(QEvent.Type.MouseButtonPress, 200, 150, LEFT)
        yield from stage.gesture("brush move of 40 px", case, stage.brush)
        yield stage.once("end of that stroke", case, stage.let_go)
        yield stage.once("undo of that stroke", case, document.undo)
        stage.shown()

    new = Prediction(stage.score.copy(), "n", "")
    made: list[ScorePlanes] = []
    revision = document.revision
    yield stage.once(
        "levels of a prediction",
        "cpu lane",
        lambda: made.append(score_planes(new.score, stage.hand, revision=revision)),
    )
    yield stage.once("take a prediction", "GUI thread", lambda: document.set_prediction(new, made[0]))
    document.set_threshold(Threshold(60, 180), final=False)
    revision = document.revision
    peaks = [peak_planes(new.score, 60, stage.hand, revision=revision)]
    yield stage.once(
        "hysteresis map", "cpu lane", lambda: peak_planes(new.score, 60, stage.hand, revision=revision)
    )
    yield stage.once("take it", "GUI thread", lambda: document.set_peaks(peaks[0]))
    snapshot = document.snapshot()
    approvals = [snapshot.approval()]
    yield stage.once("mask to approve", "cpu lane", snapshot.approval)
    yield stage.once("approve", "GUI thread", lambda: document.approve(approvals[0]))
    view.close()
    view.set_document(None, keep_view=False)


if __name__ == "__main__":
    from tests.benchmarks.__main__ import table

    print(table({"canvas": list(measure())}))
