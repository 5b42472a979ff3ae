"""Panels: the two-handled slider, the list and its filter, messages, the line at the bottom, both schemes."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from window_program import pictures, running

from app.messages import Kind, Message, Way
from app.panels.message_area import MessageArea
from app.panels.range_slider import RangeSlider
from app.panels.tools import _px_of, _value_of
from app.theme.scheme import DARK, LIGHT, Theme, contrast
from crackcore.domain.image_record import Review, Threshold


@pytest.fixture
def slider(qtbot):
    made = RangeSlider()
    qtbot.addWidget(made)
    made.resize(271, 30)  # one pixel a step
    made.show()
    return made


def _drag(slider: RangeSlider, start: int, end: int, modifier=Qt.KeyboardModifier.NoModifier) -> None:
    y = slider.height() // 2
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, modifier, QPoint(round(slider._x_of(start)), y))
    QTest.mouseMove(slider, QPoint(round(slider._x_of(end)), y))
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, modifier, QPoint(round(slider._x_of(end)), y))


def test_one_handle_moves_the_plain_threshold_and_says_when_it_is_let_go(slider):
    moved, released = [], []
    slider.moved.connect(lambda low, high: moved.append((low, high)))
    slider.released.connect(lambda low, high: released.append((low, high)))
    _drag(slider, 128, 200)
    assert slider.value == (200, 200)
    assert moved[-1] == (200, 200)
    assert released == [(200, 200)]


def test_shift_pulls_a_second_handle_out_and_a_double_click_brings_them_together(slider):
    _drag(slider, 129, 220, Qt.KeyboardModifier.ShiftModifier)
    assert slider.value == (128, 220)
    _drag(slider, 128, 60)  # now the nearer handle moves
    assert slider.value == (60, 220)
    _drag(slider, 60, 250)  # and never beyond the other
    assert slider.value == (220, 220)
    slider.set_value(60, 220)
    QTest.mouseDClick(
        slider,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        QPoint(round(slider._x_of(70)), 15),
    )
    assert slider.value == (60, 60)


def test_the_slider_listens_to_keys_and_stays_within_its_ends(slider):
    slider.setFocus()
    QTest.keyClick(slider, Qt.Key.Key_Right)
    assert slider.value == (129, 129)
    for _ in range(30):
        QTest.keyClick(slider, Qt.Key.Key_PageDown)
    assert slider.value == (1, 1)
    Threshold(*slider.value)


def test_sizes_of_the_stamp_and_of_its_slider_lead_to_each_other():
    assert _px_of(0) == 1
    assert _px_of(100) == 200
    for px in (1, 5, 9, 30, 90, 200):
        assert abs(_px_of(_value_of(px)) - px) <= 2


def test_the_list_counts_filters_and_searches(qtbot, own_state, tmp_path):
    pictures(tmp_path / "wall", 12)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        images = app.window.images
        app.run("review.approve")
        app.settle()
        app.until(lambda: images.chips[Review.APPROVED].text() == "1")
        assert images.chips[Review.NEW].text() == "11"
        images.chips[Review.APPROVED].click()
        assert [images.filter.index(r, 0).data() for r in range(images.filter.rowCount())] == ["wall 0.png"]
        images.chips[Review.APPROVED].click()
        images.search.setText("WALL 1")
        names = [images.filter.index(r, 0).data() for r in range(images.filter.rowCount())]
        assert names == ["wall 1.png", "wall 10.png", "wall 11.png"]
        images.search.setText("nothing like it")
        assert images.empty.isVisible()
        images.search.clear()
        assert images.filter.rowCount() == 12


def test_thumbnails_come_for_what_is_looked_at_and_a_click_shows_the_picture(qtbot, own_state, tmp_path):
    pictures(tmp_path / "wall", 40)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        ids = [record.id for record in app.session.project.images]
        thumbnails = app.window.images.model.thumbnails
        app.until(lambda: thumbnails._pixmaps.get(ids[1]) is not None)
        assert ids[39] not in thumbnails._pixmaps, "nobody has looked at the end of the list yet"
        view = app.window.images.list
        place = view.visualRect(app.window.images.filter.index(1, 0)).center()
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
        app.until_shown(ids[1])


def test_names_with_markup_are_shown_as_they_are(qtbot, own_state, tmp_path):
    from window_program import picture

    picture(tmp_path / "wall" / "<b>bold<img src=x>.png")
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        assert app.window.images.filter.index(0, 0).data() == "<b>bold<img src=x>.png"
        app.session.tell(Message("<b>not bold</b>", Kind.INFO))
        strip = app.window.messages.strips[0]
        assert strip.text.textFormat() is Qt.TextFormat.PlainText
        for label in strip.findChildren(QLabel):
            if label.text():
                assert label.textFormat() is Qt.TextFormat.PlainText


def test_messages_replace_their_like_offer_ways_out_and_can_be_dismissed(qtbot):
    area = MessageArea(Theme(QApplication.instance(), "light"))
    qtbot.addWidget(area)
    chosen = []
    area.tell(Message("first", key="a"))
    area.tell(Message("second", key="a"))
    assert [s.message.text for s in area.strips] == ["second"]
    area.tell(Message("stays", Kind.ERROR, (Way("Go", lambda: chosen.append(1)),), stays=True))
    for number in range(6):
        area.tell(Message(f"fades {number}"))
    assert "stays" in [s.message.text for s in area.strips]
    assert len(area.strips) <= 3
    strip = next(s for s in area.strips if s.message.stays)
    strip.buttons[0].click()
    assert chosen == [1]
    assert strip not in area.strips
    for strip in list(area.strips):
        strip.close_button.click()
    assert area.strips == []
    assert area.isHidden()


def test_saved_so_long_ago(qtbot, own_state, tmp_path, monkeypatch):
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.stroke((20, 20), (20, 60))
        app.settle()
        kept = app.session.work.kept_at
        for passed, sentence in (
            (0.2, "saved just now"),
            (3.2, "saved 3 s ago"),
            (150, "saved 2 min ago"),
            (8000, "saved 2 h ago"),
        ):
            with monkeypatch.context() as patch:
                patch.setattr("app.panels.status.time.monotonic", lambda kept=kept, p=passed: kept + p)
                assert app.window.status.saved_sentence() == sentence
        assert time.monotonic() >= kept


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read_in_both_schemes(scheme):
    for ground in (scheme.ground, scheme.raised, scheme.hover):
        assert contrast(scheme.text, ground) >= 7
        assert contrast(scheme.text_soft, ground) >= 4.5
    assert contrast(scheme.accent_text, scheme.accent) >= 4.5
    for colour in (scheme.info, scheme.done, scheme.warning, scheme.error):
        assert contrast(colour, scheme.raised) >= 4.5
        assert contrast(colour, scheme.ground) >= 3


def test_a_forced_scheme_wins_over_the_system(qtbot, own_state):
    with running(qtbot, own_state) as app:
        app.program.settings.set("theme", "dark")
        assert app.program.theme.scheme is DARK
        assert QApplication.palette().window().color().name() == DARK.ground
        app.program.settings.set("theme", "light")
        assert QApplication.palette().window().color().name() == LIGHT.ground
