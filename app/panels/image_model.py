"""The images of the project as rows, with thumbnails that come when they are first looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    QTimer,
)
from PySide6.QtGui import QImage, QPixmap

from app.jobs import Lane
from app.jobs.load import thumbnail_job
from app.session import Session
from crackcore.arrays import RgbImage
from crackcore.domain.image_record import ImageRecord, Review
from crackcore.names import shown_name, unescaped

THUMBNAIL_PX = 112
KEPT = 600  # some 20 MB
Index = QModelIndex | QPersistentModelIndex

RecordRole = Qt.ItemDataRole.UserRole + 1
ThumbnailRole = Qt.ItemDataRole.UserRole + 2
WorthRole = Qt.ItemDataRole.UserRole + 3
NameRole = Qt.ItemDataRole.DisplayRole

STATUS_TITLES = {
    Review.NEW: "New",
    Review.PREDICTED: "Predicted",
    Review.EDITED: "Edited",
    Review.APPROVED: "Approved",
    Review.FAILED: "Failed",
}


def name_of(record: ImageRecord) -> str:
    """The file's name, safe to show."""
    return shown_name(unescaped(record.file))


class Thumbnails(QObject):
    """Reads thumbnails on the cpu lane, the one asked for last first, one at a time.

    Why one: the cpu lane has three threads, and the picture that a click asks for must find one free.
    """

    def __init__(
        self,
        lane: Lane,
        path_of: Callable[[str], Path | None],
        arrived: Callable[[str], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._lane = lane
        self._path_of = path_of
        self._arrived = arrived
        self._pixmaps: OrderedDict[str, QPixmap | None] = OrderedDict()
        self._wanted: OrderedDict[str, None] = OrderedDict()
        self._busy = False
        self._round = 0

    def get(self, image_id: str) -> QPixmap | None:
        """The thumbnail if it is there; else it is put on order."""
        if image_id in self._pixmaps:
            self._pixmaps.move_to_end(image_id)
            return self._pixmaps[image_id]
        self._wanted[image_id] = None
        self._wanted.move_to_end(image_id)
        while len(self._wanted) > 60:  # scrolled past long ago
            self._wanted.popitem(last=False)
        if not self._busy:
            self._busy = True
            # Not at once: a list that is being painted asks for a screenful, best read top down.
            QTimer.singleShot(0, self, self._next)
        return None

    def kept(self, image_id: str) -> QPixmap | None:
        """The thumbnail if it is there; nothing is put on order."""
        return self._pixmaps.get(image_id)

    def forget(self, image_id: str) -> None:
        self._pixmaps.pop(image_id, None)

    def clear(self) -> None:
        self._pixmaps.clear()
        self._wanted.clear()
        self._round += 1

    def _next(self) -> None:
        path = None
        while path is None:
            if not self._wanted:
                self._busy = False
                return
            image_id, _ = self._wanted.popitem(last=True)
            path = self._path_of(image_id)
        self._busy = True
        asked, wish = self._round, image_id

        def take(pixels: RgbImage) -> None:
            if asked == self._round:
                self._keep(wish, pixmap_of(pixels))

        def failed(error: BaseException) -> None:
            if asked == self._round:
                self._keep(wish, None)  # shown as a picture that cannot be opened; not tried again

        job = thumbnail_job(path, THUMBNAIL_PX * 2)
        job.succeeded.connect(take)
        job.failed.connect(failed)
        job.ended.connect(self._next)
        self._lane.submit(job)

    def _keep(self, image_id: str, pixmap: QPixmap | None) -> None:
        self._pixmaps[image_id] = pixmap
        while len(self._pixmaps) > KEPT:
            self._pixmaps.popitem(last=False)
        self._arrived(image_id)


class ImageModel(QAbstractListModel):
    """Rows in the order of the session's queue: that of the project, or by what correcting is worth."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._count = 0
        self.thumbnails = Thumbnails(session.lanes.cpu, self._path_of, self._thumbnail_arrived, self)
        session.project_changed.connect(self._reset)
        session.images_changed.connect(self._grow)
        session.record_changed.connect(self._touched)
        session.records_changed.connect(self._all_touched)
        session.queue.changed.connect(self._rearranged)

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else self._count

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        session = self._session
        ids = session.queue.ids
        if not index.isValid() or index.row() >= len(ids):
            return None
        record = session.record(ids[index.row()])
        if role == Qt.ItemDataRole.DisplayRole:
            return name_of(record)
        if role == RecordRole:
            return record
        if role == ThumbnailRole:
            return self.thumbnails.get(record.id)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join([name_of(record), STATUS_TITLES[record.review], *self._worth_words(record)])
        if role == WorthRole:
            return "".join(self._worth_words(record))
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._worth_tip(record)
        return None

    def _worth_words(self, record: ImageRecord) -> list[str]:
        """What correcting it is worth, in a few words; nothing where that is not asked or not known."""
        place = self._session.queue.place(record.id)
        if place is None or record.review is Review.APPROVED:
            return []
        if place.like and place.like in self._session.project:
            return [f"like {name_of(self._session.record(place.like))}"]
        return [f"{round_length(place.worth_px)} px in doubt"]

    def _worth_tip(self, record: ImageRecord) -> str | None:
        place = self._session.queue.place(record.id)
        if place is None:
            return None
        said = f"{name_of(record)}: about {round_length(place.worth_px)} px of crack are in doubt."
        if place.like and place.like in self._session.project:
            like = name_of(self._session.record(place.like))
            said += f" It looks like {like}, so it comes last."
        return said

    def row_of(self, image_id: str) -> int:
        return self._session.queue.row(image_id) if image_id in self._session.project else -1

    def _path_of(self, image_id: str) -> Path | None:
        session = self._session
        if session.store is None or image_id not in session.project:
            return None
        return session.photo_path(session.record(image_id))

    def _reset(self) -> None:
        self.beginResetModel()
        self.thumbnails.clear()
        self._count = len(self._session.project.images)
        self.endResetModel()

    def _grow(self) -> None:
        new = len(self._session.project.images)
        if new > self._count:
            self.beginInsertRows(QModelIndex(), self._count, new - 1)
            self._count = new
            self.endInsertRows()
        elif new < self._count:
            self._reset()

    def _rearranged(self) -> None:
        self.beginResetModel()  # the thumbnails are still those of the same pictures
        self._count = len(self._session.queue.ids)
        self.endResetModel()

    def _touched(self, image_id: str) -> None:
        row = self.row_of(image_id)
        if 0 <= row < self._count:
            index = self.index(row)
            self.dataChanged.emit(index, index, [RecordRole, Qt.ItemDataRole.AccessibleTextRole])

    def _all_touched(self) -> None:
        if self._count:
            roles = [RecordRole, Qt.ItemDataRole.AccessibleTextRole]
            self.dataChanged.emit(self.index(0), self.index(self._count - 1), roles)

    def _thumbnail_arrived(self, image_id: str) -> None:
        row = self.row_of(image_id)
        if 0 <= row < self._count:
            index = self.index(row)
            self.dataChanged.emit(index, index, [ThumbnailRole])


class ImageFilter(QSortFilterProxyModel):
    """Rows whose name holds the text and whose status is wanted."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._text = ""
        self._status: Review | None = None
        # A status that changes under the filter must not make the row one works on vanish at once;
        # the panel calls `refresh` when the filter or the shown image changes.
        self.setDynamicSortFilter(False)

    @property
    def status(self) -> Review | None:
        return self._status

    def want(self, *, text: str, status: Review | None) -> None:
        self.beginFilterChange()
        self._text, self._status = text.casefold().strip(), status
        self.endFilterChange()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        if self._status is None and not self._text:
            return True
        index = self.sourceModel().index(source_row, 0)
        record: ImageRecord | None = index.data(RecordRole)
        if record is None:
            return False
        if self._status is not None and record.review is not self._status:
            return False
        return not self._text or self._text in name_of(record).casefold()


def round_length(px: float) -> int:
    """To two digits: nobody knows it better."""
    step = 10 ** max(0, len(str(int(px))) - 2)
    return int(round(px / step) * step)


def pixmap_of(pixels: RgbImage) -> QPixmap:
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    image = QImage(pixels.data, width, height, width * 3, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image)  # copies: the array may go
