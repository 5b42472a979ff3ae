"""Looking into a data set in the window: what it is, what is crack, and that it is taken only then."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from window_program import Running, picture, running

from app.actions.data_sets import ask_data_set
from app.dialogs.data_set import DataSetDialog
from app.dialogs.data_set_question import reason_against


def data_set(
    folder: Path, values: tuple[int, ...] = (0, 255), count: int = 3, *, inverted: bool = False
) -> Path:
    """Walls with a dark line, and masks that hold these values: the first elsewhere, the others in bands."""
    for number in range(count):
        photo = picture(folder / "images" / f"wall {number}.png", (64, 96), seed=number)
        grey = np.asarray(Image.open(photo).convert("L"))
        mask = np.full(grey.shape, values[0], np.uint8)
        mask[grey < 90] = values[1]
        for band, value in enumerate(values[2:]):
            mask[4 * band : 4 * band + 2] = value
        (folder / "masks").mkdir(exist_ok=True)
        Image.fromarray(255 - mask if inverted else mask).save(folder / "masks" / f"wall {number}.png")
    return folder


def opened(app: Running, **given: object) -> tuple[DataSetDialog, list[object]]:
    taken: list[object] = []
    dialog = ask_data_set(app.window.scope, taken.append, **given)  # type: ignore[arg-type]
    return dialog, taken


def measured(app: Running, dialog: DataSetDialog) -> None:
    app.until(lambda: dialog.look is not None and dialog._work.isHidden())


def test_a_plain_folder_is_named_counted_and_taken(qtbot, own_state, tmp_path):
    place = data_set(tmp_path / "old walls")
    with running(qtbot, own_state) as app:
        app.answers.folders.append(place)
        dialog, taken = opened(app, purpose="For old samples.")
        dialog.folder_button.click()
        measured(app, dialog)
        facts = dict(dialog.facts.texts)
        assert facts["Layout"] == "a plain folder"
        assert facts["Listed"] == "3 pictures"
        assert facts["Crack is"] == "mask value 255"
        assert facts["Sizes"] == "96 × 64 px (3)"
        assert facts["Crack-free"] == "0 of 3 pictures"
        assert dialog.cells.count() == 3
        assert dialog.question.isHidden()
        dialog.take.click()
        assert not dialog.isVisible()
        (chosen,) = taken
        assert (chosen.folder, chosen.kind, chosen.pictures) == (place, "pairs", 3)
        from crackcore.training.pairs import read_pairs

        pairs = read_pairs(chosen.folder, kind=chosen.kind, rule=chosen.rule).pairs
        assert len(pairs) == 3
        assert all((pair.mask == 1).any() for pair in pairs)
        app.settle()


def test_unclear_masks_are_not_taken_before_somebody_says_what_is_crack(qtbot, own_state, tmp_path):
    place = data_set(tmp_path / "labels", (0, 2, 7))
    with running(qtbot, own_state) as app:
        dialog, taken = opened(app, place=place)
        app.until(lambda: dialog.look is not None)
        assert dialog.question.isVisible()
        assert "2, 7" in dialog.question.text.text()
        assert dialog.take.isHidden()
        assert not dialog.go.isEnabled(), "an answer is never taken for granted"
        before = dialog.cells.item(0).icon().pixmap(dialog.cells.iconSize()).toImage()
        button = next(b for b in dialog.question.group.buttons() if b.text() == "2 is crack, 7 is not")
        button.click()
        app.settle()
        after = dialog.cells.item(0).icon().pixmap(dialog.cells.iconSize()).toImage()
        assert before != after, "the pictures show what the answer marks"
        dialog.go.click()
        measured(app, dialog)
        assert dict(dialog.facts.texts)["Crack is"] == "mask value 2, as you said"
        dialog.take.click()
        (chosen,) = taken
        from crackcore.training.pairs import read_pairs

        first = read_pairs(chosen.folder, rule=chosen.rule).pairs[0]
        assert not (first.mask[:2] == 1).all(), "7 is not crack"
        assert (first.mask == 1).any()
        app.settle()


def test_an_answer_in_ones_own_words_is_checked(qtbot, own_state, tmp_path):
    place = data_set(tmp_path / "inverted", (0, 255), inverted=True)
    with running(qtbot, own_state) as app:
        dialog, _ = opened(app, place=place)
        app.until(lambda: dialog.look is not None)
        assert "inverted" in dialog.question.text.text()
        assert dialog.question.group.buttons()[1].text() == "0 is crack", "the likeliest stands first"
        QTest.keyClicks(dialog.question.crack, "red")
        dialog.question.show_own.click()
        assert dialog.question.wrong.isVisible()
        assert not dialog.go.isEnabled()
        dialog.question.crack.clear()
        QTest.keyClicks(dialog.question.crack, "<128")
        assert dialog.go.isEnabled()
        dialog.go.click()
        measured(app, dialog)
        assert dict(dialog.facts.texts)["Crack is"] == "darker than 128, as you said"
        dialog.again.click()
        app.until(dialog.question.isVisible)
        assert not dialog.go.isEnabled(), "the old answer is taken back"
        dialog.reject()
        app.settle()


def test_what_is_no_data_set_is_said_and_crack_free_photographs_are_stated(qtbot, own_state, tmp_path):
    place = tmp_path / "photos"
    picture(place / "a.png")
    picture(place / "b.png")
    with running(qtbot, own_state) as app:
        dialog, taken = opened(app, place=place)
        app.until(dialog.outcome.isVisible)
        assert "no masks" in dialog.outcome.text.text()
        assert dialog.take.isHidden()
        dialog.crack_free.click()
        measured(app, dialog)
        assert dialog.outcome.isHidden()
        dialog.take.click()
        assert taken[0].kind == "crack-free"
        app.settle()


@pytest.mark.parametrize("by", ["button", "escape"])
def test_reading_is_stopped_at_once(qtbot, own_state, tmp_path, monkeypatch, by):
    place = data_set(tmp_path / "walls")
    go_on = threading.Event()
    import crackcore.datasets as datasets

    def slow(*args: object, **named: object) -> object:
        go_on.wait(20)
        raise AssertionError("its answer is wanted by nobody")

    monkeypatch.setattr(datasets, "read_dataset", slow)
    with running(qtbot, own_state) as app:
        dialog, _ = opened(app, place=place)
        assert dialog.leave.text() == "Stop"
        if by == "button":
            dialog.leave.click()
        else:
            QTest.keyClick(dialog, Qt.Key.Key_Escape)
        assert dialog.leave.text() == "Close"
        assert dialog.isVisible()
        assert dialog.outcome.text.text() == "Stopped."
        go_on.set()
        app.settle()
        assert dialog.outcome.text.text() == "Stopped."
        dialog.reject()


def test_leaving_while_all_pictures_are_read_asks_nothing_of_anybody(qtbot, own_state, tmp_path):
    place = data_set(tmp_path / "walls", count=12)
    with running(qtbot, own_state) as app:
        app.run("data.look-into")
        dialog = app.window.findChild(DataSetDialog)
        assert dialog is not None
        assert dialog.take.isHidden()
        dialog.look_into(place)
        app.until(lambda: dialog.look is not None)
        assert dialog.take.isHidden(), "only looked at"
        dialog.reject()
        app.settle()


def test_words_that_are_no_values():
    assert reason_against("", "") == ""
    assert reason_against("2,4", "255") == ""
    assert "colour" in reason_against("crack", "")
