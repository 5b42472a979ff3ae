"""A document on a finer grid: any order of strokes, grids, undo and redo brings back every pixel."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.document import Document, planes_on_grid
from app.document.grid import APPROVED
from crackcore.arrays import HAND_CRACK, HAND_SOUND
from crackcore.domain.box import Box
from crackcore.domain.change import Change, HandEdited, Predicted, RecordChanged, Regridded
from crackcore.domain.image_record import ImageRecord, Review
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.imaging.enlarging import enlarged
from crackcore.imaging.pyramid import photo_levels
from crackcore.masks import strokes
from crackcore.masks.regridding import finer
from crackcore.masks.threshold import shown_mask

SIZE = (41, 67)
FINE = (164, 268)


def prediction(factor: int, seed: int = 0) -> Prediction:
    size = (SIZE[0] * factor, SIZE[1] * factor)
    score = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    return Prediction(score, f"model {seed}", "0" * 64, settings=PredictSettings(result_scale=factor))


def new_document(qapp: object, *, magnification: int = 1) -> tuple[Document, list[Change]]:
    document = Document(ImageRecord("p1", "p1.jpg", "", *SIZE, magnification=magnification))
    changes: list[Change] = []
    document.committed.connect(changes.append)
    photo = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    levels = photo_levels(enlarged(photo, magnification))
    document.set_loaded(levels, np.zeros(document.size_px, np.uint8), None, None, photo=photo)
    document.grid_wanted.connect(lambda way: answer(document, document.grid.wish_through(way)))
    return document, changes


def answer(document: Document, wish: object) -> bool:
    assert wish is not None
    return document.grid.take(planes_on_grid(wish))


def stroke(document: Document, y: float, x: float, size: int = 7, code: int = HAND_CRACK) -> bool:
    assert document.begin_stroke()
    start, end = (y, x), (y + 3, x + 11)
    write = partial(strokes.line, start=start, end=end, diameter_px=size, code=code)
    document.paint(strokes.line_box(start, end, size), write)
    return document.end_stroke("Brush")


def journalled(changes: list[Change]) -> tuple[np.ndarray, np.ndarray | None]:
    """Hand plane and score as somebody finds them who only has the journal."""
    hand, score = np.zeros(SIZE, np.uint8), None
    for change in changes:
        if isinstance(change, Regridded):
            hand = np.zeros((SIZE[0] * change.magnification, SIZE[1] * change.magnification), np.uint8)
            change.hand.write_after(hand)
            score = None if change.prediction is None else change.prediction.score
        elif isinstance(change, HandEdited):
            change.patch.write_after(hand)
        elif isinstance(change, Predicted):
            score = change.prediction.score
    return hand, score


def test_a_finer_prediction_is_taken_with_its_grid(qapp: object) -> None:
    document, changes = new_document(qapp)
    stroke(document, 10, 10)
    coarse = document.hand.copy()
    loaded: list[tuple[int, int]] = []
    document.loaded.connect(lambda: loaded.append(document.size_px))
    fine = prediction(4)
    assert answer(document, document.grid.wish(4, fine))
    assert loaded == [FINE]
    assert document.record.magnification == 4
    assert document.record.review is Review.EDITED
    assert document.prediction is fine
    assert np.array_equal(document.hand, finer(coarse, 4))
    assert document.photo.shape[:2] == SIZE
    assert document.photo_levels[0].shape[:2] == FINE
    assert np.array_equal(document.shown_mask(), shown_mask(document.hand, score=fine.score))
    regridded = next(change for change in changes if isinstance(change, Regridded))
    assert regridded.prediction is fine
    # a stroke on the finer grid lies where it was drawn, on every level that the canvas reads
    stroke(document, 100, 200)
    assert np.array_equal(document.shown_part(Box(0, FINE[0], 0, FINE[1])), document.shown_mask())


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["draw", "erase", "grid", "grid", "predict", "undo", "undo", "redo"]),
            st.integers(0, 36),
            st.integers(0, 60),
        ),
        max_size=14,
    )
)
def test_whatever_is_done_undo_and_redo_bring_back_every_pixel(qapp, steps) -> None:
    document, changes = new_document(qapp)
    states: list[tuple[int, bytes]] = [state(document)]
    for what, y, x in steps:
        factor = document.record.magnification
        before = document.undo_stack.index()
        if what in ("draw", "erase"):
            stroke(document, y * factor, x * factor, 5, HAND_CRACK if what == "draw" else HAND_SOUND)
        elif what == "grid":
            given_one = prediction(5 - factor, y) if y % 2 else None
            assert answer(document, document.grid.wish(5 - factor, given_one))
        elif what == "predict":
            document.set_prediction(prediction(factor, x))
        elif what == "undo":
            document.undo()
        else:
            document.redo()
        after = document.undo_stack.index()
        if what in ("draw", "erase", "grid") and after == before + 1:
            states = [*states[: before + 1], state(document)]
        assert state(document) == states[after], what
        hand, score = journalled(changes)
        assert np.array_equal(hand, document.hand)
        assert (score is None) == (document.prediction is None)
        if score is not None:
            assert np.array_equal(score, document.prediction.score)
            assert score.shape == document.size_px
    records = [change.record for change in changes if isinstance(change, RecordChanged)]
    assert not records or records[-1].review == document.record.review
    while document.undo_stack.canUndo():
        document.undo()
    assert state(document) == states[0]
    while document.undo_stack.canRedo():
        document.redo()
    assert state(document) == states[-1]


def state(document: Document) -> tuple[int, bytes]:
    return document.record.magnification, document.hand.tobytes()


def test_a_prediction_made_on_one_grid_comes_back_with_it(qapp: object) -> None:
    document, _ = new_document(qapp)
    first, second, third = prediction(1, 1), prediction(4, 2), prediction(4, 3)
    document.set_prediction(first)
    assert answer(document, document.grid.wish(4, second))
    document.set_prediction(third)
    document.undo()
    assert document.prediction is first
    document.redo()
    assert document.prediction is third


def test_an_answer_that_is_out_of_date_is_refused(qapp: object) -> None:
    document, _ = new_document(qapp)
    planes = planes_on_grid(document.grid.wish(4, prediction(4)))
    stroke(document, 10, 10)
    assert not document.grid.take(planes)
    assert document.size_px == SIZE
    planes = planes_on_grid(document.grid.wish(4, prediction(4)))
    document.begin_stroke()
    assert not document.grid.take(planes), "not in the middle of a stroke"
    document.abort_stroke()
    document.set_prediction(prediction(1))
    assert not document.grid.take(planes)
    assert document.grid.take(planes_on_grid(document.grid.wish(4)))


def test_an_approved_picture_is_never_moved(qapp: object) -> None:
    document, _ = new_document(qapp)
    said: list[str] = []
    document.refused.connect(said.append)
    assert answer(document, document.grid.wish(4, prediction(4)))
    planes = planes_on_grid(document.grid.wish(1))
    assert document.approve()
    assert document.grid.wish(1) is None
    assert not document.grid.take(planes)
    document.undo()
    assert said == [APPROVED]
    assert document.size_px == FINE
    document.reopen()
    document.undo()
    assert document.size_px == SIZE


def test_a_picture_that_is_only_looked_at_stays_on_its_grid(qapp: object) -> None:
    document, changes = new_document(qapp)
    document.read_only = True
    assert document.grid.wish(4, prediction(4)) is None
    assert changes == []


def test_arrays_must_have_the_size_of_the_grid(qapp: object) -> None:
    document, _ = new_document(qapp, magnification=4)
    photo = np.zeros((*SIZE, 3), np.uint8)
    hand = np.zeros(FINE, np.uint8)
    for levels, plane, small in (
        ((photo,), hand, photo),
        (photo_levels(enlarged(photo, 4)), np.zeros(SIZE, np.uint8), photo),
        (photo_levels(enlarged(photo, 4)), hand, enlarged(photo, 4)),
    ):
        with pytest.raises(ValueError):
            document.set_loaded(levels, plane, None, None, photo=small)
    with pytest.raises(ValueError):
        document.set_prediction(prediction(1))


def test_a_released_document_finds_its_steps_again_on_the_finer_grid(qapp: object) -> None:
    document, _ = new_document(qapp)
    stroke(document, 10, 10)
    coarse = document.hand.copy()
    assert answer(document, document.grid.wish(4))
    stroke(document, 100, 100)
    photo, levels, hand = document.photo, document.photo_levels, document.hand.copy()
    document.release()
    assert document.photo is None
    document.set_loaded(levels, hand, None, None, photo=photo)
    document.undo()
    document.undo()
    assert document.size_px == SIZE
    assert np.array_equal(document.hand, coarse)


def test_going_back_says_whether_strokes_lose_detail(qapp: object) -> None:
    document, _ = new_document(qapp)
    stroke(document, 10, 10)
    assert not document.grid.has_fine_strokes
    assert answer(document, document.grid.wish(4))
    assert not document.grid.has_fine_strokes
    stroke(document, 101, 101, 1)
    assert document.grid.has_fine_strokes
    document.undo()
    assert not document.grid.has_fine_strokes
