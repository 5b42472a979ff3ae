"""The documents of a project: all that were visited keep their undo steps, some keep their pixels."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from app.document import Document
from crackcore.domain.image_record import ImageRecord
from crackcore.imaging.enlarging import BYTES_PER_PX


class Documents:
    """By image id, the one looked at last comes last."""

    def __init__(self, limit_bytes: Callable[[], int]) -> None:
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._limit_bytes = limit_bytes

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(list(self._documents.values()))

    def get(self, image_id: str) -> Document | None:
        return self._documents.get(image_id)

    def loaded(self, image_id: str) -> Document | None:
        """The document if its pixels are in memory."""
        document = self._documents.get(image_id)
        return document if document is not None and document.is_loaded else None

    def add(self, document: Document) -> None:
        self._documents[document.record.id] = document

    def looked_at(self, image_id: str) -> None:
        self._documents.move_to_end(image_id)

    def let_go(self, *, keep: str, may_go: Callable[[str], bool]) -> None:
        """Release the pixels of documents not looked at for longest, until they fit the limit."""
        loaded = [d for d in self._documents.values() if d.is_loaded]
        total = sum(_bytes(d.record) for d in loaded)
        for document in loaded:
            if total <= self._limit_bytes():
                return
            image_id = document.record.id
            if image_id != keep and may_go(image_id):
                document.release()
                total -= _bytes(document.record)

    def fit(self, records: Iterable[ImageRecord]) -> bool:
        """Whether the pixels of these pictures may be in memory together."""
        return sum(map(_bytes, records)) <= self._limit_bytes()

    def forget(self, image_id: str) -> None:
        document = self._documents.pop(image_id, None)
        if document is not None:
            document.deleteLater()

    def clear(self) -> None:
        for image_id in list(self._documents):
            self.forget(image_id)


def _bytes(record: ImageRecord) -> int:
    height, width = record.grid_size
    return height * width * BYTES_PER_PX
