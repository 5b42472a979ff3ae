"""Which image is shown: both of its halves are fetched, and what is shown stays until they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.document import Document, display_planes, peak_planes
from app.jobs import Job
from app.jobs.load import LoadedPhoto, LoadedPlanes, photo_job, planes_job
from app.messages import Kind, Message, Way, message_for
from app.session.documents import Documents
from crackcore.errors import PhotoMissing
from crackcore.names import shown_name, unescaped

if TYPE_CHECKING:
    from app.session.session import Session
    from crackcore.domain.prediction import Prediction


class _Loading:
    """An image on its way: both halves must arrive, and belong to the last wish."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.photo: LoadedPhoto | None = None
        self.planes: LoadedPlanes | None = None
        self.newer: Prediction | None = None  # came back while the planes were being read


class Showing(QObject):
    """Belongs to the session; owns the documents."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.document: Document | None = None
        self.documents = Documents(lambda: session.settings.value.loaded_mb << 20)
        self._loading: _Loading | None = None
        self._failed_wish = ""

    def clear(self) -> None:
        """The project is being put away."""
        self._loading = None
        self._failed_wish = ""
        self.document = None
        self._session.document_changed.emit()
        self.documents.clear()

    def newer_prediction(self, image_id: str, prediction: Prediction) -> None:
        """A prediction came back while its image is being read: what is read is older."""
        if self._loading is not None and self._loading.document.record.id == image_id:
            self._loading.newer = prediction

    @property
    def shown_id(self) -> str:
        """The image that is shown, or on its way."""
        if self._loading is not None:
            return self._loading.document.record.id
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
        if document is not None and document.is_loaded:
            self._loading = None
            self._set_document(document)
            self._session.loading_changed.emit()
            return
        if self._loading is not None and self._loading.document.record.id == image_id:
            return
        if document is None:
            document = Document(self._session.record(image_id), self)
            document.read_only = self._session.read_only
            document.committed.connect(self._session.take_step)
            document.peaks_wanted.connect(lambda low, document=document: self._compute_peaks(document, low))
            self.documents.add(document)
        loading = self._loading = _Loading(document)
        work.flush()  # the planes read after this hold every step
        photo = photo_job(document.record, path)
        planes = planes_job(store, image_id, display_planes)
        photo.succeeded.connect(lambda answer: self._photo_came(loading, answer))
        planes.succeeded.connect(lambda answer: self._planes_came(loading, answer))
        photo.failed.connect(lambda error: self._loading_failed(loading, error))
        planes.failed.connect(lambda error: self._loading_failed(loading, error))
        self._session.lanes.cpu.submit(photo, replaces="show-photo")
        self._session.lanes.disk.submit(planes, replaces="show-planes")
        self._session.loading_changed.emit()

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
        if loading is not self._loading or photo is None or planes is None:
            return
        document = loading.document
        self._loading = None
        if loading.newer is None:
            document.set_loaded(
                photo.levels,
                planes.hand,
                planes.prediction,
                planes.frozen,
                photo.notes,
                planes=planes.arranged,
            )
        else:
            document.set_loaded(photo.levels, planes.hand, loading.newer, planes.frozen, photo.notes)
        if photo.is_changed:
            self._session.tell(
                Message(
                    f"{shown_name(unescaped(document.record.file))} is not the same file as when it was "
                    "added, though it has the same size. Check that the mask still fits.",
                    Kind.WARNING,
                    key="changed-photo",
                    stays=True,
                )
            )
        self._set_document(document)
        self._session.loading_changed.emit()

    def _loading_failed(self, loading: _Loading, error: BaseException) -> None:
        if loading is not self._loading:
            return
        self._loading = None
        self._failed_wish = loading.document.record.id
        ways: tuple[Way, ...] = ()
        if isinstance(error, (PhotoMissing, FileNotFoundError)):
            ways = (Way("Find pictures…", lambda: self._session.wanted.emit("file.find-pictures")),)
        self._session.tell(message_for(error, ways=ways, key="show"))
        self._session.loading_changed.emit()
        self._session.document_changed.emit()  # the list goes back to what is really shown

    def _set_document(self, document: Document) -> None:
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
