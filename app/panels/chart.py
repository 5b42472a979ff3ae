"""Curves in the window: pyqtgraph dressed as the rest of it, imported when the first one is seen."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QPointF, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.jobs import Job, Lanes
from app.theme.scheme import SPACE, Scheme, Theme
from crackcore.progress import Progress

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
_SYMBOLS = ("o", "s", "t", "d")
LINE_PX, POINT_PX = 2, 9
_SAMPLE_PX = 26  # of a line in the legend


def role_pen(role: int, scheme: Scheme, width: float = LINE_PX) -> QPen:
    """The pen of a line of this role (0..3): colour and dashes."""
    pen = QPen(QColor(role_colour(role, scheme)), width, _DASHES[role % ROLES])
    pen.setCosmetic(True)
    return pen


def role_colour(role: int, scheme: Scheme) -> str:
    return (_DARK if scheme.name == "dark" else _LIGHT)[role % ROLES]


@dataclass(frozen=True, eq=False)
class _Line:
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    role: int
    points: bool


class Chart(QWidget):
    """Lines over one pair of axes. Lines may be set before it was ever seen.

    `lanes`: the library, half a second of it, is then imported on the cpu lane and the window stays
    smooth; without, it is imported at the first showing.
    """

    def __init__(
        self,
        theme: Theme,
        x_title: str,
        y_title: str,
        parent: QWidget | None = None,
        *,
        lanes: Lanes | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._lanes = lanes
        self._titles = (x_title, y_title)
        self._lines: dict[str, _Line] = {}
        self._range_y: tuple[float, float] | None = None
        self._range_x: tuple[float, float] | None = None
        self._plot: Any = None
        self._curves: dict[str, Any] = {}
        self._is_coming = False
        self._legend = _Legend(theme, self)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(SPACE // 2)
        self._layout.addWidget(self._legend)
        self._layout.addStretch(1)
        self.setMinimumSize(180, 120)
        self.setAccessibleName(f"{y_title} over {x_title}")
        theme.changed.connect(self._dress)

    @property
    def line_names(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def line(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The points of one line. KeyError when there is none of this name."""
        found = self._lines[name]
        return found.x, found.y

    # -------------------------------------------------------------- filling

    def set_line(self, name: str, x: ArrayLike, y: ArrayLike, *, role: int = 0, points: bool = False) -> None:
        """Draw, or draw anew, one line; nan leaves a gap. `points` marks every one of them.

        The same role means the same colour and dashes in every chart. Raises ValueError when x and y
        differ in length.
        """
        made = _Line(np.asarray(x, np.float64).ravel(), np.asarray(y, np.float64).ravel(), role, points)
        if made.x.size != made.y.size:
            raise ValueError(f"{made.x.size} values of x and {made.y.size} of y")
        before = self._lines.get(name)
        self._lines[name] = made
        if before is None or (before.role, before.points) != (role, points):
            self._tell_legend()
        self._draw(name)

    def remove_line(self, name: str) -> None:
        if self._lines.pop(name, None) is not None:
            curve = self._curves.pop(name, None)
            if curve is not None:
                self._plot.removeItem(curve)
            self._tell_legend()

    def clear(self) -> None:
        """Take all lines away; axes and their ranges stay."""
        for name in tuple(self._lines):
            self.remove_line(name)

    def set_range_y(self, low: float, high: float) -> None:
        """Fix the y axis; without, it follows the lines."""
        self._range_y = (low, high)
        self._apply_ranges()

    def set_range_x(self, low: float, high: float) -> None:
        self._range_x = (low, high)
        self._apply_ranges()

    def set_titles(self, x_title: str, y_title: str) -> None:
        self._titles = (x_title, y_title)
        self.setAccessibleName(f"{y_title} over {x_title}")
        self._dress()

    # -------------------------------------------------------------- drawing

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._plot is not None or self._is_coming:
            return
        if self._lanes is None:
            self._build()
            return
        self._is_coming = True
        job = library_job()
        job.succeeded.connect(lambda answer: self._build())
        self._lanes.cpu.submit(job)

    def _build(self) -> None:
        if self._plot is not None:
            return
        pg = importlib.import_module("pyqtgraph")
        plot = pg.PlotWidget(self)
        plot.setMenuEnabled(False)
        plot.setMouseEnabled(False, False)
        plot.hideButtons()
        plot.setAntialiasing(True)
        plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        plot.setFrameShape(plot.Shape.NoFrame)
        plot.getPlotItem().setContentsMargins(0, SPACE, SPACE + 4, 0)  # room for half of the last numbers
        plot.getPlotItem().getViewBox().setDefaultPadding(0.02)
        # A wheel over the chart moves the panel it stands in, not the axes.
        plot.wheelEvent = lambda event: event.ignore()
        self._plot = plot
        self._layout.takeAt(1)
        self._layout.addWidget(plot, 1)
        self._apply_ranges()
        self._dress()

    def _draw(self, name: str) -> None:
        if self._plot is None:
            return
        line, scheme = self._lines[name], self._theme.scheme
        curve = self._curves.get(name)
        if curve is None:
            curve = self._curves[name] = self._plot.plot([], [], connect="finite")
            curve.setClipToView(False)
            curve.setDownsampling(auto=True, method="peak")
        colour = QColor(role_colour(line.role, scheme))
        rim = QPen(QColor(scheme.raised), 1)
        rim.setCosmetic(True)
        marked = line.points or line.x.size == 1  # a line of one point would not be seen
        curve.setData(
            line.x,
            line.y,
            pen=role_pen(line.role, scheme),
            symbol=_SYMBOLS[line.role % ROLES] if marked else None,
            symbolSize=POINT_PX,
            symbolBrush=colour,
            symbolPen=rim,
        )

    def _apply_ranges(self) -> None:
        if self._plot is None:
            return
        if self._range_y is not None:
            self._plot.setYRange(*self._range_y, padding=0.02)
        if self._range_x is not None:
            self._plot.setXRange(*self._range_x, padding=0.02)

    def _dress(self) -> None:
        self._legend.update()
        if self._plot is None:
            return
        scheme, item = self._theme.scheme, self._plot.getPlotItem()
        self._plot.setBackground(QColor(scheme.raised))
        item.showGrid(x=True, y=True, alpha=0.16)
        for side, title in zip(("bottom", "left"), self._titles, strict=True):
            axis = item.getAxis(side)
            axis.setPen(QPen(QColor(scheme.text_soft), 1))
            axis.setTextPen(QColor(scheme.text_soft))
            axis.enableAutoSIPrefix(False)
            axis.setStyle(tickFont=self.font(), tickTextOffset=SPACE // 2, hideOverlappingLabels=False)
            points = self.font().pointSizeF()
            axis.setLabel(title, **{"color": scheme.text, "font-size": f"{points:.1f}pt"})
        for name in self._lines:
            self._draw(name)

    def _tell_legend(self) -> None:
        self._legend.show_rows([(name, line.role, line.points) for name, line in self._lines.items()])


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


def library_job() -> Job:
    """Import what draws charts, off the GUI thread."""

    def work(progress: Progress) -> None:
        importlib.import_module("pyqtgraph")

    job = Job("Getting ready to draw curves", work, shown=False)
    job.can_cancel = False
    return job
