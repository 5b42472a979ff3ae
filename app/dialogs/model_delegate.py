"""How a row of the chooser is drawn: name, what it is good for, and its facts in columns."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.dialogs.model_rows import HOW_TO_GET, ModelRow
from app.theme.icons import pixmap
from app.theme.scheme import RADIUS, SPACE, Scheme, Theme
from crackcore.domain.model_families import RESEARCH

RowRole = Qt.ItemDataRole.UserRole
_EDGE = 4  # around the ground of a row
_ABOVE = SPACE + 4
_MARK = 18  # the tick of the model in use
_GAP = SPACE // 2
_COLUMNS = (0.0, 0.33, 0.6, 1.0)  # where the facts begin, as a share of the width
_WRAP = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
_LINE = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine


class ModelDelegate(QStyledItemDelegate):
    """Headings and rows; a row is as high as its sentence needs."""

    def __init__(self, theme: Theme, view: QListView) -> None:
        super().__init__(view)
        self._theme = theme
        self._view = view

    # ------------------------------------------------------------------ measuring

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        row: ModelRow | None = index.data(RowRole)
        width = self._view.viewport().width()
        font = QFont(option.font)
        line = QFontMetrics(font).height()
        if row is None:
            return QSize(width, line + 2 * SPACE + _GAP)
        height = 2 * _ABOVE + line + _GAP + self._wrapped(row.good_for, font, width)
        small = QFontMetrics(_small(font)).height()
        height += SPACE + (small + line if row.installed else line)
        return QSize(width, height)

    def _wrapped(self, text: str, font: QFont, width: int) -> int:
        room = QRect(0, 0, self._inner(QRect(0, 0, width, 10)).width(), 1000)
        return QFontMetrics(font).boundingRect(room, _WRAP, text).height()

    @staticmethod
    def _inner(area: QRect) -> QRect:
        side = _EDGE + SPACE + 4
        return area.adjusted(side + _MARK + SPACE, _ABOVE, -side, -_ABOVE)

    # ------------------------------------------------------------------ painting

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        row: ModelRow | None = index.data(RowRole)
        area: QRect = option.rect
        scheme = self._theme.scheme
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if row is None:
            self._paint_heading(painter, area, option.font, str(index.data() or ""), scheme)
        else:
            state: QStyle.StateFlag = option.state
            self._paint_ground(painter, area, state, scheme)
            self._paint_row(painter, area, option.font, row, scheme)
        painter.restore()

    def _paint_heading(self, painter: QPainter, area: QRect, font: QFont, text: str, scheme: Scheme) -> None:
        painter.setFont(_bold(_small(font)))
        painter.setPen(QColor(scheme.text_soft))
        left = area.left() + _EDGE + SPACE + 4
        painter.drawText(area.adjusted(left, 0, 0, -_GAP), Qt.AlignmentFlag.AlignBottom, text)

    def _paint_ground(self, painter: QPainter, area: QRect, state: QStyle.StateFlag, scheme: Scheme) -> None:
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if not (selected or state & QStyle.StateFlag.State_MouseOver):
            return
        painter.setBrush(QColor(scheme.hover))
        painter.setPen(QColor(scheme.accent) if selected else Qt.PenStyle.NoPen)
        ground = area.adjusted(_EDGE, 2, -_EDGE - 1, -3)
        painter.drawRoundedRect(ground, RADIUS, RADIUS)

    def _paint_row(self, painter: QPainter, area: QRect, font: QFont, row: ModelRow, scheme: Scheme) -> None:
        inner = self._inner(area)
        text, soft = QColor(scheme.text if row.installed else scheme.text_soft), QColor(scheme.text_soft)
        line = QFontMetrics(font).height()
        ratio = painter.device().devicePixelRatio()
        if row.chosen:
            mark = pixmap("approve", scheme.accent, _MARK, ratio)
            painter.drawPixmap(inner.left() - _MARK - SPACE, inner.top() + (line - _MARK) // 2, mark)
        elif not row.installed:
            mark = pixmap("import", scheme.text_off, _MARK, ratio)
            painter.drawPixmap(inner.left() - _MARK - SPACE, inner.top() + (line - _MARK) // 2, mark)
        free = inner.width() - SPACE
        for word, marked in ((row.speed, False), (row.tag, row.family == RESEARCH)):
            chips = inner.adjusted(0, 0, free + SPACE - inner.width(), 0)
            free -= self._paint_chip(painter, chips, font, word, scheme, marked=marked)
        painter.setFont(_bold(font))
        painter.setPen(text)
        metrics = QFontMetrics(_bold(font))
        title = metrics.elidedText(row.title, Qt.TextElideMode.ElideMiddle, free)
        painter.drawText(QRect(inner.left(), inner.top(), free, line), _LINE, title)
        after = metrics.horizontalAdvance(title) + SPACE
        if row.network and free - after > 4 * SPACE:
            painter.setFont(font)
            painter.setPen(soft)
            network = QFontMetrics(font).elidedText(row.network, Qt.TextElideMode.ElideRight, free - after)
            painter.drawText(QRect(inner.left() + after, inner.top(), free - after, line), _LINE, network)
            painter.setPen(text)
        top = inner.top() + line + _GAP
        painter.setFont(font)
        sentence = QRect(inner.left(), top, inner.width(), self._wrapped(row.good_for, font, area.width()))
        painter.drawText(sentence, _WRAP, row.good_for)
        top = sentence.top() + sentence.height() + SPACE
        if row.installed:
            self._paint_facts(painter, QRect(inner.left(), top, inner.width(), 1), font, row, scheme)
        else:
            painter.setPen(soft)
            note = QFontMetrics(font).elidedText(HOW_TO_GET, Qt.TextElideMode.ElideRight, inner.width())
            painter.drawText(QRect(inner.left(), top, inner.width(), line), _LINE, note)

    def _paint_chip(
        self, painter: QPainter, place: QRect, font: QFont, word: str, scheme: Scheme, *, marked: bool
    ) -> int:
        """A word in a frame at the right end of `place`; answers the room it takes."""
        if not word:
            return 0
        small = _small(font)
        metrics = QFontMetrics(small)
        word = word[:1].upper() + word[1:]
        width, height = metrics.horizontalAdvance(word) + 2 * SPACE, metrics.height() + _GAP
        chip = QRect(place.right() - width, place.top() - 2, width, height)
        painter.setFont(small)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QColor(scheme.warning if marked else scheme.text_off))
        painter.drawRoundedRect(chip, height / 2, height / 2)
        painter.setPen(QColor(scheme.warning if marked else scheme.text_soft))
        painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, word)
        return width + SPACE

    def _paint_facts(
        self, painter: QPainter, place: QRect, font: QFont, row: ModelRow, scheme: Scheme
    ) -> None:
        small = _small(font)
        above, line = QFontMetrics(small).height(), QFontMetrics(font).height()
        for number, (caption, said) in enumerate(row.facts):
            left = place.left() + round(_COLUMNS[number] * place.width())
            right = place.left() + round(_COLUMNS[number + 1] * place.width())
            last = number + 1 == len(row.facts)
            width = right - left - (0 if last else 2 * SPACE)
            painter.setFont(small)
            painter.setPen(QColor(scheme.text_soft))
            painter.drawText(QRect(left, place.top(), width, above), _LINE, caption)
            painter.setFont(font)
            painter.setPen(QColor(scheme.text))
            fitting = QFontMetrics(font).elidedText(said, Qt.TextElideMode.ElideRight, width)
            painter.drawText(QRect(left, place.top() + above, width, line), _LINE, fitting)


def _small(font: QFont) -> QFont:
    made = QFont(font)
    made.setPointSizeF(font.pointSizeF() * 0.88)
    return made


def _bold(font: QFont) -> QFont:
    made = QFont(font)
    made.setWeight(QFont.Weight.DemiBold)
    return made
