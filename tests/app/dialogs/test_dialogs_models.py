"""The chooser of models and the import dialog: what they say, and what mouse and keys do with them."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from shiboken6 import isValid
from window_program import Answers, pictures, running

from app.actions.models import known_lines, open_import, report_facts
from app.dialogs.choose_model import ModelChooser
from app.dialogs.import_model import ImportDialog
from app.dialogs.model_delegate import RowRole
from app.dialogs.model_rows import HOW_TO_GET, input_words, model_rows, training_words
from app.jobs.import_model import ImportRequest
from app.theme.scheme import Theme
from crackcore import errors
from crackcore.domain.model_spec import ModelSpec, Preprocessing
from crackcore.models import importing
from crackcore.models.architectures import OWN, Architecture
from crackcore.models.catalogue import InstalledModel, installed_models
from crackcore.models.importing import ImportReport

NO_KEYS = Qt.KeyboardModifier.NoModifier


def installed(name: str, architecture: str = "cgnet_m3n21", **facts: object) -> InstalledModel:
    spec = ModelSpec(name, architecture, **facts)  # type: ignore[arg-type]
    return InstalledModel(spec, Path(f"/models/{name}.safetensors"), 1000, name.ljust(64, "0"))


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp, "light")


@pytest.fixture
def chooser(qtbot, theme):
    made = []

    def make(models: list[InstalledModel], chosen: str = "") -> ModelChooser:
        dialog = ModelChooser(model_rows(models, OWN, chosen), theme)
        made.append(dialog)
        dialog.open()
        qtbot.waitExposed(dialog)
        return dialog

    yield make
    for dialog in filter(isValid, made):  # they delete themselves when they are closed
        dialog.done(0)


# ---------------------------------------------------------------- rows


def test_a_row_says_what_the_header_of_its_file_says():
    fine = installed(
        "fine",
        summary="For hairline cracks.",
        tile_px=320,
        preprocessing=Preprocessing(input_scale=2.0),
        licence="Apache-2.0",
        training_data=({"set": "wall", "trained_on": 196}, {"set": "road", "trained_on": 106}),
    )
    bare = installed("bare", "deepcrack_liu")
    rows = model_rows([fine, bare], OWN, "bare")
    assert [row.name for row in rows[:2]] == ["fine", "bare"]
    assert [row.chosen for row in rows[:2]] == [False, True]
    first, second = rows[:2]
    assert first.good_for == "For hairline cracks."
    assert first.facts == (
        ("Input", "tiles of 320 px, enlarged 2 times"),
        ("Licence", "Apache-2.0"),
        ("Trained on", "302 photos: wall, road"),
    )
    assert "Apache-2.0" in first.spoken
    assert "302 photos" in first.spoken
    liu = next(a for a in OWN if a.name == "deepcrack_liu")
    assert second.good_for == liu.good_for, "what the architecture is good for, where the file says nothing"
    brought = installed("b", "deepcrack_liu", summary="Imported.", source_sha256="1" * 64)
    assert model_rows([brought], OWN, "")[0].good_for == f"{liu.good_for} Imported."
    assert (second.licence, second.trained_on) == ("not stated", "not stated")


def test_the_family_is_a_tag_that_is_seen_and_spoken():
    models = [installed("a", family="open"), installed("b", family="research"), installed("mine")]
    rows = model_rows(models, OWN, "")[:3]
    assert [row.tag for row in rows] == ["Open", "Research only", ""]
    assert "allow any use" in rows[0].spoken
    assert "non-commercial research only" in rows[1].spoken
    assert "non-commercial research only" in rows[1].more
    assert "research" not in rows[2].spoken + rows[2].more


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_research_tag_is_painted_in_the_colour_of_warnings(qtbot, qapp, scheme):
    theme = Theme(qapp, scheme)
    dialog = ModelChooser(
        model_rows([installed("a", family="open"), installed("b", family="research")], OWN, "a"), theme
    )
    dialog.open()
    qtbot.waitExposed(dialog)

    def warnings(number: int) -> int:
        area = dialog.list.visualItemRect(dialog.list.item(number))
        image = dialog.list.viewport().grab(area).toImage()
        places = [(x, y) for x in range(image.width()) for y in range(image.height())]
        colours = [image.pixelColor(x, y) for x, y in places]
        return sum(c.red() - c.blue() > 40 for c in colours)  # brown or yellow; all else is grey or blue

    assert warnings(1) == 0
    assert warnings(2) > 30
    dialog.done(0)


def test_every_architecture_without_weights_stands_below_with_the_way_to_get_them():
    rows = model_rows([installed("mine", "unet16")], OWN, "")
    missing = [row for row in rows if not row.installed]
    assert [row.name for row in missing] == [a.name for a in OWN if a.name != "unet16"]
    for row in missing:
        assert row.good_for
        assert HOW_TO_GET.rstrip(".") in row.spoken


def test_speed_is_that_of_the_network_at_the_size_it_sees():
    light = Architecture("n", "m:f", title="N", gflop_512=8.0, has_width=True)
    plain, enlarged = installed("a", "n"), installed("b", "n", preprocessing=Preprocessing(input_scale=3.0))
    speeds = [row.speed for row in model_rows([plain, enlarged], [light], "")]
    assert speeds == ["light", "medium"]
    heavy = replace(light, gflop_512=900.0)
    assert model_rows([], [heavy], "")[0].speed == "heavy"
    slim = installed("c", "n", arguments={"width": 0.125})
    assert model_rows([slim], [heavy], "")[0].speed == "light", (
        "an eighth of the channels, a 64th of the work"
    )


def test_words_for_sizes_and_for_sets_of_any_form():
    assert input_words(ModelSpec("m", "a", tile_px=448), 4) == "tiles of 448 px, result 4 times finer"
    assert training_words(ModelSpec("m", "a", training_data=({"name": "CFD"},))) == "CFD"
    assert training_words(ModelSpec("m", "a", training_data=({"terms": "MIT"},))) == "not stated"


# ---------------------------------------------------------------- the chooser


def test_the_model_in_use_is_current_and_enter_takes_the_one_below(chooser):
    dialog = chooser([installed("one"), installed("two")], "one")
    taken = []
    dialog.chosen.connect(taken.append)
    assert dialog.current.name == "one"
    QTest.keyClick(dialog.list, Qt.Key.Key_Down)
    QTest.keyClick(dialog.list, Qt.Key.Key_Return)
    assert taken == ["two"]
    assert not dialog.isVisible()


def test_the_keyboard_goes_over_headings_and_a_missing_one_leads_to_its_import(chooser):
    dialog = chooser([installed("one"), installed("two")], "two")
    wanted = []
    dialog.import_wanted.connect(wanted.append)
    QTest.keyClick(dialog.list, Qt.Key.Key_Down)
    missing = dialog.current
    assert not missing.installed, "the heading between them is not stopped at"
    assert dialog.go.text() == "Import its weights…"
    QTest.keyClick(dialog.list, Qt.Key.Key_Up)
    assert dialog.go.text() == "Use this model"
    QTest.keyClick(dialog.list, Qt.Key.Key_Down)
    dialog.go.click()
    assert wanted == [missing.name]


def test_a_double_click_takes_a_model_and_escape_takes_none(chooser):
    dialog = chooser([installed("one"), installed("two")], "one")
    taken = []
    dialog.chosen.connect(taken.append)
    item = next(
        dialog.list.item(n)
        for n in range(dialog.list.count())
        if dialog.list.row_of(dialog.list.item(n)) is not None
        and dialog.list.item(n).data(RowRole).name == "two"
    )
    place = dialog.list.visualItemRect(item).center()
    QTest.mouseClick(dialog.list.viewport(), Qt.MouseButton.LeftButton, NO_KEYS, place)
    assert dialog.current.name == "two"
    assert taken == []
    QTest.mouseDClick(dialog.list.viewport(), Qt.MouseButton.LeftButton, NO_KEYS, place)
    assert taken == ["two"]
    again = chooser([installed("one")], "one")
    again.chosen.connect(taken.append)
    QTest.keyClick(again, Qt.Key.Key_Escape)
    assert taken == ["two"]
    assert not again.isVisible()


def test_rows_are_as_high_as_their_sentence_at_any_width(chooser, qtbot):
    long = "Finds what is thin and what is wide, by day and at night, on every wall and every road there is. "
    dialog = chooser([installed("short", summary="Quick."), installed("long", summary=long * 3)], "short")
    dialog.resize(900, 600)

    def heights():
        return [dialog.list.visualItemRect(dialog.list.item(n)).height() for n in (1, 2)]

    qtbot.waitUntil(lambda: heights()[1] > heights()[0])
    wide = heights()[1]
    dialog.resize(480, 600)
    qtbot.waitUntil(lambda: heights()[1] > wide)


def test_names_with_markup_are_text_in_the_tool_tip_too(chooser):
    named = installed("one", summary="<img src=x>", training_data=({"set": "<img src=y>"},))
    dialog = chooser([named], "one")
    item = dialog.list.item(1)
    assert "&lt;img" in item.toolTip()
    assert "<img" not in item.toolTip()
    assert "<img src=x>" in item.data(Qt.ItemDataRole.AccessibleTextRole)


def test_greyed_rows_can_be_read_in_both_schemes(chooser, qapp):
    """Soft text on the list's ground is painted; the contrast of the colours is tested with the schemes."""
    dialog = chooser([installed("one")], "one")
    item = dialog.list.item(3)
    assert not dialog.list.row_of(item).installed
    dialog.list.scrollToItem(item)
    area = dialog.list.visualItemRect(item)
    image = dialog.list.viewport().grab(area).toImage().convertToFormat(QImage.Format.Format_RGB888)
    colours = {
        image.pixelColor(QPoint(x, y)).lightness() for x in range(60, 300) for y in range(image.height())
    }
    assert min(colours) < 140 < 250 <= max(colours)


def test_the_chooser_opens_from_the_panel_and_changes_the_model(qtbot, own_state, tiny_model, tmp_path):
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_models()
        app.until_shown()
        button = app.window.prediction.model
        assert button.isEnabled()
        assert button.name.text() == app.session.models.chosen.name != "tiny"
        button.click()
        dialog = app.window.findChild(ModelChooser)
        rows = [dialog.list.row_of(dialog.list.item(n)) for n in range(dialog.list.count())]
        names = [row.name for row in rows if row is not None and row.installed]
        assert names == [model.name for model in installed_models()]
        for number, row in enumerate(rows):
            if row is not None and row.name == "tiny":
                dialog.list.setCurrentRow(number)
        dialog.go.click()
        assert app.session.models.chosen.name == "tiny"
        assert button.name.text() == "tiny"


# ---------------------------------------------------------------- the import dialog


@pytest.fixture
def bringing(qtbot, theme):
    answers = Answers()
    dialog = ImportDialog([("unet16", "U-Net")], answers, theme)  # type: ignore[arg-type]
    dialog.open()
    qtbot.waitExposed(dialog)
    yield dialog, answers
    if isValid(dialog):
        dialog.done(0)  # closing it in the middle of its work would only stop the work


def test_the_request_is_what_was_typed_and_chosen(bringing, tmp_path):
    dialog, answers = bringing
    asked = []
    dialog.wanted.connect(asked.append)
    assert not dialog.go.isEnabled(), "there is no file yet"
    answers.weight_files.append(tmp_path / "net.pth")
    dialog.choose.click()
    assert dialog.request == ImportRequest(tmp_path / "net.pth")
    dialog.network.setCurrentIndex(1)
    dialog.name.setText(" road ")
    dialog.licence.setText("for research only")
    QTest.keyClick(dialog.name, Qt.Key.Key_Return)
    assert asked == [ImportRequest(tmp_path / "net.pth", "unet16", "road", "for research only")]
    assert dialog.is_running
    assert not dialog.form.isEnabled()


def test_escape_stops_the_work_first_and_leaves_only_then(bringing):
    dialog, _ = bringing
    stopped = []
    dialog.stopped.connect(lambda: stopped.append(True))
    dialog.file.setText("/x.pth")
    dialog.go.click()
    dialog.show_progress(1, 4, "Checking the weights")
    assert dialog.note.text() == "Checking the weights"
    assert dialog.bar.value() == 250
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert stopped == [True]
    assert dialog.isVisible()
    assert dialog.form.isEnabled()
    assert "Nothing was kept" in dialog.outcome.text.text()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert stopped == [True]


def test_a_refusal_is_one_sentence_with_details_to_unfold(bringing):
    dialog, _ = bringing
    dialog.file.setText("/x.pth")
    dialog.go.click()
    dialog.show_refusal("x.pth is not taken: <b>no</b>.", ["Format: zip"])
    assert dialog.outcome.text.text() == "x.pth is not taken: <b>no</b>."
    assert dialog.outcome.text.textFormat() is Qt.TextFormat.PlainText
    assert dialog.outcome.details.isHidden()
    low = dialog.height()
    dialog.outcome.more.click()
    assert dialog.outcome.details.text() == "Format: zip"
    assert not dialog.outcome.details.isHidden()
    assert dialog.height() > low
    assert dialog.again.isHidden()
    asked = []
    dialog.wanted.connect(asked.append)
    dialog.show_refusal("There is one already.", [], may_replace=True)
    dialog.again.click()
    assert [request.replace for request in asked] == [True]


def test_after_success_the_model_can_be_taken_into_use(bringing):
    dialog, _ = bringing
    taken = []
    dialog.chosen.connect(taken.append)
    dialog.file.setText("/x.pth")
    dialog.go.click()
    dialog.show_report("road", "road is installed.", [("Network", "U-Net")], [])
    assert dialog.form.isHidden()
    dialog.go.click()
    assert taken == ["road"]
    assert not dialog.isVisible()


def test_the_report_says_what_was_recognised_checked_and_where_it_is_kept():
    report = ImportReport(
        installed("road", licence="MIT"),
        "unet16",
        {},
        guessed=True,
        warnings=("It gives the same everywhere.",),
    )
    facts = dict(report_facts(report, "U-Net"))
    assert facts["Network"] == "U-Net, recognised from its layers"
    assert facts["Licence"] == "MIT"
    assert facts["Kept in"].endswith("road.safetensors")
    assert facts["Note"] == "It gives the same everywhere."
    assert "as you said" in dict(report_facts(replace(report, guessed=False), "U-Net"))["Network"]


def test_details_are_in_words_and_never_endless():
    known = {
        "file": "net.pth",
        "format": "zip",
        "bytes": 3723421,
        "warnings": ["said elsewhere"],
        "keys": [f"conv{n}.weight" for n in range(20)],
        "nearest": "unet16",
        "arguments": {},
        "differences": {
            "missing": ["up.bias"],
            "extra": [],
            "shapes": [{"name": "up.weight", "found": [3, 4], "wanted": [3, 8]}],
        },
    }
    lines = known_lines(known)
    assert lines == [
        "Format of the file: zip",
        "Bytes: 3 723 421",
        "Nearest network: unet16",
        "Missing: up.bias",
        "Other shapes: up.weight is 3×4, should be 3×8",
        "First names: conv0.weight, conv1.weight, conv2.weight, conv3.weight, conv4.weight …",
    ]
    assert known_lines({**known, "differences": None})[-1].startswith("First names")
    assert "Nearest" not in "".join(known_lines({**known, "differences": None}))
    assert known_lines({}) == []


# ---------------------------------------------------------------- the two together with the window


def test_a_stopped_import_lets_go_at_once_and_keeps_nothing(qtbot, own_state, monkeypatch):
    """A stand-in that reports as often as the real one does."""
    ended = threading.Event()

    def endless(file, *, progress, **stated):
        try:
            while True:
                progress(1, 4, "Reading the checkpoint")
                time.sleep(0.05)
        finally:
            ended.set()

    monkeypatch.setattr(importing, "import_model", endless)
    with running(qtbot, own_state) as app:
        app.until_models()
        dialog = open_import(app.window.scope, file=Path("/x.pth"))
        dialog.go.click()
        app.until(lambda: dialog.note.text() == "Reading the checkpoint")
        start = time.monotonic()
        dialog.leave.click()
        assert not dialog.is_running
        app.until(ended.is_set)
        assert time.monotonic() - start < 0.2 + 0.8, "200 ms are meant; a busy machine gets some more"
        app.until(lambda: app.program.lanes.is_idle)
        dialog.leave.click()


def test_leaving_the_dialog_in_the_middle_stops_the_work(qtbot, own_state, monkeypatch):
    begun, ended = threading.Event(), threading.Event()

    def endless(file, *, progress, **stated):
        try:
            while True:
                begun.set()
                progress(0, 0)
                time.sleep(0.02)
        finally:
            ended.set()

    monkeypatch.setattr(importing, "import_model", endless)
    with running(qtbot, own_state) as app:
        app.until_models()
        dialog = open_import(app.window.scope, file=Path("/x.pth"))
        dialog.go.click()
        app.until(begun.is_set)
        dialog.done(0)
        app.until(ended.is_set)


def test_what_is_refused_is_said_in_the_dialog(qtbot, own_state, monkeypatch):
    def refuse(file, **stated):
        raise errors.CheckpointRefused("net.pth", "it is a web page.", known={"format": "html", "bytes": 9})

    monkeypatch.setattr(importing, "import_model", refuse)
    with running(qtbot, own_state) as app:
        app.until_models()
        dialog = open_import(app.window.scope, file=Path("/net.pth"))
        dialog.go.click()
        app.until(lambda: not dialog.is_running)
        assert dialog.outcome.text.text().startswith("net.pth is not taken: it is a web page.")
        assert dialog.outcome.details.text() == "Format of the file: html\nBytes: 9"
        assert app.texts() == [], "said once, where it was asked for"
        dialog.done(0)


def test_a_checkpoint_of_the_authors_becomes_the_model_in_use(qtbot, own_state, tmp_path):
    """For real: the child process, the file in the models folder, the list, the choice."""
    import torch

    from crackcore.models.catalogue import create_network

    torch.manual_seed(5)
    network = create_network("deepcrack_liu", width=1 / 16)
    weights = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save(weights, tmp_path / "road cracks.pth")
    with running(qtbot, own_state) as app:
        app.until_models()
        app.window.take_dropped([tmp_path / "road cracks.pth"])
        dialog = app.window.findChild(ImportDialog)
        assert dialog.file.text().endswith("road cracks.pth")
        dialog.licence.setText("for research only")
        dialog.go.click()
        app.until(lambda: not dialog.is_running, timeout=180_000)  # a new process, and torch in it
        assert not dialog.outcome.isHidden()
        assert "is installed" in dialog.outcome.text.text(), dialog.outcome.text.text()
        dialog.go.click()
        app.until(lambda: app.session.models.chosen.name == "road-cracks")
        chosen = app.session.models.chosen
        assert chosen.spec.architecture == "deepcrack_liu"
        assert chosen.spec.licence == "for research only"
        assert chosen.path.parent == own_state / "models"
        assert app.window.prediction.model.name.text() == "road-cracks"


def test_drawn_pictures_are_not_called_photos() -> None:
    rows = ({"set": "wall", "trained_on": 2}, {"set": "drawn", "kind": "drawn", "trained_on": 300})
    assert (
        training_words(ModelSpec("m", "cgnet_m3n21", training_data=rows)) == "2 photos: wall, and 300 drawn"
    )
