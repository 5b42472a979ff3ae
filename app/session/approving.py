"""Approving: what is shown is computed on the cpu lane, and a wish to approve is never lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal

from app.document import Approval, Document
from app.jobs import Job
from crackcore.progress import Progress

if TYPE_CHECKING:
    from app.session.session import Session


class Approving(QObject):
    """Belongs to the session. A wish stands until the image is approved or cannot be any more.

    Whatever changes the image meanwhile (a stroke, the threshold, a new prediction), the answer is
    then out of date and is asked for again from what is shown now; while a stroke is being drawn, it
    waits for its end.
    """

    idle = Signal()  # no answer is on its way any more

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._wishes: dict[str, Document] = {}
        self._running: set[Job] = set()

    @property
    def is_busy(self) -> bool:
        return bool(self._running)

    def is_about(self, image_id: str) -> bool:
        return image_id in self._wishes

    def forget(self) -> None:
        """The project is being put away."""
        self._wishes.clear()

    def approve(self, document: Document) -> None:
        """Approve what is shown of this image."""
        image_id = document.record.id
        if document.is_loaded and not document.read_only and image_id not in self._wishes:
            self._wishes[image_id] = document
            document.rested.connect(self._go_on)
            self._ask(document)

    def _go_on(self) -> None:
        """A stroke has ended somewhere: wishes that waited for it."""
        for document in list(self._wishes.values()):
            self._ask(document)

    def _ask(self, document: Document) -> None:
        if document.in_stroke:
            return  # `rested` will come
        image_id = document.record.id
        if not document.is_loaded or document.read_only:
            self._end(document)
            return
        snapshot = document.snapshot()

        def work(progress: Progress) -> Approval:
            return snapshot.approval()

        def answered(approval: Approval) -> None:
            if self._wishes.get(image_id) is not document:
                return
            if document.approve(approval):
                self._end(document)
            else:
                self._ask(document)

        def failed(error: BaseException) -> None:
            if self._wishes.get(image_id) is document:
                self._end(document)
                self._session.tell_error(error)

        def over() -> None:
            self._running.discard(job)
            if not self._running:
                self.idle.emit()

        # Not cancellable: leaving waits for it, for somebody has pressed Enter.
        job = Job("Approving", work, shown=False, can_cancel=False)
        job.succeeded.connect(answered)
        job.failed.connect(failed)
        job.ended.connect(over)
        self._running.add(job)
        self._session.lanes.cpu.submit(job, replaces=f"approve:{image_id}")

    def _end(self, document: Document) -> None:
        del self._wishes[document.record.id]
        document.rested.disconnect(self._go_on)

    def when_idle(self, then: Callable[[], None]) -> None:
        """Call `then` once, when the answers under way have arrived."""
        self.idle.connect(then, Qt.ConnectionType.SingleShotConnection)
