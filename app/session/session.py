"""Session: the open project, the document being looked at, and how both come and go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.document import Document
from app.jobs import Job, Lanes
from app.jobs.project import OpenedProject, close_job, create_job, open_job, restore_job, save_copy_job
from app.messages import Kind, Message, Way, message_for
from app.session.adapting import Adapting
from app.session.approving import Approving
from app.session.evaluating import Evaluating
from app.session.intake import Intake
from app.session.looking import Looking
from app.session.models import Models
from app.session.predicting import Predicting
from app.session.queue import Queue
from app.session.regridding import Regridding
from app.session.retraining import Retraining
from app.session.showing import Showing
from app.session.work_stream import AfterSave, WorkStream
from app.settings.storage import SettingsHolder
from crackcore.domain.change import Change, Predicted, RecordChanged, Regridded, ViewMoved
from crackcore.domain.image_record import ImageRecord, Review, Threshold
from crackcore.domain.project import Project, ViewState
from crackcore.errors import PhotoMissing, ProjectChangedElsewhere, ProjectDamaged
from crackcore.names import shown_name

if TYPE_CHECKING:
    from crackcore.domain.prediction import Prediction
    from crackcore.projects.store import ProjectStore

NO_PROJECT = Project(title="", uuid="")


@dataclass
class _Opening:
    """A project that is being opened."""

    place: Path
    job: Job
    pictures: tuple[Path, ...]


class Session(QObject):
    """Everything the window shows hangs on this; lives in the GUI thread and touches no file."""

    project_changed = Signal()  # another project is open, or none
    images_changed = Signal()  # images were added or removed
    record_changed = Signal(str)
    records_changed = Signal()  # many of them at once
    document_changed = Signal()  # another image is shown, or none
    loading_changed = Signal()
    saved_changed = Signal()
    told = Signal(object)  # Message
    wanted = Signal(str)  # id of an action that the user should be led to
    left = Signal()

    def __init__(self, lanes: Lanes, settings: SettingsHolder, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.lanes = lanes
        self.settings = settings
        self.project = NO_PROJECT
        self.store: ProjectStore | None = None
        self.read_only = False
        self.read_only_reason = ""
        self.work: WorkStream | None = None
        self.predict_when_open = False
        self.view_to_restore: ViewState | None = None
        self._opening: _Opening | None = None
        self._close_anyway = False
        self._must_be_read = False  # something went wrong at the very end: the window stays for it
        self.showing = Showing(self)
        self.intake = Intake(self)
        self.models = Models(self)
        self.predicting = Predicting(self)
        self.queue = Queue(self)
        self.regridding = Regridding(self)
        self.approving = Approving(self)
        self.looking = Looking(self)
        self.evaluating = Evaluating(self)
        self.adapting = Adapting(self)
        self.retraining = Retraining(self)

    # -------------------------------------------------------------- telling

    def tell(self, message: Message) -> None:
        self.told.emit(message)

    def tell_error(self, error: BaseException) -> None:
        self.tell(message_for(error))

    # -------------------------------------------------------------- project

    @property
    def is_open(self) -> bool:
        return self.store is not None

    @property
    def path(self) -> Path | None:
        return None if self.store is None else self.store.path

    def open_project(self, place: Path, *, with_pictures: tuple[Path, ...] = ()) -> None:
        """Open a project; the one that is open now is closed once the new one is there."""
        place = place.absolute()
        if self.path is not None and place == self.path.absolute():
            self.intake.look_for_new(with_pictures)
            return
        under_way = self._opening
        if under_way is not None and under_way.place == place and not under_way.job.is_cancelled:
            under_way.pictures = with_pictures or under_way.pictures
            return
        job = open_job(place)
        opening = self._opening = _Opening(place, job, with_pictures)

        def failed(error: BaseException) -> None:
            ways: tuple[Way, ...] = ()
            if isinstance(error, ProjectDamaged):
                ways = (Way("Bring back the last backup", lambda: self.restore(place)),)
            if isinstance(error, (FileNotFoundError, PhotoMissing)):
                self.settings.forget_project(place)
            self.tell(message_for(error, about=f"{shown_name(place)} was not opened.", ways=ways, key="open"))

        def over() -> None:
            if self._opening is opening:
                self._opening = None

        job.succeeded.connect(lambda opened: self.take_opened(opened, opening.pictures))
        job.failed.connect(failed)
        job.ended.connect(over)
        self.lanes.disk.submit(job, replaces="open")

    def create_project(self, place: Path, records: tuple[ImageRecord, ...]) -> None:
        """Make a project of these pictures and open it."""
        job = create_job(place, records)
        job.succeeded.connect(self.take_opened)
        job.failed.connect(self.tell_error)
        self.lanes.disk.submit(job, replaces="open")

    def restore(self, place: Path) -> None:
        """Bring back the newest backup of a damaged project and open it."""
        job = restore_job(place)
        job.succeeded.connect(lambda path: self.open_project(path))
        job.failed.connect(self.tell_error)
        self.lanes.disk.submit(job)

    def take_opened(self, opened: OpenedProject, pictures: tuple[Path, ...] = ()) -> None:
        """A project was opened on the disk lane; show it instead of the present one.

        `pictures` are what the user pointed at; the project may lack some of them.
        """
        if self.approving.is_busy:
            self.approving.when_idle(lambda: self.take_opened(opened, pictures))
            return
        if self.work is not None and self.work.trouble is not None and not self.read_only:
            self.lanes.disk.submit(close_job(opened.store, save=False))
            self._tell_not_kept(self.work.waiting, "this project stays open", ())
            return
        self._put_away()
        self.store = opened.store
        self.project = opened.project
        self.read_only = opened.read_only
        self.read_only_reason = opened.read_only_reason
        self.view_to_restore = opened.project.view
        self.work = WorkStream(
            opened.store,
            self.lanes.disk,
            checkpoint_s=lambda: self.settings.value.checkpoint_s,
            checkpoint_strokes=lambda: self.settings.value.checkpoint_strokes,
            parent=self,
        )
        self.work.changed.connect(self.saved_changed)
        self.work.told.connect(self.told)
        work = self.work
        work.taken_over.connect(lambda error: self._taken_over(work, error))
        self.settings.remember_project(opened.store.path)
        self.project_changed.emit()
        self.saved_changed.emit()
        if opened.recovered:
            self.tell(Message(opened.recovered, Kind.DONE, key="recovered", stays=True))
        if opened.read_only:
            self.tell(
                Message(
                    f"This project is open for reading only. {opened.read_only_reason}".strip(),
                    Kind.WARNING,
                    (Way("Save a copy…", lambda: self.wanted.emit("file.save-copy")),),
                    key="read-only",
                    stays=True,
                )
            )
        self.intake.look_for_new(pictures)
        first = opened.project.view.image_id
        if first not in opened.project and opened.project.images:
            first = opened.project.images[0].id
        if first:
            self.show(first)
        if self.predict_when_open:
            self.predict_when_open = False
            self.predicting.predict_new_when_possible()

    def _put_away(self) -> Job | None:
        """Let go of the open project; what is to be kept goes to the disk lane first."""
        self.predicting.stop()
        self.evaluating.cancel()
        self.adapting.stop()
        store, work = self.store, self.work
        if store is None or work is None:
            return None
        work.flush()
        work.stop()
        job = close_job(store, save=not self.read_only)
        job.failed.connect(lambda error: self._tell_closing_failed(store.path, error))
        self.approving.forget()
        self.showing.clear()
        self.store, self.work, self.project = None, None, NO_PROJECT
        self.read_only, self.read_only_reason = False, ""
        job.ended.connect(work.deleteLater)  # the lane's last job for it: its answers are all in by then
        return self.lanes.disk.submit(job)

    def _tell_closing_failed(self, place: Path, error: BaseException) -> None:
        copy = _conflict_copy(error, place)
        ways = () if copy is None else (Way("Open the copy", lambda: self.open_project(copy)),)
        self.tell(message_for(error, ways=ways, key="taken-over" if copy else ""))

    def _taken_over(self, work: WorkStream, error: BaseException) -> None:
        """Somebody else saved the project. Ours went into a copy beside it, as the error says."""
        copy = _conflict_copy(error, work.path)
        ways: tuple[Way, ...] = ()
        if copy is not None:
            ways = (Way("Open the copy", lambda: self.open_project(copy)),)
            work.carry_over(copy)
        if work is not self.work:  # it was put away meanwhile
            self.tell(message_for(error, ways=ways, key="taken-over"))
            return
        self.read_only, self.read_only_reason = True, "It was saved by another window or computer."
        for document in self.showing.documents:
            document.abort_stroke()
            document.read_only = True
        self.predicting.stop()
        place = self.path
        if place is not None:
            ways = (*ways, Way("Open it again", lambda: self._open_again(place)))
        self.tell(message_for(error, ways=ways, key="taken-over"))
        self.project_changed.emit()
        self.document_changed.emit()
        self.saved_changed.emit()

    def _open_again(self, place: Path) -> None:
        self._put_away()
        self.project_changed.emit()
        self.open_project(place)

    def save(self, then: AfterSave | None = None) -> None:
        if self.work is not None and not self.read_only:
            self.work.save(then)

    def save_copy(self, place: Path) -> None:
        if self.store is None or self.work is None:
            return
        self.work.flush()
        job = save_copy_job(self.store, place)
        job.succeeded.connect(
            lambda path: self.tell(Message(f"A copy was saved as {shown_name(path)}.", Kind.DONE, key="copy"))
        )
        job.failed.connect(self.tell_error)
        self.lanes.disk.submit(job)

    def leave(self) -> None:
        """Stop everything, keep everything, then `left`. Nothing is lost without being asked for."""
        if self.retraining.holds_back():
            return
        for lane in (self.lanes.device, self.lanes.cpu):
            lane.cancel_all()
        self.lanes.disk.cancel_older("open")  # what is not open yet is not waited for
        self.predicting.stop()
        self.evaluating.cancel()
        self.adapting.stop()
        self.showing.stop_loading()
        if self.approving.is_busy:
            self.approving.when_idle(self.leave)
            return
        work = self.work
        if work is None or self.read_only:
            self._put_away()
            self.lanes.when_idle(self._go)
            return
        last = work.flush()  # its answer comes after that of every append under way
        if last is None:
            self._finish_leaving()
        else:
            last.ended.connect(self._finish_leaving)

    def _finish_leaving(self) -> None:
        work = self.work
        if work is not None and work.waiting and not self._close_anyway:
            more = work.flush() if work.trouble is None else None
            if more is not None:  # a step came in while the others were being kept
                more.ended.connect(self._finish_leaving)
                return
            steps = _steps(work.waiting)
            close = Way(f"Close without the last {steps}", self._leave_anyway)
            self._tell_not_kept(work.waiting, "the window stays open", (Way("Try again", self.leave), close))
            return
        closing = self._put_away()
        if closing is not None:
            closing.failed.connect(self._closing_failed)
        self.lanes.when_idle(self._go)

    def _closing_failed(self, error: BaseException) -> None:
        # Any other error leaves everything in the journal; of this one the user must hear.
        self._must_be_read = isinstance(error, ProjectChangedElsewhere)

    def _go(self) -> None:
        if self._must_be_read:
            self._must_be_read = False
            self.project_changed.emit()
        else:
            self.left.emit()

    def _tell_not_kept(self, count: int, consequence: str, ways: tuple[Way, ...]) -> None:
        copy = Way("Save a copy…", lambda: self.wanted.emit("file.save-copy"))
        text = f"The last {_steps(count)} could not be saved, so {consequence}."
        self.tell(Message(text, Kind.ERROR, (*ways[:1], copy, *ways[1:]), key="leave", stays=True))

    def _leave_anyway(self) -> None:
        self._close_anyway = True
        self.leave()

    # -------------------------------------------------------------- images

    def record(self, image_id: str) -> ImageRecord:
        return self.project.image(image_id)

    def add_records(self, records: Iterable[ImageRecord]) -> None:
        records = tuple(records)
        if not records:
            return
        was_empty = not self.project.images
        self.project = self.project.with_images(records)
        self._journal(*map(RecordChanged, records))
        self.images_changed.emit()
        if was_empty:
            self.show(records[0].id)

    def keep_record(self, record: ImageRecord) -> None:
        """A record changed without its document doing it."""
        self._tell_document(record)
        self.take_step(RecordChanged(record))

    def keep_records(self, records: Sequence[ImageRecord]) -> None:
        """The same for many at once: one batch to the disk lane, one signal."""
        if len(records) == 1:
            self.keep_record(records[0])
        elif records:
            for record in records:
                self._tell_document(record)
            self.project = self.project.with_images(records)
            self._journal(*map(RecordChanged, records))
            self.records_changed.emit()

    def _tell_document(self, record: ImageRecord) -> None:
        document = self.showing.documents.get(record.id)
        if document is not None:
            document.take_record(record)

    def threshold_for_all_open(self, threshold: Threshold) -> int:
        """Use this threshold for every image that is not approved; answers how many changed."""
        changed = [
            replace(record, threshold=threshold)
            for record in self.project.images
            if record.review is not Review.APPROVED
            and record.threshold != threshold
            and not self._is_frozen(record.id)
        ]
        self.keep_records(changed)
        return len(changed)

    def _is_frozen(self, image_id: str) -> bool:
        document = self.showing.documents.get(image_id)
        return document is not None and document.frozen is not None

    def neighbour(self, step: int, *, only_open: bool = False) -> str:
        """The id of the next or previous image in the list (not yet approved if `only_open`), or ''."""
        ids = self.queue.ids
        if not ids:
            return ""
        here = self.shown_id
        at = self.queue.row(here) if here in self.project else -1 if step > 0 else len(ids)
        if not only_open:
            target = at + step
            return ids[target] if 0 <= target < len(ids) else ""
        for distance in range(1, len(ids) + 1):
            image_id = ids[(at + step * distance) % len(ids)]
            if self.record(image_id).review is not Review.APPROVED and image_id != here:
                return image_id
        return ""

    def photo_path(self, record: ImageRecord) -> Path | None:
        """Where a photo should lie; None when the project may not lead there (see `allow_outside`)."""
        if self.store is None:
            return None
        try:
            return self.store.photo_path(record)
        except PhotoMissing:
            return None

    # -------------------------------------------------------------- the document

    @property
    def document(self) -> Document | None:
        """The image that is shown."""
        return self.showing.document

    @property
    def shown_id(self) -> str:
        """The image that is shown, or on its way."""
        return self.showing.shown_id

    @property
    def is_loading(self) -> bool:
        return self.showing.is_loading

    def document_of(self, image_id: str) -> Document | None:
        """The document of an image if its pixels are in memory."""
        return self.showing.documents.loaded(image_id)

    def show(self, image_id: str) -> None:
        """Look at an image."""
        self.showing.show(image_id)

    def may_go(self, image_id: str) -> bool:
        """Whether the pixels of an image may be let go: everything about it is kept and at rest."""
        return (
            not self.approving.is_about(image_id)
            and not self.predicting.is_about(image_id)
            and not self.regridding.is_about(image_id)
            and (self.work is None or self.work.is_kept(image_id))
        )

    # -------------------------------------------------------------- approving, the view

    def approve(self) -> None:
        """Approve what is shown of the present image."""
        if self.document is not None:
            self.approving.approve(self.document)

    def move_view(self, view: ViewState) -> None:
        """Where the user looks is kept like any other step."""
        if self.work is not None and not self.read_only and view != self.project.view:
            self.project = replace(self.project, view=view)
            self._journal(ViewMoved(view))

    # -------------------------------------------------------------- steps

    def take_step(self, change: Change) -> None:
        """A finished step of a document, or one made on its behalf: remembered, shown and kept."""
        if isinstance(change, RecordChanged) and change.record.id in self.project:
            self.project = self.project.with_image(change.record)
            self._journal(change)
            self.record_changed.emit(change.record.id)
            return
        self._journal(change)
        if isinstance(change, Regridded) and change.image_id in self.project:
            record = replace(self.record(change.image_id), magnification=change.magnification)
            self.project = self.project.with_image(record)
            if record != self.showing.record_of(record.id):
                self._tell_document(record)
            self.record_changed.emit(record.id)

    def _journal(self, *changes: Change) -> None:
        if self.work is not None and not self.read_only:
            self.work.add_many(changes)

    def keep_prediction(self, image_id: str, prediction: Prediction) -> None:
        """A prediction came back for an image whose pixels are not in memory."""
        self.showing.newer_prediction(image_id, prediction)
        self.take_step(Predicted(image_id, prediction))
        self.note_predicted(image_id)

    def note_predicted(self, image_id: str) -> None:
        """An image whose pixels are not in memory has a prediction now."""
        record = self.record(image_id)
        if record.review in (Review.NEW, Review.FAILED):
            self.keep_record(replace(record, review=Review.PREDICTED, reason=""))
        elif record.reason:
            self.keep_record(replace(record, reason=""))


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


def _conflict_copy(error: BaseException, project: Path) -> Path | None:
    """Where our changes went when somebody else saved the project; None when there is no such copy."""
    path = error.path if isinstance(error, ProjectChangedElsewhere) else None
    return None if path is None or Path(path) == project else Path(path)
