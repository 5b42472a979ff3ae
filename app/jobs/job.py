"""One background task: what it is called, how far it is, how it ended, and how to stop it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from PySide6.QtCore import QObject, Signal

from crackcore.progress import Cancelled, Progress

REPORT_EVERY_S = 0.05
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """How far a job is, on its way to the GUI thread."""

    done: float
    total: float
    note: str


@dataclass(frozen=True)
class Outcome:
    """How a job ended, on its way to the GUI thread."""

    result: object = None
    error: BaseException | None = None


Post: TypeAlias = Callable[[Report | Outcome], None]


class Job(QObject):
    """Lives in the GUI thread; only `run` and what it calls happen on the lane.

    All signals are emitted in the GUI thread, whatever the receiver is, and `progressed`,
    `succeeded` and `failed` never after a cancel: an answer that comes after the asker lost
    interest is dropped here, once for all. The thread itself touches no QObject of ours: it hands
    its letters to the lane's postbox, which outlives every job.

    An answer that holds something open (a project with its lock) names how to `dispose` of it; that
    happens on the lane, before any later job of the lane, whenever nobody takes the answer.
    """

    progressed = Signal(object, object, str)  # done, total (int or float), note
    succeeded = Signal(object)
    failed = Signal(object)
    ended = Signal()

    def __init__(
        self,
        title: str,
        work: Callable[[Progress], object],
        *,
        shown: bool = True,
        can_cancel: bool = True,
        dispose: Callable[[Any], object] | None = None,
    ) -> None:
        super().__init__()
        self.title = title
        self.shown = shown
        self.can_cancel = can_cancel
        self.done: float = 0
        self.total: float = 0
        self.note = ""
        self.started_at = time.monotonic()
        self.has_ended = False
        self._work = work
        self._dispose = dispose
        self._untaken: list[object] = []  # an answer that is to be disposed of unless it is taken
        self._untaken_lock = threading.Lock()
        self._stop = threading.Event()
        self._last_report = 0.0

    @property
    def is_cancelled(self) -> bool:
        return self._stop.is_set()

    def cancel(self) -> None:
        """Ask the work to stop; from now on none of its answers is delivered."""
        with self._untaken_lock:
            self._stop.set()

    @property
    def has_untaken(self) -> bool:
        """Whether `put_away` has something to do: an answer came, and the asker lost interest."""
        return bool(self._untaken) and self._stop.is_set()

    def put_away(self) -> None:
        """Dispose of an answer that nobody takes; called on the lane's thread."""
        with self._untaken_lock:
            left, self._untaken = self._untaken, []
        for answer in left:
            try:
                assert self._dispose is not None
                self._dispose(answer)
            except Exception as error:  # noqa: BLE001 - nobody waits for it, whatever it is
                _log.warning("not put away: %s", self.title, exc_info=error)

    def run(self, post: Post) -> None:
        """Do the work; called on the lane's thread."""

        def report(done: float, total: float, note: str = "") -> None:
            if self._stop.is_set():
                raise Cancelled
            now = time.monotonic()
            if done == total or now - self._last_report >= REPORT_EVERY_S:
                self._last_report = now
                post(Report(done, total, note))

        try:
            report(0, 0)
            outcome = Outcome(self._work(report))
            if self._dispose is not None:
                with self._untaken_lock:
                    self._untaken = [outcome.result]
                if self._stop.is_set():
                    self.put_away()
        except Cancelled as stop:
            # Work may also stop on its own account: nobody asked us, and there is nothing to show.
            self._stop.set()
            outcome = Outcome(error=stop)
        except Exception as error:  # noqa: BLE001 - the one place where anything may arrive
            _log.warning("job failed: %s", self.title, exc_info=error)
            outcome = Outcome(error=error)
        self._work = _nothing  # lets go of the pixels the request held
        post(outcome)

    def deliver(self, letter: Report | Outcome) -> None:
        """Tell the listeners; called by the lane, in the GUI thread."""
        if self.has_ended:
            return
        if isinstance(letter, Report):
            if not self._stop.is_set():
                self.done, self.total, self.note = letter.done, letter.total, letter.note
                self.progressed.emit(letter.done, letter.total, letter.note)
            return
        self.has_ended = True
        try:
            if not self._stop.is_set():
                if letter.error is None:
                    self._untaken.clear()
                    self.succeeded.emit(letter.result)
                else:
                    self.failed.emit(letter.error)
        finally:
            self.ended.emit()


def _nothing(progress: Progress) -> object:
    return None
