"""The next picture as its thumbnail, for the moment until its pixels are there."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPixmap
from PySide6.QtWidgets import QWidget

from app.canvas.view import CanvasView


class ComingPicture(QWidget):
    """Covers the canvas, and takes the mouse: nobody paints on a picture that is not seen any more.

    The thumbnail lies exactly where the picture will, so that nothing jumps when it comes.
    """

    def __init__(self, canvas: CanvasView) -> None:
        super().__init__()
        self._canvas = canvas
        self._pixmap = QPixmap()
        self._size_px = (1, 1)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setCursor(Qt.CursorShape.BusyCursor)
        self.hide()

    def show_for(self, thumbnail: QPixmap, size_px: tuple[int, int]) -> None:
        """Show a picture of this size (height, width) in px by its thumbnail."""
        self._pixmap, self._size_px = thumbnail, size_px
        self.show()
        self.update()

    def picture_rect(self) -> QRectF:
        """Where the picture lies, in points of this widget."""
        height, width = self._size_px
        view = self._canvas.viewport
        same = self._size_px == (view.image_height, view.image_width)
        view = view.for_image(height, width)
        view = view if same else view.fit()
        ratio = self.devicePixelRatioF()
        top, left = view.to_screen(-0.5, -0.5)
        return QRectF(left / ratio, top / ratio, width * view.scale / ratio, height * view.scale / ratio)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.palette().color(QPalette.ColorRole.Shadow))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(self.picture_rect(), self._pixmap, QRectF(self._pixmap.rect()))
