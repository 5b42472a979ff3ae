"""Line icons: one SVG each, drawn in the colour of the text they stand beside."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from app.theme.scheme import Scheme
from crackcore.resources import resources_folder

_SIZES = (16, 20, 24, 32, 48)


def icon(name: str, scheme: Scheme) -> QIcon:
    """The icon of this name for a scheme; empty when there is none."""
    made = QIcon()
    if not name or _source(name) is None:
        return made
    for size in _SIZES:
        made.addPixmap(pixmap(name, scheme.text, size), QIcon.Mode.Normal, QIcon.State.Off)
        made.addPixmap(pixmap(name, scheme.accent_text, size), QIcon.Mode.Normal, QIcon.State.On)
        made.addPixmap(pixmap(name, scheme.text_off, size), QIcon.Mode.Disabled, QIcon.State.Off)
        made.addPixmap(pixmap(name, scheme.text_off, size), QIcon.Mode.Disabled, QIcon.State.On)
        made.addPixmap(pixmap(name, scheme.accent_text, size), QIcon.Mode.Selected, QIcon.State.Off)
    return made


@lru_cache(maxsize=1024)
def pixmap(name: str, colour: str, size: int, ratio: float = 1.0) -> QPixmap:
    """One icon as a picture of `size` logical px."""
    canvas = QPixmap(round(size * ratio), round(size * ratio))
    canvas.fill(Qt.GlobalColor.transparent)
    source = _source(name)
    if source is not None:
        renderer = QSvgRenderer(QByteArray(source.replace("currentColor", colour).encode()))
        painter = QPainter(canvas)
        renderer.render(painter, QRectF(0, 0, canvas.width(), canvas.height()))
        painter.end()
    canvas.setDevicePixelRatio(ratio)
    return canvas


@lru_cache(maxsize=256)
def _source(name: str) -> str | None:
    path = resources_folder() / "icons" / f"{name}.svg"
    return path.read_text(encoding="utf-8") if path.is_file() else None
