"""What is open and whether it is kept: opening, switching, failing disks, second windows, moved pictures."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace

import numpy as np
from window_program import picture, pictures, running

from app.jobs import Job
from app.messages import Kind
from app.panels.first_run import FirstRunPage
from crackcore.arrays import HAND_CRACK
from crackcore.domain.image_record import Review, Threshold
from crackcore.errors import NoSpace, NotAnalysed, ProjectChangedElsewhere
from crackcore.projects.store import ProjectStore


def test_strokes_wait_in_order_while_the_disk_is_full_and_are_kept_once_it_is_not(
    qtbot, own_state, tmp_path, monkeypatch
):
    pictures(tmp_path / "wall", 1)
    full = threading.Event()
    really = ProjectStore.append_many

    def append_many(self, changes):
        if full.is_set():
            raise NoSpace("The disk is full.")
        return really(self, changes)

    monkeypatch.setattr(ProjectStore, "append_many", append_many)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.settle()
        full.set()
        app.stroke((20, 20), (20, 80))
        app.until(lambda: app.session.work.trouble is not None)
        app.stroke((60, 20), (60, 80))
        drawn = app.session.document.hand.copy()
        assert any("cannot be saved" in text for text in app.texts())
        assert app.window.status.saved_sentence().startswith("cannot save, ")
        image_id = app.session.shown_id
        assert not app.session.may_go(image_id), "pixels that are not on disk may not be let go"

        # leaving now would lose two strokes: the window stays, and says so
        app.window.close()
        app.until(lambda: any("window stays open" in text for text in app.texts()))
        assert app.window.isVisible()

        full.clear()
        app.press("Try again")
        app.until(lambda: not app.window.isVisible())
        path = tmp_path / "wall" / "wall.crackscope"
    with ProjectStore.open(path, read_only=True) as store:
        assert np.array_equal(store.read_hand(image_id), drawn)
        assert (drawn == HAND_CRACK).sum() > 0


def test_a_failed_append_is_tried_again_without_being_asked(qtbot, own_state, tmp_path, monkeypatch):
    pictures(tmp_path / "wall", 1)
    monkeypatch.setattr("app.session.work_stream.RETRY_S", 0.05)
    failures = [True, True]
    really = ProjectStore.append_many

    def append_many(self, changes):
        if failures:
            failures.pop()
            raise NoSpace("The disk is full.")
        return really(self, changes)

    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.settle()
        monkeypatch.setattr(ProjectStore, "append_many", append_many)
        app.stroke((20, 20), (20, 80))
        app.until(lambda: not failures and app.session.work.waiting == 0)
        assert app.session.work.trouble is None
        assert any(m.text == "Your work is being saved again." for m in app.told)


def test_a_second_window_reads_only_and_says_so(qtbot, own_state, tmp_path):
    pictures(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as first:
        first.until_shown()
        first.settle()
        with running(qtbot, own_state, [first.session.path]) as second:
            second.until_shown()
            assert second.session.read_only
            assert any("reading only" in text for text in second.texts())
            assert second.window.status.saved_sentence() == "read-only"
            before = second.session.document.hand.copy()
            second.stroke((20, 20), (20, 80))
            second.run("review.approve")
            second.settle()
            assert np.array_equal(second.session.document.hand, before)
            assert second.session.document.record.review is Review.NEW
        first.stroke((20, 20), (20, 80))
        first.until(lambda: first.session.work.waiting == 0)


def test_undo_survives_letting_pixels_go(qtbot, own_state, tmp_path):
    pictures(tmp_path / "wall", 3, size=(400, 400))
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.session.showing.documents._limit_bytes = lambda: 1  # nothing but the shown image may stay
        ids = [record.id for record in app.session.project.images]
        app.stroke((20, 20), (20, 80))
        app.stroke((60, 20), (60, 80))
        drawn = app.session.document.hand.copy()
        app.settle()
        app.go_to(ids[1])
        assert app.session.document_of(ids[0]) is None
        app.go_to(ids[0])
        assert np.array_equal(app.session.document.hand, drawn)
        app.run("edit.undo")
        app.run("edit.undo")
        assert not app.session.document.hand.any()
        app.run("edit.redo")
        app.run("edit.redo")
        assert np.array_equal(app.session.document.hand, drawn)


def test_the_last_wish_is_shown_when_pictures_are_switched_quickly(qtbot, own_state, tmp_path):
    pictures(tmp_path / "wall", 6)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        ids = [record.id for record in app.session.project.images]
        for image_id in ids:
            app.session.show(image_id)
        app.until_shown(ids[-1])
        app.settle()
        assert app.session.document.record.id == ids[-1]
        assert app.canvas.document is app.session.document
        row = app.window.images.list.currentIndex().data()
        assert row == "wall 5.png"


def test_a_broken_picture_is_failed_with_a_reason_and_the_others_go_on(
    qtbot, own_state, tmp_path, tiny_model
):
    folder = tmp_path / "wall"
    pictures(folder, 3)
    whole = (folder / "wall 1.png").read_bytes()
    (folder / "wall 1.png").write_bytes(whole[: len(whole) // 2])  # its header is fine, its pixels are not
    with running(qtbot, own_state, [folder]) as app:
        app.until_shown()
        app.until_models()
        app.session.models.choose("tiny")
        app.run("predict.all")
        app.settle()
        reviews = [record.review for record in app.session.project.images]
        assert reviews == [Review.PREDICTED, Review.FAILED, Review.PREDICTED]
        failed = app.session.project.images[1]
        assert "wall 1.png" in failed.reason
        assert any("2 predicted, 1 not analysed" in m.text for m in app.told)
        # looking at it says why, and the picture shown before stays
        before = app.session.document
        app.session.show(failed.id)
        app.until(lambda: not app.session.is_loading)
        assert app.session.document is before
        assert app.texts()


def test_not_analysed_is_never_shown_as_no_cracks(qtbot, own_state, tmp_path, tiny_model, monkeypatch):
    from app.jobs.predict import WarmPredictor

    def predict(self, installed, pixels, settings, progress):
        raise NotAnalysed("The network gave no usable answer for this picture.")

    monkeypatch.setattr(WarmPredictor, "predict", predict)
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.until_models()
        app.run("predict.this")
        app.settle()
        record = app.session.project.images[0]
        assert record.review is Review.FAILED
        assert "no usable answer" in record.reason
        assert app.session.document.prediction is None
        assert "Not analysed" in app.window.prediction.state.text()


def test_an_answer_for_a_project_that_was_left_is_dropped(
    qtbot, own_state, tmp_path, tiny_model, monkeypatch
):
    from app.jobs.predict import WarmPredictor

    held, go = threading.Event(), threading.Event()
    really = WarmPredictor.predict

    def predict(self, installed, pixels, settings, progress):
        held.set()
        go.wait(20)
        return really(self, installed, pixels, settings, lambda *a: None)  # deaf to being cancelled

    monkeypatch.setattr(WarmPredictor, "predict", predict)
    pictures(tmp_path / "one", 1)
    pictures(tmp_path / "two", 1)
    with running(qtbot, own_state, [tmp_path / "one"]) as app:
        app.until_shown()
        app.until_models()
        app.run("predict.this")
        app.until(held.is_set)
        first = app.session.path
        app.session.intake.open_paths([tmp_path / "two"])
        app.until(lambda: app.session.path not in (None, first))
        app.until_shown()
        go.set()
        app.settle()
        assert app.session.project.images[0].review is Review.NEW
        assert app.session.document.prediction is None


def test_predict_all_can_be_stopped_and_keeps_what_is_done(
    qtbot, own_state, tmp_path, tiny_model, monkeypatch
):
    from app.jobs.predict import WarmPredictor

    gate = threading.Semaphore(2)
    really = WarmPredictor.predict

    def predict(self, installed, pixels, settings, progress):
        while not gate.acquire(timeout=0.01):
            progress(0, 1)
        return really(self, installed, pixels, settings, progress)

    monkeypatch.setattr(WarmPredictor, "predict", predict)
    pictures(tmp_path / "wall", 5)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.until_models()
        app.session.models.choose("tiny")
        app.run("predict.all")
        app.until(lambda: app.session.predicting.batch.at == 2)
        assert "Predicting 3 of 5" in app.window.status.batch_row.text.text()
        app.window.status.batch_row.stop.click()
        app.settle()
        reviews = [record.review for record in app.session.project.images]
        assert reviews == [Review.PREDICTED] * 2 + [Review.NEW] * 3


def test_moved_pictures_are_found_again_by_their_content(qtbot, own_state, tmp_path):
    folder = tmp_path / "wall"
    pictures(folder, 2)
    with running(qtbot, own_state, [folder]) as app:
        app.until_shown()
        app.close()
    elsewhere = folder / "archive" / "2026"
    elsewhere.mkdir(parents=True)
    for number, path in enumerate(sorted(folder.glob("*.png"))):
        shutil.move(path, elsewhere / f"renamed {number}.png")
    with running(qtbot, own_state, [folder / "wall.crackscope"]) as app:
        app.until(lambda: bool(app.texts()))
        assert app.session.document is None
        app.answers.folders.append(folder)
        app.press("Find pictures…")
        app.until_shown()
        app.settle()
        assert [r.file for r in app.session.project.images] == [
            f"archive/2026/renamed {n}.png" for n in range(2)
        ]


def test_a_folder_that_cannot_be_written_asks_for_another_place(qtbot, own_state, tmp_path, monkeypatch):
    folder = tmp_path / "card reader"
    pictures(folder, 2)
    monkeypatch.setattr("app.jobs.project.os.access", lambda path, mode: False)
    with running(qtbot, own_state) as app:
        app.answers.new_projects.append(tmp_path / "mine" / "card.crackscope")
        app.session.intake.open_paths([folder])
        app.until_shown()
        assert app.session.path == tmp_path / "mine" / "card.crackscope"
        assert app.session.project.images[0].file == "../card reader/wall 0.png"


def test_the_samples_open_in_a_project_of_ones_own_and_are_predicted(qtbot, own_state, samples, tiny_model):
    with running(qtbot, own_state) as app:
        app.program.settings.set("model", "tiny")
        page = app.window.first_run
        assert isinstance(page, FirstRunPage)
        app.until(lambda: page.samples_button.isVisible())
        page.samples_button.click()
        app.until_shown()
        assert own_state in app.session.path.parents
        assert not list(samples.glob("*.crackscope"))
        app.until_models()
        app.settle()
        assert all(r.review is Review.PREDICTED for r in app.session.project.images)


def test_one_threshold_for_all_leaves_approved_ones_alone(qtbot, own_state, tmp_path):
    pictures(tmp_path / "wall", 3)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        ids = [record.id for record in app.session.project.images]
        app.run("review.approve")
        app.settle()
        app.go_to(ids[1])
        app.session.document.set_threshold(Threshold(60, 90), final=True)
        app.window.prediction.for_all.click()
        app.settle()
        thresholds = [record.threshold for record in app.session.project.images]
        assert thresholds == [Threshold(), Threshold(60, 90), Threshold(60, 90)]
        app.go_to(ids[2])
        assert app.session.document.threshold == Threshold(60, 90)


def test_a_threshold_that_joins_cracks_gets_its_map_from_the_cpu_lane(qtbot, own_state, tmp_path, tiny_model):
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.until_models()
        app.session.models.choose("tiny")
        app.run("predict.this")
        app.settle()
        document = app.session.document
        document.set_threshold(Threshold(40, 200), final=True)
        app.settle()
        base = document.base()
        assert base is not None
        from crackcore.masks.threshold import peaks

        assert np.array_equal(base[0].part(0, slice(None), slice(None)), peaks(document.prediction.score, 40))


def test_pictures_dropped_on_an_open_project_are_asked_about(qtbot, own_state, tmp_path):
    pictures(tmp_path / "wall", 1)
    other = picture(tmp_path / "elsewhere" / "new.png", seed=9)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.window.take_dropped([other])
        app.press("Add to this project")
        app.until(lambda: len(app.session.project.images) == 2)
        app.settle()
        app.window.take_dropped([other])
        app.press("Add to this project")
        app.until(lambda: any("there already" in m.text for m in app.told))
        assert len(app.session.project.images) == 2


def test_an_error_nobody_expected_becomes_one_sentence_without_a_trace(qtbot, own_state, tmp_path, caplog):
    with running(qtbot, own_state) as app:
        job = Job("Breaks", lambda progress: {}["missing"])
        job.failed.connect(app.session.tell_error)
        app.program.lanes.cpu.submit(job)
        app.until(lambda: bool(app.texts()))
        text = app.texts()[0]
        assert app.told[-1].kind is Kind.ERROR
        assert "KeyError" not in text
        assert "Traceback" not in text
        assert "missing" not in text


def test_nothing_is_lost_when_the_program_dies_before_saving(qtbot, own_state, tmp_path):
    """The journal alone brings the strokes back: the project file is put back as it was before them."""
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.settle()
        app.stroke((20, 20), (20, 80))
        drawn = app.session.document.hand.copy()
        app.until(lambda: app.session.work.waiting == 0)
        copies = tmp_path / "copies"
        shutil.copytree(own_state, copies)
        project = app.session.path.read_bytes()
        app.close()
    path = tmp_path / "wall" / "wall.crackscope"
    path.write_bytes(project)
    shutil.rmtree(own_state)
    shutil.copytree(copies, own_state)
    with running(qtbot, own_state, [path]) as app:
        app.until_shown()
        assert np.array_equal(app.session.document.hand, drawn)
        assert any("recovered" in m.text.lower() for m in app.told), [m.text for m in app.told]


def test_records_are_values(qtbot, own_state, tmp_path):
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        before = app.session.project
        app.session.keep_record(replace(before.images[0], notes="seen on site"))
        assert before.images[0].notes == ""
        assert app.session.document.record.notes == "seen on site"
        app.settle()


def test_a_project_that_somebody_else_saved_is_only_read_from_then_on(
    qtbot, own_state, tmp_path, monkeypatch
):
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.settle()
        place = app.session.path

        def save(self, progress=None):
            raise ProjectChangedElsewhere("Somebody else saved this project.", path=place)

        with monkeypatch.context() as patch:
            patch.setattr(ProjectStore, "save", save)
            app.stroke((20, 20), (20, 80))
            app.run("file.save")
            app.until(lambda: app.session.read_only)
            app.settle()
        before = app.session.document.hand.copy()
        app.stroke((60, 20), (60, 80))
        assert np.array_equal(app.session.document.hand, before)
        app.press("Open it again")
        app.until_shown()
        assert not app.session.read_only
        assert np.array_equal(app.session.document.hand, before)


def test_a_project_opened_twice_in_a_hurry_is_not_locked_by_itself(qtbot, own_state, tmp_path, monkeypatch):
    pictures(tmp_path / "one", 1)
    pictures(tmp_path / "two", 1)
    places = []
    for name in ("one", "two"):
        with running(qtbot, own_state, [tmp_path / name]) as app:
            app.until_shown()
            app.settle()
            places.append(app.session.path)
    one, two = places
    begun, go = threading.Event(), threading.Event()
    really = ProjectStore.open.__func__

    def deaf(cls, path, *, read_only=False, progress=None):
        store = really(cls, path, read_only=read_only)  # hears of no cancelling
        begun.set()
        go.wait(20)
        return store

    with running(qtbot, own_state) as app, monkeypatch.context() as patch:
        patch.setattr(ProjectStore, "open", classmethod(deaf))
        app.session.open_project(one)
        app.until(begun.is_set)
        app.session.open_project(two)
        go.set()
        app.session.open_project(one)
        app.session.open_project(one)  # a double click
        app.until_shown()
        app.settle()
        assert app.session.path == one
        assert not app.session.read_only, app.session.read_only_reason
        # the one that was not wanted in the end can be opened by another window
        with ProjectStore.open(two) as store:
            assert not store.read_only


def test_leaving_while_a_project_is_being_opened_leaves_no_lock(qtbot, own_state, tmp_path, monkeypatch):
    pictures(tmp_path / "one", 1)
    with running(qtbot, own_state, [tmp_path / "one"]) as app:
        app.until_shown()
        place = app.session.path
    begun, go = threading.Event(), threading.Event()
    really = ProjectStore.open.__func__

    def slow(cls, path, **named):
        store = really(cls, path, read_only=named.get("read_only", False))
        begun.set()
        go.wait(20)
        return store

    with monkeypatch.context() as patch:
        patch.setattr(ProjectStore, "open", classmethod(slow))
        with running(qtbot, own_state) as app:
            app.session.open_project(place)
            app.until(begun.is_set)
            app.window.close()
            go.set()
            app.until(lambda: not app.window.isVisible())
    with ProjectStore.open(place) as store:
        assert not store.read_only


def test_what_was_pointed_at_is_forgotten_when_the_project_does_not_open(qtbot, own_state, tmp_path):
    folder = tmp_path / "wall"
    pictures(folder, 3)
    picture(tmp_path / "other" / "one.png")
    broken = tmp_path / "broken.crackscope"
    broken.write_bytes(b"nothing of the kind")
    with running(qtbot, own_state) as app:
        app.session.open_project(broken, with_pictures=tuple(sorted(folder.glob("*.png"))))
        app.until(lambda: any("was not opened" in text for text in app.texts()))
        app.session.intake.open_paths([tmp_path / "other"])
        app.until_shown()
        app.settle()
        assert not any("more than the project" in m.text for m in app.told), [m.text for m in app.told]
