"""Layers that are looked at: a map and a picture four times finer than a photo of one megapixel.

The gestures are those of `canvas`, on a widget of 1600 x 1000.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
from PySide6.QtWidgets import QApplication

from app.document import LayerOptions, display_planes
from app.document.looked_at import looked_at
from crackcore.domain.prediction import Prediction
from tests.benchmarks import canvas
from tests.benchmarks.figures import Figure

FINER = 4


def measure() -> Iterator[Figure]:
    application = QApplication.instance() or QApplication([])
    canvas.SIZES["1 MP"] = (1000, 1000)
    stage = canvas.Stage("1 MP")
    planes = display_planes(stage.hand, stage.score, None)
    stage.document.set_loaded(stage.levels, stage.hand, Prediction(stage.score, "m", ""), None, planes=planes)
    view, size = stage.view, (stage.height, stage.width)
    view.show()
    while not view.window().windowHandle().isExposed():
        stage.shown()
    view.set_document(stage.document, keep_view=False)
    view.set_layers(LayerOptions())
    finer = (stage.width * FINER, stage.height * FINER)
    maps = {
        "map": cv2.resize(stage.score, finer, interpolation=cv2.INTER_CUBIC),
        "picture": cv2.resize(stage.levels[0], finer, interpolation=cv2.INTER_CUBIC),
    }
    for name, pixels in maps.items():
        yield stage.once(f"levels of a {name}", "device lane", lambda p=pixels: looked_at("", p, size))  # type: ignore[misc]
        view.look_at(looked_at(name, pixels, size))
        for case, scale in (("fit", 0.0), ("1:1", 1.0), ("6:1", 6.0)):
            for gesture, step in (("pan", stage.pan), ("zoom", stage.zoom)):
                stage.place(scale)
                yield from stage.gesture(f"{gesture} of a {name}", case, step)
    view.look_at(None)
    view.close()
    view.set_document(None, keep_view=False)
    del application


if __name__ == "__main__":
    from tests.benchmarks.__main__ import table

    print(table({"looked_at": list(measure())}))
