"""A result four times finer than its photo: asked for, kept, drawn on, taken back, and brought back."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import tiny_finer_network
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from window_program import picture, pictures, running

from app.session import regridding
from crackcore.arrays import HAND_CRACK, HAND_SOUND
from crackcore.domain.image_record import Review
from crackcore.domain.model_spec import ModelSpec, Preprocessing
from crackcore.errors import InputRefused
from crackcore.imaging import enlarging
from crackcore.masks.regridding import finer
from crackcore.models.catalogue import create_network
from crackcore.models.model_files import save_model
from crackcore.projects.store import ProjectStore

SIZE = (96, 128)
FINE = (384, 512)


@pytest.fixture
def finer_model(own_state, monkeypatch, tiny_model):
    """`tiny` works in photo pixels, `tiny finer` enlarges."""
    return tiny_finer_network.install(own_state / "models", monkeypatch)


def start(app, *, result="finer", model="tiny finer"):
    app.until_shown()
    app.until_models()
    app.session.models.choose(model)
    app.session.settings.set("result_grid", result)
    return app.session.document


def predict(app):
    app.run("predict.this")
    app.settle()


def blocks(mask):
    return mask[::4, ::4]


def test_a_finer_result_brings_picture_and_strokes_to_its_grid_and_undo_brings_all_back(
    qtbot, own_state, tmp_path, finer_model
):
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        document = start(app)
        app.stroke((20, 20), (20, 80))
        drawn = document.hand.copy()
        assert (drawn == HAND_CRACK).any()
        y, x = app.canvas.viewport.to_image(100, 100)
        predict(app)
        assert document.size_px == FINE
        assert document.record.magnification == 4
        assert document.prediction.score.shape == FINE
        assert document.prediction.settings.result_scale == 4
        assert np.array_equal(document.hand, finer(drawn, 4))
        assert document.photo.shape[:2] == SIZE
        assert document.photo_levels[0].shape[:2] == FINE
        assert (document.prediction.score >= 128).any()
        # the same place of the picture lies under the mouse
        fine_y, fine_x = app.canvas.viewport.to_image(100, 100)
        assert fine_y == pytest.approx((y + 0.5) * 4 - 0.5, abs=4)
        assert fine_x == pytest.approx((x + 0.5) * 4 - 0.5, abs=4)
        app.stroke((300, 100), (300, 400))
        fine = document.hand.copy()
        assert not np.array_equal(fine, finer(drawn, 4))
        app.run("edit.undo")
        assert np.array_equal(document.hand, finer(drawn, 4))
        app.run("edit.undo")
        app.settle()
        assert document.size_px == SIZE
        assert np.array_equal(document.hand, drawn)
        assert document.prediction is None
        app.run("edit.undo")
        assert not document.hand.any()
        app.run("edit.redo")
        app.run("edit.redo")
        app.settle()
        app.run("edit.redo")
        assert np.array_equal(document.hand, fine)
        assert document.prediction is not None
        path, image_id = app.session.path, document.record.id
    with ProjectStore.open(path, read_only=True) as store:
        assert store.project.image(image_id).magnification == 4
        assert np.array_equal(store.read_hand(image_id), fine)
        assert store.read_prediction(image_id).score.shape == FINE
        assert not store.check().findings


def test_in_photo_pixels_the_same_model_leaves_the_grid_alone(qtbot, own_state, tmp_path, finer_model):
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        document = start(app, result="photo")
        predict(app)
        assert document.prediction.score.shape == SIZE
        assert document.record.magnification == 1


def test_a_finer_picture_stays_so_and_takes_the_score_of_any_model(qtbot, own_state, tmp_path, finer_model):
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        document = start(app)
        predict(app)
        app.session.models.choose("tiny")
        predict(app)
        assert document.prediction.model == "tiny"
        assert document.prediction.settings.result_scale == 1
        coarse = blocks(document.prediction.score)
        assert np.array_equal(document.prediction.score, finer(coarse, 4))
        # and the enlarging one keeps the grid, whatever is chosen for new pictures
        app.session.models.choose("tiny finer")
        app.session.settings.set("result_grid", "photo")
        predict(app)
        assert document.prediction.settings.result_scale == 4
        assert document.size_px == FINE
        # looking at a map of the model, made from the photo itself
        key = next(view.key for view in app.session.looking.views if ":" in view.key)
        app.session.looking.look_at(key)
        app.settle()
        assert app.session.looking.look.heat.base.shape == FINE
        # and refined, following the photo enlarged: looked at, or with every new score
        app.session.looking.look_at("guided-filter")
        app.settle()
        assert app.session.looking.look.heat.base.shape == FINE
        app.session.settings.set("refinement", "guided-filter")
        predict(app)
        assert document.prediction.model == "tiny finer + guided-filter"
        assert document.prediction.score.shape == FINE


def test_back_to_photo_pixels_warns_before_fine_strokes_get_wider(qtbot, own_state, tmp_path, finer_model):
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        document = start(app)
        panel = app.window.prediction.grid
        assert panel.choice.isVisible()
        assert not panel.back.isVisible()
        predict(app)
        assert panel.back.isVisible()
        panel.back.click()  # nothing was drawn: nothing is lost
        app.settle()
        assert document.size_px == SIZE
        assert document.prediction.score.shape == SIZE
        app.run("edit.undo")
        app.settle()
        assert document.size_px == FINE
        app.canvas._toolbox.size_px = 1
        app.stroke((41, 41), (41, 201))
        drawn = document.hand.copy()
        panel.back.click()
        app.settle()
        assert document.size_px == FINE
        assert any("thin strokes get wider" in text for text in app.texts())
        app.press("Back to photo pixels")
        app.settle()
        assert document.size_px == SIZE
        anywhere = (drawn == HAND_CRACK).reshape(96, 4, 128, 4).any(axis=(1, 3))
        assert 38 < anywhere.sum() < 44
        assert np.array_equal(document.hand == HAND_CRACK, anywhere)
        assert ((document.hand != 0) == anywhere).all()
        app.run("edit.undo")
        app.settle()
        assert np.array_equal(document.hand, drawn)


def test_a_stroke_drawn_while_the_grid_is_being_changed_is_not_lost(
    qtbot, own_state, tmp_path, monkeypatch, finer_model
):
    pictures(tmp_path / "wall", 1)
    begun, go, really = threading.Event(), threading.Event(), regridding.planes_on_grid

    def planes_on_grid(wish, progress):
        begun.set()
        go.wait(20)
        return really(wish, progress)

    monkeypatch.setattr(regridding, "planes_on_grid", planes_on_grid)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        document = start(app)
        app.run("predict.this")
        app.until(begun.is_set)
        assert not app.session.may_go(document.record.id)
        QTest.mousePress(app.canvas, Qt.MouseButton.LeftButton, pos=app.on_screen((20, 20)))
        assert document.in_stroke
        go.set()
        app.settle()
        assert document.size_px == SIZE, "not in the middle of a stroke"
        QTest.mouseMove(app.canvas, app.on_screen((20, 80)))
        QTest.mouseRelease(app.canvas, Qt.MouseButton.LeftButton, pos=app.on_screen((20, 80)))
        app.until(lambda: document.size_px == FINE)
        assert (document.hand[80:84, 200:204] == HAND_CRACK).all()
        app.run("edit.undo")
        app.settle()
        app.run("edit.undo")
        assert not document.hand.any()


def test_an_approved_picture_stays_as_it_is(qtbot, own_state, tmp_path, finer_model):
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        document = start(app, result="photo")
        app.stroke((20, 20), (20, 80))
        app.run("review.approve")
        app.until(lambda: document.frozen is not None)
        app.session.settings.set("result_grid", "finer")
        predict(app)
        assert document.size_px == SIZE
        assert document.frozen.shape == SIZE
        # and the other way: a finer picture, approved, cannot be undone away
        document.reopen()
        predict(app)
        assert document.size_px == FINE
        app.run("review.approve")
        app.until(lambda: document.frozen is not None)
        frozen = document.frozen.copy()
        app.run("edit.undo")
        app.settle()
        app.window.prediction.grid.back.click()
        app.settle()
        assert document.size_px == FINE
        assert np.array_equal(document.frozen, frozen)
        assert any("approved" in text for text in app.texts())


def test_predict_all_makes_pictures_finer_that_are_not_in_memory_and_keeps_what_was_drawn(
    qtbot, own_state, tmp_path, finer_model
):
    pictures(tmp_path / "wall", 3)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        start(app, result="photo")
        app.session.showing.documents._limit_bytes = lambda: 1  # nothing but the shown image may stay
        ids = [record.id for record in app.session.project.images]
        app.stroke((20, 20), (20, 80))
        first = app.session.document
        drawn = first.hand.copy()
        app.settle()
        app.go_to(ids[2])
        app.settle()
        assert not first.is_loaded
        app.session.settings.set("result_grid", "finer")
        app.session.predicting._start(tuple(ids))
        app.settle()
        app.until(lambda: all(r.magnification == 4 for r in app.session.project.images))
        app.settle()
        assert {r.review for r in app.session.project.images} == {Review.EDITED, Review.PREDICTED}
        app.go_to(ids[0])
        assert app.session.document is first
        assert np.array_equal(first.hand, finer(drawn, 4))
        assert first.prediction.score.shape == FINE
        app.run("edit.undo")  # the steps from before are still its steps
        app.settle()
        assert np.array_equal(first.hand, drawn)
        assert first.prediction is None
        app.run("edit.undo")
        assert not first.hand.any()
        app.run("edit.redo")
        app.run("edit.redo")
        app.settle()
        assert np.array_equal(first.hand, finer(drawn, 4))
        path = app.session.path
    with ProjectStore.open(path, read_only=True) as store:
        assert not store.check().findings
        assert all(store.read_prediction(i).score.shape == FINE for i in ids)
        assert np.array_equal(store.read_hand(ids[0]), finer(drawn, 4))


def test_too_large_for_a_finer_grid_is_said_and_the_result_comes_in_photo_pixels(
    qtbot, own_state, tmp_path, monkeypatch, finer_model
):
    picture(tmp_path / "wall" / "large.png")
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        document = start(app)
        monkeypatch.setattr(
            regridding,
            "too_large_to_be_finer",
            lambda size, scale: "it would have 240 megapixels, and the limit is 200 megapixels.",
        )
        predict(app)
        assert document.prediction.score.shape == SIZE
        assert any("large.png cannot be made finer" in text for text in app.texts())
        monkeypatch.undo()

        def refuse(path, size, factor):
            raise InputRefused(path, "it needs more memory than there is.")

        monkeypatch.setattr("app.document.regridding.check_finer", refuse)
        tiny_finer_network.install(own_state / "models", monkeypatch)
        predict(app)
        assert document.prediction.settings.result_scale == 4
        assert document.prediction.score.shape == SIZE
        assert any("more memory" in text for text in app.texts())


def test_the_limit_is_that_of_the_reader():
    assert enlarging.too_large_to_be_finer((3000, 4100), 4) == ""
    assert "limit is 200 megapixels" in enlarging.too_large_to_be_finer((3000, 4200), 4)
    assert "a side" in enlarging.too_large_to_be_finer((10, 17_000), 4)
    assert enlarging.too_large_to_be_finer((10, 17_000), 1) == ""


def test_an_eraser_on_the_finer_grid_trims_less_than_a_photo_pixel(qtbot, own_state, tmp_path, finer_model):
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        document = start(app)
        predict(app)
        shown = document.shown_mask()
        y, x = (int(v[0]) for v in np.nonzero(shown))
        app.canvas._toolbox.size_px = 1
        app.canvas.zoom_by(8)  # so that the mouse can point at a pixel
        app.canvas.centre_on(y, x)
        app.stroke((y, x), button=Qt.MouseButton.RightButton)
        assert document.hand[y, x] == HAND_SOUND
        assert (document.hand != 0).sum() == 1
        assert shown.sum() - document.shown_mask().sum() == 1


def test_cssr_itself_gives_a_finer_mask_and_its_enlarged_picture_lies_over_it(
    qtbot, own_state, tmp_path, tiny_model
):
    torch.manual_seed(0)
    network = create_network("cssr", stages=2, width=1 / 16)
    spec = ModelSpec(
        name="small cssr",
        architecture="cssr",
        arguments={"stages": 2, "width": 1 / 16},
        activation="sigmoid",
        preprocessing=Preprocessing(scale=1 / 255),
        tile_px=128,
        overlap_px=32,
    )
    save_model(own_state / "models" / "small-cssr.safetensors", network, spec)
    picture(tmp_path / "wall" / "low.png", (40, 52))
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        document = start(app, model="small cssr")
        assert app.window.prediction.grid.choice.isVisible()
        predict(app)
        assert document.size_px == (160, 208)
        assert document.prediction.settings.result_scale == 4
        assert len(np.unique(document.prediction.score)) > 3
        view = next(view for view in app.session.looking.views if view.title == "Enlarged picture")
        app.session.looking.look_at(view.key)
        app.settle()
        look = app.session.looking.look
        assert look.picture[0].shape == (160, 208, 3)
        assert look.factor == 1, "as fine as the document is now"
