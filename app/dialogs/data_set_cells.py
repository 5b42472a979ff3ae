"""Pictures of a data set at a glance, as many in a row as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QImage, QPainter, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QListView, QListWidget, QListWidgetItem, QWidget

from app.theme.scheme import SPACE

if TYPE_CHECKING:
    from crackcore.arrays import RgbImage
    from crackcore.datasets.asking import Cell

SIDE_PX = 150
_GAP_PX = 4


class CellList(QListWidget):
    """Nothing in it can be changed; names are elided and whole in the tooltip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Pictures of the data set")
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSpacing(SPACE // 2)

    def show_cells(self, cells: Sequence[Cell]) -> None:
        self.clear()
        pairs = any(cell.mask is not None for cell in cells)
        size = QSize(2 * SIDE_PX + _GAP_PX if pairs else SIDE_PX, SIDE_PX)
        self.setIconSize(size)
        self.setGridSize(size + QSize(SPACE * 2, SPACE * 4))
        for cell in cells:
            row = QListWidgetItem(QIcon(_picture(cell, size)), cell.name)
            row.setTextAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
            row.setToolTip(f"{cell.name}: {cell.said}" if cell.said else cell.name)
            row.setData(Qt.ItemDataRole.AccessibleTextRole, row.toolTip())
            row.setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.addItem(row)


def _picture(cell: Cell, size: QSize) -> QPixmap:
    """The mask, if there is one, and the photograph beside each other; bare ground where there is none."""
    canvas = QPixmap(size)
    canvas.fill(Qt.GlobalColor.transparent)
    painter = QPainter(canvas)
    left = 0
    parts = (cell.mask, cell.pixels) if size.width() > SIDE_PX else (cell.pixels,)
    for part in parts:
        if part is not None:
            picture = _pixmap(part).scaled(
                SIDE_PX,
                SIDE_PX,
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            painter.drawPixmap(
                left + (SIDE_PX - picture.width()) // 2, (SIDE_PX - picture.height()) // 2, picture
            )
        left += SIDE_PX + _GAP_PX
    if cell.pixels is None:
        painter.setPen(Qt.GlobalColor.gray)
        painter.drawText(
            size.width() - SIDE_PX,
            0,
            SIDE_PX,
            SIDE_PX,
            int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap),
            cell.said,
        )
    painter.end()
    return canvas


def _pixmap(pixels: RgbImage) -> QPixmap:
    height, width = pixels.shape[:2]
    image = QImage(pixels.tobytes(), width, height, width * 3, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image)
