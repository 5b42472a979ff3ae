"""Layers that are looked at: made on demand, kept for the picture, never taken for the mask."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from window_program import pictures, running

from app.document import planes_on_grid
from app.document.looked_at import LookedAtClass, looked_at
from app.jobs.predict import WarmPredictor
from app.panels.look_at import LookAt
from app.session.looking import RESULT, View
from app.settings.schema import facts_of
from crackcore.domain.model_spec import ModelSpec
from crackcore.masks.threshold import score_step
from crackcore.models.catalogue import InstalledModel, create_network, known_architecture
from crackcore.models.model_files import save_model
from crackcore.refinement import REFINEMENTS, refine

SIZE = (48, 64)


@pytest.fixture
def install(own_state):
    """Real models of a real architecture, a few channels wide, with start weights."""
    import torch

    def make(name: str, architecture: str, *, refinement: str = "", **arguments: object) -> InstalledModel:
        torch.manual_seed(11)
        row, _ = known_architecture(architecture)
        spec = ModelSpec(
            name,
            row.name,
            dict(arguments),
            row.preprocessing,
            row.activation,
            multiple_px=row.multiple_px,
            minimum_px=row.minimum_px,
            refinement=refinement,
        )
        folder = own_state / "models"
        folder.mkdir(parents=True, exist_ok=True)
        network = create_network(architecture, **arguments)
        return save_model(folder / f"{name}.safetensors", network, spec)

    return make


@pytest.fixture
def liu(install):
    return install("liu", "deepcrack_liu", width=1 / 16)


@pytest.fixture
def enlarger(install):
    return install("larger", "dbpn", stages=2, width=1 / 16)


def titles(app) -> list[str]:
    return [view.title for view in app.session.looking.views]


def key(app, title: str) -> str:
    return next(view.key for view in app.session.looking.views if view.title == title)


def look(app, title: str) -> None:
    app.session.looking.look_at(key(app, title))
    app.until(lambda: app.session.looking.job is None)


def shown(app, model: str) -> None:
    app.until_models()
    app.session.models.choose(model)
    app.until_shown()


def test_a_model_s_layers_and_refinements_are_offered_and_its_result_is_not_said_twice(
    qtbot, own_state, tiny_model, liu, enlarger, tmp_path
):
    pictures(tmp_path / "wall", 1, SIZE)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        shown(app, "liu")
        sides = [f"Side output {n}" for n in (1, 2, 3, 4, 5)]
        assert titles(app) == ["Result", *sides], "nothing is refined before there is a score"
        app.run("predict.this")
        app.until(lambda: app.session.document.prediction is not None)
        assert titles(app) == ["Result", *sides, *(row.title for row in REFINEMENTS.values())]
        app.session.models.choose("larger")
        assert "Enlarged picture" in titles(app)
        assert not app.session.predicting.can_predict, "it finds no cracks by itself"
        app.session.models.choose("tiny")
        assert titles(app)[0] == "Result"
        combo = app.window.findChild(LookAt).choice
        assert [combo.itemText(n) for n in range(combo.count()) if combo.itemData(n) is not None] == titles(
            app
        )


def test_side_outputs_are_those_of_the_network_and_all_come_at_once(qtbot, own_state, liu, tmp_path):
    from crackcore.inference.predictor import Predictor

    pictures(tmp_path / "wall", 1, SIZE)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        shown(app, "liu")
        looking = app.session.looking
        look(app, "Side output 3")
        canvas = app.canvas.looked_at
        assert canvas is looking.look
        assert canvas.factor == 1
        pixels = app.session.document.photo_levels[0]
        expected = Predictor.for_model(liu, "cpu").maps(pixels, ["side3", "side5"])
        assert np.array_equal(canvas.heat.base, expected["side3"])
        looking.look_at(key(app, "Side output 5"))
        assert looking.job is None, "it came along with the first"
        assert np.array_equal(app.canvas.looked_at.heat.base, expected["side5"])
        looking.look_at(RESULT)
        assert app.canvas.looked_at is None


def test_what_is_looked_at_is_said_over_the_picture_and_the_way_back_is_beside_it(
    qtbot, own_state, liu, tmp_path
):
    pictures(tmp_path / "wall", 1, SIZE)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        shown(app, "liu")
        notice = app.window.looked_at
        assert notice.isHidden()
        look(app, "Side output 2")
        assert notice.isVisible()
        assert notice.text.text() == "You are looking at “Side output 2” (liu), not at the mask."
        assert not notice.use.isVisible(), "a side output is not a refined score"
        notice.outline.click()
        assert app.session.looking.outline
        notice.back.click()
        assert notice.isHidden()
        assert app.canvas.looked_at is None


def test_drawing_and_undoing_bring_the_mask_back(qtbot, own_state, liu, tmp_path):
    pictures(tmp_path / "wall", 1, SIZE)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        shown(app, "liu")
        look(app, "Side output 1")
        app.stroke((20, 20), (20, 40))
        assert app.canvas.looked_at is None
        look(app, "Side output 1")
        app.run("edit.undo")
        assert app.canvas.looked_at is None


def test_another_picture_or_model_ends_it(qtbot, own_state, liu, enlarger, tmp_path):
    pictures(tmp_path / "wall", 2, SIZE)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        shown(app, "liu")
        first, second = (record.id for record in app.session.project.images)
        look(app, "Side output 1")
        before = app.session.looking.look
        app.go_to(second)
        assert app.canvas.looked_at is None
        assert app.window.looked_at.isHidden()
        app.go_to(first)
        assert app.canvas.looked_at is None
        look(app, "Side output 1")
        assert app.session.looking.look is not before, "made anew: only the present picture's is kept"
        app.session.models.choose("larger")
        assert app.canvas.looked_at is None


def test_an_enlarged_picture_is_four_times_finer_and_takes_the_photo_s_place(
    qtbot, own_state, enlarger, tmp_path
):
    pictures(tmp_path / "wall", 1, SIZE)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        shown(app, "larger")
        look(app, "Enlarged picture")
        found = app.canvas.looked_at
        assert found.factor == 4
        assert found.picture[0].shape == (SIZE[0] * 4, SIZE[1] * 4, 3)
        assert not found.covers_mask
        assert app.window.looked_at.text.text().endswith("not at the photo.")
        assert app.window.looked_at.outline.isHidden()
        app.stroke((20, 20), (20, 40))  # the mask lies over it, so drawing may go on
        assert app.canvas.looked_at is found


def test_a_refined_score_can_take_the_score_s_place_and_be_taken_back(qtbot, own_state, tiny_model, tmp_path):
    pictures(tmp_path / "wall", 1, SIZE)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        shown(app, "tiny")
        app.run("predict.this")
        document = app.session.document
        app.until(lambda: document.prediction is not None)
        app.settle()
        before = document.prediction
        row = REFINEMENTS["guided-filter"]
        look(app, row.title)
        expected = refine("guided-filter", before.score, document.photo_levels[0])
        assert not np.array_equal(expected, before.score)
        assert np.array_equal(app.canvas.looked_at.heat.base, expected)
        assert document.prediction is before, "looking changes nothing"
        app.window.looked_at.use.click()
        assert app.canvas.looked_at is None
        assert document.prediction.model == "tiny + guided-filter"
        assert document.prediction.model_sha256 == before.model_sha256
        assert np.array_equal(document.prediction.score, expected)
        app.settle()
        kept = app.session.store.read_prediction(document.record.id)
        assert kept.model == "tiny + guided-filter"
        app.press("Take back")
        assert document.prediction is before
        assert app.window.looked_at.isHidden()


def test_the_published_filter_follows_the_model_s_own_side_map(qtbot, own_state, tiny_model, liu, tmp_path):
    from crackcore.inference.predictor import Predictor

    pictures(tmp_path / "wall", 1, SIZE)
    published = REFINEMENTS["guided-filter-published"]
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        shown(app, "liu")
        app.run("predict.this")
        document = app.session.document
        app.until(lambda: document.prediction is not None)
        look(app, published.title)
        pixels = document.photo_levels[0]
        guide = Predictor.for_model(liu, "cpu").maps(pixels, ["side1"])["side1"]
        expected = refine("guided-filter-published", document.prediction.score, pixels, guide)
        assert np.array_equal(app.canvas.looked_at.heat.base, expected)
        app.session.models.choose("tiny")
        app.run("predict.this")
        app.until(lambda: document.prediction.model == "tiny")
        assert published.title not in titles(app), "this model has no side map"


def test_a_new_score_ends_what_was_refined_from_the_old_one(qtbot, own_state, tiny_model, tmp_path):
    pictures(tmp_path / "wall", 1, SIZE)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        shown(app, "tiny")
        app.run("predict.this")
        document = app.session.document
        app.until(lambda: document.prediction is not None)
        app.settle()
        before = document.prediction
        look(app, REFINEMENTS["guided-filter"].title)
        app.run("predict.this")
        app.until(lambda: document.prediction is not before)
        assert app.canvas.looked_at is None


def test_making_a_layer_shows_how_far_it_is_and_is_let_go_at_once(
    qtbot, own_state, liu, tmp_path, monkeypatch
):
    begun, ended = threading.Event(), threading.Event()

    def slow(self, installed, pixels, names, settings, progress):
        try:
            for step in range(2000):
                begun.set()
                progress(step, 2000)
                time.sleep(0.02)
        finally:
            ended.set()

    monkeypatch.setattr(WarmPredictor, "maps", slow)
    pictures(tmp_path / "wall", 1, SIZE)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        shown(app, "liu")
        looking, notice = app.session.looking, app.window.looked_at
        looking.look_at(key(app, "Side output 4"))
        app.until(begun.is_set)
        app.until(notice.stop.isVisible)
        assert notice.text.text() == "Making “Side output 4”…"
        assert looking.look is None
        start = time.monotonic()
        notice.stop.click()
        assert looking.job is None
        assert notice.isHidden()
        app.until(ended.is_set)
        assert time.monotonic() - start < 1.0, "200 ms are meant; a busy machine gets some more"
        app.settle()
        assert app.canvas.looked_at is None


def test_what_cannot_be_made_is_said_and_the_result_stays(
    qtbot, own_state, liu, tmp_path, monkeypatch, caplog
):
    from crackcore.errors import NotAnalysed

    def broken(self, *arguments):
        raise NotAnalysed("It gave values that are not numbers.")

    monkeypatch.setattr(WarmPredictor, "maps", broken)
    pictures(tmp_path / "wall", 1, SIZE)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        shown(app, "liu")
        look(app, "Side output 4")
        assert app.session.looking.key == RESULT
        assert any("not numbers" in text for text in app.texts())


def test_a_picture_too_large_to_be_enlarged_is_refused_before_any_work(
    qtbot, own_state, enlarger, tmp_path, monkeypatch
):
    pictures(tmp_path / "wall", 1, SIZE)
    monkeypatch.setattr("app.session.looking.LARGEST_BYTES", 1000)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        shown(app, "larger")
        look(app, "Enlarged picture")
        assert app.canvas.looked_at is None
        assert any("too large" in text for text in app.texts())


def test_shift_m_goes_through_the_layers_and_back(qtbot, own_state, liu, tmp_path):
    pictures(tmp_path / "wall", 1, SIZE)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        shown(app, "liu")
        seen = []
        for _ in range(6):
            app.run("view.look-next")
            app.until(lambda: app.session.looking.job is None)
            found = app.canvas.looked_at
            seen.append(RESULT if found is None else found.title)
        assert seen == [*(f"“Side output {n}” (liu)" for n in (1, 2, 3, 4, 5)), RESULT]
        app.run("view.look-next")
        app.run("view.look-result")
        assert app.canvas.looked_at is None


# ---------------------------------------------------------------- with every prediction


def test_every_prediction_takes_precision_and_refinement_along(qtbot, own_state, tiny_model, tmp_path):
    pictures(tmp_path / "wall", 2, SIZE)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        shown(app, "tiny")
        app.program.settings.set("precision", "float32")
        app.program.settings.set("refinement", "guided-filter")
        app.run("predict.all")
        app.settle()
        for record in app.session.project.images:
            prediction = app.session.store.read_prediction(record.id)
            assert prediction.model == "tiny + guided-filter"
        document = app.session.document
        assert document.prediction.settings.precision == "float32"


def test_what_the_model_says_is_done_unless_the_user_says_otherwise(qtbot, own_state, install, tmp_path):
    install("edged", "deepcrack_liu", width=1 / 16, refinement="guided-filter-published")
    pictures(tmp_path / "wall", 1, SIZE)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        shown(app, "edged")
        document = app.session.document
        app.run("predict.this")
        app.until(lambda: document.prediction is not None)
        assert document.prediction.model == "edged + guided-filter-published"
        assert document.threshold.low == score_step(0.48), "where its authors cut it"
        app.program.settings.set("refinement", "none")
        app.run("predict.this")
        app.until(lambda: document.prediction.model == "edged")


def test_the_refinements_that_can_be_set_exist_and_work_for_every_model():
    names = [value for value, _ in facts_of("refinement").choices if value not in ("model", "none")]
    assert names
    for name in names:
        assert not REFINEMENTS[name].needs_guide


def test_layers_fit_a_picture_that_is_four_times_finer_than_its_photo(
    qtbot, own_state, tiny_model, liu, enlarger, tmp_path
):
    pictures(tmp_path / "wall", 1, SIZE)
    finer = (SIZE[0] * 4, SIZE[1] * 4)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        shown(app, "tiny")
        document = app.session.document
        app.run("predict.this")
        app.until(lambda: document.prediction is not None)
        app.settle()
        look(app, REFINEMENTS["guided-filter"].title)
        assert document.grid.take(planes_on_grid(document.grid.wish(4)))
        assert document.size_px == finer
        assert app.canvas.looked_at is None, "it was made for the other grid"
        look(app, REFINEMENTS["guided-filter"].title)
        assert app.canvas.looked_at.factor == 1
        assert app.canvas.looked_at.heat.base.shape == finer
        app.window.looked_at.use.click()
        assert document.prediction.score.shape == finer
        assert document.prediction.model == "tiny + guided-filter"
        for model, title in (("larger", "Enlarged picture"), ("liu", "Side output 2")):
            app.session.models.choose(model)
            look(app, title)
            found = app.canvas.looked_at
            base = found.picture[0] if found.picture is not None else found.heat.base
            assert (found.factor, base.shape[:2]) == (1, finer)


def test_a_layer_made_elsewhere_is_offered_shown_and_withdrawn(qtbot, own_state, tiny_model, tmp_path):
    pictures(tmp_path / "wall", 2, SIZE)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        looking = app.session.looking
        view = View("made-elsewhere", "Made elsewhere", "Of a test")
        pixels = np.full(SIZE, 2, np.uint8)
        classes = (LookedAtClass("One", (0, 0, 255)), LookedAtClass("Two", (255, 0, 0)))
        looking.offer(view, looked_at("a test", pixels, SIZE, classes))
        assert looking.key == RESULT, "offering does not show"
        look(app, "Made elsewhere")
        image = app.canvas.grab().toImage()
        middle = image.pixelColor(image.width() // 2, image.height() // 2)
        assert (middle.red(), middle.green(), middle.blue()) == (255, 0, 0)
        looking.withdraw("made-elsewhere")
        assert app.canvas.looked_at is None
        assert "Made elsewhere" not in titles(app)
        looking.offer(view, looked_at("a test", pixels, SIZE, classes))
        looking.look_at(view.key)
        app.go_to(app.session.project.images[1].id)
        assert looking.key == RESULT, "it was of the other picture"
        assert "Made elsewhere" not in titles(app)
