"""Takes the pictures of the window in resources/screenshots, from the program itself.

    python packaging/screenshots.py [--out FOLDER]

Needs a display; without one it starts Xvfb and runs itself inside it. Works in a state folder of its
own, on copies of the sample photographs, so it can be run again at any time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image
    from PySide6.QtCore import QPoint

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SIZE = (1440, 900)
LIMIT_BYTES = 400_000
WAIT_S = 300


def inside_xvfb(arguments: list[str]) -> int:
    """Run this script again on a display of its own."""
    if shutil.which("Xvfb") is None:
        sys.exit("There is no display and no Xvfb. Install the package xvfb.")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as line:
            display = line.readline().strip()
        environment = {**os.environ, "DISPLAY": f":{display}", "QT_QPA_PLATFORM": "xcb"}
        return subprocess.call([sys.executable, __file__, *arguments], env=environment)
    finally:
        server.terminate()
        server.wait()


class Photographer:
    """Drives one program through its scenes."""

    def __init__(self, out: Path, work: Path) -> None:
        from PySide6.QtWidgets import QApplication

        from app.application import Program

        self.out = out
        self.work = work
        self.app = QApplication([])
        self.app.setStyle("Fusion")
        self.program = Program(self.app, work / "state", look_for_device=True)
        self.program.settings.set("theme", "light")
        self.window = self.program.window
        self.session = self.program.session
        self.window.resize(*SIZE)
        self.program.start()
        self.pause(1.0)

    def until(self, true: Callable[[], bool], seconds: float = WAIT_S) -> None:
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                sys.exit("The window did not get there in time.")
            self.app.processEvents()
            time.sleep(0.005)

    def pause(self, seconds: float) -> None:
        """For what has no signal: fonts, hover, the second on a clock."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end)

    def settle(self) -> None:
        self.until(lambda: self.program.lanes.is_idle and self.session.predicting.batch is None)
        self.pause(0.3)

    def take(self, name: str) -> None:
        """Grab the screen where the window is, and what lies over it; as few colours as the limit asks."""
        from io import BytesIO

        from PIL import Image
        from PySide6.QtCore import QBuffer, QIODevice

        self.pause(0.3)
        place = self.window.geometry()
        grabbed = self.window.screen().grabWindow(0, place.x(), place.y(), place.width(), place.height())
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        grabbed.save(buffer, "PNG")
        path = self.out / f"{name}.png"
        with Image.open(BytesIO(buffer.data().data())) as picture:
            whole = picture.convert("RGB")
        whole.save(path, optimize=True)
        colours = 256
        while path.stat().st_size > LIMIT_BYTES and colours >= 64:
            self.with_fewer_colours(whole, colours).save(path, optimize=True)
            colours //= 2
        print(f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}: {path.stat().st_size} bytes")

    def with_fewer_colours(self, picture: Image.Image, colours: int) -> Image.Image:
        """A palette from the picture, but with the few colours that carry a meaning kept exactly."""
        from dataclasses import asdict

        from PIL import Image, ImageColor

        meant = [v for v in asdict(self.program.theme.scheme).values() if v.startswith("#")]
        own = picture.quantize(colours - len(meant), dither=Image.Dither.NONE).getpalette() or []
        own = own[: 3 * (colours - len(meant))]
        table = Image.new("P", (1, 1))
        table.putpalette(own + [part for name in meant for part in ImageColor.getrgb(name)[:3]])
        return picture.quantize(palette=table, dither=Image.Dither.NONE)

    # ------------------------------------------------------------------ scenes

    def first_run(self) -> None:
        self.settle()
        self.take("first-run")

    def prediction(self) -> None:
        self.session.intake.open_samples()
        self.until(lambda: self.session.document is not None)
        self.until(lambda: self.session.models.known)
        self.pause(0.5)
        self.settle()
        self.until(lambda: bool(self.session.models.device_text))
        self.go_to("concrete_crack")
        self.window.messages.clear()
        self.window.canvas.fit()
        self.hover(0.5, 0.5)
        self.take("prediction")

    def editing(self) -> None:
        import cv2
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        canvas = self.window.canvas
        document = self.session.document
        assert document is not None
        height, width = document.size_px
        self.window.actions_set.run("view.outline")
        canvas.actual_size()
        canvas.zoom_by(3.0)
        canvas.centre_on(height * 0.45, width * 0.5)
        self.window.tools.size_px = 12
        self.pause(0.2)
        none = Qt.KeyboardModifier.NoModifier
        # Along the crack itself: the darkest column of each row of the photograph.
        assert document.photo_levels is not None
        grey = cv2.GaussianBlur(document.photo_levels[0].mean(axis=2), (9, 9), 0)
        rows = range(round(height * 0.38), round(height * 0.52), 3)
        path = [self.on_screen(y, int(grey[y].argmin())) for y in rows]
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, none, path[0])
        for point in path[1:]:
            QTest.mouseMove(canvas, point)
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, none, path[-1])
        self.hover(0.62, 0.4)
        self.settle()
        self.pause(2.5)
        self.take("editing")
        self.window.actions_set.run("view.outline")

    def predict_all(self) -> None:
        folder = self.work / "Quay wall 3"
        folder.mkdir()
        sources = [p for p in sorted((ROOT / "resources" / "samples").iterdir()) if p.suffix == ".jpg"]
        from PIL import Image

        for number in range(14):
            with Image.open(sources[number % len(sources)]) as picture:
                turned = picture.rotate(180 * (number // len(sources) % 2))
                shrunk = turned.resize((turned.width - number, turned.height - number))
            shrunk.save(folder / f"IMG_{2040 + number}.jpg", quality=92)
        self.session.intake.open_paths([folder])
        self.until(lambda: self.session.path is not None and self.session.path.stem == folder.name)
        self.until(lambda: self.session.document is not None)
        self.settle()
        for _ in range(2):
            self.window.actions_set.run("review.next")
            self.settle()
        self.window.actions_set.run("predict.all")
        self.until(lambda: self.session.predicting.batch is None or self.session.predicting.batch.at >= 5)
        self.window.messages.clear()
        self.take("predict-all")
        self.settle()
        self.window.actions_set.run("review.approve-next")
        self.settle()

    def dark(self) -> None:
        self.program.settings.set("theme", "dark")
        self.session.intake.open_samples()
        self.until(lambda: self.session.path is not None and self.session.path.stem == "Samples")
        self.until(lambda: self.session.document is not None)
        self.settle()
        self.go_to("asphalt_crack")
        self.window.messages.clear()
        self.window.canvas.fit()
        self.hover(0.45, 0.55)
        self.take("dark")
        self.program.settings.set("theme", "light")

    def models(self) -> None:
        from app.dialogs.choose_model import ModelChooser

        self.window.actions_set.run("model.choose")
        dialog = self.window.findChild(ModelChooser)
        # There is no window manager here to put a frame around it.
        dialog.setObjectName("framed")
        dialog.setStyleSheet(f"#framed {{ border: 1px solid {self.program.theme.scheme.text_off}; }}")
        dialog.setContentsMargins(1, 1, 1, 1)
        self.until(dialog.isVisible)
        self.take("models")
        dialog.reject()

    def looked_at(self) -> None:
        """A refined score over the photograph, with its outline."""
        self.go_to("concrete_crack")
        looking = self.session.looking
        looking.look_at("guided-filter")
        self.until(lambda: looking.look is not None)
        self.window.messages.clear()
        self.window.canvas.fit()
        self.hover(0.6, 0.5)
        self.take("layers")
        looking.look_at("")

    def learning(self) -> None:
        """Some pictures are corrected and approved; how good the models are on them, and adapting one."""
        from PySide6.QtWidgets import QDockWidget

        from crackcore.domain.image_record import Review

        self.session.intake.open_paths([self.work / "Quay wall 3"])
        self.until(lambda: self.session.path is not None and self.session.path.stem == "Quay wall 3")
        self.until(lambda: self.session.document is not None)
        self.settle()
        records = self.session.project.images
        for record in records[:8]:
            self.go_to(Path(record.file).stem)
            self.draw_along_the_crack()
            self.settle()
            self.window.actions_set.run("review.approve")
            self.until(lambda r=record: self.session.record(r.id).review is Review.APPROVED)  # type: ignore[misc]
        self.window.actions_set.run("evaluate.open")
        self.pause(0.3)
        by_name = {m.name: m for m in self.session.models.installed}
        self.session.evaluating.start(by_name["cgnet-open"], by_name["pspnet-open"])
        self.until(lambda: self.session.evaluating.run is None)
        assert self.session.evaluating.result is not None
        first = records[1]
        self.go_to(Path(first.file).stem)
        self.session.evaluating.show_errors(first.id, side=0, step=128, tolerance_px=2.0)
        self.until(lambda: self.session.looking.look is not None)
        self.window.messages.clear()
        self.window.canvas.fit()
        self.take("evaluation")
        self.session.looking.look_at("")
        for dock in self.window.findChildren(QDockWidget):
            if dock.windowTitle() == "Evaluation":
                dock.hide()
        self.go_to(Path(records[9].file).stem)
        self.window.actions_set.run("adapt.start")
        self.until(lambda: self.session.adapting.offer is not None)
        self.settle()
        self.window.messages.clear()
        self.window.canvas.fit()
        self.take("adapt")
        self.window.actions_set.run("adapt.discard")
        self.settle()

    # ------------------------------------------------------------------ little things

    def draw_along_the_crack(self) -> None:
        """One stroke along the longest run of lines in which something was found, and a little beyond."""
        import numpy as np
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        document, canvas = self.session.document, self.window.canvas
        assert document is not None
        assert document.prediction is not None
        canvas.fit()
        self.pause(0.2)
        self.window.tools.size_px = 6
        score = document.prediction.score
        rows: list[int] = []
        for row in range(0, score.shape[0], 4):
            found = int(score[row].max()) > 100
            near = not rows or abs(int(score[row].argmax()) - int(score[rows[-1]].argmax())) < 15
            if found and near:
                rows.append(row)
            elif len(rows) > 25:
                break
            else:
                rows = []
        if len(rows) < 2:
            return
        line = [(float(row), float(np.argmax(score[row]))) for row in rows]
        path = [self.on_screen(y, x) for y, x in line]
        none = Qt.KeyboardModifier.NoModifier
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, none, path[0])
        for point in path[1:]:
            QTest.mouseMove(canvas, point)
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, none, path[-1])

    def go_to(self, stem: str) -> None:
        for record in self.session.project.images:
            if stem in record.file:
                self.session.show(record.id)
                self.until(lambda: not self.session.is_loading)
        self.settle()

    def on_screen(self, y: float, x: float) -> QPoint:
        from PySide6.QtCore import QPointF

        canvas = self.window.canvas
        down, across = canvas.viewport.to_screen(y, x)
        ratio = canvas.devicePixelRatioF()
        return QPointF(across / ratio, down / ratio).toPoint()

    def hover(self, across: float, down: float) -> None:
        from PySide6.QtTest import QTest

        canvas = self.window.canvas
        QTest.mouseMove(canvas, type(canvas.pos())(int(canvas.width() * across), int(canvas.height() * down)))
        self.pause(0.2)

    def end(self) -> None:
        self.window.close()
        self.until(lambda: not self.window.isVisible())
        self.program.end()


SCENES = ("first_run", "prediction", "models", "looked_at", "editing", "predict_all", "learning", "dark")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "resources" / "screenshots")
    options = parser.parse_args()
    if not os.environ.get("DISPLAY") and sys.platform.startswith("linux"):
        return inside_xvfb(sys.argv[1:])
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="crackscope-pictures-") as folder:
        os.environ["CRACKSCOPE_STATE"] = str(Path(folder) / "state")
        photographer = Photographer(options.out, Path(folder))
        for scene in SCENES:
            getattr(photographer, scene)()
        photographer.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
