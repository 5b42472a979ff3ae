"""What a tool previews, drawn over the picture: the stamp's ring and the path in progress."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, floor

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from app.canvas.viewport import Viewport
from app.editing.tool import Point, Preview
from app.theme.data_colours import CRACK_BY_HAND, LINE_DARK, LINE_LIGHT
from crackcore.domain.box import Box
from crackcore.masks.strokes import half_widths, stamp_corner

_TICK_BELOW_PX = 9  # rings smaller than this on the screen get ticks beside them
_TICK_GAP, _TICK_LENGTH = 4, 6
_HANDLE_PX = 3
_MARGIN_PX = 3


@lru_cache(maxsize=256)
def ring(diameter_px: int) -> tuple[tuple[int, int], ...]:
    """The exact outline of a stamp: (y, x) corners along pixel edges from its own corner, closed."""
    right, left = [], []
    for row, width in enumerate(half_widths(diameter_px)):
        inset = (diameter_px - width) // 2
        right += [(row, diameter_px - inset), (row + 1, diameter_px - inset)]
        left += [(row, inset), (row + 1, inset)]
    return (*right, *reversed(left), right[0])


def ring_on_screen(view: Viewport, cursor: Point, diameter_px: int) -> QPolygonF:
    """The ring of the stamp that a click at `cursor` (image coordinates) would press, in device px."""
    row, column = stamp_corner(cursor, diameter_px)
    top, left = view.corner_to_screen(row, column)
    return QPolygonF([QPointF(left + x * view.scale, top + y * view.scale) for y, x in ring(diameter_px)])


def covered(view: Viewport, cursor: Point | None, preview: Preview) -> list[Box]:
    """Rectangles of the screen that `draw` paints in."""
    boxes = []
    if preview.stamp_px and cursor is not None:
        boxes.append(_box_of(ring_on_screen(view, cursor, preview.stamp_px).boundingRect()))
    if preview.path:
        boxes.append(_box_of(_path_on_screen(view, preview.path).boundingRect()))
    return boxes


def _box_of(rect: QRectF) -> Box:
    box = Box(floor(rect.top()), ceil(rect.bottom()), floor(rect.left()), ceil(rect.right()))
    return box.grown(_MARGIN_PX + _TICK_GAP + _TICK_LENGTH)


def draw(
    painter: QPainter, view: Viewport, cursor: Point | None, preview: Preview, *, line_px: int = 1
) -> None:
    """Draw in device pixels; lines are `line_px` wide with a dark edge on both sides."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if preview.stamp_px and cursor is not None:
        outline = ring_on_screen(view, cursor, preview.stamp_px)
        lines = [outline]
        rect = outline.boundingRect()
        if max(rect.width(), rect.height()) < _TICK_BELOW_PX:
            lines += _ticks(rect)
        _two_tone(painter, lines, line_px, dashed=preview.erases)
    if preview.path:
        path = _path_on_screen(view, preview.path)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        if preview.closes:
            # What will become crack is tinted as it will look; what will be erased is darkened.
            inside = QColor(*(LINE_DARK if preview.erases else CRACK_BY_HAND), 70)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(inside)
            painter.drawPolygon(path)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            _two_tone(painter, [QPolygonF([path.at(path.size() - 1), path.at(0)])], line_px, dashed=True)
        _two_tone(painter, [path], line_px, dashed=False)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for i in range(path.size()):
            _handle(painter, path.at(i), line_px)


def _path_on_screen(view: Viewport, path: tuple[Point, ...]) -> QPolygonF:
    on_screen = (view.to_screen(y, x) for y, x in path)
    return QPolygonF([QPointF(x, y) for y, x in on_screen])


def _ticks(rect: QRectF) -> list[QPolygonF]:
    middle = rect.center()
    reach = max(rect.width(), rect.height()) / 2 + _TICK_GAP
    ends = ((1, 0), (-1, 0), (0, 1), (0, -1))
    return [
        QPolygonF([middle + QPointF(x, y) * reach, middle + QPointF(x, y) * (reach + _TICK_LENGTH)])
        for x, y in ends
    ]


def _two_tone(painter: QPainter, lines: list[QPolygonF], line_px: int, *, dashed: bool) -> None:
    dark = QPen(QColor(*LINE_DARK, 210), line_px * 3)
    light = QPen(QColor(*LINE_LIGHT), line_px)
    for pen in (dark, light):
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    if dashed:
        light.setDashPattern([3, 3])
    for pen in (dark, light):
        painter.setPen(pen)
        for line in lines:
            painter.drawPolyline(line)


def _handle(painter: QPainter, at: QPointF, line_px: int) -> None:
    side = _HANDLE_PX * line_px
    rect = QRectF(at.x() - side, at.y() - side, 2 * side, 2 * side)
    painter.fillRect(rect.adjusted(-line_px, -line_px, line_px, line_px), QColor(*LINE_DARK))
    painter.fillRect(rect, QColor(*LINE_LIGHT))
