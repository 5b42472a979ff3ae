"""The table of actions: complete, without clashes, and usable as it stands."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from window_program import pictures, running

from app.actions.menus import ALL, BY_ID, LINE, MENUS, PEEK_KEY, RECENT
from app.dialogs.palette import CommandPalette, rank
from app.dialogs.shortcuts import ShortcutSheet


def test_every_action_has_an_id_and_a_title_of_its_own():
    ids = [action.id for action in ALL]
    assert [i for i, n in Counter(ids).items() if n > 1] == []
    assert [a.id for a in ALL if not a.title.strip() or "." not in a.id] == []
    assert [t for t, n in Counter(a.title for a in ALL).items() if n > 1] == []


def test_no_two_actions_share_a_shortcut_and_every_one_is_a_key():
    keys = Counter(QKeySequence(k).toString() for a in ALL for k in a.shortcuts)
    keys[QKeySequence(PEEK_KEY).toString()] += 1
    assert "" not in keys
    assert [k for k, n in keys.items() if n > 1] == []


def test_every_menu_entry_is_an_action_and_every_action_is_in_a_menu():
    entries = {i for _, ids in MENUS for i in ids} - {LINE, RECENT}
    assert entries - BY_ID.keys() == set()
    assert BY_ID.keys() - entries == set()


def test_every_icon_that_is_named_exists(repository: Path):
    icons = repository / "resources" / "icons"
    assert [a.icon for a in ALL if a.icon and not (icons / f"{a.icon}.svg").is_file()] == []


def test_icons_take_the_colour_of_the_text(repository: Path):
    for path in (repository / "resources" / "icons").glob("*.svg"):
        text = path.read_text()
        assert "currentColor" in text, path.name
        assert "#" not in text, path.name


def test_without_a_project_only_what_is_possible_is_on(qtbot, own_state):
    with running(qtbot, own_state) as app:
        actions = app.window.actions_set.by_id
        assert actions["file.open-folder"].isEnabled()
        assert not actions["file.save"].isEnabled()
        assert not actions["predict.all"].isEnabled()
        assert not actions["review.approve-next"].isEnabled()
        app.run("file.save")  # asked for all the same: nothing happens
        assert app.told == []


def test_keys_choose_tools_and_step_through_pictures(qtbot, own_state, tmp_path):
    pictures(tmp_path / "wall", 3)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        ids = [record.id for record in app.session.project.images]
        for key, tool in ((Qt.Key.Key_E, "eraser"), (Qt.Key.Key_P, "polygon"), (Qt.Key.Key_B, "brush")):
            app.key(key)
            assert app.window.tools.current.name == tool
        size = app.window.tools.size_px
        app.key(Qt.Key.Key_BracketRight)
        assert app.window.tools.size_px > size
        app.key(Qt.Key.Key_D)
        app.until_shown(ids[1])
        app.key(Qt.Key.Key_PageDown)
        app.until_shown(ids[2])
        app.key(Qt.Key.Key_D)  # the last one stays
        assert app.session.shown_id == ids[2]
        app.key(Qt.Key.Key_A)
        app.until_shown(ids[1])
        app.key(Qt.Key.Key_Return)  # approves the second
        app.until_shown(ids[2])
        app.settle()
        app.key(Qt.Key.Key_N)  # next not approved: over the end, to the first
        app.until_shown(ids[0])
        app.key(Qt.Key.Key_N)  # over the second, which is approved
        app.until_shown(ids[2])


def test_plain_keys_belong_to_a_text_field_while_it_has_the_focus(qtbot, own_state, tmp_path):
    pictures(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.window.activateWindow()
        search = app.window.images.search
        search.setFocus()
        app.until(search.hasFocus)
        QTest.keyClicks(search, "ebd N")
        assert search.text() == "ebd N"
        assert app.window.tools.current.name == "brush"
        QTest.keyClick(search, Qt.Key.Key_Return)
        app.settle()
        assert app.session.document.record.review.value == "new", "Enter in a field approved the picture"
        app.until(app.canvas.hasFocus)
        search.clear()
        app.key(Qt.Key.Key_E)
        assert app.window.tools.current.name == "eraser"


def test_h_held_looks_under_the_mask_and_tapped_switches_it(qtbot, own_state, tmp_path, monkeypatch):
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.window.activateWindow()
        app.canvas.setFocus()
        app.until(app.canvas.hasFocus)
        now = [100.0]
        monkeypatch.setattr("app.window.time.monotonic", lambda: now[0])
        QTest.keyPress(app.canvas, Qt.Key.Key_H)
        assert app.canvas._peeking
        now[0] += 2.0
        QTest.keyRelease(app.canvas, Qt.Key.Key_H)
        assert not app.canvas._peeking
        assert app.canvas.layers.overlay_visible
        QTest.keyPress(app.canvas, Qt.Key.Key_H)
        now[0] += 0.1
        QTest.keyRelease(app.canvas, Qt.Key.Key_H)
        assert not app.canvas.layers.overlay_visible
        assert not app.window.layers.mask_box.isChecked()


def test_the_sheet_and_the_palette_are_made_from_the_table(qtbot, own_state, tmp_path):
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.run("help.shortcuts")
        sheet = app.window.findChild(ShortcutSheet)
        assert sheet is not None
        words = {label.text() for label in sheet.findChildren(type(app.window.status.size_text))}
        assert "Approve and next" in words
        assert "Brush" in words
        sheet.reject()
        app.run("help.commands")
        palette = app.window.findChild(CommandPalette)
        assert palette is not None
        palette.field.setText("eras")
        assert palette.list.item(0).text().startswith("Eraser")
        QTest.keyClick(palette.field, Qt.Key.Key_Return)
        assert app.window.tools.current.name == "eraser"


def test_what_begins_with_the_typed_words_comes_first():
    assert rank("app", "Approve and next") == 0
    assert rank("next app", "Approve and next") == 1
    assert rank("pict", "Predict this picture") == 1
    assert rank("xyz", "Approve") is None
