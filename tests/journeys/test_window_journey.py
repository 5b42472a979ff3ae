"""A whole day through the window, on real pictures: from opening a folder to the export."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialogButtonBox
from window_program import Running, running

from app.dialogs.export import ExportDialog
from crackcore.arrays import HAND_CRACK, HAND_SOUND
from crackcore.domain.image_record import Review, Threshold


@pytest.fixture
def folder(samples: Path, tmp_path: Path) -> Path:
    """Three of the shipped photographs in a folder of their own."""
    place = tmp_path / "bridge 7 – März"
    place.mkdir()
    names = sorted(p for p in samples.iterdir() if p.suffix == ".jpg")[:3]
    for name in names:
        shutil.copy(name, place / name.name)
    return place


def _predict_all(app: Running) -> None:
    app.until_models()
    app.session.models.choose("tiny")
    app.run("predict.all")
    assert app.session.predicting.batch is not None
    app.settle()


def test_a_day_from_the_folder_to_the_export(qtbot, own_state, folder, tiny_model, tmp_path):
    with running(qtbot, own_state, [folder]) as app:
        app.until_shown()
        session, window = app.session, app.window
        assert session.path == folder / f"{folder.name}.crackscope"
        assert session.path.is_file()
        assert window.images.filter.rowCount() == 3
        ids = [record.id for record in session.project.images]

        _predict_all(app)
        assert [r.review for r in session.project.images] == [Review.PREDICTED] * 3
        document = session.document
        assert document is not None
        assert document.prediction is not None
        assert document.prediction.model == "tiny"

        # the threshold, by its number
        window.prediction.low.setValue(40.0)
        assert document.threshold == Threshold(102, 102)
        at_40 = document.shown_mask()
        window.prediction.low.setValue(60.0)
        at_60 = document.shown_mask()
        assert at_60.sum() <= at_40.sum()

        # two strokes with the mouse, one undone and done again
        app.key(Qt.Key.Key_B)
        window.tools.size_px = 9
        before = document.hand.copy()
        app.stroke((40, 40), (60, 90), (80, 120))
        after_first = document.hand.copy()
        assert (after_first == HAND_CRACK).sum() > 9 * 60
        app.key(Qt.Key.Key_E)
        app.stroke((60, 60), (60, 160))
        after_second = document.hand.copy()
        assert (after_second == HAND_SOUND).sum() > 0
        app.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert np.array_equal(document.hand, after_first)
        app.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert np.array_equal(document.hand, before)
        app.key(Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
        app.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
        assert np.array_equal(document.hand, after_second)
        assert session.record(ids[0]).review is Review.EDITED

        # a new prediction and the slider leave what a hand has touched alone
        app.run("predict.this")
        app.settle()
        window.prediction.slider.released.emit(1, 1)
        assert np.array_equal(document.hand, after_second)
        touched = after_second != 0
        assert np.array_equal(document.shown_mask()[touched] == 1, after_second[touched] == HAND_CRACK)
        document.set_threshold(Threshold(153, 153), final=True)

        # approve and go on
        app.key(Qt.Key.Key_Return)
        app.until_shown(ids[1])
        app.settle()
        assert session.record(ids[0]).review is Review.APPROVED
        assert session.record(ids[1]).review is Review.PREDICTED

        # look closely at a spot of the second picture
        app.canvas.actual_size()
        app.canvas.zoom_by(2.0)
        app.canvas.centre_on(77, 133)
        view = app.canvas.view_state()
        app.until(lambda: session.project.view == view)
        app.settle()
        assert window.status.saved_sentence().startswith("saved")
        shown = {}
        for image_id in ids:
            app.go_to(image_id)
            shown[image_id] = session.document.shown_mask()
        # undo survives the way there and back
        app.go_to(ids[0])
        assert session.document.undo_stack.count() == 2
        app.go_to(ids[1])
        app.canvas.set_view_state(view)
        app.close()

    with running(qtbot, own_state) as app:
        session = app.session
        assert app.window.stack.currentWidget() is app.window.first_run
        assert app.program.settings.recent[0] == folder / f"{folder.name}.crackscope"
        session.open_project(app.program.settings.recent[0])
        app.until_shown()
        assert session.shown_id == ids[1]
        assert app.canvas.view_state() == view
        assert [r.review for r in session.project.images] == [
            Review.APPROVED,
            Review.PREDICTED,
            Review.PREDICTED,
        ]
        for image_id in ids:
            app.go_to(image_id)
            assert np.array_equal(session.document.shown_mask(), shown[image_id])

        out = tmp_path / "for the report"
        app.run("file.export")
        dialog = app.window.findChild(ExportDialog)
        assert dialog is not None
        dialog.folder.setText(str(out))
        assert "crackcore export" in dialog.command.text()
        assert "--format png" in dialog.command.text()
        dialog.findChild(QDialogButtonBox).accepted.emit()
        app.settle()
        written = {path.stem: path for path in out.rglob("*.png")}
        assert len(written) == 3, [m.text for m in app.told]
        for record in session.project.images:
            mask = np.asarray(Image.open(written[Path(record.file).stem]))
            assert np.array_equal(mask == 255, shown[record.id] == 1)


def test_nothing_is_asked_twice_and_a_folder_with_a_project_opens_it(qtbot, own_state, folder):
    with running(qtbot, own_state, [folder]) as app:
        app.until_shown()
        app.settle()
        first = {record.id for record in app.session.project.images}
        app.close()
    shutil.copy(next(folder.glob("*.jpg")), folder / "zz new.jpg")
    with Image.open(folder / "zz new.jpg") as picture:
        turned = picture.transpose(Image.Transpose.ROTATE_180)
    turned.save(folder / "zz new.jpg")
    with running(qtbot, own_state, [folder]) as app:
        app.until_shown()
        assert {record.id for record in app.session.project.images} == first
        app.press("Add them")
        app.until(lambda: len(app.session.project.images) == 4)
        app.settle()
