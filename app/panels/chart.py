"""Curves in the window: lines over one pair of axes, drawn in the colours of the rest.

Drawn here and not by a plotting library: importing one takes the GUI thread a quarter of a second (Qt's
bindings do not stand being looked through from another thread), and these few lines need nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.theme.scheme import SPACE, Scheme, Theme

# Told apart with every kind of colour blindness (after Okabe and Ito), and by their dashes without any
# colour. Darker on light ground, lighter on dark: each at least 3 : 1 to the field (a test computes it).
ROLES = 4
_LIGHT = ("#005f99", "#b84a00", "#00715a", "#8a3b76")
_DARK = ("#56b4e9", "#f0a030", "#2fc79c", "#dd8fbd")
_DASHES = (
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DashLine,
    Qt.PenStyle.DotLine,
    Qt.PenStyle.DashDotLine,
)
LINE_PX, POINT_PX = 2, 9
_SAMPLE_PX = 26  # of a line in the legend
_TICK_EVERY_PX = 56  # about, along an axis
_PADDING = 0.03  # of a range that follows the lines

Range = tuple[float, float]


def role_pen(role: int, scheme: Scheme, width: float = LINE_PX) -> QPen:
    """The pen of a line of this role (0..3): colour and dashes."""
    return QPen(QColor(role_colour(role, scheme)), width, _DASHES[role % ROLES])


def role_colour(role: int, scheme: Scheme) -> str:
    return (_DARK if scheme.name == "dark" else _LIGHT)[role % ROLES]


def ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round values from `low` to `high`: steps of 1, 2 or 5 times a power of ten.

    >>> ticks(0, 1, 5)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if not high > low:
        return [low]
    rough = (high - low) / max(1, count)
    unit = 10.0 ** floor(log10(rough))
    step = next((unit * m for m in (1, 2, 5) if unit * m >= rough * 0.999), unit * 10)
    first, last = ceil(low / step - 1e-6), floor(high / step + 1e-6)
    return [round(step * n, 12) for n in range(first, last + 1)]


def tick_texts(values: Sequence[float]) -> list[str]:
    """The same number of decimals for all of them, as few as tell them apart."""
    step = min((b - a for a, b in pairwise(values)), default=1.0)
    decimals = min(6, max(0, ceil(-log10(step) - 1e-6))) if step > 0 else 0
    return [f"{value:.{decimals}f}".replace("-", "\u2212") for value in values]


@dataclass(frozen=True, eq=False)
class _Line:
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    role: int
    points: bool
    told: bool


class Chart(QWidget):
    """Lines over one pair of axes, and a legend above them."""

    def __init__(self, theme: Theme, x_title: str, y_title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: dict[str, _Line] = {}
        self._legend = _Legend(theme, self)
        self._plot = _Plot(theme, self._lines, x_title, y_title, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE // 2)
        layout.addWidget(self._legend)
        layout.addWidget(self._plot, 1)
        self.setMinimumSize(180, 120)
        self.setAccessibleName(f"{y_title} over {x_title}")
        theme.changed.connect(self._redraw)

    @property
    def line_names(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def line(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The points of one line. KeyError when there is none of this name."""
        found = self._lines[name]
        return found.x, found.y

    def set_line(
        self,
        name: str,
        x: ArrayLike,
        y: ArrayLike,
        *,
        role: int = 0,
        points: bool = False,
        told: bool = True,
    ) -> None:
        """Draw, or draw anew, one line; nan leaves a gap. `points` marks every one of them.

        A line that is not `told` has no entry in the legend: a point on another line, say.

        The same role means the same colour and dashes in every chart. Raises ValueError when x and y
        differ in length.
        """
        made = _Line(np.array(x, np.float64).ravel(), np.array(y, np.float64).ravel(), role, points, told)
        if made.x.size != made.y.size:
            raise ValueError(f"{made.x.size} values of x and {made.y.size} of y")
        self._lines[name] = made
        self._tell()
        self._plot.update()

    def remove_line(self, name: str) -> None:
        if self._lines.pop(name, None) is not None:
            self._tell()
            self._plot.update()

    def clear(self) -> None:
        """Take all lines away; axes and their ranges stay."""
        for name in tuple(self._lines):
            self.remove_line(name)

    def set_range_x(self, low: float, high: float) -> None:
        """Fix the x axis; without, it follows the lines."""
        self._plot.range_x = (low, high)
        self._plot.update()

    def set_range_y(self, low: float, high: float) -> None:
        """Fix the y axis; without, it follows the lines."""
        self._plot.range_y = (low, high)
        self._plot.update()

    def set_titles(self, x_title: str, y_title: str) -> None:
        self._plot.titles = (x_title, y_title)
        self.setAccessibleName(f"{y_title} over {x_title}")
        self._plot.update()

    def _tell(self) -> None:
        self._legend.show_rows([(n, line.role, line.points) for n, line in self._lines.items() if line.told])

    def _redraw(self) -> None:
        self._legend.update()
        self._plot.update()


class _Plot(QWidget):
    """Axes, grid and lines."""

    def __init__(
        self, theme: Theme, lines: dict[str, _Line], x_title: str, y_title: str, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._lines = lines  # the chart's own
        self.titles = (x_title, y_title)
        self.range_x: Range | None = None
        self.range_y: Range | None = None

    def paintEvent(self, event: QPaintEvent) -> None:
        scheme, metrics = self._theme.scheme, self.fontMetrics()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(scheme.raised))
        across = self.range_x or _range([line.x for line in self._lines.values()], 0.0)
        upward = self.range_y or _range([line.y for line in self._lines.values()], _PADDING)
        text = metrics.height()
        # The numbers at the left make room for themselves, so they come first.
        height = self.height() - 2 * text - 2 * SPACE
        at_y = ticks(*upward, max(2, height // _TICK_EVERY_PX * 2))
        texts_y = tick_texts(at_y)
        left = text + SPACE + max(metrics.horizontalAdvance(one) for one in texts_y) + SPACE // 2
        field = QRectF(left, SPACE, self.width() - left - 2 * SPACE, height)
        if field.width() < 20 or field.height() < 20:
            return
        at_x = ticks(*across, max(2, int(field.width()) // _TICK_EVERY_PX))

        def place(x: float, y: float) -> QPointF:
            return QPointF(
                field.left() + (x - across[0]) / (across[1] - across[0]) * field.width(),
                field.bottom() - (y - upward[0]) / (upward[1] - upward[0]) * field.height(),
            )

        grid, ink = QPen(QColor(scheme.line), 1), QColor(scheme.text_soft)
        for x, label in zip(at_x, tick_texts(at_x), strict=True):
            spot = place(x, upward[0])
            painter.setPen(grid)
            painter.drawLine(QPointF(spot.x(), field.top()), spot)
            painter.setPen(ink)
            box = QRectF(spot.x() - _TICK_EVERY_PX, spot.y() + 2, 2 * _TICK_EVERY_PX, text)
            painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, label)
        for y, label in zip(at_y, texts_y, strict=True):
            spot = place(across[0], y)
            painter.setPen(grid)
            painter.drawLine(spot, QPointF(field.right(), spot.y()))
            painter.setPen(ink)
            box = QRectF(0, spot.y() - text, left - SPACE // 2, 2 * text)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, label)
        painter.setPen(QColor(scheme.text))
        below = QRectF(field.left(), field.bottom() + text + 2, field.width(), text)
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, self.titles[0])
        painter.save()
        painter.translate(2, field.center().y())
        painter.rotate(-90)
        beside = QRectF(-field.height() / 2, 0, field.height(), text)
        painter.drawText(beside, Qt.AlignmentFlag.AlignCenter, self.titles[1])
        painter.restore()
        painter.setClipRect(field.adjusted(-POINT_PX, -POINT_PX, POINT_PX, POINT_PX))
        for line in self._lines.values():
            self._draw(painter, line, field, across, upward)

    def _draw(self, painter: QPainter, line: _Line, field: QRectF, across: Range, upward: Range) -> None:
        scheme = self._theme.scheme
        x = field.left() + (line.x - across[0]) / (across[1] - across[0]) * field.width()
        y = field.bottom() - (line.y - upward[0]) / (upward[1] - upward[0]) * field.height()
        good = np.isfinite(x) & np.isfinite(y)
        # Far outside is as good as just outside, and keeps within what Qt can draw.
        x, y = np.clip(x, -1e4, 1e5), np.clip(y, -1e4, 1e5)
        painter.setPen(role_pen(line.role, scheme))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        breaks = np.flatnonzero(~good)
        for part in np.split(np.arange(x.size), breaks):
            part = part[good[part]]
            if part.size > 1:
                chosen = part[_seen(x[part], y[part], int(field.width()))]
                painter.drawPolyline(QPolygonF([QPointF(x[i], y[i]) for i in chosen]))
        if line.points or x.size == 1:  # a line of one point would not be seen
            painter.setPen(QPen(QColor(scheme.raised), 1))
            painter.setBrush(QColor(role_colour(line.role, scheme)))
            for i in np.flatnonzero(good):
                painter.drawEllipse(QPointF(x[i], y[i]), POINT_PX / 2, POINT_PX / 2)


def _range(values: Sequence[NDArray[np.float64]], padding: float) -> Range:
    """From the least to the greatest finite value, never empty."""
    found = [v[np.isfinite(v)] for v in values]
    both = np.concatenate(found) if found else np.empty(0)
    if not both.size:
        return 0.0, 1.0
    low, high = float(both.min()), float(both.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        return low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    more = padding * (high - low)
    return low - more, high + more


def _seen(x: NDArray[np.float64], y: NDArray[np.float64], width: int) -> NDArray[np.intp]:
    """Which points to draw: where many share a column of the screen, its lowest and its highest."""
    if x.size <= 4 * max(width, 1) or np.any(np.diff(x) < 0):
        return np.arange(x.size)
    starts = np.flatnonzero(np.diff(np.floor(x), prepend=-np.inf))
    column = np.repeat(np.arange(starts.size), np.diff(starts, append=x.size))
    order = np.lexsort((y, column))
    ends = np.append(starts[1:], x.size) - 1
    return np.unique(np.concatenate((order[starts], order[ends], [0, x.size - 1])))


class _Legend(QWidget):
    """What the lines are, over the plot and never on a line; breaks into rows as words do."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._rows: list[tuple[str, int, bool]] = []
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.hide()

    def show_rows(self, rows: Sequence[tuple[str, int, bool]]) -> None:
        self._rows = list(rows)
        self.setAccessibleName("Lines: " + ", ".join(name for name, _, _ in rows))
        self.setVisible(bool(rows))
        self.updateGeometry()
        self.update()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return max((rect.bottom() + 1 for rect in self._places(width)), default=0)

    def sizeHint(self) -> QSize:
        width = sum(rect.width() + 2 * SPACE for rect in self._places(1 << 20))
        return QSize(width, self.heightForWidth(max(width, 1)))

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.heightForWidth(max(self.width(), 160)))

    def _places(self, width: int) -> list[QRect]:
        metrics, found, left, top = self.fontMetrics(), [], SPACE, 0
        height = metrics.height() + 2
        for name, _, _ in self._rows:
            wide = _SAMPLE_PX + SPACE // 2 + metrics.horizontalAdvance(name)
            if left > SPACE and left + wide > width:
                left, top = SPACE, top + height
            found.append(QRect(left, top, wide, height))
            left += wide + 2 * SPACE
        return found

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        scheme = self._theme.scheme
        for (name, role, points), rect in zip(self._rows, self._places(self.width()), strict=True):
            middle = rect.center().y() + 0.5
            painter.setPen(role_pen(role, scheme))
            painter.drawLine(QPointF(rect.left(), middle), QPointF(rect.left() + _SAMPLE_PX, middle))
            if points:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(role_colour(role, scheme)))
                painter.drawEllipse(QPointF(rect.left() + _SAMPLE_PX / 2, middle), 3.5, 3.5)
            painter.setPen(QColor(scheme.text))
            painter.drawText(
                rect.adjusted(_SAMPLE_PX + SPACE // 2, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, name
            )
