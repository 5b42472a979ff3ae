"""Document: pixels, prediction, hand plane, threshold and undo stack of one image."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoStack

from app.document.grid import DocumentGrid
from app.document.planes import (
    CLASS_OF_MARK,
    CRACK_MARK,
    NOTHING,
    UNDECIDED_MARK,
    DisplayPlanes,
    MaxLevels,
    PeakPlanes,
    Plane,
    ScorePlanes,
    TouchedTiles,
    display_planes,
    peak_planes,
    score_planes,
    tile_runs,
)
from app.document.snapshot import Approval, ShownSnapshot
from app.document.steps import EditHand
from crackcore.arrays import CRACK, ClassMask, HandPlane, RgbImage
from crackcore.domain.box import EMPTY_BOX, Box
from crackcore.domain.change import Change, HandEdited, MaskFrozen, Predicted, RecordChanged
from crackcore.domain.image_record import ImageRecord, Review, Threshold
from crackcore.domain.prediction import Prediction
from crackcore.masks.patch import Patch, PatchRecorder


class Document(QObject):
    """One image being looked at and edited; lives in the GUI thread.

    `committed` carries every `Change` that must reach the journal, in order. `revision` rises with
    every change of the hand plane and of what it covers; an answer computed elsewhere names the
    revision it was computed from.
    """

    loaded = Signal()
    released = Signal()
    hand_changed = Signal(object)  # Box, in pixels
    prediction_changed = Signal()
    threshold_changed = Signal()
    frozen_changed = Signal()
    record_changed = Signal()
    committed = Signal(object)  # Change
    rested = Signal()  # a stroke has ended, one way or the other
    peaks_wanted = Signal(int)  # low: answer with set_peaks(peak_planes(...))
    grid_wanted = Signal(
        int
    )  # -1 undo, 1 redo: answer with grid.take(planes_on_grid(grid.wish_through(...)))
    refused = Signal(str)  # a sentence: why what was just asked for is not done

    def __init__(self, record: ImageRecord, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.record = record
        self.threshold = record.threshold
        self.read_only = False
        self.revision = 0
        self.undo_stack = QUndoStack(self)
        self.grid = DocumentGrid(self)
        self.photo: RgbImage | None = None  # in its own pixels; `photo_levels` are as fine as the mask
        self.photo_levels: tuple[RgbImage, ...] | None = None
        self.photo_notes: tuple[str, ...] = ()
        self.hand: HandPlane | None = None
        self.prediction: Prediction | None = None
        self.frozen: ClassMask | None = None
        self.marks: MaxLevels | None = None
        self._score: ScorePlanes | None = None
        self._peaks: PeakPlanes | None = None
        self._peaks_asked: tuple[int, int] | None = None
        self._frozen: MaxLevels | None = None
        self._tiles: TouchedTiles | None = None
        self._recorder: PatchRecorder | None = None

    # ------------------------------------------------------------------ loading

    @property
    def is_loaded(self) -> bool:
        return self.hand is not None

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width of all planes: the upright photo's, or four times as much."""
        return self.record.grid_size

    def set_loaded(
        self,
        photo_levels: tuple[RgbImage, ...],
        hand: HandPlane,
        prediction: Prediction | None,
        frozen: ClassMask | None,
        notes: tuple[str, ...] = (),
        *,
        planes: DisplayPlanes | None = None,
        photo: RgbImage | None = None,
    ) -> None:
        """Take the arrays of this image; `hand` is owned and written to from now on.

        `photo` is the photo in its own pixels, needed where `photo_levels` are finer than that.
        `planes` is `display_planes(hand, score, frozen)` of the very same arrays, made on a lane;
        without it, it is made here (some 25 ms at 12 megapixels, a fifth of a second at 100).
        Raises ValueError when sizes do not agree, and then nothing has changed.
        """
        score = None if prediction is None else prediction.score
        for plane in (photo_levels[0], hand, score, frozen):
            if plane is not None and plane.shape[:2] != self.size_px:
                raise ValueError(f"an array is {plane.shape[:2]}, the image {self.size_px}")
        photo = photo_levels[0] if photo is None else photo
        if photo.shape[:2] != self.record.size_px:
            raise ValueError(f"the photo is {photo.shape[:2]}, and should be {self.record.size_px}")
        if planes is None or planes.marks.base is not hand:
            planes = display_planes(hand, score, frozen)
        self.photo_notes = notes
        self._put_arrays(photo, photo_levels, hand, prediction, frozen, planes)

    def _put_arrays(
        self,
        photo: RgbImage,
        photo_levels: tuple[RgbImage, ...],
        hand: HandPlane,
        prediction: Prediction | None,
        frozen: ClassMask | None,
        planes: DisplayPlanes,
    ) -> None:
        self.abort_stroke()
        self.photo, self.photo_levels = photo, photo_levels
        self.hand, self.prediction, self.frozen = hand, prediction, frozen
        self.marks, self._score, self._frozen = planes.marks, planes.score, planes.frozen
        self._tiles = TouchedTiles(*hand.shape)
        self._peaks = self._peaks_asked = None
        self.revision += 1
        self._stamp_levels()
        self.loaded.emit()
        self._want_peaks()

    def _stamp_levels(self) -> None:
        untouched = None if self._score is None else self._score.untouched
        for levels in (untouched, self._frozen):
            if levels is not None:
                levels.revision = self.revision

    def release(self) -> None:
        """Let go of all pixel arrays; record, threshold and undo stack stay.

        Undo steps hold patches of the hand plane, and the store gives back the same plane, so they
        apply again after the next `set_loaded`.
        """
        self.abort_stroke()
        self.photo = self.photo_levels = self.hand = self.prediction = self.frozen = None
        self.marks = self._score = self._peaks = self._frozen = self._tiles = None
        self._peaks_asked = None
        self.threshold = self.record.threshold
        self.released.emit()

    # ------------------------------------------------------------------ model and threshold

    def set_prediction(self, prediction: Prediction, planes: ScorePlanes | None = None) -> None:
        """Take a new prediction. No touched pixel changes, nor anything of an approved image.

        `planes` is `score_planes(prediction.score, document.hand, revision=document.revision)`, made
        on a lane; made here when absent or no longer fitting. Raises ValueError on a wrong size.
        """
        if prediction.score.shape != self.size_px:
            raise ValueError(f"the score map is {prediction.score.shape}, the image {self.size_px}")
        if self.hand is not None:
            if (
                planes is None
                or planes.score is not prediction.score
                or planes.untouched.hidden_by is not self.hand
            ):
                planes = score_planes(prediction.score, self.hand, revision=self.revision)
            self.prediction, self._score = prediction, planes
            self._peaks = self._peaks_asked = None
            self.revision += 1
        self.prediction_changed.emit()
        self._commit(Predicted(self.record.id, prediction))
        if self.record.review in (Review.NEW, Review.FAILED):
            self.update_record(review=Review.PREDICTED, reason="")
        elif self.record.reason:
            self.update_record(reason="")
        self._want_peaks()

    def set_failed(self, reason: str) -> None:
        """Note that the image could not be analysed; a state that a person reached is kept."""
        review = Review.FAILED if self.record.review is Review.NEW else self.record.review
        self.update_record(review=review, reason=reason)

    def set_threshold(self, threshold: Threshold, *, final: bool) -> None:
        """Move the threshold; `final` when the handle was let go, which is what the journal keeps.

        Nothing is computed: the canvas draws through `base_table`. An approved image stays as it is.
        """
        if self.frozen is not None or self.read_only:
            return
        if threshold != self.threshold:
            self.threshold = threshold
            self.revision += 1
            self.threshold_changed.emit()
            self._want_peaks()
        if final and threshold != self.record.threshold:
            self.update_record(threshold=threshold)

    def set_peaks(self, peaks: PeakPlanes) -> bool:
        """Take a hysteresis map; False when it belongs to another prediction, low or hand plane."""
        if (
            self._score is None
            or peaks.score is not self._score.score
            or peaks.low != self.threshold.low
            or peaks.levels.hidden_by is not self.hand
        ):
            return False
        self._peaks = peaks
        self.threshold_changed.emit()
        return True

    def compute_peaks(self) -> None:
        """Compute the wanted hysteresis map here and now: for small pictures and tests."""
        if self._score is not None and self.hand is not None:
            low = self.threshold.low
            self.set_peaks(peak_planes(self._score.score, low, self.hand, revision=self.revision))

    def _want_peaks(self) -> None:
        if self._score is None or self.frozen is not None or self.threshold.low == self.threshold.high:
            return
        low = self.threshold.low
        asked = (id(self._score), low)
        if self._right_peaks() is None and asked != self._peaks_asked:
            self._peaks_asked = asked
            self.peaks_wanted.emit(low)

    def _right_peaks(self) -> PeakPlanes | None:
        peaks = self._peaks
        return peaks if peaks is not None and peaks.low == self.threshold.low else None

    # ------------------------------------------------------------------ what is shown

    @property
    def heat(self) -> MaxLevels | None:
        """The score map as it is, in levels."""
        return None if self._score is None else self._score.heat

    def base(self) -> tuple[MaxLevels, Plane] | None:
        """What is shown where nobody touched: levels, and a (256,) table from value to mark.

        Marks are those of `planes`: nothing, undecided, crack. None when there is nothing to show.
        """
        if self.hand is None or self._tiles is None:
            return None
        table = np.full(256, NOTHING, np.uint8)
        peaks = self._right_peaks()
        if self._frozen is not None:
            levels = self._frozen
            table[UNDECIDED_MARK], table[CRACK_MARK] = UNDECIDED_MARK, CRACK_MARK
        elif self._score is None:
            return None
        elif self.threshold.low < self.threshold.high and peaks is not None:
            levels = peaks.levels
            table[self.threshold.high :] = CRACK_MARK
        else:
            # Hysteresis without its map yet: the plain map at the lower threshold stands in.
            levels = self._score.untouched
            table[self.threshold.low :] = CRACK_MARK
        self._tiles.catch_up(levels, self.revision)
        return levels, table

    def snapshot(self) -> ShownSnapshot:
        """What is shown now, to be computed with on a lane; the document must be loaded."""
        if self.hand is None:
            raise ValueError("the document is not loaded")
        score = None if self._score is None else self._score.score
        return ShownSnapshot(
            self.record.id, self.revision, self.hand, score, self._right_peaks(), self.threshold, self.frozen
        )

    def shown_mask(self, box: Box | None = None) -> ClassMask:
        """The mask that is shown (or its part inside `box`), uint8; the document must be loaded."""
        return self.snapshot().mask(box)

    def score_at(self, y: int, x: int) -> int | None:
        """The score of a pixel, 0..255; None outside or without a prediction."""
        if self._score is None or not self._inside(y, x):
            return None
        return int(self._score.score[y, x])

    def shown_part(self, box: Box) -> ClassMask:
        """What the canvas shows inside `box` at this moment, uint8; never computes a hysteresis map."""
        if self.hand is None or self.marks is None:
            raise ValueError("the document is not loaded")
        part = self.marks.part(0, *box.slices)
        base = self.base()
        if base is not None:
            levels, table = base
            part = cv2.max(part, cv2.LUT(levels.part(0, *box.slices), table))
        return np.asarray(cv2.LUT(part, CLASS_OF_MARK), np.uint8)

    def crack_at(self, y: int, x: int) -> bool:
        """Whether a pixel is shown as crack on the canvas at this moment."""
        if self.hand is None or not self._inside(y, x):
            return False
        return bool(self.shown_part(Box(y, y + 1, x, x + 1))[0, 0] == CRACK)

    def _inside(self, y: int, x: int) -> bool:
        height, width = self.size_px
        return 0 <= y < height and 0 <= x < width

    # ------------------------------------------------------------------ review

    def update_record(self, **changes: Any) -> None:
        """Change fields of the record (review, notes, file, ...) and commit it."""
        record = replace(self.record, **changes)
        if record != self.record:
            self.record = record
            self.record_changed.emit()
            self._commit(RecordChanged(record))

    def take_record(self, record: ImageRecord) -> None:
        """The record was changed for this document by somebody else, who sees to the journal."""
        before, self.record = self.record, record
        if record.threshold != before.threshold and self.frozen is None:
            self.threshold = record.threshold
            self.revision += 1
            self.threshold_changed.emit()
            self._want_peaks()
        self.record_changed.emit()

    def _commit(self, change: Change) -> None:
        if not self.read_only:  # a project that is only looked at may be predicted, nothing is kept
            self.committed.emit(change)

    def approve(self, approval: Approval | None = None) -> bool:
        """Freeze what is shown. False when `approval` is out of date: take a new snapshot, ask again.

        `approval` is `document.snapshot().approval()`, made on a lane; without it, it is computed
        here (some 40 ms at 12 megapixels, far more with hysteresis).
        """
        if self.hand is None or self.read_only or self._recorder is not None:
            return False
        if self.frozen is not None and self.record.review is Review.APPROVED:
            return True
        approval = approval or self.snapshot().approval()
        if approval.revision != self.revision or approval.levels.hidden_by is not self.hand:
            return False
        self.frozen = approval.mask
        self._frozen = approval.levels
        self.frozen_changed.emit()
        self._commit(MaskFrozen(self.record.id, approval.mask))
        self.update_record(review=Review.APPROVED)
        return True

    def reopen(self) -> None:
        """Let go of the frozen mask: untouched pixels follow prediction and threshold again."""
        if self.hand is None or self.read_only or self.frozen is None:
            return
        self.frozen = self._frozen = None
        self.revision += 1
        self.frozen_changed.emit()
        self._commit(MaskFrozen(self.record.id, None))
        touched = bool(self.hand.any())
        found = Review.PREDICTED if self.prediction is not None else Review.NEW
        self.update_record(review=Review.EDITED if touched else found)
        self._want_peaks()

    # ------------------------------------------------------------------ editing by hand

    @property
    def in_stroke(self) -> bool:
        return self._recorder is not None

    def begin_stroke(self) -> bool:
        """Start recording a stroke; False when nothing may be painted here."""
        if self.hand is None or self.read_only:
            return False
        self.abort_stroke()
        self._recorder = PatchRecorder(self.hand)
        return True

    def paint(self, box: Box, write: Callable[[HandPlane], Box]) -> None:
        """Let `write` change pixels of the hand plane inside `box`; it returns the box it touched.

        Does nothing when no stroke is open, as after an abort in mid-movement.
        """
        self.paint_all([(box, write)])

    def paint_all(self, parts: Iterable[tuple[Box, Callable[[HandPlane], Box]]]) -> None:
        """Several small paintings that are shown together: a long line in short pieces."""
        if self._recorder is None or self.hand is None:
            return
        boxes = []
        for box, write in parts:
            self._recorder.will_touch(box)
            boxes.append(write(self.hand))
        self._touched(boxes)

    def end_stroke(self, title: str) -> bool:
        """Commit the stroke as one step of undo; False when it changed nothing."""
        if self._recorder is None:
            return False
        patch = self._recorder.finish()
        self._recorder = None
        if not patch.is_empty:
            self.undo_stack.push(EditHand(self, title, patch, on_plane=True))
        self.rested.emit()
        return not patch.is_empty

    def abort_stroke(self) -> None:
        """Put every pixel of the open stroke back; nothing is committed."""
        if self._recorder is not None:
            recorder, self._recorder = self._recorder, None
            self._touched([recorder.abort()])
            self.rested.emit()

    def apply_patch(self, patch: Patch, title: str, *, revision: int | None = None) -> bool:
        """Commit a patch computed elsewhere as one step of undo.

        False, and nothing done, when `revision` is given and no longer the document's, when nothing
        may be painted, or when the patch is empty.
        """
        if self.hand is None or self.read_only or patch.is_empty or self._recorder is not None:
            return False
        if revision is not None and revision != self.revision:
            return False
        self.undo_stack.push(EditHand(self, title, patch, on_plane=False))
        return True

    def undo(self) -> None:
        """Take back the open stroke if there is one, else the last step."""
        if self._recorder is not None:
            self.abort_stroke()
        elif not self.read_only and not self.grid.goes_through(-1):
            self.undo_stack.undo()

    def redo(self) -> None:
        if self._recorder is None and not self.read_only and not self.grid.goes_through(1):
            self.undo_stack.redo()

    def _write(self, patch: Patch, title: str, *, written: bool = False) -> None:
        """Do one step of the undo stack, forwards or (patch reversed) backwards."""
        self.abort_stroke()
        if not written:
            if self.hand is not None:
                patch.write_after(self.hand)
                self._touched(tile_runs(patch))
            else:
                # Not loaded: the journal carries the step into the plane that is loaded next.
                self.revision += 1
        self._commit(HandEdited(self.record.id, patch, title))
        if self.record.review is not Review.EDITED:
            self.update_record(review=Review.EDITED)

    def _touched(self, boxes: list[Box]) -> None:
        """Pixels of the hand plane changed inside these boxes: levels follow, the canvas hears of it."""
        if self.hand is None or self.marks is None or self._tiles is None:
            return
        base = self.base()  # catches up with older changes before these are noted
        self.revision += 1
        joined = EMPTY_BOX
        for box in boxes:
            clipped = box.clipped(*self.hand.shape)
            self._tiles.note(clipped, self.revision)
            self.marks.refresh(clipped)
            if base is not None:
                base[0].refresh(clipped)
            joined = joined.joined(clipped)
        if base is not None:
            base[0].revision = self.revision
        if not joined.is_empty:
            self.hand_changed.emit(joined)
