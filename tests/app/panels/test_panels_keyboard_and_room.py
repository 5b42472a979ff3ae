"""Without a mouse, on a small screen, and with a picture that could not be analysed."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QScreen
from PySide6.QtWidgets import QApplication
from window_program import pictures, running

from app.window import Window


def test_tab_hides_the_panels_from_the_picture_and_moves_the_focus_anywhere_else(qtbot, own_state, tmp_path):
    pictures(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        window = app.window
        window.activateWindow()
        app.canvas.setFocus()
        app.until(lambda: window.focusWidget() is app.canvas)
        app.key(Qt.Key.Key_Tab)
        assert not any(dock.isVisible() for dock in window.docks)
        app.key(Qt.Key.Key_Tab)
        assert all(dock.isVisible() for dock in window.docks)

        # every field and button of the panels is reached by F6 and Tab alone
        app.key(Qt.Key.Key_F6)
        seen = []
        for _ in range(60):
            focus = window.focusWidget()
            if focus in seen or focus is app.canvas:
                break
            seen.append(focus)
            app.key(Qt.Key.Key_Tab)
        assert all(dock.isVisible() for dock in window.docks)
        panel = window.prediction
        for widget in (window.images.search, panel.slider, panel.low, panel.high, panel.for_all):
            assert widget in seen, f"{widget.accessibleName() or widget} is not reached"

        # and F6 comes round to the picture again
        for _ in range(len(window.docks) + 1):
            app.key(Qt.Key.Key_F6)
            if window.focusWidget() is app.canvas:
                break
        assert window.focusWidget() is app.canvas


def test_the_window_fits_a_small_screen_in_every_state(qtbot, own_state, tmp_path, tiny_model):
    pictures(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.until_models()
        window, document = app.window, app.session.document

        def fits(state):
            QApplication.processEvents()
            least = window.minimumSizeHint()
            assert least.width() <= 1280, (state, least)
            assert least.height() <= 680, (state, least)  # 720 without a title bar

        fits("new")
        document.set_failed("It does not fit into the memory of the graphics card. " * 3)
        fits("failed")
        app.run("review.approve")
        app.settle()
        fits("approved")
        window.resize(1280, 680)
        app.until(lambda: window.size() == QSize(1280, 680))


@pytest.mark.parametrize(("screen", "size"), [((1280, 720), (1280, 680)), ((2560, 1440), (1440, 900))])
def test_the_first_window_lies_on_the_screen_with_its_frame(qtbot, own_state, monkeypatch, screen, size):
    monkeypatch.setattr(QScreen, "availableSize", lambda self: QSize(*screen))
    with running(qtbot, own_state) as app:
        assert isinstance(app.window, Window)
        assert app.window.size() == QSize(*size)


def test_a_picture_that_was_not_analysed_says_so_where_one_looks(qtbot, own_state, tmp_path):
    pictures(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        notice = app.window.notice
        assert not notice.isVisible()
        assert app.window.prediction.state.text() == "Not predicted yet."
        app.session.document.set_failed("The network gave no usable answer.")
        assert notice.isVisible()
        assert notice.text() == "Not analysed: The network gave no usable answer."
        assert app.window.page.rect().contains(notice.geometry())
        assert notice.mapTo(app.window.page, notice.rect().center()).y() > app.window.page.height() / 2
        first = app.session.shown_id
        app.run("review.next")
        app.until(lambda: app.session.shown_id != first and not app.session.is_loading)
        assert not notice.isVisible()
        app.run("review.previous")
        app.until_shown(first)
        assert notice.isVisible()
        app.settle()
