"""Tools in image coordinates, without a mouse."""

from __future__ import annotations

import numpy as np
import pytest

from app.document import Document
from app.editing import ToolBox, ToolKey
from app.editing.fill import REACH_PX
from crackcore.arrays import HAND_CRACK, HAND_SOUND
from crackcore.domain.image_record import ImageRecord
from crackcore.domain.prediction import Prediction
from crackcore.masks import strokes

SIZE = (200, 300)


@pytest.fixture
def toolbox(qapp: object) -> ToolBox:
    return ToolBox()


@pytest.fixture
def document(qapp: object) -> Document:
    return loaded(SIZE)


def loaded(size: tuple[int, int], score: np.ndarray | None = None) -> Document:
    document = Document(ImageRecord("p1", "p1.jpg", "", *size))
    photo = np.full((*size, 3), 90, np.uint8)
    photo[:, size[1] // 2 :] = 120
    prediction = None if score is None else Prediction(score, "m", "0" * 64)
    document.set_loaded((photo,), np.zeros(size, np.uint8), prediction, None)
    return document


def test_a_single_click_paints_one_stamp(toolbox: ToolBox, document: Document) -> None:
    toolbox.size_px = 5
    brush = toolbox.tools["brush"]
    brush.press(document, (50.2, 60.4), opposite=False)
    brush.release((50.2, 60.4))
    wanted = np.zeros(SIZE, np.uint8)
    strokes.dab(wanted, (50.2, 60.4), diameter_px=5, code=HAND_CRACK)
    assert np.count_nonzero(wanted) == 21
    assert np.array_equal(document.hand, wanted)
    assert document.undo_stack.count() == 1


def test_a_fast_stroke_has_no_gaps_and_is_one_step(toolbox: ToolBox, document: Document) -> None:
    toolbox.size_px = 3
    brush = toolbox.tools["brush"]
    brush.press(document, (10, 10), opposite=False)
    brush.move((190, 150))  # 180 px in one event
    brush.move((20, 290))
    brush.release((20, 290))
    rows = document.hand[10:190].any(axis=1)
    columns = document.hand[:, 10:290].any(axis=0)
    assert rows.all()
    assert columns.all()
    assert document.undo_stack.count() == 1
    document.undo()
    assert not document.hand.any()


@pytest.mark.parametrize(
    ("name", "opposite", "code", "title"),
    [
        ("brush", False, HAND_CRACK, "Brush"),
        ("brush", True, HAND_SOUND, "Erase"),
        ("eraser", False, HAND_SOUND, "Erase"),
        ("eraser", True, HAND_CRACK, "Brush"),
    ],
)
def test_the_opposite_of_a_tool(
    toolbox: ToolBox, document: Document, name: str, opposite: bool, code: int, title: str
) -> None:
    tool = toolbox.tools[name]
    assert tool.preview(opposite=opposite).erases == (code == HAND_SOUND)
    tool.press(document, (50, 60), opposite=opposite)
    tool.release((50, 60))
    assert document.hand[50, 60] == code
    assert document.undo_stack.text(0) == title


def test_escape_in_mid_stroke_paints_nothing_more(toolbox: ToolBox, document: Document) -> None:
    brush = toolbox.tools["brush"]
    brush.press(document, (50, 60), opposite=False)
    brush.move((60, 80))
    assert brush.is_pending
    assert brush.key(ToolKey.CANCEL)
    assert not brush.is_pending
    brush.move((90, 90))
    brush.release((90, 90))
    assert not document.hand.any()
    assert document.undo_stack.count() == 0
    assert not brush.key(ToolKey.CANCEL)


def test_a_stroke_taken_back_by_undo_does_not_go_on(toolbox: ToolBox, document: Document) -> None:
    brush = toolbox.tools["brush"]
    brush.press(document, (50, 60), opposite=False)
    document.undo()
    brush.move((90, 90))
    brush.release((90, 90))
    assert not document.hand.any()
    assert not brush.is_pending


@pytest.mark.parametrize("name", ["brush", "eraser", "fill", "polygon", "pan"])
def test_no_tool_changes_what_is_read_only(toolbox: ToolBox, document: Document, name: str) -> None:
    document.read_only = True
    tool = toolbox.tools[name]
    for point in ((20, 20), (20, 90), (90, 90)):
        tool.press(document, point, opposite=False)
        tool.release(point)
    tool.key(ToolKey.FINISH)
    assert not document.hand.any()
    assert not tool.is_pending


# ---------------------------------------------------------------- polygon


def test_a_polygon_is_closed_by_enter(toolbox: ToolBox, document: Document) -> None:
    polygon = toolbox.tools["polygon"]
    outline = [(19.5, 29.5), (19.5, 59.5), (49.5, 59.5), (49.5, 29.5)]
    for point in outline:
        polygon.press(document, point, opposite=False)
        polygon.release(point)
    polygon.move((100, 100))
    assert polygon.preview(opposite=False).path == (*outline, (100, 100))
    assert polygon.preview(opposite=False).closes
    assert not document.hand.any()  # not before it is closed
    assert polygon.key(ToolKey.FINISH)
    assert (document.hand[20:50, 30:60] == HAND_CRACK).all()
    assert np.count_nonzero(document.hand) == 900
    assert document.undo_stack.text(0) == "Polygon"
    assert not polygon.is_pending
    assert not polygon.key(ToolKey.FINISH)


def test_backspace_takes_points_back_and_escape_all(toolbox: ToolBox, document: Document) -> None:
    polygon = toolbox.tools["polygon"]
    for point in ((10, 10), (10, 50), (60, 60)):
        polygon.press(document, point, opposite=True)
    assert polygon.key(ToolKey.BACK)
    assert polygon.preview(opposite=False).path[:2] == ((10, 10), (10, 50))
    assert polygon.preview(opposite=False).erases  # as it was begun
    assert polygon.key(ToolKey.FINISH)  # two points enclose nothing: it waits for more
    assert polygon.is_pending
    assert polygon.key(ToolKey.CANCEL)
    assert not polygon.is_pending
    assert document.undo_stack.count() == 0
    assert not polygon.key(ToolKey.BACK)


def test_a_polygon_does_not_follow_to_another_picture(toolbox: ToolBox, document: Document) -> None:
    polygon = toolbox.tools["polygon"]
    polygon.press(document, (10, 10), opposite=False)
    polygon.press(document, (10, 50), opposite=False)
    other = loaded(SIZE)
    polygon.press(other, (60, 60), opposite=False)
    polygon.key(ToolKey.FINISH)
    assert polygon.preview(opposite=False).path[0] == (60, 60)
    assert not document.hand.any()
    assert not other.hand.any()


# ---------------------------------------------------------------- fill


def test_filling_a_ring_fills_its_inside(toolbox: ToolBox) -> None:
    score = np.zeros(SIZE, np.uint8)
    score[40:80, 40:80] = 200
    score[45:75, 45:75] = 0
    document = loaded(SIZE, score)
    assert toolbox.tools["fill"].press(document, (60.4, 59.6), opposite=False) == ""
    assert (document.hand[45:75, 45:75] == HAND_CRACK).all()
    assert np.count_nonzero(document.hand) == 900


def test_a_diagonal_crack_holds_a_fill_back(toolbox: ToolBox) -> None:
    score = np.zeros((40, 40), np.uint8)
    score[np.arange(40), np.arange(40)] = 255  # joined at corners only
    document = loaded((40, 40), score)
    toolbox.tools["fill"].press(document, (30, 5), opposite=False)
    below = np.tril(np.ones((40, 40), bool), -1)
    assert np.array_equal(document.hand > 0, below)


def test_the_opposite_of_fill_erases_one_false_crack(toolbox: ToolBox) -> None:
    score = np.zeros(SIZE, np.uint8)
    score[20:25, 20:90] = 255
    score[25:30, 90:99] = 255  # joined at a corner: the same crack
    score[100:105, 20:90] = 255
    document = loaded(SIZE, score)
    toolbox.tools["fill"].press(document, (22, 30), opposite=True)
    shown = document.shown_mask()
    assert not shown[:50].any()
    assert np.count_nonzero(shown) == 5 * 70
    assert document.undo_stack.text(0) == "Erase region"


def test_filling_by_score_and_by_colour(toolbox: ToolBox) -> None:
    score = np.zeros(SIZE, np.uint8)
    score[10:20, 10:60] = 100
    score[10:20, 60:90] = 120
    score[10:20, 90:120] = 150
    document = loaded(SIZE, score)
    toolbox.fill_by = "score"
    toolbox.fill_tolerance = 20
    toolbox.tools["fill"].press(document, (15, 20), opposite=False)
    assert np.argwhere(document.hand).max(axis=0).tolist() == [19, 89]
    document.undo()
    toolbox.fill_by = "colour"
    toolbox.tools["fill"].press(document, (15, 20), opposite=False)
    assert (document.hand[:, :150] == HAND_CRACK).all()
    assert not document.hand[:, 150:].any()
    with pytest.raises(ValueError, match="fill by"):
        toolbox.fill_by = "luck"


def test_a_fill_without_a_score_says_so(toolbox: ToolBox, document: Document) -> None:
    toolbox.fill_by = "score"
    assert "predict" in toolbox.tools["fill"].press(document, (15, 20), opposite=False)
    assert not document.in_stroke
    assert document.undo_stack.count() == 0


def test_a_fill_is_bounded_and_says_when_it_was(toolbox: ToolBox) -> None:
    document = loaded((40, 2000))
    sentence = toolbox.tools["fill"].press(document, (20, 1000), opposite=False)
    assert str(REACH_PX) in sentence
    assert np.argwhere(document.hand)[:, 1].min() == 1000 - REACH_PX
    assert toolbox.tools["fill"].press(document, (-3, 5), opposite=False) == ""


# ---------------------------------------------------------------- the box


def test_sizes_go_from_1_to_200_and_back(toolbox: ToolBox) -> None:
    toolbox.size_px = -4
    assert toolbox.size_px == 1
    seen = [1]
    while toolbox.size_px < 200:
        toolbox.resize(1)
        seen.append(toolbox.size_px)
    assert seen[:10] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert seen == sorted(set(seen))
    toolbox.resize(3)
    assert toolbox.size_px == 200
    for size in reversed(seen[:-1]):
        toolbox.resize(-1)
        assert toolbox.size_px == size
    toolbox.size_px = 9999
    assert toolbox.size_px == 200


def test_choosing_a_tool_drops_what_the_last_one_had_begun(toolbox: ToolBox, document: Document) -> None:
    heard: list[str] = []
    toolbox.changed.connect(lambda: heard.append(toolbox.current.name))
    toolbox.current.press(document, (50, 60), opposite=False)
    toolbox.toggle_opposite()
    assert toolbox.swapped
    toolbox.choose("eraser")
    assert not document.hand.any()
    assert not document.in_stroke
    assert not toolbox.swapped
    assert heard == ["brush", "eraser"]
    with pytest.raises(KeyError):
        toolbox.choose("hammer")
