"""The pictures that a person has corrected or approved, looked at one by one by the model that learns."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.jobs import Job, Lane
from app.jobs.adapt import (
    CorrectedMask,
    LookRequest,
    WarmAdapter,
    forget_job,
    groups_job,
    look_job,
    shown_mask_job,
    stored_mask_job,
)
from app.messages import sentence
from crackcore.domain.image_record import ImageRecord, Review
from crackcore.errors import FileProblem
from crackcore.names import shown_name, unescaped

if TYPE_CHECKING:
    from app.session.session import Session
    from crackcore.models.catalogue import InstalledModel

MOST_PICTURES = 40  # not seen before; more would take minutes, and the next time takes them


@dataclass(eq=False)
class Round:
    """Once through the corrected pictures, and what was found; `more` are left for the next time.

    `part` is how much of the present step is done, 0..1; `learning` that all pictures are through.
    """

    base: InstalledModel
    ids: tuple[str, ...]
    more: int
    then: Callable[[Round], None]
    failed: Callable[[BaseException], None]
    started_at: float = field(default_factory=time.monotonic)
    groups: dict[str, str] = field(default_factory=dict)
    at: int = 0
    part: float = 0.0
    learning: bool = False
    is_over: bool = False
    jobs: list[Job] = field(default_factory=list)
    digests: set[str] = field(default_factory=set)  # of the photos that are learned from
    by_hand: int = 0
    shows_crack: bool = False
    left_out: list[str] = field(default_factory=list)


class CorrectedPictures(QObject):
    """Belongs to `Adapting`. A picture is looked at again only when its mask has changed."""

    moved = Signal()

    def __init__(self, session: Session, warm: WarmAdapter) -> None:
        super().__init__(session)
        self._session = session
        self._warm = warm
        self._seen: dict[str, tuple[str, str]] = {}  # image id -> digests of photo and mask
        self._seen_by = ""

    @property
    def learnable(self) -> tuple[ImageRecord, ...]:
        """What a person has corrected or approved: the open picture first, then those corrected."""
        session = self._session
        here = session.shown_id
        found = [r for r in session.project.images if r.review in (Review.EDITED, Review.APPROVED)]
        return tuple(sorted(found, key=lambda r: (r.id != here, r.review is Review.APPROVED)))

    def look_through(
        self,
        base: InstalledModel,
        then: Callable[[Round], None],
        failed: Callable[[BaseException], None],
    ) -> Round:
        """Let `base` look at all that is learnable and new to it; a picture that cannot be read is left
        out, and anything else that goes wrong ends it."""
        session = self._session
        if base.sha256 != self._seen_by:
            self._seen.clear()
            self._seen_by = base.sha256
        learnable = self.learnable
        new = {r.id for r in [r for r in learnable if r.id not in self._seen][:MOST_PICTURES]}
        ids = tuple(r.id for r in learnable if r.id in self._seen or r.id in new)
        work = Round(base, ids, len(learnable) - len(ids), then, failed)
        if session.work is not None:
            session.work.flush()  # what is read holds every step

        def came(groups: dict[str, str]) -> None:
            work.groups = groups
            self._next(work)

        self.step(work, groups_job(session.project.images), session.lanes.cpu, came)
        return work

    def step(self, work: Round, job: Job, lane: Lane, came: Callable[..., None]) -> None:
        """A job of a round: its answer counts while the round goes on, and its failure ends that."""
        self._submit(work, job, lane, came, lambda error: self._end(work, error))

    def stop(self, work: Round) -> None:
        """No answer of it counts any more; what was seen is kept for the next time."""
        work.is_over = True
        for job in list(work.jobs):
            self._session.lanes.cancel(job)

    def forget(self) -> None:
        """Let go of all that was seen."""
        if self._seen_by:
            self._seen.clear()
            self._seen_by = ""
            self._session.lanes.device.submit(forget_job(self._warm.forget))

    def _submit(
        self,
        work: Round,
        job: Job,
        lane: Lane,
        came: Callable[..., None],
        failed: Callable[[BaseException], None],
    ) -> None:
        def moved(done: float, total: float, note: str) -> None:
            if not work.is_over and total:
                work.part = min(1.0, done / total)
                self.moved.emit()

        def over() -> None:
            if job in work.jobs:
                work.jobs.remove(job)

        work.jobs.append(job)
        job.progressed.connect(moved)
        job.succeeded.connect(lambda answer: None if work.is_over else came(answer))
        job.failed.connect(lambda error: None if work.is_over else failed(error))
        job.ended.connect(over)
        lane.submit(job)

    def _end(self, work: Round, error: BaseException) -> None:
        work.is_over = True
        work.failed(error)

    # -------------------------------------------------------------- one picture

    def _next(self, work: Round) -> None:
        session = self._session
        while work.at < len(work.ids) and work.ids[work.at] not in session.project:
            work.at += 1
        work.part = 0.0
        self.moved.emit()
        if work.at >= len(work.ids):
            work.then(work)
            return
        record, store = session.record(work.ids[work.at]), session.store
        document = session.document_of(record.id)
        assert store is not None
        job, lane = stored_mask_job(store, record), session.lanes.disk
        if document is not None:
            shown = document.snapshot()
            job, lane = (
                shown_mask_job(record.id, shown.revision, shown.mask, shown.hand, record.magnification),
                session.lanes.cpu,
            )
        self.step(work, job, lane, lambda mask: self._mask_came(work, mask))

    def _mask_came(self, work: Round, found: CorrectedMask) -> None:
        session = self._session
        if found.image_id not in session.project:
            self._go_on(work)
            return
        record, document = session.record(found.image_id), session.document_of(found.image_id)
        if found.revision >= 0 and (document is None or document.revision != found.revision):
            self._next(work)  # it was drawn on meanwhile: once more
        elif not found.is_decided or not (found.by_hand or record.review is Review.APPROVED):
            self._go_on(work)  # every stroke was taken back: a model's own answer teaches nothing
        elif self._seen.get(record.id) == (record.sha256, found.digest):
            self._count(work, record, found)
        else:
            self._look(work, record, found)

    def _look(self, work: Round, record: ImageRecord, found: CorrectedMask) -> None:
        session = self._session
        path, document = session.photo_path(record), session.document_of(record.id)
        if path is None:
            self._leave_out(work, record, "it lies outside of the project's folder.")
            return
        pixels = None if document is None else document.photo
        request = LookRequest(work.base, record, work.groups.get(record.id, ""), path, found.mask, pixels)

        def looked(has_room: bool) -> None:
            if has_room:
                self._seen[record.id] = record.sha256, found.digest
                self._count(work, record, found)
            else:
                self._leave_out(work, record, "there is no memory left for more pictures.")

        def failed(error: BaseException) -> None:
            if isinstance(error, (FileProblem, OSError)):
                self._leave_out(work, record, sentence(error))
            else:
                self._end(work, error)

        self._submit(work, look_job(request, self._warm), session.lanes.device, looked, failed)

    def _count(self, work: Round, record: ImageRecord, found: CorrectedMask) -> None:
        work.digests.add(record.sha256)
        work.by_hand += found.by_hand
        work.shows_crack |= found.shows_crack
        self._go_on(work)

    def _leave_out(self, work: Round, record: ImageRecord, reason: str) -> None:
        work.left_out.append(f"{shown_name(unescaped(record.file))}: {reason}")
        self._go_on(work)

    def _go_on(self, work: Round) -> None:
        work.at += 1
        self._next(work)
