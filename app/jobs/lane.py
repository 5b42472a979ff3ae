"""The threads that own a resource, and the jobs they have not finished."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.jobs.job import Job, Outcome, Report
from crackcore.progress import Cancelled


def _step_back(niceness: int) -> None:
    """Let the window go first when there are more busy threads than cores.

    On Linux niceness belongs to a thread, and torch's own threads, started from this one, inherit
    it. Elsewhere it belongs to the whole process, so nothing is done there.
    """
    if niceness and sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):  # a system that forbids it only makes the window less smooth
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


class Lane(QObject):
    """One resource, its threads, and what waits for them. Call it from the GUI thread only."""

    changed = Signal()
    # The postbox: the one signal that crosses threads. Connected to a bound method of this object,
    # queued, so that Qt delivers in the GUI thread.
    _posted = Signal(object, object)

    def __init__(self, name: str, threads: int, parent: QObject | None = None, *, niceness: int = 0) -> None:
        super().__init__(parent)
        self.name = name
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix=name, initializer=_step_back, initargs=(niceness,)
        )
        self._jobs: dict[Job, tuple[Future[None], str]] = {}
        self._is_shut = False
        self._posted.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @property
    def jobs(self) -> tuple[Job, ...]:
        return tuple(self._jobs)

    def submit(self, job: Job, *, replaces: str = "") -> Job:
        """Run the job when a thread is free; older jobs of the same `replaces` are cancelled."""
        if replaces:
            self.cancel_older(replaces)
        if self._is_shut:  # leaving: nobody will look at the answer any more
            job.cancel()
            self._posted.emit(job, Outcome(error=Cancelled()))
            return job

        def post(letter: Report | Outcome) -> None:
            self._posted.emit(job, letter)

        self._jobs[job] = (self._pool.submit(job.run, post), replaces)
        self.changed.emit()
        return job

    def cancel(self, job: Job) -> None:
        """Stop a job; one that has not started ends at once."""
        job.cancel()
        entry = self._jobs.get(job)
        if entry is not None and entry[0].cancel():
            self._posted.emit(job, Outcome(error=Cancelled()))
        elif job.has_untaken and not self._is_shut:
            # Its answer is on the way to nobody. What comes to the lane next may need what it holds.
            self._pool.submit(job.put_away)

    def cancel_older(self, replaces: str) -> None:
        """Stop the jobs that were submitted with this `replaces`."""
        for older, (_, key) in list(self._jobs.items()):
            if key == replaces:
                self.cancel(older)

    def cancel_all(self) -> None:
        for job in self.jobs:
            if job.can_cancel:
                self.cancel(job)

    def shut(self) -> None:
        """Take no more jobs, and wait for the threads. Never terminates a thread."""
        self._is_shut = True
        self._pool.shutdown(wait=True)
        for job in self.jobs:  # their answers came too late for the event loop
            job.cancel()
            job.put_away()

    def _deliver(self, job: Job, letter: Report | Outcome) -> None:
        try:
            job.deliver(letter)
        finally:
            if isinstance(letter, Outcome) and self._jobs.pop(job, None) is not None:
                # Listeners are often closures around the job; with the object go its connections,
                # and with them those closures.
                QTimer.singleShot(0, job.deleteLater)
                self.changed.emit()


class Lanes(QObject):
    """The lanes beside the GUI thread, made once by the application."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.device = Lane("device", 1, self, niceness=5)
        self.disk = Lane("disk", 1, self)
        # A thumbnail and a picture that is read ahead may be under way when a click asks for another.
        self.cpu = Lane("cpu", 3, self)
        # Waits for minutes on a child process that trains, so it has a thread of its own.
        self.training = Lane("training", 1, self)
        self._when_idle: list[Callable[[], None]] = []
        for lane in self.all:
            lane.changed.connect(self._lane_changed)

    @property
    def all(self) -> tuple[Lane, ...]:
        return (self.device, self.disk, self.cpu, self.training)

    @property
    def jobs(self) -> tuple[Job, ...]:
        return tuple(job for lane in self.all for job in lane.jobs)

    @property
    def shown_jobs(self) -> tuple[Job, ...]:
        return tuple(job for job in self.jobs if job.shown)

    @property
    def is_idle(self) -> bool:
        return not self.jobs

    def cancel(self, job: Job) -> None:
        for lane in self.all:
            if job in lane.jobs:
                lane.cancel(job)

    def cancel_all(self) -> None:
        for lane in self.all:
            lane.cancel_all()

    def when_idle(self, then: Callable[[], None]) -> None:
        """Call `then` once no lane has anything left, at once if that is so now."""
        if self.is_idle:
            then()
        else:
            self._when_idle.append(then)

    def shut(self) -> None:
        """Cancel, wait, close; the last thing the program does with its threads."""
        self.cancel_all()
        for lane in self.all:
            lane.shut()

    def _lane_changed(self) -> None:
        self.changed.emit()
        if self.is_idle and self._when_idle:
            waiting, self._when_idle = self._when_idle, []
            for then in waiting:
                then()
