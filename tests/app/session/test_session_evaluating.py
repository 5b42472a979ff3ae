"""Evaluating in the window: the same figures as the engine gives, nothing asked twice, errors to be seen."""

from __future__ import annotations

import csv
import json
import threading
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from window_program import pictures, running

from app.jobs.evaluate import TOLERANCES_PX
from app.jobs.predict import WarmPredictor
from app.session.error_maps import ERROR_MAP
from crackcore.domain.image_record import Review
from crackcore.evaluation.masks import ERROR_INVENTED, ERROR_MATCHED, ERROR_MISSED, error_map
from crackcore.evaluation.sets import ScoredPicture, SetSettings, evaluate_set
from crackcore.imaging.reading import read_photo
from crackcore.masks.threshold import score_step
from crackcore.models.catalogue import create_network
from crackcore.models.model_files import save_model


@pytest.fixture
def models(own_state, tiny_model):
    """Two models that differ: the second wants much darker lines. Answers them as they are installed."""
    rival = replace(tiny_model.spec, name="strict", threshold=0.6)
    network = create_network("tiny", step=0.3)
    return tiny_model, save_model(tiny_model.path.with_name("strict.safetensors"), network, rival)


@pytest.fixture
def asked(monkeypatch):
    """Every picture that a model was asked about, as (model, size)."""
    found: list[str] = []
    really = WarmPredictor.predict

    def predict(self, installed, pixels, settings, progress):
        found.append(installed.name)
        return really(self, installed, pixels, settings, progress)

    monkeypatch.setattr(WarmPredictor, "predict", predict)
    return found


def predict(app, name: str = "tiny") -> None:
    app.session.models.choose(name)
    app.until_shown()
    app.run("predict.all")
    app.settle()


def approve(app, *, strokes: bool = True) -> None:
    """Approve every picture, with one line drawn by hand through each."""
    app.until_shown()
    for record in app.session.project.images:
        app.go_to(record.id)
        if strokes:
            app.stroke((20, 10), (20, 60))
        app.run("review.approve")
        app.until(lambda: app.session.document.record.review is Review.APPROVED)


def evaluate(app, *names: str) -> None:
    by_name = {m.name: m for m in app.session.models.installed}
    app.session.evaluating.start(*(by_name[name] for name in names))
    app.until(lambda: app.session.evaluating.run is None)


def test_figures_are_those_of_the_engine_on_what_was_approved(qtbot, own_state, models, tmp_path):
    from crackcore.inference.predictor import Predictor

    files = pictures(tmp_path / "wall", 3)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_models()
        predict(app)
        approve(app)
        evaluate(app, "tiny", "strict")
        result = app.session.evaluating.result
        truths = [p.truth.unpacked() for p in result.pictures]
        for truth in truths:
            assert truth[20, 30] == 1
            assert 100 < np.count_nonzero(truth) < truth.size / 4
        for model, side in zip(models, result.sides, strict=True):
            predictor = Predictor.for_model(model, "cpu")
            scores = [predictor.predict(read_photo(file).pixels).score for file in files]
            expected = evaluate_set(
                [
                    ScoredPicture("", lambda s=s, t=t: (s, t, None))
                    for s, t in zip(scores, truths, strict=True)
                ],
                SetSettings(TOLERANCES_PX, score_step(model.spec.threshold)),
            )
            assert side.scores.given.f1 == expected.given.f1
            assert side.scores.ods == expected.ods
            assert side.scores.best.cl_dice == expected.best.cl_dice
        first, second = (side.scores.given.f1[2.0] for side in result.sides)
        assert result.at_threshold[2.0].difference.estimate == pytest.approx(second - first)
        assert first > second, "the strict one overlooks lines that are there"


def test_what_was_predicted_is_not_asked_again(qtbot, own_state, models, asked, tmp_path):
    pictures(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_models()
        predict(app)
        approve(app)
        asked.clear()
        evaluate(app, "tiny")
        assert asked == [], "the project keeps these scores"
        evaluate(app, "tiny", "strict")
        assert asked == ["strict", "strict"]
        evaluate(app, "strict")
        assert asked == ["strict", "strict"], "kept from the last time"


def test_doubtful_pictures_are_told_and_can_be_left_out(qtbot, own_state, models, tmp_path):
    pictures(tmp_path / "wall", 3)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_models()
        predict(app)
        first, second, third = (r.id for r in app.session.project.images)
        app.go_to(first)
        app.stroke((20, 10), (20, 60))
        approve(app, strokes=False)
        evaluate(app, "tiny")
        evaluating = app.session.evaluating
        assert evaluating.result.sides[0].unchanged == {second, third}
        assert evaluating.result.doubtful == {second, third}
        whole = evaluating.result
        evaluating.leave_out(whole.doubtful)
        app.until(lambda: evaluating.run is None)
        assert [p.image_id for p in evaluating.result.pictures] == [first]
        assert evaluating.result.sides[0].scores.given.f1[0.0] < whole.sides[0].scores.given.f1[0.0] < 1
        evaluating.leave_out(frozenset())
        assert evaluating.result is whole


def test_pictures_that_a_model_learned_from_are_known(qtbot, own_state, tiny_model, tmp_path):
    files = pictures(tmp_path / "wall", 2)
    row = {"set": "corrected pictures", "sha256": [read_photo(files[1]).facts.sha256]}
    spec = replace(tiny_model.spec, name="learned", training_data=(row,))
    save_model(tiny_model.path.with_name("learned.safetensors"), create_network("tiny"), spec)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_models()
        approve(app)
        evaluate(app, "learned")
        assert app.session.evaluating.result.sides[0].learned == {app.session.project.images[1].id}


def test_errors_of_a_picture_are_shown_over_it_and_go_with_the_result(qtbot, own_state, models, tmp_path):
    pictures(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_models()
        predict(app)
        approve(app)
        evaluate(app, "tiny")
        evaluating, looking = app.session.evaluating, app.session.looking
        result = evaluating.result
        wanted = app.session.project.images[0].id
        assert app.session.shown_id != wanted
        evaluating.show_errors(wanted, side=0, step=128, tolerance_px=2)
        app.until(lambda: looking.key == ERROR_MAP)
        assert app.session.shown_id == wanted
        plane, picture = result.sides[0].planes[0], result.pictures[0]
        expected = error_map(plane.unpacked() >= 128, picture.truth.unpacked(), 2)
        assert np.array_equal(app.canvas.looked_at.heat.base, expected)
        assert set(np.unique(expected)) >= {ERROR_MATCHED, ERROR_MISSED}
        assert [c.title for c in app.canvas.looked_at.classes] == ["found", "missed", "invented"]
        assert (ERROR_MATCHED, ERROR_MISSED, ERROR_INVENTED) == (1, 2, 3)
        notice = app.window.looked_at
        assert notice.text.text() == "You are looking at the errors of tiny, not at the mask."
        assert "missed" in notice.legend.text()
        evaluate(app, "tiny")
        assert looking.key != ERROR_MAP, "it was of the result before"
        assert app.canvas.looked_at is None


def test_a_missing_photo_is_listed_and_the_others_count(qtbot, own_state, models, tmp_path):
    files = pictures(tmp_path / "wall", 3)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        approve(app)
        project = app.session.path
    files[0].unlink()
    with running(qtbot, own_state, [project]) as app:  # where the last picture is shown, not the first
        app.until_models()
        app.until_shown()
        evaluate(app, "tiny")
        result = app.session.evaluating.result
        assert [p.name for p in result.pictures] == ["wall 1.png", "wall 2.png"]
        ((name, text),) = result.failed
        assert name == "wall 0.png"
        assert text.startswith("wall 0.png: ")


def test_cancelling_answers_at_once_and_keeps_the_last_result(
    qtbot, own_state, models, tmp_path, monkeypatch
):
    pictures(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_models()
        approve(app)
        evaluate(app, "tiny")
        evaluating = app.session.evaluating
        before, begun = evaluating.result, threading.Event()

        def endless(self, installed, pixels, settings, progress):
            begun.set()
            while True:
                progress(1, 100)

        monkeypatch.setattr(WarmPredictor, "predict", endless)
        strict = next(m for m in app.session.models.installed if m.name == "strict")
        evaluating.start(strict)
        app.until(begun.is_set)
        assert evaluating.run.note == "Picture 1 of 2 with strict"
        evaluating.cancel()
        assert evaluating.run is None
        assert evaluating.result is before
        app.settle()


def test_figures_are_saved_as_table_and_whole(qtbot, own_state, models, tmp_path):
    pictures(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_models()
        approve(app)
        evaluate(app, "tiny", "strict")
        result = app.session.evaluating.result
        app.answers.figure_files += [tmp_path / "figures.csv", tmp_path / "figures.json"]
        for _ in range(2):
            app.run("evaluate.save")
            app.settle()
        with (tmp_path / "figures.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(r["picture"], r["model"]) for r in rows] == [
            (f"wall {n}.png", name) for n in (0, 1) for name in ("tiny", "strict")
        ]
        given = result.sides[1].scores.pictures[1].given
        assert float(rows[3]["f1_2px"]) == pytest.approx(given.f1[2.0], abs=1e-4)
        whole = json.loads((tmp_path / "figures.json").read_text())
        assert [m["model"] for m in whole["models"]] == ["tiny", "strict"]
        assert whole["models"][0]["n_images"] == 2
        assert whole["models"][0]["tolerance"]["2"]["ods"]["f1"] == result.sides[0].scores.ods[2.0].f1
        difference = whole["f1_second_minus_first"]["at_threshold"]["2"]
        assert difference["difference"] == result.at_threshold[2.0].difference.estimate


def test_the_panel_shows_sorts_and_opens(qtbot, own_state, models, tmp_path):
    pictures(tmp_path / "wall", 3)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_models()
        app.until_shown()
        panel = app.window.evaluation
        assert not panel.isVisible()
        app.run("evaluate.open")
        assert panel.isVisible()
        assert not panel.go.isEnabled()
        assert panel.empty.text().startswith("Approve some pictures first.")
        approve(app)
        app.until(panel.go.isEnabled)
        panel.rival.setCurrentIndex(panel.rival.findText("strict"))
        panel.model.setCurrentIndex(panel.model.findText("tiny"))
        qtbot.mouseClick(panel.go, Qt.MouseButton.LeftButton)
        assert panel.stop.isVisible()
        app.until(lambda: app.session.evaluating.result is not None)
        app.settle()
        result = app.session.evaluating.result
        table = panel.table
        worst_first = [table.model().index(row, 1).data() for row in range(3)]
        assert worst_first == sorted(worst_first)
        table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
        names = [table.model().index(row, 0).data() for row in range(3)]
        assert names == ["wall 2.png", "wall 1.png", "wall 0.png"]
        assert panel.verdict.text() == "3 pictures cannot tell which model is better; approve at least 5."
        assert "3 pictures as you approved them" in panel.basis.text()
        assert panel.chart.line_names[0] == "tiny"
        assert "strict" in panel.chart.line_names
        f1 = result.sides[0].scores.given
        panel.tolerance.setCurrentIndex(2)
        assert f"{f1.f1[5.0]:.3f}" in [
            panel._grid.itemAt(n).widget().text() for n in range(panel._grid.count())
        ]
        panel.curve.setCurrentIndex(1)
        _, y = panel.chart.line("tiny")
        assert y.max() == pytest.approx(result.sides[0].scores.pooled(5.0).f1s()[1:].max())
        table.setFocus()
        table.setCurrentIndex(table.model().index(1, 0))
        app.until(lambda: app.session.looking.key == ERROR_MAP)
        app.until_shown(table.image_id)
        was = table.image_id
        qtbot.keyClick(table, Qt.Key.Key_Down)
        assert table.image_id != was
        app.until_shown(table.image_id)
        app.until(lambda: app.session.looking.key == ERROR_MAP)
        looking = app.session.looking
        assert looking.look.title == "the errors of tiny"
        table.setCurrentIndex(table.currentIndex().siblingAtColumn(2))
        app.until(lambda: looking.look is not None and looking.look.title == "the errors of strict")
        app.run("review.reopen")
        app.until(lambda: not panel.out_of_date.isHidden())
        panel.close_button.click()
        assert not panel.isVisible()


def test_closing_the_project_forgets_what_was_measured(qtbot, own_state, models, tmp_path):
    pictures(tmp_path / "wall", 1)
    pictures(tmp_path / "other", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_models()
        approve(app)
        evaluate(app, "tiny")
        before = app.session.project.uuid
        app.session.intake.open_paths([tmp_path / "other"])
        app.until(lambda: app.session.project.uuid not in (before, ""))
        assert app.session.evaluating.result is None
