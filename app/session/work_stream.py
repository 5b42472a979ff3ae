"""The stream of finished steps to the journal, and the snapshots that fold them in.

A step is *kept* once the disk lane's `append_many` has returned. Until then it stays here, in
order, also when the disk is full: nothing is dropped, and it is tried again.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from app.jobs import Job, Lane
from app.jobs.project import save_job
from app.messages import Kind, Message, Way, sentence
from crackcore.domain.change import (
    Change,
    HandEdited,
    ImageRemoved,
    MaskFrozen,
    Predicted,
    RecordChanged,
    ViewMoved,
)
from crackcore.errors import ProjectChangedElsewhere
from crackcore.progress import Progress

if TYPE_CHECKING:
    from crackcore.projects.store import ProjectStore

RETRY_S = 3.0


class WorkStream(QObject):
    """Belongs to one open project."""

    changed = Signal()  # something about "is it saved" is different
    told = Signal(object)  # Message
    saved = Signal()
    taken_over = Signal(object)  # the error: somebody else saved this project, it can only be read now

    def __init__(
        self,
        store: ProjectStore,
        disk: Lane,
        *,
        checkpoint_s: Callable[[], int],
        checkpoint_strokes: Callable[[], int],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._disk = disk
        self._checkpoint_s = checkpoint_s
        self._checkpoint_strokes = checkpoint_strokes
        self._lock = threading.Lock()
        self._waiting: deque[Change] = deque()
        self._per_image: Counter[str] = Counter()
        self.kept_at: float | None = None  # monotonic, of the last acknowledged step
        self.steps_since_save = 0
        self.is_saving = False
        self.trouble: BaseException | None = None
        self._is_over = False
        self._retry = QTimer(self)
        self._retry.setSingleShot(True)
        self._retry.setInterval(int(RETRY_S * 1000))
        self._retry.timeout.connect(self.flush)
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.timeout.connect(self._after_quiet)

    @property
    def waiting(self) -> int:
        """Steps that are not durable yet."""
        return sum(self._per_image.values())

    def is_kept(self, image_id: str) -> bool:
        """Whether every step of this image is durable, so that its arrays may be let go."""
        return self._per_image[image_id] == 0

    def add(self, change: Change) -> None:
        """A step is finished; it leaves for the disk lane now."""
        with self._lock:
            self._waiting.append(change)
        self._per_image[_image_of(change)] += 1
        if not isinstance(change, ViewMoved):
            self._quiet.start(self._checkpoint_s() * 1000)
        if self.trouble is None:
            self.flush()
        self.changed.emit()

    def flush(self) -> Job | None:
        """Send what waits. Whatever goes to the disk lane after this sees those steps done.

        The batch is taken on the lane, not here, so that strokes which arrive while an earlier
        sync is under way share the next one.
        """
        # Also when the lane has taken the last step already: this job then ends after its answer.
        if not self.waiting or self._is_over:
            return None
        taken: list[Change] = []

        def work(progress: Progress) -> tuple[list[Change], bool]:
            with self._lock:
                taken.extend(self._waiting)
                self._waiting.clear()
            if not taken:
                return [], False
            try:
                self._store.append_many(taken)
            except BaseException:
                with self._lock:
                    self._waiting.extendleft(reversed(taken))
                raise
            return taken, self._store.wants_checkpoint

        job = Job("Keeping your work", work, shown=False, can_cancel=False)
        job.succeeded.connect(self._kept)
        job.failed.connect(self._not_kept)
        return self._disk.submit(job)

    def save(self) -> Job:
        """Fold the journal into the project file."""
        self.flush()
        self._quiet.stop()
        steps = self.steps_since_save + self.waiting
        self.is_saving = True
        job = save_job(self._store)

        def done(result: object) -> None:
            self.steps_since_save = max(0, self.steps_since_save - steps)
            self.saved.emit()

        def over() -> None:
            self.is_saving = False
            self.changed.emit()

        job.succeeded.connect(done)
        job.failed.connect(self._save_failed)
        job.ended.connect(over)
        self.changed.emit()
        return self._disk.submit(job, replaces="save")

    def stop(self) -> None:
        """The project is being closed; timers end here."""
        self._is_over = True
        self._retry.stop()
        self._quiet.stop()

    def resume(self) -> None:
        """Closing did not happen after all."""
        self._is_over = False

    # -------------------------------------------------------------- answers

    def _kept(self, answer: tuple[list[Change], bool]) -> None:
        changes, is_much = answer
        for change in changes:
            self._per_image[_image_of(change)] -= 1
            self.steps_since_save += not isinstance(change, ViewMoved)
        if changes:
            self.kept_at = time.monotonic()
        if self.trouble is not None:
            self.trouble = None
            self.told.emit(Message("Your work is being saved again.", Kind.DONE, key="save"))
        due = is_much or self.steps_since_save >= self._checkpoint_strokes()
        if due and not self.is_saving and not self._is_over:
            self.save()
        self.changed.emit()

    def _not_kept(self, error: BaseException) -> None:
        first = self.trouble is None
        self.trouble = error
        if not self._is_over:
            self._retry.start()
        if first:
            self.told.emit(
                Message(
                    f"Your last steps cannot be saved at the moment. {sentence(error)} "
                    "They are kept in memory and tried again every few seconds.",
                    Kind.ERROR,
                    (Way("Try now", self.flush),),
                    key="save",
                    stays=True,
                )
            )
        self.changed.emit()

    def _save_failed(self, error: BaseException) -> None:
        if isinstance(error, ProjectChangedElsewhere):
            self.stop()
            self.taken_over.emit(error)
            return
        self.told.emit(
            Message(
                f"The project file could not be written. {sentence(error)} "
                "Every step is safe in the journal.",
                Kind.ERROR,
                (Way("Try again", self.save),),
                key="save",
                stays=True,
            )
        )

    def _after_quiet(self) -> None:
        if (self.steps_since_save or self.waiting) and not self.is_saving and not self._is_over:
            self.save()


def _image_of(change: Change) -> str:
    if isinstance(change, RecordChanged):
        return change.record.id
    if isinstance(change, (HandEdited, Predicted, MaskFrozen, ImageRemoved)):
        return change.image_id
    return ""
