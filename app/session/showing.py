"""Which image is shown: both of its halves are fetched, and what is shown stays until they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from app.document import Document, display_planes, peak_planes
from app.jobs import Job, Lane
from app.jobs.load import LoadedPhoto, LoadedPlanes, photo_job, planes_job
from app.messages import Kind, Message, Way, message_for
from app.session.documents import Documents
from crackcore.errors import PhotoMissing
from crackcore.names import shown_name, unescaped

if TYPE_CHECKING:
    from pathlib import Path

    from app.session.session import Session
    from app.session.work_stream import WorkStream
    from crackcore.domain.image_record import ImageRecord
    from crackcore.domain.prediction import Prediction
    from crackcore.projects.store import ProjectStore

AHEAD_AFTER_MS = 30  # of a picture that stays; going through quickly, nothing is read in vain


class _Loading:
    """An image on its way: both halves must arrive, and somebody must still want it."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.jobs: list[tuple[Lane, Job]] = []
        self.photo: LoadedPhoto | None = None
        self.planes: LoadedPlanes | None = None
        self.newer: Prediction | None = None  # came back while the planes were being read

    @property
    def image_id(self) -> str:
        return self.document.record.id

    def stop(self) -> None:
        for lane, job in self.jobs:
            lane.cancel(job)


class Showing(QObject):
    """Belongs to the session; owns the documents."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.document: Document | None = None
        self.documents = Documents(lambda: session.settings.value.loaded_mb << 20)
        self._loading: _Loading | None = None
        self._ahead: _Loading | None = None  # the image that is probably wanted next
        self._not_ahead: set[str] = set()  # could not be read ahead; told when they are asked for
        self._changed_files: set[str] = set()
        self._direction = 1
        self._failed_wish = ""
        self._ahead_soon = QTimer(self)
        self._ahead_soon.setSingleShot(True)
        self._ahead_soon.setInterval(AHEAD_AFTER_MS)
        self._ahead_soon.timeout.connect(self._read_ahead)

    def clear(self) -> None:
        """The project is being put away."""
        self.stop_loading()
        self._not_ahead.clear()
        self._changed_files.clear()
        self._failed_wish = ""
        self.document = None
        self._session.document_changed.emit()
        self.documents.clear()

    def stop_loading(self) -> None:
        """Nothing that is on its way is wanted any more."""
        self._ahead_soon.stop()
        for loading in (self._loading, self._ahead):
            if loading is not None:
                loading.stop()
        was_loading, self._loading, self._ahead = self._loading is not None, None, None
        if was_loading:
            self._session.loading_changed.emit()

    def newer_prediction(self, image_id: str, prediction: Prediction) -> None:
        """A prediction came back while its image is being read: what is read is older."""
        for loading in (self._loading, self._ahead):
            if loading is not None and loading.image_id == image_id:
                loading.newer = prediction

    def read_again(self, image_id: str) -> None:
        """An image moved to another grid while it was being read: what is read does not fit any more."""
        if self._ahead is not None and self._ahead.image_id == image_id:
            self._ahead.stop()
            self._ahead = None
            self._ahead_soon.start()
        if self._loading is not None and self._loading.image_id == image_id:
            self._loading.stop()
            self._loading = None
            self.show(image_id)

    def record_of(self, image_id: str) -> ImageRecord | None:
        """What the document of an image knows of it; None when it was never looked at."""
        document = self.documents.get(image_id)
        return None if document is None else document.record

    @property
    def shown_id(self) -> str:
        """The image that is shown, or on its way."""
        if self._loading is not None:
            return self._loading.image_id
        return "" if self.document is None else self.document.record.id

    @property
    def is_loading(self) -> bool:
        return self._loading is not None

    def show(self, image_id: str) -> None:
        """Look at an image. What is shown now stays until both its photo and its masks are there."""
        store, work = self._session.store, self._session.work
        if store is None or work is None or image_id not in self._session.project:
            return
        try:
            path = store.photo_path(self._session.record(image_id))
        except PhotoMissing as error:
            self._failed_wish = image_id
            ways = (Way("Allow and open", self._allow_outside),)
            self._session.tell(message_for(error, ways=ways, key="show"))
            self._session.document_changed.emit()
            return
        document = self.documents.get(image_id)
        if self._loading is not None and self._loading.image_id == image_id:
            return
        before, self._loading = self._loading, None
        if before is not None:
            before.stop()
        ahead, self._ahead = self._ahead, None
        if document is not None and document.is_loaded:
            self._ahead = ahead
            self._set_document(document)
        elif ahead is not None and ahead.image_id == image_id:
            self._loading = ahead  # half the way is done
        else:
            if ahead is not None:
                ahead.stop()
            self._loading = self._begin(store, work, image_id, path)
        self._session.loading_changed.emit()

    def _begin(self, store: ProjectStore, work: WorkStream, image_id: str, path: Path) -> _Loading:
        """Fetch both halves of an image."""
        document = self.documents.get(image_id)
        if document is None:
            made = document = Document(self._session.record(image_id), self)
            document.read_only = self._session.read_only
            document.committed.connect(self._session.take_step)
            document.peaks_wanted.connect(lambda low: self._compute_peaks(made, low))
            document.grid_wanted.connect(lambda way: self._session.regridding.through(made, way))
            document.refused.connect(lambda text: self._session.tell(Message(text, Kind.WARNING, key="grid")))
            self.documents.add(document)
        loading = _Loading(document)
        work.flush()  # the planes read after this hold every step
        photo = photo_job(document.record, path)
        planes = planes_job(store, image_id, display_planes)
        photo.succeeded.connect(lambda answer: self._photo_came(loading, answer))
        planes.succeeded.connect(lambda answer: self._planes_came(loading, answer))
        for lane, job in ((self._session.lanes.cpu, photo), (self._session.lanes.disk, planes)):
            job.failed.connect(lambda error: self._loading_failed(loading, error))
            loading.jobs.append((lane, lane.submit(job)))
        return loading

    # -------------------------------------------------------------- the next one

    def _read_ahead(self) -> None:
        """Fetch the neighbours of what is shown, as far as the memory for open pictures goes.

        The next one in the direction of travel comes first: going on is then immediate.
        """
        session, document = self._session, self.document
        store, work = session.store, session.work
        if store is None or work is None or document is None or self.is_loading or self._ahead is not None:
            return
        project = session.project
        if document.record.id not in project:
            return
        together = [document.record]
        for step in (self._direction, -self._direction):
            neighbour = session.queue.after(document.record.id, step)
            if not neighbour:
                continue
            record = project.image(neighbour)
            together.append(record)
            if not self.documents.fit(together):
                return
            if self.documents.loaded(record.id) is None and record.id not in self._not_ahead:
                path = session.photo_path(record)
                if path is not None:
                    self._ahead = self._begin(store, work, record.id, path)
                    return

    def _ahead_came(self, loading: _Loading) -> None:
        self._ahead = None
        self._fill(loading)
        self.documents.looked_at(loading.image_id)
        if self.document is not None:
            here = self.document.record.id
            self.documents.looked_at(here)
            self.documents.let_go(keep=here, may_go=self._session.may_go)
        self._ahead_soon.start()

    def _allow_outside(self) -> None:
        """The user knows who made this project: pictures outside its folder may be opened."""
        store = self._session.store
        if store is not None:
            job = Job("Remembering", lambda progress: store.allow_outside(), shown=False, can_cancel=False)
            job.succeeded.connect(lambda nothing: self.show_again())
            job.failed.connect(self._session.tell_error)
            self._session.lanes.disk.submit(job)

    def show_again(self) -> None:
        """Try once more what could not be shown."""
        wish = self._failed_wish
        if self.document is None or (wish and wish in self._session.project):
            first = wish or (self._session.project.images[0].id if self._session.project.images else "")
            self._failed_wish = ""
            if first:
                self.show(first)

    def _photo_came(self, loading: _Loading, photo: LoadedPhoto) -> None:
        loading.photo = photo
        self._both_came(loading)

    def _planes_came(self, loading: _Loading, planes: LoadedPlanes) -> None:
        loading.planes = planes
        self._both_came(loading)

    def _both_came(self, loading: _Loading) -> None:
        photo, planes = loading.photo, loading.planes
        if photo is None or planes is None:
            return
        if loading is self._ahead:
            self._ahead_came(loading)
        elif loading is self._loading:
            self._loading = None
            self._fill(loading)
            self._set_document(loading.document)
            self._session.loading_changed.emit()

    def _fill(self, loading: _Loading) -> None:
        document, photo, planes = loading.document, loading.photo, loading.planes
        assert photo is not None
        assert planes is not None
        if loading.newer is None:
            document.set_loaded(
                photo.levels,
                planes.hand,
                planes.prediction,
                planes.frozen,
                photo.notes,
                planes=planes.arranged,
                photo=photo.photo,
            )
        else:
            document.set_loaded(
                photo.levels, planes.hand, loading.newer, planes.frozen, photo.notes, photo=photo.photo
            )
        if photo.is_changed:
            self._changed_files.add(document.record.id)

    def _tell_changed(self, record: ImageRecord) -> None:
        self._session.tell(
            Message(
                f"{shown_name(unescaped(record.file))} is not the same file as when it was "
                "added, though it has the same size. Check that the mask still fits.",
                Kind.WARNING,
                key="changed-photo",
                stays=True,
            )
        )

    def _loading_failed(self, loading: _Loading, error: BaseException) -> None:
        if loading is self._ahead:
            self._ahead = None
            self._not_ahead.add(loading.image_id)
            loading.stop()
            self._ahead_soon.start()
        if loading is not self._loading:
            return
        self._loading = None
        self._failed_wish = loading.image_id
        ways: tuple[Way, ...] = ()
        if isinstance(error, (PhotoMissing, FileNotFoundError)):
            ways = (Way("Find pictures…", lambda: self._session.wanted.emit("file.find-pictures")),)
        self._session.tell(message_for(error, ways=ways, key="show"))
        self._session.loading_changed.emit()
        self._session.document_changed.emit()  # the list goes back to what is really shown

    def _set_document(self, document: Document) -> None:
        before, project = self.document, self._session.project
        if before is not None and before is not document and before.record.id in project:
            order = self._session.queue
            back = order.row(document.record.id) < order.row(before.record.id)
            self._direction = -1 if back else 1
        if document.record.id in self._changed_files:
            self._changed_files.discard(document.record.id)
            self._tell_changed(document.record)
        self._ahead_soon.start()
        self.document = document
        self.documents.looked_at(document.record.id)
        self.documents.let_go(keep=document.record.id, may_go=self._session.may_go)
        self._session.document_changed.emit()

    def _compute_peaks(self, document: Document, low: int) -> None:
        prediction, hand, revision = document.prediction, document.hand, document.revision
        if prediction is None or hand is None:
            return
        score = prediction.score
        job = Job(
            "Joining cracks", lambda progress: peak_planes(score, low, hand, revision=revision), shown=False
        )
        job.succeeded.connect(document.set_peaks)
        self._session.lanes.cpu.submit(job, replaces=f"peaks:{document.record.id}")
