"""Going on to the next picture: read ahead within bounds, and its thumbnail while it is still coming."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from window_program import picture, pictures, running

import crackcore.imaging.reading as reading
from crackcore.domain.image_record import Threshold


class _Reads:
    """Counts full reads of photos, and holds them up while `go` is clear."""

    def __init__(self, monkeypatch):
        self.names: list[str] = []
        self.go = threading.Event()
        self.go.set()
        really = reading.read_photo

        def read_photo(path, **named):
            self.names.append(path.name)
            self.go.wait(20)
            return really(path, **named)

        monkeypatch.setattr(reading, "read_photo", read_photo)


def _ids(app):
    return [record.id for record in app.session.project.images]


def _loaded(app):
    return [i for i, image_id in enumerate(_ids(app)) if app.session.document_of(image_id) is not None]


def test_the_next_picture_is_there_at_once(qtbot, own_state, tmp_path, monkeypatch):
    pictures(tmp_path / "wall", 5)
    reads = _Reads(monkeypatch)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.until(lambda: _loaded(app) == [0, 1])
        app.run("review.next")
        assert app.session.shown_id == _ids(app)[1]
        assert not app.session.is_loading
        assert app.canvas.document is app.session.document
        app.until(lambda: _loaded(app) == [0, 1, 2])
        app.go_to(_ids(app)[4])
        app.run("review.previous")
        app.until_shown(_ids(app)[3])
        app.settle()
        assert sorted(reads.names) == sorted(f"wall {n}.png" for n in range(5)), "each was read once"


def test_reading_ahead_keeps_to_the_memory_for_open_pictures(qtbot, own_state, tmp_path, monkeypatch):
    pictures(tmp_path / "wall", 5)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        one = 96 * 128 * 10
        app.session.showing.documents._limit_bytes = lambda: 2 * one
        app.until_shown()
        app.until(lambda: _loaded(app) == [0, 1])
        app.run("review.next")
        app.until(lambda: _loaded(app) == [1, 2])
        qtbot.wait(100)
        app.settle()
        assert _loaded(app) == [1, 2]
        app.session.showing.documents._limit_bytes = lambda: one
        app.go_to(_ids(app)[4])
        qtbot.wait(100)
        app.settle()
        assert _loaded(app) == [4], "no room for another"


def test_a_picture_being_read_ahead_is_taken_over_and_one_not_wanted_is_dropped(
    qtbot, own_state, tmp_path, monkeypatch
):
    pictures(tmp_path / "wall", 6)
    reads = _Reads(monkeypatch)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.settle()
        app.until(lambda: _loaded(app) == [0, 1])
        app.run("review.next")
        reads.go.clear()
        app.until(lambda: "wall 2.png" in reads.names)
        app.run("review.next")
        assert app.session.is_loading
        reads.go.set()
        app.until_shown(_ids(app)[2])
        app.settle()
        assert reads.names.count("wall 2.png") == 1, "half the way was done already"
        app.until(lambda: 3 in _loaded(app))

        reads.go.clear()
        app.run("review.next")
        app.until(lambda: "wall 4.png" in reads.names)  # ahead of picture 3
        app.session.show(_ids(app)[5])
        reads.go.set()
        app.until_shown(_ids(app)[5])
        app.settle()
        assert app.session.document.record.id == _ids(app)[5]


def test_what_changes_while_a_picture_is_read_ahead_is_seen_in_it(qtbot, own_state, tmp_path, monkeypatch):
    pictures(tmp_path / "wall", 2)
    reads = _Reads(monkeypatch)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.session.showing._ahead_soon.setInterval(0)
        app.until_shown()
        app.settle()
        app.session.showing.documents.get(_ids(app)[1]).release()
        reads.go.clear()
        app.session.showing._read_ahead()
        app.session.threshold_for_all_open(Threshold(33, 44))
        reads.go.set()
        app.until(lambda: _loaded(app) == [0, 1])
        assert app.session.document_of(_ids(app)[1]).threshold == Threshold(33, 44)


def test_a_broken_neighbour_is_told_about_only_when_it_is_asked_for(qtbot, own_state, tmp_path):
    files = pictures(tmp_path / "wall", 3)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.close()
    whole = files[1].read_bytes()
    files[1].write_bytes(whole[: len(whole) // 2])
    picture(files[2], seed=99)  # another photo of the same size
    with running(qtbot, own_state, [tmp_path / "wall" / "wall.crackscope"]) as app:
        app.session.showing._ahead_soon.setInterval(0)
        app.until_shown()
        qtbot.wait(100)
        app.settle()
        assert not app.told, [m.text for m in app.told]
        app.run("review.next")
        app.until(lambda: any("wall 1.png" in text for text in app.texts()))
        app.go_to(_ids(app)[2])
        app.until(lambda: any("not the same file" in text for text in app.texts()))
        app.settle()


@pytest.mark.parametrize("zoomed", [False, True])
def test_the_thumbnail_stands_in_for_a_picture_on_its_way(qtbot, own_state, tmp_path, monkeypatch, zoomed):
    pictures(tmp_path / "wall", 3, size=(300, 400))
    reads = _Reads(monkeypatch)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.session.showing.documents._limit_bytes = lambda: 1
        app.until_shown()
        thumbnails = app.window.images.model.thumbnails
        ids = _ids(app)
        app.until(lambda: thumbnails.get(ids[1]) is not None)
        app.settle()
        if zoomed:
            app.canvas.actual_size()
            app.canvas.zoom_by(4)
        first = app.session.document
        coming = app.window.coming
        assert not coming.isVisible()
        reads.go.clear()
        app.run("review.next")
        assert app.session.is_loading
        assert coming.isVisible()
        assert coming.geometry() == app.canvas.geometry()
        place = coming.picture_rect()
        shot = coming.grab().toImage()
        middle = shot.pixelColor(shot.rect().center())
        assert 30 < middle.lightness() < 220, "the grey wall, not the empty ground"
        # nothing is done to the picture that is covered now
        QTest.mousePress(coming, Qt.MouseButton.LeftButton, pos=coming.rect().center())
        QTest.mouseRelease(coming, Qt.MouseButton.LeftButton, pos=coming.rect().center())
        app.run("threshold.up")
        app.run("edit.undo")
        assert not first.hand.any()
        assert first.threshold == Threshold()
        reads.go.set()
        app.until_shown(ids[1])
        assert not coming.isVisible()
        view, ratio = app.canvas.viewport, app.canvas.devicePixelRatioF()
        top, left = view.to_screen(-0.5, -0.5)
        assert np.allclose((place.left(), place.top()), (left / ratio, top / ratio))
        assert np.isclose(place.width(), 400 * view.scale / ratio)
        app.settle()


def test_a_picture_that_does_not_come_uncovers_the_one_before(qtbot, own_state, tmp_path, monkeypatch):
    files = pictures(tmp_path / "wall", 2)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.session.showing.documents._limit_bytes = lambda: 1
        app.until_shown()
        thumbnails, ids = app.window.images.model.thumbnails, _ids(app)
        app.until(lambda: thumbnails.get(ids[1]) is not None)
        app.settle()
        first = app.session.document
        files[1].unlink()
        app.run("review.next")
        assert app.window.coming.isVisible()
        app.until(lambda: not app.session.is_loading)
        assert not app.window.coming.isVisible()
        assert app.session.document is first
        app.settle()


def test_leaving_that_does_not_happen_leaves_no_picture_half_way(qtbot, own_state, tmp_path, monkeypatch):
    pictures(tmp_path / "wall", 3)
    reads = _Reads(monkeypatch)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        app.settle()
        app.session.showing.documents._limit_bytes = lambda: 1
        reads.go.clear()
        app.session.show(_ids(app)[2])
        monkeypatch.setattr(app.session, "_finish_leaving", lambda: None)  # it was refused
        app.window.close()
        reads.go.set()
        app.settle()
        monkeypatch.undo()
        app.go_to(_ids(app)[2])
        app.session.keep_record(replace(app.session.project.images[2], notes="still here"))
        app.settle()
