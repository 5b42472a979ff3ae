"""Retraining in the window: set up, watched, left and found again, decided on, and gone back from."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QDockWidget, QPushButton
from retrain_walls import tiny_base, wall_project
from window_program import Running, running

from app.actions.retrain import open_retrain
from app.dialogs.retrain import STEPS, picture_words
from app.jobs.retrain import Survey
from app.panels.training import DRAWN_POINTS, loss_curves
from app.panels.training_words import basis, running_words, score_words, verdict
from app.session.retraining import Stage
from app.session.training_course import Course, Phase
from crackcore.evaluation.intervals import Difference, Interval
from crackcore.models.catalogue import installed_models, read_installed
from crackcore.models.model_files import load_network, save_model
from crackcore.progress import unheard
from crackcore.training.child import Wishes
from crackcore.training.retrain_order import RetrainOrder
from crackcore.training.retrain_report import HoldOutScore, RetrainReport
from crackcore.training.retrain_runs import RetrainRun, begin, unfinished


class NoWish(Wishes):
    def stop(self) -> bool:
        return False

    def leave(self) -> bool:
        return False


def press(app: Running, text: str) -> None:
    """Press a button of the dock, once it is there."""

    def button() -> QPushButton | None:
        return next((b for b in app.window.training.buttons if b.text() == text and b.isEnabled()), None)

    app.until(lambda: button() is not None)
    found = button()
    assert found is not None
    found.click()


def finished_run(project: Path, base: Any, monkeypatch: pytest.MonkeyPatch, *, better: bool) -> RetrainRun:
    """A run whose report waits for a decision; its candidate is the base under another name."""
    from crackcore.training import retraining
    from crackcore.training.retrain_runs import perform

    run = begin(RetrainOrder(project, base, "new", iterations=20, device="cpu"))

    def retrain(request: Any, *_: Any, **__: Any) -> RetrainReport:
        made = {"base_sha256": base.sha256, "base_model": base.name}
        spec = replace(base.spec, name="new", scores={"retrained": made})
        model = save_model(request.out, load_network(base), spec)
        gain = Interval(0.1, 0.05, 0.2) if better else Interval(-0.1, -0.2, 0.1)
        score = HoldOutScore(0.5, 0.6 if better else 0.4, 3, Difference(gain, 0.9 if better else 0.2))
        return RetrainReport(model, score, None, better, frozenset(), 12.0)

    monkeypatch.setattr(retraining, "retrain", retrain)
    perform(run.folder, False, unheard, lambda event: None, NoWish())
    return run


def test_set_up_left_with_its_state_and_found_again(qtbot, own_state, tmp_path):
    project = wall_project(tmp_path / "walls", approved=5, edited=1)
    tiny_base(own_state / "models")
    with running(qtbot, own_state, [project]) as app:
        app.until_shown()
        app.until_models()
        app.session.models.choose("base")
        app.settle()
        dialog = open_retrain(app.window.scope)
        assert dialog is not None
        app.until(dialog.go.isEnabled)
        assert dialog.pictures.text() == "5 approved pictures: 3 to learn from, 2 kept back to check."
        assert dialog.also_edited.text() == "Also 1 picture that is corrected and not approved yet"
        dialog.name.setText("base")
        dialog.name.textEdited.emit("base")
        assert not dialog.go.isEnabled()
        assert "of this name already" in dialog.problem.text()
        dialog.name.setText("mine")
        dialog.name.textEdited.emit("mine")
        dialog.unit.setCurrentIndex(STEPS)
        dialog.length.setValue(5000)
        dialog.go.click()
        retraining = app.session.retraining
        assert retraining.stage is Stage.RUNNING
        dock = app.window.findChild(QDockWidget, "dock Training")
        assert dock is not None
        assert dock.isVisible()
        app.until(lambda: retraining.course.step >= 2)
        assert app.window.training.basis.text() == "3 pictures learn, 2 check."

        # hidden and shown again it is as it was, and the learning goes on
        app.window.training.close_button.click()
        step = retraining.course.step
        app.until(lambda: retraining.course.step > step)
        app.run("retrain.show")
        assert app.window.training.text.text().startswith("Learning: step")

        press(app, "Pause")
        app.until(lambda: retraining.state == "paused")
        press(app, "Go on")
        app.until(lambda: retraining.state == "running")

        app.window.close()
        assert any("mine is still being retrained" in text for text in app.texts())
        assert app.window.isVisible()
        app.press("Keep its state and close")
        app.until(lambda: not app.window.isVisible())
    (found,) = unfinished()
    assert found.step > 0

    with running(qtbot, own_state, [project]) as app:
        app.until_shown()
        app.until(lambda: any("was interrupted at step" in text for text in app.texts()))
        assert app.session.retraining.course.step == found.step
        app.press("Throw it away")
        app.until(lambda: app.session.retraining.stage is Stage.NONE)
        assert unfinished() == []


@pytest.mark.skipif(os.name != "posix", reason="no kill -9")
def test_a_dead_process_is_told_and_what_it_learned_is_offered(qtbot, own_state, tmp_path):
    project = wall_project(tmp_path / "walls", approved=4)
    base = tiny_base(own_state / "models")
    with running(qtbot, own_state, [project]) as app:
        app.until_shown()
        app.until_models()
        app.settle()
        retraining = app.session.retraining
        retraining.start(RetrainOrder(project, base, "mine", iterations=5000, device="cpu"))
        app.until(lambda: retraining.course.step >= 1)
        os.kill(retraining._process.process_id, getattr(signal, "SIGKILL", signal.SIGTERM))
        app.until(lambda: retraining.stage is Stage.BROKEN_OFF)
        assert "ended unexpectedly" in app.window.training.text.text()
        assert [b.text() for b in app.window.training.buttons] == ["Go on", "Throw away"]
        press(app, "Go on")
        app.until(lambda: retraining.course.step >= 1)
        press(app, "Cancel…")
        press(app, "Throw away what was learned")
        app.until(lambda: retraining.stage is Stage.NONE)
        app.until(lambda: unfinished() == [])


@pytest.mark.parametrize("better", [True, False])
def test_a_new_model_is_used_when_it_is_better_or_somebody_insists(
    qtbot, own_state, tmp_path, monkeypatch, better
):
    project = wall_project(tmp_path / "walls", approved=3)
    base = tiny_base(own_state / "models")
    finished_run(project, base, monkeypatch, better=better)
    with running(qtbot, own_state, [project]) as app:
        app.until_shown()
        retraining = app.session.retraining
        app.until(lambda: retraining.stage is Stage.FINISHED)
        app.session.models.choose("base")
        app.press("Look at it")
        panel = app.window.training
        primary = [b.text() for b in panel.buttons if b.property("primary")]
        if better:
            assert primary == ["Use the new model"]
            press(app, "Use the new model")
        else:
            assert primary == ["Keep the old one"]
            retraining.use()
            assert retraining.stage is Stage.FINISHED, "it was used without anybody insisting"
            press(app, "Use it all the same…")
            press(app, "Yes, use the new model")
        app.until(lambda: app.session.models.chosen is not None and app.session.models.chosen.name == "new")
        app.settle()
        assert {"base", "new"} <= {m.name for m in installed_models()}
        assert read_installed(base.path).sha256 == base.sha256
        app.run("retrain.go-back")
        assert app.session.models.chosen.name == "base"


def survey(learn: int, check: int, **more: Any) -> Survey:
    return Survey((), frozenset(), more.get("unreadable", ()), learn, check, learn + 1, check)


def test_the_words_say_how_many_and_when_it_is_too_few():
    assert picture_words(survey(0, 0), False) == ("No picture is approved yet. Approve some first.", False)
    words, enough = picture_words(survey(1, 0), False)
    assert words.startswith("1 approved picture: too few.")
    assert not enough
    words, enough = picture_words(survey(2, 1, unreadable=("gone.png: it is not there.",)), False)
    assert enough
    assert words.endswith("better. 1 cannot be read.")
    assert picture_words(survey(6, 2), True)[0] == (
        "9 approved or corrected pictures: 7 to learn from, 2 kept back to check."
    )


def test_the_course_is_told_in_words():
    course = Course()
    assert running_words(course, "running") == "Starting…"
    step = {"event": "step", "iteration": 3, "of": 40, "loss": 0.5, "seconds_left": 130.0}
    course.hear(step)
    assert course.phase is Phase.LEARNING
    assert running_words(course, "running") == "Learning: step 3 of 40, about 2 min left"
    assert running_words(course, "paused").startswith("Paused")
    course.hear({"event": "sides", "learn": 7, "check": 1, "old": 12})
    assert basis(course) == "7 pictures learn, 1 checks, 12 old samples are mixed in."
    course.hear({"event": "comparing", "done": 1, "of": 9})
    assert running_words(course, "stopping").startswith("Comparing")


def report(
    low: float, high: float, share: float, *, pictures: int = 5, better: bool = False
) -> RetrainReport:
    middle = (low + high) / 2
    score = HoldOutScore(0.5, 0.5 + middle, pictures, Difference(Interval(middle, low, high), share))
    return RetrainReport(None, score, None, better, frozenset(), 1.0)  # type: ignore[arg-type]


def test_the_verdict_never_says_more_than_the_figures():
    assert "is better" in verdict(report(0.01, 0.2, 0.99, better=True))
    assert "worse" in verdict(report(-0.3, -0.1, 0.0))
    assert "cannot be told" in verdict(report(-0.1, 0.2, 0.7))
    assert "One picture alone" in verdict(report(0.1, 0.1, 1.0, pictures=1))
    forgets = replace(report(0.1, 0.2, 1.0), old=report(-0.3, -0.2, 0.0).corrected)
    assert "lost too much on the old samples" in verdict(forgets)
    assert score_words(report(-0.1, 0.3, 0.8).corrected) == (
        "F1 0.500 → 0.600 at 2 px on 5 pictures; change +0.100 (95 % interval -0.100 to +0.300)"
    )


def test_a_long_curve_is_drawn_with_few_points():
    steps, means, smooth = loss_curves([(n + 1, 1.0 if n % 2 else 0.0) for n in range(5000)])
    assert len(steps) == len(means) == len(smooth) == DRAWN_POINTS
    assert steps[-1] == 5000
    assert set(means) == {0.5}
    assert all(0.4 < value < 0.6 for value in smooth)
    assert loss_curves([(1, 0.5), (2, 0.7)])[:2] == ([1, 2], [0.5, 0.7])


def test_what_is_learned_again_after_a_kill_is_drawn_once():
    course = Course()
    for iteration in (10, 20):
        course.hear({"event": "earlier", "iteration": iteration, "loss": 0.5, "corrected_f1": 0.6})
    course.hear({"event": "resume", "iteration": 15})
    course.hear({"event": "step", "iteration": 16, "of": 20, "loss": 0.4, "seconds_left": 1.0})
    assert course.losses == [(10, 0.5), (16, 0.4)]
    assert course.checks == [(10, 0.6)]
