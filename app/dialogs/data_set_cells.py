"""Pictures of a data set at a glance, as many in a row as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QIcon, QImage, QPainter, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QListView, QListWidget, QListWidgetItem, QWidget

from app.theme.scheme import SPACE

if TYPE_CHECKING:
    from crackcore.arrays import RgbImage
    from crackcore.datasets.asking import Cell

SIDE_PX = 124  # four in a row at the size the dialog opens with
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
        parts = [[cell.mask, cell.pixels] if pairs else [cell.pixels] for cell in cells]
        drawn = [[None if p is None else _pixmap(p) for p in row] for row in parts]
        height = max((p.height() for row in drawn for p in row if p is not None), default=SIDE_PX)
        size = QSize(2 * SIDE_PX + _GAP_PX if pairs else SIDE_PX, height)
        self.setIconSize(size)
        self.setGridSize(size + QSize(SPACE + 4, SPACE * 4))
        for cell, pictures in zip(cells, drawn, strict=True):
            row = QListWidgetItem(QIcon(_beside(pictures, size, cell.said)), cell.name)
            row.setTextAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
            row.setToolTip(f"{cell.name}: {cell.said}" if cell.said else cell.name)
            row.setData(Qt.ItemDataRole.AccessibleTextRole, row.toolTip())
            row.setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.addItem(row)


def _beside(pictures: Sequence[QPixmap | None], size: QSize, said: str) -> QPixmap:
    """The mask, if there is one, and the photograph beside each other; in place of one that could not be
    read stands why."""
    canvas = QPixmap(size)
    canvas.fill(Qt.GlobalColor.transparent)
    painter = QPainter(canvas)
    left = 0
    for picture in pictures:
        if picture is not None:
            x, y = left + (SIDE_PX - picture.width()) // 2, (size.height() - picture.height()) // 2
            painter.drawPixmap(x, y, picture)
        left += SIDE_PX + _GAP_PX
    if said:
        painter.setPen(Qt.GlobalColor.gray)
        where = QRect(size.width() - SIDE_PX, 0, SIDE_PX, size.height())
        painter.drawText(where, int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap), said)
    painter.end()
    return canvas


def _pixmap(pixels: RgbImage) -> QPixmap:
    height, width = pixels.shape[:2]
    image = QImage(pixels.tobytes(), width, height, width * 3, QImage.Format.Format_RGB888)
    whole = Qt.AspectRatioMode.KeepAspectRatio
    return QPixmap.fromImage(
        image.scaled(SIDE_PX, SIDE_PX, whole, Qt.TransformationMode.SmoothTransformation)
    )
