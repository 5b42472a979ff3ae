"""The line at the bottom: where the cursor is, what it says there, what is going on, and "saved 3 s ago"."""

from __future__ import annotations

import time

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QStatusBar, QToolButton, QWidget

from app.jobs import Job
from app.session import Session
from app.theme.icons import icon, pixmap
from app.theme.scheme import Theme

JOBS_SHOWN_AFTER_S = 0.3  # shorter ones would only flicker


class JobRow(QWidget):
    """One task: what, how far, and a button to stop it."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(110)
        self.stop = QToolButton()
        self.stop.setAutoRaise(True)
        self.stop.setIconSize(QSize(12, 12))
        self.stop.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.stop.setToolTip("Stop")
        self.stop.setAccessibleName("Stop")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.text, self.bar, self.stop):
            layout.addWidget(widget)
        self._theme = theme
        self.dress()

    def dress(self) -> None:
        self.stop.setIcon(icon("cancel", self._theme.scheme))

    def show_state(self, text: str, part: float | None) -> None:
        self.text.setText(text)
        if part is None:
            self.bar.setRange(0, 0)
        else:
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(part * 1000))


class StatusLine(QStatusBar):
    """Listens to the session and its lanes; the window tells it where the cursor is."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self._session = session
        self._theme = theme
        self.cursor_text = _fixed("x 99999  y 99999", self)
        self.score_text = _fixed("Score 100 %  crack", self)
        self.zoom_text = _fixed("1600 %", self)
        self.size_text = QLabel()
        self.jobs_text = QLabel()
        self.jobs_text.setTextFormat(Qt.TextFormat.PlainText)
        self.batch_row = JobRow(theme)
        self.batch_row.stop.clicked.connect(session.predicting.stop_batch)
        self.job_row = JobRow(theme)
        self._job: Job | None = None
        self.job_row.stop.clicked.connect(self._stop_job)
        self.device_picture = QLabel()
        self.device_text = QLabel()
        self.device_text.setTextFormat(Qt.TextFormat.PlainText)
        self.saved_picture = QLabel()
        self.saved_text = _fixed("saved 59 min ago", self)
        for label in (self.cursor_text, self.score_text, self.zoom_text, self.size_text):
            self.addWidget(label)
        for widget in (
            self.batch_row,
            self.job_row,
            self.device_picture,
            self.device_text,
            self.saved_picture,
            self.saved_text,
        ):
            self.addPermanentWidget(widget)
        self.batch_row.hide()
        self.job_row.hide()

        self._tick = QTimer(self)
        self._tick.setInterval(1000)
        self._tick.timeout.connect(self._refresh_saved)
        self._tick.start()
        self._jobs_soon = QTimer(self)
        self._jobs_soon.setSingleShot(True)
        self._jobs_soon.setInterval(int(JOBS_SHOWN_AFTER_S * 1000))
        self._jobs_soon.timeout.connect(self._refresh_jobs)
        session.lanes.changed.connect(self._jobs_changed)
        session.predicting.changed.connect(self._refresh_batch)
        session.models.device_changed.connect(self._refresh_device)
        session.saved_changed.connect(self._refresh_saved)
        session.project_changed.connect(self._refresh_saved)
        session.document_changed.connect(self._refresh_size)
        session.record_changed.connect(lambda image_id: self._refresh_size())
        theme.changed.connect(self._dress)
        self._dress()
        self._refresh_size()

    # -------------------------------------------------------------- told by the window

    def show_cursor(self, place: tuple[int, int] | None) -> None:
        document = self._session.document
        if place is None or document is None:
            self.cursor_text.setText("")
            self.score_text.setText("")
            return
        y, x = place
        self.cursor_text.setText(f"x {x}  y {y}")
        score = document.score_at(y, x)
        words = [] if score is None else [f"Score {score / 255:.0%}".replace("%", " %")]
        if document.crack_at(y, x):
            words.append("crack")
        self.score_text.setText("  ".join(words))

    def show_zoom(self, screen_px_per_px: float) -> None:
        percent = screen_px_per_px * 100
        self.zoom_text.setText(f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f} %")

    # -------------------------------------------------------------- following

    def _refresh_size(self) -> None:
        document = self._session.document
        self.show_cursor(None)  # until the mouse moves, nothing is known of this picture
        if document is None:
            self.size_text.setText("")
            self.zoom_text.setText("")
            return
        record = document.record
        megapixels = record.width_px * record.height_px / 1e6
        text = f"{record.width_px} × {record.height_px} px, {megapixels:.1f} MP"
        if record.magnification > 1:
            text += f", mask × {record.magnification}"
        self.size_text.setText(text)
        self.size_text.setToolTip("\n".join(document.photo_notes))

    def _refresh_device(self) -> None:
        text = self._session.models.device_text
        self.device_text.setText(text.split(":")[0].split(",")[0] if len(text) > 48 else text)
        self.device_text.setToolTip(text)
        self.device_picture.setVisible(bool(text))

    def saved_sentence(self) -> str:
        session, work = self._session, self._session.work
        if work is None:
            return ""
        if session.read_only:
            return "read-only"
        if work.trouble is not None:
            steps = "1 step waits" if work.waiting == 1 else f"{work.waiting} steps wait"
            return f"cannot save, {steps}"
        if work.waiting:
            return "saving…"
        if work.kept_at is None:
            return "nothing to save"
        seconds = time.monotonic() - work.kept_at
        if seconds < 1.5:
            return "saved just now"
        if seconds < 60:
            return f"saved {seconds:.0f} s ago"
        if seconds < 3600:
            return f"saved {seconds / 60:.0f} min ago"
        return f"saved {seconds / 3600:.0f} h ago"

    def _refresh_saved(self) -> None:
        text = self.saved_sentence()
        if text == self.saved_text.text():
            return
        self.saved_text.setText(text)
        work, scheme = self._session.work, self._theme.scheme
        if not text:
            self.saved_picture.clear()
            return
        if work is not None and work.trouble is not None:
            name, colour = "error", scheme.error
        elif self._session.read_only:
            name, colour = "info", scheme.text_soft
        else:
            name, colour = "done", scheme.done
        self.saved_picture.setPixmap(pixmap(name, colour, 16, self.devicePixelRatioF()))

    def _jobs_changed(self) -> None:
        if not self._jobs_soon.isActive():
            self._jobs_soon.start()

    def _refresh_jobs(self) -> None:
        jobs = self._session.lanes.shown_jobs
        if self._job is not None and self._job not in jobs:
            self._job = None
        if self._job is None and jobs:
            self._job = jobs[0]
            self._job.progressed.connect(lambda done, total, note: self._refresh_job())
        self._refresh_job()

    def _refresh_job(self) -> None:
        job = self._job
        jobs = self._session.lanes.shown_jobs
        if job is None or job not in jobs:
            self.job_row.hide()
            return
        more = f" (+{len(jobs) - 1})" if len(jobs) > 1 else ""
        note = f": {job.note}" if job.note and len(job.note) < 40 else ""
        part = min(1.0, job.done / job.total) if job.total else None
        self.job_row.show_state(f"{job.title}{note}{more}", part)
        self.job_row.stop.setVisible(job.can_cancel)
        self.job_row.show()

    def _stop_job(self) -> None:
        if self._job is not None:
            self._session.lanes.cancel(self._job)

    def _refresh_batch(self) -> None:
        batch = self._session.predicting.batch
        self.batch_row.setVisible(batch is not None)
        if batch is None:
            return
        left = batch.remaining_s
        text = f"Predicting {min(batch.at + 1, batch.total)} of {batch.total}"
        if left is not None:
            text += f", {_duration(left)} left"
        self.batch_row.show_state(text, (batch.at + batch.part) / max(1, batch.total))

    def _dress(self) -> None:
        scheme = self._theme.scheme
        self.device_picture.setPixmap(pixmap("device", scheme.text_soft, 16, self.devicePixelRatioF()))
        for row in (self.batch_row, self.job_row):
            row.dress()
        self.saved_text.setText("")
        self._refresh_saved()
        self._refresh_device()


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {max(1, round(seconds / 60))} min"
    return f"about {seconds / 3600:.1f} h"


def _fixed(longest: str, parent: QWidget) -> QLabel:
    """A label that does not make its neighbours jump."""
    label = QLabel(parent)
    label.setMinimumWidth(label.fontMetrics().horizontalAdvance(longest) + 12)
    return label
