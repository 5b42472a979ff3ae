"""Document: a touched pixel stays its person's, undo and redo bring back every pixel, late answers drop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.document import (
    Document,
    MaxLevels,
    display_planes,
    peak_planes,
    score_planes,
)
from app.document.planes import CRACK_MARK, HAND_RANKS, UNDECIDED_MARK
from crackcore.arrays import HAND_CRACK, HAND_SOUND, UNTOUCHED
from crackcore.domain.box import Box
from crackcore.domain.change import Change, HandEdited, MaskFrozen, Predicted, RecordChanged
from crackcore.domain.image_record import ImageRecord, Review, Threshold
from crackcore.domain.prediction import Prediction
from crackcore.imaging.pyramid import max_halved
from crackcore.masks import strokes
from crackcore.masks.patch import Patch
from crackcore.masks.threshold import shown_mask

SIZE = (150, 277)  # more than one tile each way, odd at several levels


def prediction(seed: int = 0, size: tuple[int, int] = SIZE) -> Prediction:
    random = np.random.default_rng(seed)
    score = random.integers(0, 256, size, dtype=np.uint8)
    score[random.random(size) < 0.6] = 0
    return Prediction(score, f"model {seed}", "0" * 64)


def new_document(qapp: object, *, predicted: bool = True) -> tuple[Document, list[Change]]:
    document = Document(ImageRecord("p1", "p1.jpg", "", *SIZE))
    changes: list[Change] = []
    document.committed.connect(changes.append)
    photo = np.full((*SIZE, 3), 128, np.uint8)
    document.set_loaded((photo,), np.zeros(SIZE, np.uint8), prediction() if predicted else None, None)
    return document, changes


def stroke(
    document: Document,
    start: tuple[float, float],
    end: tuple[float, float],
    size: int = 7,
    code: int = HAND_CRACK,
) -> bool:
    assert document.begin_stroke()
    write = partial(strokes.line, start=start, end=end, diameter_px=size, code=code)
    document.paint(strokes.line_box(start, end, size), write)
    return document.end_stroke("Brush")


def assert_levels_are_right(document: Document) -> None:
    """Every level the canvas reads equals the same level built from nothing."""
    hand = document.hand
    assert hand is not None
    assert document.marks is not None
    compare(document.marks, MaxLevels(hand, ranks=HAND_RANKS))
    shown = document.base()
    if shown is not None:
        levels, _ = shown
        compare(levels, MaxLevels(levels.base, hidden_by=hand, ranks=levels.ranks))


def compare(levels: MaxLevels, fresh: MaxLevels) -> None:
    assert levels.count == fresh.count
    for level in range(levels.count):
        every = slice(None), slice(None)
        assert np.array_equal(levels.part(level, *every), fresh.part(level, *every)), level


# ---------------------------------------------------------------- levels


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 9))
def test_halving_keeps_the_maximum_of_each_block(height: int, width: int, seed: int) -> None:
    plane = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    half = max_halved(plane)
    assert half.shape == (-(-height // 2), -(-width // 2))
    for y, x in np.ndindex(half.shape):
        assert half[y, x] == plane[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].max()


@given(st.data())
def test_refreshing_a_box_equals_building_anew(data: st.DataObject) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 1000)))
    shape = data.draw(st.tuples(st.integers(1, 300), st.integers(1, 300)))
    base = random.integers(0, 256, shape, dtype=np.uint8)
    hand = np.zeros(shape, np.uint8)
    levels = MaxLevels(base, hidden_by=hand)
    for _ in range(3):
        top, left = random.integers(0, shape[0]), random.integers(0, shape[1])
        box = Box(int(top), int(top + random.integers(1, 40)), int(left), int(left + random.integers(1, 40)))
        hand[box.slices] = random.integers(0, 3)
        levels.refresh(box)
    compare(levels, MaxLevels(base, hidden_by=hand))


def test_a_crack_outranks_undecided_pixels_in_every_level() -> None:
    hand = np.full((400, 400), 255, np.uint8)
    hand[123, 57] = HAND_CRACK
    levels = MaxLevels(hand, ranks=HAND_RANKS)
    for level in range(levels.count):
        part = levels.part(level, slice(None), slice(None))
        assert np.argwhere(part == CRACK_MARK).tolist() == [[123 >> level, 57 >> level]]
        assert np.count_nonzero(part == UNDECIDED_MARK) == part.size - 1


# ---------------------------------------------------------------- the rule


class Walk:
    """Random work on one document, beside a slow model of what must be true."""

    def __init__(self, qapp: object) -> None:
        self.document, self.changes = new_document(qapp)
        self.hand = np.zeros(SIZE, np.uint8)
        self.past: list[np.ndarray] = []
        self.future: list[np.ndarray] = []

    def _edited(self, wanted: np.ndarray) -> None:
        if not np.array_equal(wanted, self.hand):
            self.past.append(self.hand)
            self.future.clear()
            self.hand = wanted

    def brush(self, y: int, x: int, dy: int, dx: int, code: int) -> None:
        stroke(self.document, (y, x), (y + dy, x + dx), 9, code)
        wanted = self.hand.copy()
        strokes.line(wanted, (y, x), (y + dy, x + dx), diameter_px=9, code=code)
        self._edited(wanted)

    def abort(self, y: int, x: int) -> None:
        assert self.document.begin_stroke()
        write = partial(strokes.dab, point=(y, x), diameter_px=30, code=HAND_SOUND)
        self.document.paint(strokes.line_box((y, x), (y, x), 30), write)
        self.document.abort_stroke()

    def undo(self) -> None:
        self.document.undo()
        if self.past:
            self.future.append(self.hand)
            self.hand = self.past.pop()

    def redo(self) -> None:
        self.document.redo()
        if self.future:
            self.past.append(self.hand)
            self.hand = self.future.pop()

    def clean(self) -> None:
        snapshot = self.document.snapshot()
        patch = snapshot.cleaned(min_speck_px=5, max_hole_px=5)
        wanted = self.hand.copy()
        patch.write_after(wanted)
        touched = self.hand != UNTOUCHED
        assert np.array_equal(wanted[touched], self.hand[touched])
        self.document.apply_patch(patch, "Clean", revision=snapshot.revision)
        self._edited(wanted)

    def predict(self, seed: int) -> None:
        self.document.set_prediction(prediction(seed))

    def late_prediction(self, seed: int, y: int, x: int) -> None:
        """Levels made on a lane while a person goes on painting."""
        fresh = prediction(seed)
        planes = score_planes(fresh.score, self.document.hand, revision=self.document.revision)
        self.brush(y, x, 20, 30, HAND_CRACK)
        self.document.set_prediction(fresh, planes)

    def threshold(self, low: int, high: int, answer: bool) -> None:
        low, high = sorted((low, high))
        self.document.set_threshold(Threshold(low, high), final=answer)
        if answer:
            self.document.compute_peaks()

    def approve(self) -> None:
        self.document.approve()

    def reopen(self) -> None:
        self.document.reopen()

    def reload(self) -> None:
        """Arrays go and come back, as when the person looks at other pictures in between."""
        document = self.document
        photo, frozen, predicted = document.photo_levels, document.frozen, document.prediction
        hand = document.hand.copy()
        document.release()
        assert not document.is_loaded
        document.set_loaded(photo, hand, predicted, frozen)

    def check(self) -> None:
        assert np.array_equal(self.document.hand, self.hand)
        assert_levels_are_right(self.document)


ys, xs = st.integers(-5, SIZE[0] + 5), st.integers(-5, SIZE[1] + 5)
values = st.integers(1, 255)
deeds: st.SearchStrategy[Callable[[Walk], None]] = st.one_of(
    st.builds(
        lambda *a: lambda w: w.brush(*a),
        ys,
        xs,
        st.integers(-60, 60),
        st.integers(-60, 60),
        st.sampled_from([HAND_CRACK, HAND_SOUND, 255]),
    ),
    st.builds(lambda *a: lambda w: w.abort(*a), ys, xs),
    st.just(Walk.undo),
    st.just(Walk.undo),
    st.just(Walk.redo),
    st.just(Walk.clean),
    st.builds(lambda s: lambda w: w.predict(s), st.integers(1, 5)),
    st.builds(lambda *a: lambda w: w.late_prediction(*a), st.integers(1, 5), ys, xs),
    st.builds(lambda *a: lambda w: w.threshold(*a), values, values, st.booleans()),
    st.just(Walk.approve),
    st.just(Walk.reopen),
    st.just(Walk.reload),
)


@given(work=st.lists(deeds, min_size=1, max_size=12))
def test_only_a_hand_changes_what_a_hand_touched(qapp: object, work: list[Callable[[Walk], None]]) -> None:
    walk = Walk(qapp)
    for deed in work:
        deed(walk)
        walk.check()
    document = walk.document
    # What the journal was told leads from nothing to the same plane.
    replayed = np.zeros(SIZE, np.uint8)
    for change in walk.changes:
        if isinstance(change, HandEdited):
            kept = Patch.from_bytes(change.patch.to_bytes(), height_px=SIZE[0], width_px=SIZE[1])
            kept.write_after(replayed)
    assert np.array_equal(replayed, document.hand)
    # Undo everything, then redo everything.
    end = document.hand.copy()
    steps = document.undo_stack.index()
    for _ in range(steps):
        document.undo()
    assert not document.hand.any()
    assert_levels_are_right(document)
    for _ in range(steps):
        document.redo()
    assert np.array_equal(document.hand, end)
    assert_levels_are_right(document)
    # What is shown follows the one rule of the engine.
    score = document.prediction.score
    wanted = shown_mask(document.hand, score=score, threshold=document.threshold, frozen=document.frozen)
    assert np.array_equal(document.shown_mask(), wanted)


def test_four_hundred_steps_of_undo_are_all_kept(qapp: object) -> None:
    document, _ = new_document(qapp)
    for i in range(400):
        stroke(document, (i % 140, i % 270), (i % 140, i % 270), 3)
        stroke(document, (i % 140, i % 270), (i % 140, i % 270), 3, HAND_SOUND)
    count = document.undo_stack.count()
    assert count > 400
    for _ in range(count):
        document.undo()
    assert not document.hand.any()


# ---------------------------------------------------------------- what is told to the journal


def test_a_stroke_is_one_step_and_the_image_becomes_edited(qapp: object) -> None:
    document, changes = new_document(qapp)
    boxes: list[Box] = []
    document.hand_changed.connect(boxes.append)
    assert stroke(document, (20, 20), (40, 60))
    assert [type(c) for c in changes] == [HandEdited, RecordChanged]
    assert changes[0].title == "Brush"
    assert document.record.review is Review.EDITED
    assert boxes == [strokes.line_box((20, 20), (40, 60), 7)]
    stroke(document, (90, 20), (99, 60))
    assert [type(c) for c in changes[2:]] == [HandEdited]
    document.undo()
    assert changes[3].title == "Undo Brush"
    assert changes[3].patch == changes[2].patch.reversed()
    document.redo()
    assert changes[4].patch == changes[2].patch


def test_a_stroke_that_changes_nothing_is_no_step(qapp: object) -> None:
    document, changes = new_document(qapp)
    stroke(document, (20, 20), (20, 20))
    changes.clear()
    assert not stroke(document, (20, 20), (20, 20))
    assert not document.begin_stroke() or not document.end_stroke("Brush")
    assert changes == []
    assert document.undo_stack.count() == 1


def test_escape_puts_everything_back_and_tells_nobody(qapp: object) -> None:
    document, changes = new_document(qapp)
    stroke(document, (20, 20), (40, 60))
    before, told = document.hand.copy(), len(changes)
    document.begin_stroke()
    document.paint(Box(0, 150, 0, 277), lambda plane: (plane.fill(HAND_SOUND), Box(0, 150, 0, 277))[1])
    assert document.hand.all()
    document.abort_stroke()
    assert np.array_equal(document.hand, before)
    assert len(changes) == told
    assert_levels_are_right(document)
    document.paint(Box(0, 9, 0, 9), lambda plane: pytest.fail("painted without a stroke"))


def test_undo_in_mid_stroke_takes_back_the_stroke_only(qapp: object) -> None:
    document, _ = new_document(qapp)
    stroke(document, (20, 20), (40, 60))
    before = document.hand.copy()
    document.begin_stroke()
    document.paint(Box(0, 9, 0, 9), lambda plane: strokes.dab(plane, (4, 4), diameter_px=9, code=HAND_SOUND))
    document.undo()
    assert np.array_equal(document.hand, before)
    assert not document.in_stroke
    assert document.undo_stack.index() == 1


def test_undo_without_pixels_reaches_the_journal(qapp: object) -> None:
    document, changes = new_document(qapp)
    stroke(document, (20, 20), (40, 60))
    kept = document.hand.copy()
    photo = document.photo_levels
    document.release()
    changes.clear()
    document.undo()
    assert [type(c) for c in changes] == [HandEdited]
    changes[0].patch.write_after(kept)  # what the store does
    document.set_loaded(photo, kept, None, None)
    document.redo()
    assert np.count_nonzero(document.hand) > 0


# ---------------------------------------------------------------- prediction and threshold


def test_a_prediction_moves_the_review_on_but_never_back(qapp: object) -> None:
    document, changes = new_document(qapp, predicted=False)
    document.set_failed("no memory")
    assert (document.record.review, document.record.reason) == (Review.FAILED, "no memory")
    found = prediction(3)
    document.set_prediction(found)
    assert changes[-2] == Predicted("p1", found)
    assert (document.record.review, document.record.reason) == (Review.PREDICTED, "")
    stroke(document, (20, 20), (40, 60))
    document.set_failed("device lost")
    assert (document.record.review, document.record.reason) == (Review.EDITED, "device lost")
    document.set_prediction(prediction(4))
    assert (document.record.review, document.record.reason) == (Review.EDITED, "")


def test_a_score_map_of_another_size_is_refused(qapp: object) -> None:
    document, changes = new_document(qapp)
    old = document.prediction
    with pytest.raises(ValueError, match="score map"):
        document.set_prediction(prediction(1, (150, 278)))
    assert document.prediction is old
    assert changes == []
    with pytest.raises(ValueError, match="an array is"):
        document.set_loaded((np.zeros((9, 9, 3), np.uint8),), np.zeros(SIZE, np.uint8), None, None)


def test_only_the_end_of_a_drag_is_kept(qapp: object) -> None:
    document, changes = new_document(qapp)
    moved: list[None] = []
    document.threshold_changed.connect(lambda: moved.append(None))
    for value in (100, 90, 80):
        document.set_threshold(Threshold(value, value), final=False)
    assert len(moved) == 3
    assert changes == []
    document.set_threshold(Threshold(80, 80), final=True)
    assert changes == [RecordChanged(replace(document.record, threshold=Threshold(80, 80)))]
    y, x = (
        int(v) for v in np.argwhere((document.prediction.score > 0) & (document.prediction.score < 80))[0]
    )
    assert not document.crack_at(y, x)
    document.set_threshold(Threshold(1, 1), final=False)
    assert document.crack_at(y, x)
    assert document.score_at(y, x) == document.prediction.score[y, x]
    assert document.score_at(-1, 0) is None


def test_hysteresis_is_plain_until_its_map_arrives(qapp: object) -> None:
    document, _ = new_document(qapp)
    asked: list[int] = []
    document.peaks_wanted.connect(asked.append)
    score = document.prediction.score
    whole = Box(0, SIZE[0], 0, SIZE[1])
    document.set_threshold(Threshold(120, 250), final=False)
    document.set_threshold(Threshold(120, 251), final=False)
    assert asked == [120]  # the upper handle alone asks for nothing
    assert np.array_equal(document.shown_part(whole), score >= 120)
    late = peak_planes(score, 120, document.hand, revision=document.revision)
    stroke(document, (20, 20), (80, 160), 9, HAND_SOUND)  # meanwhile
    assert document.set_peaks(late)
    assert np.array_equal(document.shown_part(whole), document.shown_mask())
    assert not np.array_equal(document.shown_part(whole), score >= 120)
    assert_levels_are_right(document)
    document.set_threshold(Threshold(120, 255), final=False)
    assert asked == [120]
    assert np.array_equal(document.shown_part(whole), document.shown_mask())


def test_a_map_that_came_too_late_is_dropped(qapp: object) -> None:
    document, _ = new_document(qapp)
    score = document.prediction.score
    document.set_threshold(Threshold(100, 200), final=False)
    other_low = peak_planes(score, 101, document.hand, revision=document.revision)
    assert not document.set_peaks(other_low)
    right = peak_planes(score, 100, document.hand, revision=document.revision)
    document.set_prediction(prediction(2))
    assert not document.set_peaks(right)
    photo, hand = document.photo_levels, document.hand.copy()
    right = peak_planes(document.prediction.score, 100, document.hand, revision=document.revision)
    predicted = document.prediction
    document.release()
    assert not document.set_peaks(right)
    document.set_loaded(photo, hand, predicted, None)
    document.set_threshold(Threshold(100, 200), final=False)
    assert not document.set_peaks(right)  # made with a hand plane that is no longer ours


def test_ready_planes_are_used_and_foreign_ones_are_not(qapp: object) -> None:
    document, _ = new_document(qapp)
    planes = display_planes(document.hand, document.prediction.score, None)
    fresh = prediction(5)
    foreign = score_planes(fresh.score, np.full(SIZE, 2, np.uint8))
    document.set_prediction(fresh, foreign)
    assert document.base()[0] is not foreign.untouched
    assert_levels_are_right(document)
    document.set_loaded(document.photo_levels, document.hand, document.prediction, None, planes=planes)
    assert document.marks is planes.marks


# ---------------------------------------------------------------- review


def test_approving_freezes_what_is_shown(qapp: object) -> None:
    document, changes = new_document(qapp)
    document.set_threshold(Threshold(90, 200), final=True)
    stroke(document, (20, 20), (80, 160))
    shown = document.shown_mask()
    changes.clear()
    assert document.approve()
    assert [type(c) for c in changes] == [MaskFrozen, RecordChanged]
    assert np.array_equal(changes[0].mask, shown)
    assert not changes[0].mask.flags.writeable
    document.set_threshold(Threshold(3, 3), final=True)
    document.set_prediction(prediction(9))
    assert document.record.review is Review.APPROVED
    assert np.array_equal(document.shown_mask(), shown)
    assert document.record.threshold == Threshold(90, 200)
    # A stroke on an approved image edits it; what was frozen stays beneath.
    stroke(document, (100, 20), (120, 160), 9, HAND_SOUND)
    assert document.record.review is Review.EDITED
    assert document.frozen is not None
    after = document.shown_mask()
    touched = document.hand != UNTOUCHED
    assert np.array_equal(after[~touched], shown[~touched])
    assert_levels_are_right(document)
    document.reopen()
    assert changes[-1] == MaskFrozen("p1", None)
    score = document.prediction.score
    wanted = shown_mask(document.hand, score=score, threshold=document.threshold)
    assert np.array_equal(document.shown_mask(), wanted)
    assert_levels_are_right(document)


def test_an_approval_computed_before_a_stroke_is_refused(qapp: object) -> None:
    document, changes = new_document(qapp)
    early = document.snapshot()
    approval, patch = early.approval(), early.cleaned(min_speck_px=4)
    stroke(document, (20, 20), (80, 160))
    changes.clear()
    assert not document.approve(approval)
    assert not document.apply_patch(patch, "Clean", revision=early.revision)
    assert changes == []
    assert document.frozen is None
    assert document.approve(document.snapshot().approval())


def test_reopening_an_untouched_image_is_predicted_again(qapp: object) -> None:
    document, _ = new_document(qapp)
    document.approve()
    document.reopen()
    assert document.record.review is Review.PREDICTED


def test_a_read_only_document_takes_no_work(qapp: object) -> None:
    document, changes = new_document(qapp)
    stroke(document, (20, 20), (80, 160))
    document.read_only = True
    before, told = document.hand.copy(), len(changes)
    assert not document.begin_stroke()
    assert not document.approve()
    document.set_threshold(Threshold(7, 7), final=True)
    document.undo()
    document.set_prediction(prediction(8))  # looking is allowed, keeping is not
    assert document.prediction.model == "model 8"
    assert np.array_equal(document.hand, before)
    assert len(changes) == told
