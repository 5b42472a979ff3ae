"""Which grid a picture's mask lies on: predictions that are finer bring it there, and there is a way back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt

from app.document import Document, GridPlanes, GridState, GridWish, planes_on_grid
from app.document.grid import APPROVED
from app.document.regridding import on_grid, whole
from app.jobs import Job, Lane
from app.messages import Kind, Message, Way, message_for
from crackcore.domain.change import Regridded
from crackcore.domain.image_record import ImageRecord, Review
from crackcore.domain.prediction import Prediction
from crackcore.imaging.enlarging import check_finer, too_large_to_be_finer
from crackcore.masks.regridding import finer
from crackcore.names import shown_name, unescaped
from crackcore.progress import Progress

if TYPE_CHECKING:
    from app.session.session import Session
    from crackcore.arrays import HandPlane
    from crackcore.models.catalogue import InstalledModel

FINER = "finer"  # the value of the setting `result_grid`


@dataclass(frozen=True)
class Answer:
    """A prediction whose score lies on another grid than its picture.

    `fitted` takes it once it lies on the picture's grid, `taken` hears that the picture was brought to
    the grid of the prediction, which it holds then.
    """

    image_id: str
    prediction: Prediction
    is_wanted: Callable[[], bool]
    fitted: Callable[[Prediction], None]
    taken: Callable[[], None]


@dataclass(frozen=True)
class _Stored:
    """What the project keeps of a picture that is not in memory."""

    is_frozen: bool
    hand: HandPlane
    prediction: Prediction | None


class Regridding(QObject):
    """Belongs to the session. The arrays are made on the cpu lane; a stroke that was drawn meanwhile
    makes it ask again, so none is ever left out."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._about: Counter[str] = Counter()

    def is_about(self, image_id: str) -> bool:
        """Whether an answer for this image is on its way, so that its arrays must stay."""
        return self._about[image_id] > 0

    # -------------------------------------------------------------- asking a model

    def result_scale(self, image_id: str, model: InstalledModel) -> int:
        """How fine an answer of this model is wanted for this picture, as in `PredictSettings`.

        A picture that is finer already stays so, and an approved one stays as it is.
        """
        session = self._session
        record, scale = session.record(image_id), session.models.finer(model)
        if scale == 1 or record.magnification == scale:
            return scale
        document = session.document_of(image_id)
        frozen = record.review is Review.APPROVED or (document is not None and document.frozen is not None)
        if frozen or session.settings.value.result_grid != FINER:
            return 1
        reason = too_large_to_be_finer(record.size_px, scale)
        if reason:
            self._tell_refused(record, f"{_name(record)} cannot be made finer: {reason}")
            return 1
        return scale

    def differs(self, image_id: str, prediction: Prediction) -> bool:
        """Whether a prediction lies on another grid than its picture."""
        return prediction.score.shape != self._session.record(image_id).grid_size

    def bring(self, answer: Answer) -> None:
        """See to a prediction that `differs`: where it is finer, its picture is brought to its grid."""
        record = self._session.record(answer.image_id)
        scale = answer.prediction.score.shape[0] // record.height_px
        if scale <= record.magnification or record.review is Review.APPROVED:
            self._fit(answer)
            return
        document = self._session.document_of(answer.image_id)
        if document is None:
            self._move_stored(answer, record, scale)
        else:
            self._move(document, answer, scale)

    def _fit(self, answer: Answer) -> None:
        size = self._session.record(answer.image_id).grid_size

        def fitted(prediction: Prediction | None) -> None:
            if prediction is not None and answer.is_wanted():
                answer.fitted(prediction)

        self._run(answer.image_id, lambda progress: on_grid(answer.prediction, size), fitted)

    def _move(self, document: Document, answer: Answer, scale: int) -> None:
        wish = document.grid.wish(scale, answer.prediction)
        if wish is None:
            self._fit(answer)
            return

        def came(planes: GridPlanes) -> None:
            if not answer.is_wanted():
                return
            if document.grid.take(planes):
                answer.taken()
            elif document.in_stroke:
                document.rested.connect(lambda: self._again(answer), Qt.ConnectionType.SingleShotConnection)
            else:
                self.bring(answer)

        def refused(error: BaseException) -> None:
            self._refused(answer, error)

        self._run(answer.image_id, _work(wish), came, refused, title=_title(wish))

    def _again(self, answer: Answer) -> None:
        if answer.is_wanted():
            self.bring(answer)

    def _refused(self, answer: Answer, error: BaseException) -> None:
        """Too large for the memory there is: the answer is kept in the picture's own pixels."""
        if answer.is_wanted():
            self._session.tell(message_for(error, key="grid"))
            self._fit(answer)

    # -------------------------------------------------------------- a picture that is not in memory

    def _move_stored(self, answer: Answer, record: ImageRecord, scale: int) -> None:
        """Read what was drawn, enlarge it, and keep both it and the prediction as one step."""
        session, image_id = self._session, answer.image_id
        store, work = session.store, session.work
        assert store is not None
        assert work is not None
        document = session.showing.documents.get(image_id)
        revision = -1 if document is None else document.revision
        work.flush()  # what is read holds every step

        def read(progress: Progress) -> _Stored:
            frozen, hand = store.read_frozen(image_id), store.read_hand(image_id)
            before = None if document is None else store.read_prediction(image_id)
            return _Stored(frozen is not None, hand, before)

        def enlarge(stored: _Stored) -> tuple[GridState, GridState]:
            check_finer(unescaped(record.file), record.size_px, scale)
            now, size = record.magnification, (record.height_px * scale, record.width_px * scale)
            drawn = whole(finer(stored.hand, scale // now)) if stored.hand.any() else whole(stored.hand)
            before = GridState(now, whole(stored.hand), stored.prediction)
            return before, GridState(scale, drawn, on_grid(answer.prediction, size))

        def moved(states: tuple[GridState, GridState]) -> None:
            if not answer.is_wanted():
                return
            there = session.showing.documents.get(image_id)
            if there is not document or (there is not None and there.revision != revision):
                self.bring(answer)  # somebody has opened it meanwhile
                return
            before, after = states
            session.take_step(Regridded(image_id, after.magnification, after.hand, after.prediction))
            if document is not None:
                document.grid.moved(before, after)
            session.note_predicted(image_id)
            session.showing.read_again(image_id)
            answer.taken()

        def refused(error: BaseException) -> None:
            self._refused(answer, error)

        def came(stored: _Stored) -> None:
            if not answer.is_wanted():
                return
            if stored.is_frozen:
                self._fit(answer)
                return
            self._run(image_id, lambda progress: enlarge(stored), moved, refused)

        self._run(image_id, read, came, lane=session.lanes.disk)

    # -------------------------------------------------------------- the document that is shown

    def back_to_photo(self, *, anyway: bool = False) -> None:
        """Bring the picture that is shown back to photo pixels; asks first when strokes lose detail."""
        document = self._session.document
        if document is None or document.grid.magnification == 1:
            return
        if document.frozen is not None:
            document.refused.emit(APPROVED)
            return
        if document.grid.has_fine_strokes and not anyway:
            self._session.tell(
                Message(
                    "Some of what was drawn here is finer than a photo pixel. Back in photo pixels, every "
                    "pixel with some crack in it is crack, so thin strokes get wider. Undo brings them back.",
                    Kind.WARNING,
                    (Way("Back to photo pixels", lambda: self._back_in(document)),),
                    key="grid",
                    stays=True,
                )
            )
            return
        self._back_in(document)

    def _back_in(self, document: Document) -> None:
        self._ask(document, lambda: document.grid.wish(1))

    def through(self, document: Document, way: int) -> None:
        """Undo (-1) or redo (1) a step that changes the grid."""
        self._ask(document, lambda: document.grid.wish_through(way))

    def _ask(self, document: Document, wish_now: Callable[[], GridWish | None]) -> None:
        wish, image_id = wish_now(), document.record.id
        if wish is None:
            return

        def came(planes: GridPlanes) -> None:
            if not document.grid.take(planes) and not document.in_stroke:
                self._ask(document, wish_now)

        self._run(image_id, _work(wish), came, title=_title(wish), replaces=f"grid:{image_id}")

    # -------------------------------------------------------------- doing it

    def _run(
        self,
        image_id: str,
        work: Callable[[Progress], object],
        came: Callable[..., None],
        failed: Callable[[BaseException], None] | None = None,
        *,
        lane: Lane | None = None,
        title: str = "",
        replaces: str = "",
    ) -> None:
        session, store = self._session, self._session.store

        def still(then: Callable[..., None]) -> Callable[..., None]:
            return lambda found: (
                then(found) if session.store is store and image_id in session.project else None
            )

        def over() -> None:
            self._about[image_id] -= 1

        self._about[image_id] += 1
        job = Job(title or "Changing the grid", work, shown=bool(title))
        job.succeeded.connect(still(came))
        job.failed.connect(still(failed or session.tell_error))
        job.ended.connect(over)
        (lane or session.lanes.cpu).submit(job, replaces=replaces)

    def _tell_refused(self, record: ImageRecord, text: str) -> None:
        self._session.tell(
            Message(f"{text} The result comes in photo pixels.", Kind.WARNING, key="grid", stays=True)
        )


def _work(wish: GridWish) -> Callable[[Progress], GridPlanes]:
    return lambda progress: planes_on_grid(wish, progress)


def _title(wish: GridWish) -> str:
    return f"{wish.title}: {shown_name(wish.name)}"


def _name(record: ImageRecord) -> str:
    return shown_name(unescaped(record.file))
