"""Dialogs and settings: what they return, what is kept on disk, and what is refused."""

from __future__ import annotations

import json
import shlex
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QSpinBox
from window_program import Answers, pictures, running

from app.dialogs.export import ExportDialog
from app.dialogs.settings import SettingsDialog
from app.jobs.export import ExportRequest, command_line
from app.messages import LastNet, hint_for, message_for, sentence
from app.settings.schema import Settings, facts_of, from_deviations, names
from app.settings.storage import SettingsHolder, read_settings, settings_path, write_settings
from crackcore import errors
from crackcore.exports import FORMATS


def test_only_deviations_are_kept_and_they_come_back(tmp_path):
    settings = Settings().with_value("brush_px", 21).with_value("theme", "dark")
    write_settings(tmp_path, settings)
    raw = json.loads(settings_path(tmp_path).read_bytes())
    assert raw["settings"] == {"brush_px": 21, "theme": "dark"}
    assert read_settings(tmp_path) == settings


@pytest.mark.parametrize(
    "content", [b"", b"not json", b"[]", b'{"settings": 3}', b"\xff\xfe", b'{"settings": {"brush_px": "9"}}']
)
def test_a_damaged_settings_file_means_defaults(tmp_path, content):
    settings_path(tmp_path).write_bytes(content)
    assert read_settings(tmp_path) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("brush_px", 0),
        ("brush_px", 201),
        ("brush_px", True),
        ("theme", "pink"),
        ("recent", [1]),
        ("model", 3),
    ],
)
def test_values_that_are_not_allowed_are_refused(name, value):
    with pytest.raises(ValueError):
        Settings().with_value(name, value)
    assert from_deviations({name: value}) == Settings()


def test_recent_projects_are_few_new_first_and_any_name_survives(tmp_path):
    holder = SettingsHolder(Settings())
    odd = Path("/data/R\u00edo \udcff.crackscope")
    for number in range(20):
        holder.remember_project(Path(f"/data/{number}.crackscope"))
    holder.remember_project(odd)
    assert holder.recent[0] == odd
    assert len(holder.recent) == 12
    write_settings(tmp_path, holder.value)
    assert SettingsHolder(read_settings(tmp_path)).recent[0] == odd


def test_the_settings_dialog_is_made_from_the_table_and_acts_at_once(qtbot):
    holder = SettingsHolder(Settings())
    dialog = SettingsDialog(holder)
    qtbot.addWidget(dialog)
    assert set(dialog.fields) == {name for name in names() if facts_of(name).shown}
    brush = dialog.fields["brush_px"]
    assert isinstance(brush, QSpinBox)
    brush.setValue(33)
    assert holder.value.brush_px == 33
    theme = dialog.fields["theme"]
    assert isinstance(theme, QComboBox)
    theme.setCurrentIndex(2)
    theme.activated.emit(2)
    assert holder.value.theme == "dark"
    dialog._to_defaults()
    assert holder.value == Settings()


def test_the_export_dialog_offers_every_format_and_says_the_command(qtbot, tmp_path):
    dialog = ExportDialog(tmp_path / "quay wall.crackscope", Answers())
    qtbot.addWidget(dialog)
    assert dialog.names == list(FORMATS)
    asked = []
    dialog.accepted_request.connect(asked.append)
    dialog.formats.button(dialog.names.index("coco")).setChecked(True)
    assert dialog.request.out.parent == tmp_path.parent  # never among the pictures themselves
    assert dialog.request.out.name.startswith("quay wall coco ")
    words = shlex.split(dialog.command.text())
    assert words[:2] == ["crackcore", "export"]
    assert words[2] == str(tmp_path / "quay wall.crackscope")
    assert words[words.index("--format") + 1] == "coco"
    dialog.folder.setText("relative")
    assert not dialog.go.isEnabled()
    dialog.folder.setText(str(tmp_path / "out"))
    dialog._accept()
    assert asked == [ExportRequest(tmp_path / "quay wall.crackscope", "coco", tmp_path / "out")]


def test_the_command_of_the_dialog_does_the_same_as_the_dialog(qtbot, own_state, tmp_path):
    from crackcore.__main__ import main as headless

    pictures(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        for record in app.session.project.images:
            app.go_to(record.id)
            app.stroke((20, 20), (20, 80))
        app.settle()
        request = ExportRequest(app.session.path, "png", tmp_path / "by window")
        from app.actions.project import start_export

        start_export(app.window.scope, request)
        app.settle()
        app.until(lambda: any("exported" in m.text for m in app.told))
        app.close()
    line = command_line(ExportRequest(request.project, "png", tmp_path / "by command"))
    assert headless(shlex.split(line)[1:]) == 0

    def masks(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.png")}

    assert masks(tmp_path / "by window") == masks(tmp_path / "by command")
    assert len(masks(tmp_path / "by window")) == 2


def _all_kinds(kind: type[BaseException]) -> list[type[BaseException]]:
    return [kind, *(k for sub in kind.__subclasses__() for k in _all_kinds(sub))]


def test_every_refusal_has_words_of_its_own():
    from app.messages import _HINTS

    kinds = [k for k in _all_kinds(errors.CrackError) if k.__module__ == "crackcore.errors"]
    assert [k.__name__ for k in kinds if k not in _HINTS] == []


def test_sentences_hold_no_trace_and_no_class_name():
    for error in (KeyError("secret"), MemoryError(), PermissionError(13, "Permission denied", "/x/wall.jpg")):
        text = sentence(error)
        assert type(error).__name__ not in text
        assert "Traceback" not in text
        assert text.endswith((".", ")."))
    assert "wall.jpg" in sentence(PermissionError(13, "Permission denied", "/x/wall.jpg"))
    full = errors.NoSpace("The disk is full.")
    assert hint_for(full) in message_for(full).text


def test_what_nobody_caught_becomes_a_message_and_the_loop_goes_on(qtbot, caplog):
    net = LastNet()
    heard = []
    net.caught.connect(heard.append)
    net.install()
    try:
        sys.excepthook(ValueError, ValueError("in the window"), None)
        qtbot.waitUntil(lambda: len(heard) == 1)
        thread = threading.Thread(target=lambda: {}["on a thread"])
        thread.start()
        thread.join()
        qtbot.waitUntil(lambda: len(heard) == 2)
    finally:
        net.remove()
    assert all("safe" in message.text for message in heard)
    assert "in the window" in caplog.text
    assert "on a thread" in caplog.text


def test_labels_that_show_names_are_plain(qtbot, tmp_path):
    dialog = ExportDialog(tmp_path / "<b>x.crackscope", Answers())
    qtbot.addWidget(dialog)
    assert [label.text() for label in dialog.findChildren(QLabel) if "<b>" in label.text()] == []


def test_enter_exports_wherever_the_focus_is(qtbot, tmp_path):
    dialog = ExportDialog(tmp_path / "wall.crackscope", Answers())  # closes and deletes itself
    dialog.show()
    with qtbot.waitSignal(dialog.accepted_request):
        qtbot.keyClick(dialog.folder, Qt.Key.Key_Return)
