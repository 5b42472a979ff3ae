"""The way of finished steps to the disk: many at once, refused ones, saves, and a project taken over."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
from window_program import pictures, running

from app.messages import Kind
from crackcore.domain.change import HandEdited, RecordChanged
from crackcore.domain.image_record import ImageRecord, Review, Threshold
from crackcore.errors import NoSpace, PhotoMissing
from crackcore.masks.patch import difference
from crackcore.projects.store import ProjectStore

MANY = 5000


def _records(count: int) -> tuple[ImageRecord, ...]:
    return tuple(
        ImageRecord(f"{n:032x}", f"far/wall {n}.jpg", f"{n:064x}", 3000, 4000, bytes=1000 + n)
        for n in range(1, count + 1)
    )


def test_five_thousand_pictures_are_added_and_changed_in_one_batch(
    qtbot, own_state, tmp_path, record_property
):
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.settle()
        app.program.settings.set("checkpoint_strokes", 5000)
        appended = []
        really = app.session.store.append_many

        def append_many(changes):
            appended.append(len(changes))
            return really(changes)

        app.session.store.append_many = append_many
        began = time.perf_counter()
        app.session.add_records(_records(MANY))
        added_s = time.perf_counter() - began
        app.until(lambda: app.session.work.waiting == 0)
        added_kept_s = time.perf_counter() - began
        app.settle()
        assert app.window.images.model.rowCount() == MANY + 1
        assert len(app.session.store.project.images) == MANY + 1

        began = time.perf_counter()
        changed = app.session.threshold_for_all_open(Threshold(40, 90))
        changed_s = time.perf_counter() - began
        app.until(lambda: app.session.work.waiting == 0)
        changed_kept_s = time.perf_counter() - began
        assert changed == MANY + 1
        assert app.session.document.threshold == Threshold(40, 90)
        assert {r.threshold for r in app.session.project.images} == {Threshold(40, 90)}
        assert {r.threshold for r in app.session.store.project.images} == {Threshold(40, 90)}
        assert max(appended) >= MANY, "one batch, not thousands of jobs"
        assert len(appended) <= 8
        figures = {"added": added_s, "changed": changed_s, "kept": added_kept_s, "kept again": changed_kept_s}
        for name, seconds in figures.items():
            record_property(name, round(seconds, 4))


def test_a_step_that_can_never_be_kept_does_not_block_the_others(qtbot, own_state, tmp_path):
    pictures(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.settle()
        work, here = app.session.work, app.session.shown_id
        other = next(r for r in app.session.project.images if r.id != here)
        plane = np.zeros((400, 400), np.uint8)
        outside = difference(plane, np.full_like(plane, 2))  # larger than the picture
        work.add_many(
            [
                RecordChanged(replace(other, notes="before")),
                HandEdited("0" * 32, outside, "of no picture"),
                HandEdited(here, outside, "too large"),
                RecordChanged(replace(other, notes="after")),
            ]
        )
        app.until(lambda: work.waiting == 0)
        assert work.trouble is None
        assert app.session.store.project.image(other.id).notes == "after"
        told = [m for m in app.told if "2 steps do not fit" in m.text]
        assert len(told) == 1
        assert told[0].kind is Kind.ERROR
        app.stroke((20, 20), (20, 80))
        app.until(lambda: work.waiting == 0)
        drawn = app.session.document.hand.copy()
        path = app.session.path
    with ProjectStore.open(path, read_only=True) as store:
        assert np.array_equal(store.read_hand(here), drawn)


def test_when_the_disk_fills_up_between_good_steps_and_a_refused_one_nothing_is_lost(
    qtbot, own_state, tmp_path, monkeypatch
):
    pictures(tmp_path / "wall", 1)
    monkeypatch.setattr("app.session.work_stream.RETRY_S", 0.05)
    calls, really = [], ProjectStore.append_many
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.settle()
        record = app.session.project.images[0]

        def append_many(self, changes):
            calls.append([getattr(c, "title", c) for c in changes])
            if len(calls) == 3:  # in the middle of sorting out
                raise NoSpace("The disk is full.")
            return really(self, changes)

        with monkeypatch.context() as patch:
            patch.setattr(ProjectStore, "append_many", append_many)
            plane = np.zeros((8, 8), np.uint8)
            bad = HandEdited("0" * 32, difference(plane, plane + 2))
            notes = [RecordChanged(replace(record, notes=str(n))) for n in range(3)]
            app.session.work.add_many([notes[0], notes[1], bad, notes[2]])
            app.until(lambda: app.session.work.waiting == 0)
        assert app.session.store.project.images[0].notes == "2"
        assert app.session.work.trouble is None


def test_leaving_waits_for_a_sync_under_way_and_does_not_call_it_a_failure(
    qtbot, own_state, tmp_path, monkeypatch
):
    pictures(tmp_path / "wall", 1)
    begun, go, really = threading.Event(), threading.Event(), ProjectStore.append_many

    def append_many(self, changes):
        begun.set()
        go.wait(20)
        return really(self, changes)

    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.settle()
        with monkeypatch.context() as patch:
            patch.setattr(ProjectStore, "append_many", append_many)
            app.stroke((20, 20), (20, 80))
            app.until(begun.is_set)
            app.window.close()
            app.window.close()  # an impatient user
            assert app.window.isVisible()
            go.set()
            app.until(lambda: not app.window.isVisible())
        assert not any("could not be saved" in m.text for m in app.told)


def test_an_export_begins_although_ctrl_s_is_pressed_meanwhile(qtbot, own_state, tmp_path, monkeypatch):
    from app.actions.project import start_export
    from app.jobs.export import ExportRequest

    pictures(tmp_path / "wall", 1)
    begun, go, really = threading.Event(), threading.Event(), ProjectStore.save

    def save(self, progress=None):
        begun.set()
        go.wait(20)
        return really(self)

    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.settle()
        app.stroke((20, 20), (20, 80))
        with monkeypatch.context() as patch:
            patch.setattr(ProjectStore, "save", save)
            out = tmp_path / "out"
            start_export(app.window.scope, ExportRequest(app.session.path, "png", out))
            app.until(begun.is_set)
            app.run("file.save")
            app.run("file.save")
            go.set()
            app.until(lambda: any("exported to" in m.text for m in app.told))
        assert list(out.rglob("*.png"))
        app.until(lambda: any(m.text.startswith("Saved in") for m in app.told))


def test_an_export_that_cannot_begin_says_so_and_the_next_save_is_only_a_save(
    qtbot, own_state, tmp_path, monkeypatch
):
    from app.actions.project import start_export
    from app.jobs.export import ExportRequest

    pictures(tmp_path / "wall", 1)

    def save(self, progress=None):
        raise NoSpace("The disk is full.")

    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.settle()
        app.stroke((20, 20), (20, 80))
        out = tmp_path / "out"
        with monkeypatch.context() as patch:
            patch.setattr(ProjectStore, "save", save)
            start_export(app.window.scope, ExportRequest(app.session.path, "png", out))
            app.run("file.save")
            app.until(lambda: any("Nothing was exported" in m.text for m in app.told))
            app.settle()
        app.told.clear()
        app.run("file.save")
        app.until(lambda: any(m.text.startswith("Saved in") for m in app.told))
        app.settle()
        assert [m.text for m in app.told if m.text.startswith("Saved in")] == ["Saved in wall.crackscope."]
        assert not out.exists()


def test_steps_made_while_somebody_else_saved_are_in_the_conflict_copy(
    qtbot, own_state, tmp_path, monkeypatch
):
    pictures(tmp_path / "wall", 1)
    begun, go, really = threading.Event(), threading.Event(), ProjectStore.save

    def save(self, progress=None):
        begun.set()
        go.wait(20)
        return really(self)

    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.settle()
        image_id, path = app.session.shown_id, app.session.path
        app.run("file.save")
        app.settle()
        app.stroke((20, 20), (20, 80))
        app.settle()
        later = _a_later_save(path, tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(ProjectStore, "save", save)
            app.run("file.save")
            app.until(begun.is_set)
            later.replace(path)
            app.stroke((60, 20), (60, 80))  # too late for the copy that is about to be written
            drawn = app.session.document.hand.copy()
            go.set()
            app.until(lambda: app.session.read_only)
        app.settle()
        copies = list(path.parent.glob("*conflict*.crackscope"))
        assert len(copies) == 1
        told = [m for m in app.told if m.key == "taken-over"]
        assert len(told) == 1
        assert copies[0].name in told[0].text
        assert "read-only" in app.window.windowTitle()
        assert app.session.work.waiting == 0
        assert not app.session.work._retry.isActive()
        count = len(app.told)
        app.stroke((30, 20), (30, 80))
        qtbot.wait(50)
        assert len(app.told) == count, "no further trouble is told"
        with ProjectStore.open(copies[0], read_only=True) as store:
            assert np.array_equal(store.read_hand(image_id), drawn)
        app.press("Open the copy")
        app.until(lambda: app.session.path == copies[0])
        app.until_shown()
        assert not app.session.read_only
        assert np.array_equal(app.session.document.hand, drawn)


def _a_later_save(path, tmp_path):
    """What another computer would have saved, on a drive where locks do not work."""
    aside = tmp_path / "aside" / path.name
    aside.parent.mkdir()
    aside.write_bytes(path.read_bytes())
    with ProjectStore.open(aside) as store:
        record = store.project.images[0]
        store.append(RecordChanged(replace(record, notes="from elsewhere")))
    return aside


def test_a_conflict_met_while_leaving_keeps_the_window_until_it_was_read(qtbot, own_state, tmp_path):
    pictures(tmp_path / "wall", 1)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.run("file.save")
        app.settle()
        app.stroke((20, 20), (20, 80))
        app.settle()
        _a_later_save(app.session.path, tmp_path).replace(app.session.path)
        app.window.close()
        app.until(lambda: any("conflict" in text for text in app.texts()))
        assert app.window.isVisible()
        assert not app.session.is_open
        app.close()


def test_predict_all_goes_on_past_pictures_that_may_not_be_followed(
    qtbot, own_state, tmp_path, tiny_model, monkeypatch
):
    refused = {file.name for file in pictures(tmp_path / "wall", 4)[1:3]}
    really = ProjectStore.photo_path

    def photo_path(self, record):
        if record.file in refused:
            raise PhotoMissing("It lies outside the folder of this project.")
        return really(self, record)

    # from the very beginning: the next picture is read ahead as soon as the first is shown
    monkeypatch.setattr(ProjectStore, "photo_path", photo_path)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.until_models()
        app.session.models.choose("tiny")
        app.run("predict.all")
        app.settle()
        reviews = [record.review for record in app.session.project.images]
        assert reviews == [Review.PREDICTED, Review.FAILED, Review.FAILED, Review.PREDICTED]
        assert any("2 predicted, 2 not analysed" in m.text for m in app.told)


def test_pictures_outside_a_project_from_elsewhere_are_found_again(qtbot, own_state, tmp_path):
    folder = tmp_path / "wall"
    files = pictures(folder, 2)
    with running(qtbot, own_state, [folder]) as app:
        app.until_shown()
        first = app.session.project.images[0]
        app.session.keep_record(replace(first, file="/srv/share/photos/wall 0.png"))
        app.settle()
    files[0].rename(folder / "found.png")
    with running(qtbot, own_state, [folder / "wall.crackscope"]) as app:
        app.until(lambda: app.session.is_open and not app.session.is_loading)
        app.session.store.outside_allowed = False  # as for a project that came by mail
        asked = []
        app.session.store.photo_path = lambda record: asked.append(threading.current_thread().name)
        app.session.intake.find_moved(folder)
        app.until(lambda: app.session.project.images[0].file == "found.png")
        assert not [name for name in asked if name.startswith("cpu")], "the store is the disk lane's"
        del app.session.store.photo_path
        app.settle()


def test_a_picture_that_vanishes_while_it_is_added_does_not_stop_the_others(qtbot, own_state, tmp_path):
    from app.jobs.project import describe_job

    files = pictures(tmp_path / "wall", 3)
    files[1].unlink()
    answers = []
    with running(qtbot, own_state) as app:
        job = describe_job(files, tmp_path)
        job.succeeded.connect(answers.append)
        job.failed.connect(answers.append)
        app.program.lanes.cpu.submit(job)
        app.settle()
    assert len(answers[0].records) == 2
    assert len(answers[0].refused) == 1
    assert "wall 1.png" in answers[0].refused[0]


def test_a_save_that_nobody_asked_for_steps_back_for_a_stroke(qtbot, own_state, tmp_path, monkeypatch):
    pictures(tmp_path / "wall", 1)
    monkeypatch.setattr("app.session.work_stream.YIELD_AFTER_S", 0.0)
    begun, really = threading.Event(), ProjectStore.save

    def save(self, progress=None):
        begun.set()
        for _ in range(2000):  # a project of thousands of pictures
            time.sleep(0.01)
            progress(0, 1)
        return really(self, progress)

    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.settle()
        work = app.session.work
        with monkeypatch.context() as patch:
            patch.setattr(ProjectStore, "save", save)
            app.stroke((20, 20), (20, 80))
            app.until(lambda: work.waiting == 0)
            work._after_quiet()
            app.until(begun.is_set)
            began = time.monotonic()
            app.stroke((60, 20), (60, 80))
            app.until(lambda: work.waiting == 0)
            assert time.monotonic() - began < 5
            app.settle()
        assert app.session.store.pending, "nothing was folded in, and nothing is lost"
        work._after_quiet()
        app.until(lambda: not work.is_saving)
        assert not app.session.store.pending
