"""The canvas and the panel when a picture moves to a finer grid: the same place stays where it is."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_finer_network
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtGui import QImage
from window_program import pictures, running

from app.canvas import CanvasView, Viewport
from app.canvas.viewport import MAX_SCALE
from app.document import Document, LayerOptions, planes_on_grid
from app.editing import ToolBox
from app.theme import data_colours
from crackcore.domain.image_record import ImageRecord
from crackcore.domain.prediction import Prediction
from crackcore.imaging.enlarging import enlarged
from crackcore.imaging.pyramid import photo_levels


@given(
    st.integers(1, 900),
    st.integers(1, 900),
    st.floats(0.01, MAX_SCALE),
    st.floats(-50, 2000),
    st.floats(-50, 2000),
)
def test_the_finer_grid_shows_the_same_place(height, width, scale, y, x):
    view = Viewport(height, width, 500, 700, scale, y, x)
    fine = view.for_grid(2000, 2800)
    assert (fine.image_height, fine.image_width) == (2000, 2800)
    assert fine.scale == pytest.approx(scale / 4)
    for at in ((0.0, 0.0), (height / 2, width / 3)):
        there, finer = view.to_image(*at), fine.to_image(*at)
        for coarse, found in zip(there, finer, strict=True):
            assert found == pytest.approx((coarse + 0.5) * 4 - 0.5, abs=4 / scale + 1e-6)
    back = fine.for_grid(500, 700)
    assert back.scale == pytest.approx(scale)
    assert back.centre_y == pytest.approx(y)
    assert view.fit().for_grid(2000, 2800) == Viewport(height, width, 2000, 2800).fit()


def test_a_view_that_is_close_already_gets_no_closer_than_may_be():
    view = Viewport(300, 400, 2000, 2800, MAX_SCALE, 10, 10)
    assert view.for_grid(500, 700).scale == MAX_SCALE


def grabbed(view: CanvasView) -> np.ndarray:
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy()


def test_photo_and_mask_are_drawn_on_the_finer_grid(qtbot, qapp):
    toolbox = ToolBox()
    toolbox.choose("pan")
    view = CanvasView(toolbox)
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.set_layers(LayerOptions(opacity=1.0))
    view.show()
    qtbot.waitExposed(view)
    photo = np.random.default_rng(2).integers(0, 120, (25, 30, 3), dtype=np.uint8)
    document = Document(ImageRecord("p1", "p1.jpg", "", 25, 30))
    document.set_loaded(photo_levels(photo), np.zeros((25, 30), np.uint8), None, None)
    view.set_document(document, keep_view=False)
    score = np.zeros((100, 120), np.uint8)
    score[50] = 255  # a quarter of a photo pixel
    prediction = Prediction(score, "m", "0" * 64)
    assert document.grid.take(planes_on_grid(document.grid.wish(4, prediction)))
    assert (view.viewport.image_height, view.viewport.image_width) == (100, 120)
    view.actual_size()
    shown = grabbed(view)
    top, left = view.viewport.origin
    picture = shown[top : top + 100, left : left + 120]
    assert (picture[50] == data_colours.CRACK_PREDICTED).all()
    larger = enlarged(photo, 4).copy()
    larger[50] = data_colours.CRACK_PREDICTED
    assert np.array_equal(picture, larger)


def test_the_choice_is_there_only_for_a_model_that_enlarges(
    qtbot, own_state, tmp_path, monkeypatch, tiny_model
):
    tiny_finer_network.install(own_state / "models", monkeypatch)
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.until_models()
        panel = app.window.prediction.grid
        app.session.models.choose("tiny")
        assert not panel.isVisible()
        app.session.models.choose("tiny finer")
        assert panel.choice.isVisible()
        assert [panel.choice.itemText(i) for i in range(panel.choice.count())] == [
            "In photo pixels",
            "Four times finer",
        ]
        assert panel.choice.currentData() == "photo"
        panel.choice.setCurrentIndex(1)
        panel.choice.activated.emit(1)
        assert app.session.settings.value.result_grid == "finer"
        assert not panel.back.isVisible()
        app.run("predict.this")
        app.settle()
        assert panel.back.isVisible()
        assert panel.note.text() == "This picture is four times finer than its photo."
        assert "mask × 4" in app.window.status.size_text.text()
        app.session.models.choose("tiny")
        assert panel.back.isVisible(), "the way back does not hang on the model"
        assert not panel.choice.isVisible()
        app.session.settings.set("result_grid", "photo")
        assert panel.choice.currentData() == "photo"
