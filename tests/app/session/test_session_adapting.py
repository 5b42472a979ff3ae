"""Adapt in the window: nothing changes before Keep, pictures are looked at once, and there is a way back."""

from __future__ import annotations

import threading
import time

import cv2
import numpy as np
import pytest
from PIL import Image
from window_program import pictures, running

from app.jobs.adapt import WarmAdapter, adapted_name, free_name
from app.session.looking import RESULT
from crackcore.domain.image_record import Review
from crackcore.errors import NoSpace
from crackcore.inference.predictor import Predictor
from crackcore.models import catalogue
from crackcore.models.architectures import Architecture
from crackcore.models.deploy.form import MAIN
from crackcore.training import last_layer
from crackcore.training.last_layer import LastLayer

SIZE = (96, 128)


@pytest.fixture
def finds_too_little(tiny_model, own_state):
    """The small network of the tests, that finds nothing before it is adapted; its last layer is known."""
    from dataclasses import replace

    import tiny_network
    import torch

    from crackcore.models.model_files import save_model

    network = tiny_network.build()
    with torch.no_grad():
        network[2].bias[1] -= 10
    tiny_model.path.unlink()
    path = own_state / "models" / "faint.safetensors"
    return save_model(path, network, replace(tiny_model.spec, name="faint"))


@pytest.fixture(autouse=True)
def known_last_layer(monkeypatch):
    """The small network of the tests is one that can be adapted."""
    tiny = Architecture("tiny", "tiny_network:build", outputs=(MAIN,), score=MAIN)
    monkeypatch.setattr(catalogue, "OWN", (*catalogue.OWN, tiny))
    monkeypatch.setitem(last_layer.LAST_LAYERS, "tiny", "2")


@pytest.fixture
def looks(monkeypatch) -> list[tuple[int, ...]]:
    """The shapes of what a network was asked to look at."""
    found: list[tuple[int, ...]] = []
    keep = LastLayer.keep
    monkeypatch.setattr(
        LastLayer, "keep", lambda self, pixels: found.append(pixels.shape) or keep(self, pixels)
    )
    return found


def walls(folder, count: int) -> list:
    """`window_program.pictures` on grounds so different that each is taken for a photo of its own."""
    files = pictures(folder, count, SIZE)
    for number, file in enumerate(files):
        rng = np.random.default_rng(100 + number)
        ground = cv2.resize(rng.normal(0, 22, (4, 5)), SIZE[::-1], interpolation=cv2.INTER_CUBIC)
        pixels = np.asarray(Image.open(file), float) + ground[..., None]
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(file)
    return files


def ids(app) -> list[str]:
    return [record.id for record in app.session.project.images]


def draw_crack(app, number: int) -> None:
    """Draw along the dark line of `window_program.picture`."""
    app.go_to(ids(app)[number])
    height, width = SIZE
    columns = np.arange(2, width - 2, 6)
    rows = np.clip(height / 2 + height / 6 * np.sin(columns / 15 + number), 2, height - 3)
    app.run("tool.brush")
    app.window.tools.brush_px = 3
    app.stroke(*[(float(y), float(x)) for y, x in zip(rows, columns, strict=True)])
    app.until(lambda: app.session.record(ids(app)[number]).review is Review.EDITED)


def adapt(app) -> None:
    app.run("adapt.start")
    adapting = app.session.adapting
    app.until(lambda: adapting.run is None)
    app.until(lambda: adapting.preview.job is None)


def begin(app, model: str = "faint") -> None:
    app.until_models()
    app.session.models.choose(model)
    app.until_shown()


def test_before_and_after_and_nothing_changes_until_it_is_kept(qtbot, own_state, finds_too_little, tmp_path):
    walls(tmp_path / "wall", 3)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        begin(app)
        for number in (0, 1):
            draw_crack(app, number)
        app.go_to(ids(app)[2])
        app.run("predict.this")
        app.until(lambda: app.session.document.prediction is not None)
        document = app.session.document
        installed = app.session.models.installed
        before, threshold = document.prediction, document.threshold
        assert not document.shown_mask().any(), "it finds nothing yet"

        adapt(app)
        session, notice = app.session, app.window.adapted
        facts = session.adapting.offer.facts
        assert (facts.pictures, facts.photos) == (2, 2)
        assert facts.after > facts.before
        assert notice.isVisible()
        assert f"{facts.before:.2f} → {facts.after:.2f}" in notice.headline.text()
        assert "2 px, on 2 pictures" in notice.basis.text()
        assert session.looking.key == "adapted"
        assert notice.after.isChecked()
        assert not app.window.looked_at.isVisible(), "one bar says it, not two"
        after = app.canvas.looked_at.heat.base == 2
        assert after.sum() > 100
        assert document.prediction is before
        assert session.models.chosen.name == "faint"
        assert session.models.installed == installed
        app.run("adapt.flip")
        assert session.looking.key == RESULT
        assert notice.before.isChecked()
        app.run("adapt.flip")
        assert session.looking.key == "adapted"

        app.run("adapt.keep")
        app.until(lambda: session.models.chosen.name == "faint-adapted")
        app.until(lambda: document.prediction is not before)
        app.settle()
        assert not notice.isVisible()
        assert session.looking.key == RESULT
        kept = session.models.chosen
        assert document.prediction.model_sha256 == kept.sha256
        assert document.prediction.model == "faint-adapted"
        assert np.array_equal(document.shown_mask() == 1, after), "what was shown is what is kept"
        assert session.record(ids(app)[0]).review is Review.EDITED
        again = Predictor.for_model(kept, "cpu").predict(document.photo).score
        assert np.array_equal(again, document.prediction.score), "by the file as it was saved"

        app.press("Go back to faint")
        app.settle()
        assert session.models.chosen.name == "faint"
        assert document.prediction is before
        assert document.threshold == threshold
        assert {m.name for m in session.models.installed} == {m.name for m in installed} | {"faint-adapted"}


def test_what_was_kept_is_there_after_the_project_was_closed(qtbot, own_state, finds_too_little, tmp_path):
    walls(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        begin(app)
        draw_crack(app, 0)
        app.go_to(ids(app)[1])
        adapt(app)
        assert app.session.adapting.offer.facts.better is None, "one photo proves nothing"
        assert "Cannot be judged" in app.window.adapted.headline.text()
        assert app.window.adapted.keep.text() == "Keep all the same"
        app.run("adapt.keep")
        app.until(lambda: app.session.models.chosen.name == "faint-adapted")
        app.settle()
        place = app.session.path
        shown = app.session.document.shown_mask()
        assert shown.any()
    with running(qtbot, own_state, [place]) as app:
        begin(app, "faint-adapted")
        app.go_to(ids(app)[1])
        assert app.session.document.prediction.model == "faint-adapted"
        assert np.array_equal(app.session.document.shown_mask(), shown)
        app.run("adapt.back")
        assert app.session.models.chosen.name == "faint", "the way back outlives the program"


def test_a_picture_is_looked_at_once_and_an_adapted_model_learns_from_where_it_came(
    qtbot, own_state, finds_too_little, looks, tmp_path
):
    walls(tmp_path / "wall", 3)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        begin(app)
        for number in (0, 1):
            draw_crack(app, number)
        adapt(app)
        assert len(looks) == 2
        app.run("adapt.keep")
        app.until(lambda: app.session.models.chosen.name == "faint-adapted")
        app.settle()
        draw_crack(app, 2)
        adapt(app)
        assert app.session.adapting.offer.facts.base.name == "faint"
        assert app.session.adapting.offer.facts.pictures == 3
        assert len(looks) == 3, "only the new one"
        app.run("adapt.discard")
        assert app.session.adapting.offer is None
        assert not app.window.adapted.isVisible()
        assert app.session.looking.key == RESULT
        app.session.document.undo()
        adapt(app)
        assert app.session.adapting.offer.facts.pictures == 2, "what was taken back teaches nothing"


def test_stop_answers_at_once_and_leaves_all_as_it_was(
    qtbot, own_state, finds_too_little, monkeypatch, tmp_path
):
    gate = threading.Event()
    look = WarmAdapter.look

    def slow(self, request, progress):
        gate.wait(20)
        return look(self, request, progress)

    monkeypatch.setattr(WarmAdapter, "look", slow)
    walls(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        begin(app)
        draw_crack(app, 0)
        app.run("adapt.start")
        notice = app.window.adapted
        app.until(lambda: "Looking at" in notice.headline.text())
        assert notice.stop.isVisible()
        assert not app.window.actions_set.by_id["adapt.start"].isEnabled()
        started = time.monotonic()
        notice.stop.click()
        assert app.session.adapting.run is None
        assert not notice.isVisible()
        assert time.monotonic() - started < 0.2
        gate.set()
        app.settle()
        assert app.session.adapting.offer is None
        adapt(app)
        assert app.session.adapting.offer is not None


def test_the_window_closes_while_it_adapts(qtbot, own_state, finds_too_little, monkeypatch, tmp_path):
    look, seen = WarmAdapter.look, []

    def slow(self, request, progress):
        seen.append(request.record.file)
        for _ in range(100):
            progress(0, 1)
            time.sleep(0.02)
        return look(self, request, progress)

    monkeypatch.setattr(WarmAdapter, "look", slow)
    walls(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        begin(app)
        for number in (0, 1):
            draw_crack(app, number)
        app.run("adapt.start")
        app.until(lambda: bool(seen))
        started = time.monotonic()
        app.close()
        assert time.monotonic() - started < 2, "it does not wait for the pictures"
    assert len(seen) == 1


def test_keep_without_having_seen_it_predicts_the_picture_with_it(
    qtbot, own_state, finds_too_little, tmp_path
):
    walls(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        begin(app)
        draw_crack(app, 0)
        adapt(app)
        app.go_to(ids(app)[1])
        assert app.window.adapted.before.isChecked(), "another picture is not asked about unbidden"
        assert app.session.adapting.preview.seen(app.session.document) is None
        app.run("adapt.keep")
        app.until(lambda: app.session.document.prediction is not None)
        app.settle()
        assert app.session.document.prediction.model == "faint-adapted"
        assert app.session.document.shown_mask().any()


def test_an_approved_picture_stays_as_it_is(qtbot, own_state, finds_too_little, tmp_path):
    walls(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        begin(app)
        draw_crack(app, 0)
        app.run("review.approve")
        app.until(lambda: app.session.document.frozen is not None)
        frozen = app.session.document.frozen.copy()
        adapt(app)
        assert app.session.looking.key == "adapted"
        app.run("adapt.keep")
        app.until(lambda: app.session.models.chosen.name == "faint-adapted")
        app.settle()
        document = app.session.document
        assert document.record.review is Review.APPROVED
        assert np.array_equal(document.frozen, frozen)
        assert document.prediction is None


def test_a_model_that_cannot_be_saved_is_still_here(
    qtbot, own_state, finds_too_little, monkeypatch, tmp_path, caplog
):
    walls(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        begin(app)
        draw_crack(app, 0)
        adapt(app)

        def full(path, data):
            raise NoSpace("The disk is full.")

        with monkeypatch.context() as patch:
            patch.setattr("crackcore.storage.write_durably", full)
            app.run("adapt.keep")
            app.until(lambda: any("could not be saved" in text for text in app.texts()))
        assert app.session.adapting.offer is not None
        assert app.session.models.chosen.name == "faint"
        app.press("Try again")
        app.until(lambda: app.session.models.chosen.name == "faint-adapted")
        app.settle()


def test_nothing_to_learn_from_is_said(qtbot, own_state, finds_too_little, tmp_path):
    walls(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        begin(app)
        app.run("adapt.start")
        assert "nothing to learn from yet" in app.texts()[0]
        app.run("predict.this")
        app.until(lambda: app.session.document.prediction is not None)
        app.run("review.approve")
        app.until(lambda: app.session.document.record.review is Review.APPROVED)
        adapt(app)
        assert "No corrected picture shows a crack yet" in app.texts()[0]
        assert app.session.adapting.offer is None


def test_a_picture_that_cannot_be_read_is_left_out_and_said(qtbot, own_state, finds_too_little, tmp_path):
    files = walls(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        begin(app)
        for number in (0, 1):
            draw_crack(app, number)
        app.settle()
        document = app.session.showing.documents.get(ids(app)[0])
        app.until(lambda: app.session.may_go(ids(app)[0]))
        document.release()
        files[0].write_bytes(b"not a picture any more")
        adapt(app)
        offer = app.session.adapting.offer
        assert offer.facts.pictures == 1
        assert len(offer.left_out) == 1
        assert "wall 0.png" in offer.left_out[0]
        assert "wall 0.png" in app.window.adapted.basis.toolTip()


def test_names_of_adapted_models() -> None:
    assert adapted_name("cgnet-open") == "cgnet-open-adapted"
    assert adapted_name("cgnet-open-adapted-2") == "cgnet-open-adapted"
    assert free_name("a-adapted", {"a-adapted", "a-adapted-2"}.__contains__) == "a-adapted-3"
