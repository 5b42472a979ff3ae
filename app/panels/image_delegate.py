"""How a row of the image list is drawn: thumbnail, name, and the status as icon and word."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPainterPath
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.panels.image_model import STATUS_TITLES, RecordRole, ThumbnailRole, WorthRole, name_of
from app.theme.icons import pixmap
from app.theme.scheme import RADIUS, SPACE, Scheme, Theme
from crackcore.domain.image_record import ImageRecord, Review

ROW_PX = 66
PICTURE = QSize(76, 54)


class ImageDelegate(QStyledItemDelegate):
    """Paints rows of one height, so that a list of ten thousand needs no measuring."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(200, ROW_PX)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        record: ImageRecord | None = index.data(RecordRole)
        if record is None:
            return
        scheme = self._theme.scheme
        state: QStyle.StateFlag = option.state
        area: QRect = option.rect
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if chosen or state & QStyle.StateFlag.State_MouseOver:
            ground = QColor(scheme.accent if chosen else scheme.hover)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ground)
            painter.drawRoundedRect(area.adjusted(4, 2, -4, -2), RADIUS, RADIUS)
        frame = QRect(area.left() + SPACE + 2, area.top() + (ROW_PX - PICTURE.height()) // 2, 76, 54)
        self._paint_thumbnail(painter, frame, index, scheme)

        left = frame.right() + SPACE + 2
        width = area.right() - left - SPACE
        text = QColor(scheme.accent_text if chosen else scheme.text)
        soft = QColor(scheme.accent_text if chosen else scheme.text_soft)
        font = QFont(option.font)
        painter.setFont(font)
        painter.setPen(text)
        metrics = QFontMetrics(font)
        name = metrics.elidedText(name_of(record), Qt.TextElideMode.ElideMiddle, width)
        painter.drawText(QRect(left, frame.top(), width, 22), Qt.AlignmentFlag.AlignVCenter, name)

        colour = soft.name() if chosen else status_colour(record.review, scheme)
        ratio = painter.device().devicePixelRatio()
        painter.drawPixmap(left, frame.top() + 28, pixmap(f"status-{record.review}", colour, 16, ratio))
        small = QFont(font)
        small.setPointSizeF(font.pointSizeF() * 0.9)
        painter.setFont(small)
        painter.setPen(soft)
        worth = index.data(WorthRole)
        status = STATUS_TITLES[record.review] + (f", {worth}" if worth else "")
        shown = QFontMetrics(small).elidedText(status, Qt.TextElideMode.ElideRight, width - 21)
        painter.drawText(
            QRect(left + 21, frame.top() + 25, width - 21, 22), Qt.AlignmentFlag.AlignVCenter, shown
        )
        painter.restore()

    def _paint_thumbnail(
        self, painter: QPainter, frame: QRect, index: QModelIndex | QPersistentModelIndex, scheme: Scheme
    ) -> None:
        outline = QPainterPath()
        outline.addRoundedRect(frame, 3, 3)
        painter.fillPath(outline, QColor(scheme.canvas))
        thumbnail = index.data(ThumbnailRole)
        if thumbnail is None or thumbnail.isNull():
            return
        painter.save()
        painter.setClipPath(outline)
        # Filled, cut at the edges: rows of one shape are quicker to look through than true borders.
        size = thumbnail.size().scaled(frame.size(), Qt.AspectRatioMode.KeepAspectRatioByExpanding)
        target = QRect(0, 0, size.width(), size.height())
        target.moveCenter(frame.center())
        painter.drawPixmap(target, thumbnail)
        painter.restore()


def status_colour(review: Review, scheme: Scheme) -> str:
    """Beside icon and word, never instead of them."""
    return {
        Review.NEW: scheme.text_soft,
        Review.PREDICTED: scheme.info,
        Review.EDITED: scheme.warning,
        Review.APPROVED: scheme.done,
        Review.FAILED: scheme.error,
    }[review]
