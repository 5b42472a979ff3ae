"""How long the gestures of the canvas take: pan, zoom, threshold step, brush dab, hover.

    python tests/benchmarks/canvas.py [--json FILE] [--megapixels 12 100] [--steps 60]

Every step is a real gesture on a real widget of 1600 x 1000, from the event to the painted frame
(`QWidget.repaint`). Runs on the offscreen platform unless QT_QPA_PLATFORM says otherwise; under
`xvfb-run` with QT_QPA_PLATFORM=xcb the frame also reaches an X server.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cv2
import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from app.canvas import CanvasView
from app.document import Document, LayerOptions, display_planes, score_planes
from app.editing import ToolBox
from crackcore.domain.image_record import ImageRecord, Threshold
from crackcore.domain.prediction import Prediction
from crackcore.imaging.pyramid import photo_levels
from crackcore.masks.patch import difference

WIDTH, HEIGHT = 1600, 1000
NO_KEYS = Qt.KeyboardModifier.NoModifier
LEFT, NO_BUTTON = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


def made_up(megapixels: float) -> tuple[np.ndarray, np.ndarray]:
    """A rough surface with wandering cracks, and a score map for it."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(megapixels * 1e6 / height)
    random = np.random.default_rng(7)
    small = random.integers(90, 190, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    photo = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    score = np.zeros((height, width), np.uint8)
    for _ in range(40):
        steps = random.normal(0, 30, (60, 2)).cumsum(axis=0) + random.uniform(0, 1, 2) * (width, height)
        line = steps.astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(score, [line], False, int(random.integers(90, 255)), int(random.integers(1, 9)))
    return photo, score


def timed(step: Callable[[int], None], steps: int) -> dict[str, float]:
    for i in range(3):
        step(i)
    times = []
    for i in range(steps):
        start = time.perf_counter()
        step(i)
        times.append((time.perf_counter() - start) * 1000)
    return {"median_ms": float(np.median(times)), "p95_ms": float(np.percentile(times, 95))}


def mouse(view: CanvasView, kind: QEvent.Type, x: float, y: float, buttons: Qt.MouseButton) -> None:
    button = NO_BUTTON if kind == QEvent.Type.MouseMove else LEFT
    at = QPointF(x, y)
    QApplication.sendEvent(view, QMouseEvent(kind, at, view.mapToGlobal(at), button, buttons, NO_KEYS))


def paint_now(view: CanvasView) -> None:
    """Paint exactly what was marked for repainting, at once."""
    QApplication.sendPostedEvents(view.window(), QEvent.Type.UpdateRequest.value)
    QApplication.processEvents()


def measured(megapixels: float, steps: int) -> dict[str, dict[str, float]]:
    photo, score = made_up(megapixels)
    height, width = score.shape
    document = Document(ImageRecord("a", "a.jpg", "", height, width))
    hand = np.zeros((height, width), np.uint8)
    rows: dict[str, dict[str, float]] = {}

    def once(title: str, work: Callable[[], object]) -> object:
        start = time.perf_counter()
        result = work()
        took = (time.perf_counter() - start) * 1000
        rows[title] = {"median_ms": took, "p95_ms": took}
        return result

    levels = photo_levels(photo)
    planes = once("(lane) levels for the canvas", lambda: display_planes(hand, score, None))
    once(
        "take the loaded arrays",
        lambda: document.set_loaded(levels, hand, Prediction(score, "m", ""), None, planes=planes),
    )
    toolbox = ToolBox(brush_px=12)
    view = CanvasView(toolbox)
    view.resize(WIDTH, HEIGHT)
    view.show()
    view.set_document(document, keep_view=False)
    paint_now(view)

    def pan(i: int) -> None:
        view._set_view(view.viewport.moved(17 if i % 2 else -13, 23 if i % 3 else -31))
        paint_now(view)

    def zoom(i: int) -> None:
        delta = 120 if i % 8 < 4 else -120
        at = QPointF(700, 400)
        wheel = QWheelEvent(
            at,
            view.mapToGlobal(at),
            QPoint(),
            QPoint(0, delta),
            NO_BUTTON,
            NO_KEYS,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(view, wheel)
        paint_now(view)

    def threshold(i: int) -> None:
        value = 40 + (i * 7) % 200
        document.set_threshold(Threshold(value, value), final=False)
        paint_now(view)

    def dab(i: int) -> None:
        mouse(view, QEvent.Type.MouseMove, 200 + (i * 37) % 1200, 150 + (i * 23) % 700, LEFT)
        paint_now(view)

    def hover(i: int) -> None:
        mouse(view, QEvent.Type.MouseMove, 200 + (i * 11) % 1200, 150 + (i * 7) % 700, NO_BUTTON)
        paint_now(view)

    views = {
        "fit": view.fit,
        "1:1": lambda: view._set_view(view.viewport.scaled_to(1.0).centred_on(height / 2, width / 2)),
        "1:1.7": lambda: view._set_view(view.viewport.scaled_to(1 / 1.7).centred_on(height / 2, width / 2)),
        "6:1": lambda: view._set_view(view.viewport.scaled_to(6.0).centred_on(height / 2, width / 2)),
    }
    for name, go in views.items():
        for layers, title in (
            (LayerOptions(), ""),
            (LayerOptions(outline=True, score_visible=True), ", outline and score"),
        ):
            view.set_layers(layers)
            go()
            paint_now(view)
            if title and name != "1:1":
                continue
            rows[f"threshold step, {name}{title}"] = timed(threshold, steps)
            rows[f"pan, {name}{title}"] = timed(pan, steps)
            go()
            rows[f"zoom from {name}{title}"] = timed(zoom, steps)
            go()
            paint_now(view)
            rows[f"hover, {name}{title}"] = timed(hover, steps)
            mouse(view, QEvent.Type.MouseButtonPress, 200, 150, LEFT)
            rows[f"brush move of 40 px, {name}{title}"] = timed(dab, steps)
            once(
                f"stroke committed, {name}{title}",
                lambda: mouse(view, QEvent.Type.MouseButtonRelease, 200, 150, NO_BUTTON),
            )
            once(f"undo of that stroke, {name}{title}", document.undo)
            paint_now(view)

    fresh = Prediction(score.copy(), "n", "")
    ready = once(
        "(lane) levels of a new prediction",
        lambda: score_planes(fresh.score, hand, revision=document.revision),
    )
    once("take a new prediction", lambda: document.set_prediction(fresh, ready))
    snapshot = document.snapshot()
    approval = once("(lane) mask to approve", snapshot.approval)
    once("approve", lambda: document.approve(approval))
    patch = once("(lane) difference of two planes", lambda: difference(hand, hand))
    assert patch is not None
    view.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[12, 100])
    parser.add_argument("--steps", type=int, default=60)
    asked = parser.parse_args()
    application = QApplication([])
    results = {f"{size:g} MP": measured(size, asked.steps) for size in asked.megapixels}
    titles = list(next(iter(results.values())))
    print(f"{application.platformName()}, {WIDTH} x {HEIGHT}; ms, median / 95th percentile")
    print(f"{'':44s}" + "".join(f"{size:>20s}" for size in results))
    for title in titles:
        cells = (f"{r[title]['median_ms']:10.2f} /{r[title]['p95_ms']:8.2f}" for r in results.values())
        print(f"{title:44s}" + "".join(cells))
    if asked.json:
        asked.json.write_text(
            json.dumps({"platform": application.platformName(), "results": results}, indent=1)
        )


if __name__ == "__main__":
    main()
