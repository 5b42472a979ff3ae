"""The review queue in the window: its order is what is listed and gone through, and what happens to it."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from window_program import Running, picture, running

import app.session.queue as queue_module
from app.jobs import Job
from app.jobs.queue import PictureWorth
from app.panels.image_model import NameRole, WorthRole, name_of, round_length
from app.panels.images_order import progress_words
from crackcore.datasets.near_duplicates import likeness
from crackcore.errors import InputRefused, ModelProblem
from crackcore.imaging.reading import read_photo


class Worths:
    """Stands for the model: what each picture is worth, by its number; and what was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, px: dict[str, float]) -> None:
        self.px = px
        self.asked: list[str] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.error: dict[str, Exception] = {}
        monkeypatch.setattr(queue_module, "worth_job", self._job)

    def _job(self, path, model, settings, warm):
        def work(progress):
            self.asked.append(path.name)
            while not self.go_on.wait(0.01):
                progress(0, 0)
            if path.name in self.error:
                raise self.error[path.name]
            pixels = read_photo(path).pixels
            return PictureWorth(self.px.get(path.name, 1.0), likeness(pixels))

        return Job("Looking", work, shown=False)


def patterned(folder: Path, *seeds: int) -> list[Path]:
    """Pictures of blocks, none of which looks like another."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for seed in seeds:
        blocks = np.random.default_rng(seed).integers(0, 255, (8, 10))
        made.append(folder / f"wall {seed}.png")
        Image.fromarray(np.kron(blocks, np.ones((12, 12))).astype(np.uint8)).save(made[-1])
    return made


def listed(app: Running) -> list[str]:
    """The names in the list, top down."""
    model = app.window.images.filter
    return [model.index(row, 0).data(NameRole) for row in range(model.rowCount())]


def names(*numbers: int) -> list[str]:
    return [f"wall {number}.png" for number in numbers]


def ordered(app: Running) -> None:
    app.until_models()
    app.run("queue.by-worth")
    app.until(lambda: not app.session.queue.is_running)


def name_shown(app: Running) -> str:
    return name_of(app.session.record(app.session.shown_id))


def test_the_list_and_the_keys_follow_the_order_and_go_back_to_the_other(
    qtbot, own_state, tmp_path, monkeypatch
):
    patterned(tmp_path / "wall", *range(4))
    Worths(monkeypatch, {"wall 0.png": 5, "wall 1.png": 900, "wall 2.png": 0, "wall 3.png": 60})
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        ordered(app)
        assert listed(app) == names(1, 3, 0, 2)
        worths = [app.window.images.filter.index(row, 0).data(WorthRole) for row in range(4)]
        assert worths == ["900 px in doubt", "60 px in doubt", "5 px in doubt", "0 px in doubt"]
        assert "cgnet" in app.window.images.order.text.text()
        app.press("Show the first one")
        app.until_shown()
        seen = [name_shown(app)]
        for _ in range(4):
            app.run("review.next")
            app.until_shown()
            seen.append(name_shown(app))
        assert seen == names(1, 3, 0, 2, 2), "the last one stays"
        app.run("review.previous")
        app.until_shown()
        assert name_shown(app) == "wall 0.png"
        selected = app.window.images.list.currentIndex()
        assert selected.row() == 2
        app.run("queue.by-worth")
        assert listed(app) == names(0, 1, 2, 3)
        assert app.window.images.list.currentIndex().row() == 0
        app.settle()


def test_copies_come_last_with_the_name_of_what_they_look_like_and_approved_ones_after(
    qtbot, own_state, tmp_path, monkeypatch
):
    folder = tmp_path / "wall"
    original = patterned(folder, *range(4))[1]
    copy = np.asarray(Image.open(original))
    Image.fromarray(copy - (copy > 9).astype(np.uint8)).save(folder / "wall 4.png")
    Worths(
        monkeypatch, {"wall 1.png": 30, "wall 4.png": 20, "wall 0.png": 3, "wall 2.png": 2, "wall 3.png": 99}
    )
    with running(qtbot, own_state, [folder]) as app:
        app.until_shown()
        ids = {name_of(r): r.id for r in app.session.project.images}
        app.go_to(ids["wall 3.png"])
        app.session.approve()
        app.settle()
        ordered(app)
        assert listed(app) == names(1, 0, 2, 4, 3)
        copy = app.window.images.filter.index(3, 0)
        assert copy.data(WorthRole) == "like wall 1.png"
        assert "looks like wall 1.png" in copy.data(Qt.ItemDataRole.ToolTipRole)
        assert "1 looks like another" in app.window.images.order.text.text()
        app.settle()


def test_new_pictures_stand_at_the_end_until_it_is_ordered_again(qtbot, own_state, tmp_path, monkeypatch):
    patterned(tmp_path / "wall", *range(3))
    worths = Worths(monkeypatch, {"wall 2.png": 50, "wall 7.png": 400})
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        ordered(app)
        assert listed(app) == names(2, 0, 1)
        assert app.window.images.order.button.isHidden()
        app.session.intake.add_paths(patterned(tmp_path / "more", 7))
        app.until(lambda: len(app.session.project.images) == 4)
        assert listed(app) == names(2, 0, 1, 7)
        assert "1 is new" in app.window.images.order.text.text()
        worths.asked.clear()
        app.window.images.order.button.click()
        app.until(lambda: not app.session.queue.is_running)
        assert listed(app) == names(7, 2, 0, 1)
        assert worths.asked == ["wall 7.png"], "the others were looked at before"
        app.settle()


def test_stop_answers_at_once_and_leaves_the_order_as_it_was(qtbot, own_state, tmp_path, monkeypatch):
    patterned(tmp_path / "wall", *range(3))
    worths = Worths(monkeypatch, {"wall 2.png": 50})
    worths.go_on.clear()
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.until_models()
        bar = app.window.images.order
        bar.by_worth.trigger()
        app.until(lambda: bool(worths.asked))
        assert bar.text.text() == "Looked at 0 of 3 pictures"
        assert bar.bar.isVisible()
        bar.button.click()
        assert not app.session.queue.is_running
        assert bar.as_added.isChecked()
        assert bar.isHidden()
        assert listed(app) == names(0, 1, 2)
        worths.go_on.set()
        app.settle()
        assert not app.session.queue.by_worth


def test_a_picture_that_cannot_be_looked_at_is_named_and_a_bad_model_stops_all(
    qtbot, own_state, tmp_path, monkeypatch
):
    patterned(tmp_path / "wall", *range(3))
    worths = Worths(monkeypatch, {"wall 2.png": 50})
    worths.error["wall 0.png"] = InputRefused(tmp_path / "wall 0.png", "it is empty.")
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        ordered(app)
        assert listed(app) == names(2, 1, 0)
        (text,) = [t for t in app.texts() if "could not be looked at" in t]
        assert text == "2 pictures put in order, 1 could not be looked at."
        worths.error["wall 0.png"] = ModelProblem("The model is damaged.")
        app.run("queue.again")
        app.until(lambda: not app.session.queue.is_running)
        assert any("not put in order" in t for t in app.texts())
        assert listed(app) == names(2, 1, 0), "the order as it was"
        app.settle()


def test_another_project_begins_in_its_own_order(qtbot, own_state, tmp_path, monkeypatch):
    patterned(tmp_path / "wall", *range(3))
    patterned(tmp_path / "other", *range(2))
    Worths(monkeypatch, {"wall 2.png": 50})
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        ordered(app)
        first = app.session.path
        app.session.intake.open_paths([tmp_path / "other"])
        app.until(lambda: app.session.path not in (None, first))
        assert not app.session.queue.by_worth
        assert listed(app) == names(0, 1)
        app.settle()


def test_a_real_model_orders_by_what_it_doubts(qtbot, own_state, tmp_path):
    folder = tmp_path / "wall"
    picture(folder / "wall 0.png", (96, 128), seed=0)
    Image.new("RGB", (128, 96), (150, 150, 150)).save(folder / "plain.png")
    with running(qtbot, own_state, [folder]) as app:
        app.until_shown()
        ordered(app)
        assert listed(app) == ["wall 0.png", "plain.png"]
        places = [app.session.queue.place(i).worth_px for i in app.session.queue.ids]
        assert places[0] > 10
        assert places[1] == 0
        assert all(r.review.value == "new" for r in app.session.project.images), "the project is as it was"
        app.settle()


def test_words():
    assert [round_length(px) for px in (0.0, 4.6, 87.0, 346.0, 12874.0)] == [0, 5, 87, 350, 13000]
    assert progress_words(3, 40, 75.2) == "Looked at 3 of 40 pictures, 75 s left"
    assert progress_words(3, 40, 300) == "Looked at 3 of 40 pictures, 5 min left"
    assert progress_words(40, 40, 0) == "Comparing the pictures…"
