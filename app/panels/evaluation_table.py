"""The table of an evaluation: one row a picture, sorted by any column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QTableView, QWidget

from app.jobs.evaluate import Evaluation
from app.panels.evaluation_words import Reading
from crackcore.imaging.scanning import natural_key
from crackcore.names import shown_name

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()
IdRole = Qt.ItemDataRole.UserRole
SideRole = Qt.ItemDataRole.UserRole + 1
NAME_PX = 110  # at least, of the column of names


@dataclass(frozen=True)
class Column:
    """A heading, what it means, and value and text of a row by its number."""

    title: str
    about: str
    value: Callable[[int], Any]
    text: Callable[[Any], str] = str
    side: int = 0  # whose errors are shown from here


def columns_of(evaluation: Evaluation, reading: Reading) -> list[Column]:
    """With two models: F1 and clDice of both side by side, and the difference of F1.

    A click into a column of the second shows the errors of the second.
    """
    t, sides = reading.tolerance_px, evaluation.sides

    def f1(side: int) -> Callable[[int], float]:
        return lambda at: reading.of_picture(sides[side].scores.pictures[at]).f1[t]

    def cl_dice(side: int) -> Callable[[int], float]:
        return lambda at: reading.of_picture(sides[side].scores.pictures[at]).cl_dice

    def counts(side: int, name: str) -> Callable[[int], float]:
        step = reading.step(sides[side])
        return lambda at: float(getattr(sides[side].scores.pictures[at].sweeps[t], name)(step))

    three = "{:.3f}".format
    columns = [Column("Picture", "", lambda at: shown_name(evaluation.pictures[at].name))]
    if len(sides) == 1:
        columns += [
            Column("F1", f"F1 {reading.within}", f1(0), three),
            Column("Precision", "How much of what the model says is crack", counts(0, "precision"), three),
            Column("Recall", "How much of the crack the model says", counts(0, "recall"), three),
            Column("clDice", "How much of each centre line lies in the other mask", cl_dice(0), three),
        ]
    else:
        first, second = sides[0].name, sides[1].name
        columns += [
            Column("F1 of 1st", f"F1 of {first} {reading.within}", f1(0), three),
            Column("of 2nd", f"F1 of {second} {reading.within}", f1(1), three, 1),
            Column(
                "2nd − 1st",
                f"F1 of {second} less that of {first}",
                lambda at: f1(1)(at) - f1(0)(at),
                lambda value: "0.000" if abs(value) < 5e-4 else f"{value:+.3f}".replace("-", "−"),
            ),
            Column("clDice of 1st", f"clDice of {first}", cl_dice(0), three),
            Column("of 2nd", f"clDice of {second}", cl_dice(1), three, 1),
        ]
    columns.append(
        Column(
            "Crack px",
            "Photo pixels that you approved as crack",
            lambda at: sides[0].scores.pictures[at].sweeps[0.0].truth,
            lambda value: f"{value:,}".replace(",", "\u2009"),
        )
    )
    return columns


class EvaluationModel(QAbstractTableModel):
    """One row a picture."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._evaluation: Evaluation | None = None
        self._columns: list[Column] = []
        self._order: list[int] = []  # of the pictures, by row

    def show(self, evaluation: Evaluation | None, reading: Reading) -> None:
        self.beginResetModel()
        self._evaluation = evaluation
        self._columns = [] if evaluation is None else columns_of(evaluation, reading)
        self._order = [] if evaluation is None else list(range(len(evaluation.pictures)))
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By the values of a column; here, for a proxy asks for them one pair at a time."""
        if not 0 <= column < len(self._columns):
            return
        value = self._columns[column].value
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        held = [(self._order[index.row()], index.column()) for index in before]
        self._order = sorted(
            range(len(self._order)),
            key=(lambda at: natural_key(value(at))) if column == 0 else value,
            reverse=order == Qt.SortOrder.DescendingOrder,
        )
        rows = {at: row for row, at in enumerate(self._order)}
        self.changePersistentIndexList(before, [self.index(rows[at], place) for at, place in held])
        self.layoutChanged.emit()

    def row_of(self, image_id: str) -> int:
        if self._evaluation is not None:
            for row, at in enumerate(self._order):
                if self._evaluation.pictures[at].image_id == image_id:
                    return row
        return -1

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() or self._evaluation is None else len(self._evaluation.pictures)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._columns)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self._columns):
            return None
        column = self._columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{column.title}\u2002\u2002" if section else column.title  # room for the arrow of sorting
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{column.about}.\nA click below shows the errors." if column.about else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if section == 0 else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if self._evaluation is None or not index.isValid():
            return None
        at = self._order[index.row()]
        picture, column = self._evaluation.pictures[at], self._columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(column.value(at))
        if role == IdRole:
            return picture.image_id
        if role == SideRole:
            return column.side
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if index.column() == 0 else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == 0:
            return shown_name(picture.name)
        return None


class EvaluationTable(QTableView):
    """Emits `chosen` with the picture that a click or the arrow keys led to, and whose errors are meant."""

    chosen = Signal(str, int)  # id, side

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = EvaluationModel(self)
        self.setModel(self.rows)
        self.setSortingEnabled(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setAccessibleName("Pictures evaluated, with their figures")
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 9)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(48)
        header.setResizeContentsPrecision(20)  # figures are all of one width
        self._following = False
        self.selectionModel().currentChanged.connect(self._moved)
        self.clicked.connect(self._clicked)

    def show_evaluation(self, evaluation: Evaluation | None, reading: Reading) -> None:
        """Fill anew; sorting and the chosen picture stay."""
        header = self.horizontalHeader()
        columns = self.rows.columnCount()
        by, order = header.sortIndicatorSection(), header.sortIndicatorOrder()
        here = self.image_id
        self._following = True
        self.rows.show(evaluation, reading)
        if self.rows.columnCount() != columns:
            # The worst first: that is what one wants to look at.
            by, order = 1, Qt.SortOrder.AscendingOrder
        self.sortByColumn(by, order)
        if self.rows.columnCount():
            self.resizeColumnsToContents()
            self._fit()
        self._following = False
        self.follow(here)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Names take the room that figures leave."""
        header = self.horizontalHeader()
        others = sum(header.sectionSize(n) for n in range(1, self.rows.columnCount()))
        if self.rows.columnCount():
            header.resizeSection(0, max(NAME_PX, self.viewport().width() - others))

    @property
    def image_id(self) -> str:
        index = self.currentIndex()
        return str(index.data(IdRole)) if index.isValid() else ""

    def follow(self, image_id: str) -> None:
        """Select the picture that is shown, if it is one of these; opens nothing."""
        row = self.rows.row_of(image_id)
        self._following = True
        if row < 0:
            self.selectionModel().clear()
        elif image_id != self.image_id:
            index = self.rows.index(row, 0)
            self.selectionModel().setCurrentIndex(
                index,
                QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows,
            )
            self.scrollTo(index)
        self._following = False

    def _moved(self, current: QModelIndex, previous: QModelIndex) -> None:
        if not self._following and current.isValid():
            self._clicked(current)

    def _clicked(self, index: QModelIndex) -> None:
        """Also the row that is current already: its errors may have been put away."""
        self.chosen.emit(str(index.data(IdRole)), int(index.data(SideRole)))
