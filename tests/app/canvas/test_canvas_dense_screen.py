"""Screens whose pixels are denser than Qt's: one pixel of the photo on one pixel of the screen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# The ratio of a screen is fixed when Qt starts, so that each needs a process of its own.
SCRIPT = """
import json
import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from app.canvas import CanvasView
from app.document import Document, LayerOptions
from app.editing import ToolBox
from crackcore.domain.image_record import ImageRecord
from crackcore.imaging.pyramid import photo_levels

application = QApplication([])
photo = np.random.default_rng(1).integers(0, 256, (900, 1200, 3), dtype=np.uint8)
document = Document(ImageRecord("a", "a.jpg", "", 900, 1200))
document.set_loaded(photo_levels(photo), np.zeros((900, 1200), np.uint8), None, None)
toolbox = ToolBox(brush_px=1)
view = CanvasView(toolbox)
view.resize(333, 251)
view.show()
view.set_document(document, keep_view=False)
view.actual_size()
application.processEvents()
view._set_view(view.viewport.moved(7, -5))
QTest.mouseClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(100, 80))
application.processEvents()
toolbox.choose("pan")
top, left = view.viewport.origin
painted = (np.argwhere(document.hand)[0] + (top, left)).tolist()
view.set_layers(LayerOptions(overlay_visible=False))
image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
shown = rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3)
wanted = photo[-top : image.height() - top, -left : image.width() - left]
print(json.dumps({
    "ratio": view.devicePixelRatioF(), "size": shown.shape[:2],
    "wrong": int((shown != wanted).any(axis=2).sum()), "painted": painted,
}))
"""


@pytest.mark.parametrize("ratio", [1.25, 1.5, 2.0])
def test_actual_size_is_exact_and_a_click_hits_its_pixel(repository: Path, ratio: float) -> None:
    environment = {**os.environ, "QT_SCALE_FACTOR": str(ratio), "PYTHONPATH": str(repository)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment,
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert facts["ratio"] == ratio
    assert facts["size"][0] >= 250 * ratio
    assert facts["wrong"] == 0
    assert facts["painted"] == [int(80 * ratio), int(100 * ratio)]
