"""A wish to approve is never lost: whatever comes in between, it is asked for again."""

from __future__ import annotations

import threading

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from window_program import pictures, running

from app.document.snapshot import ShownSnapshot
from crackcore.arrays import CRACK
from crackcore.domain.image_record import Review, Threshold
from crackcore.projects.store import ProjectStore


class _Held:
    """Approvals that take as long as the test wants."""

    def __init__(self, monkeypatch):
        self.begun, self.go = threading.Event(), threading.Event()
        really = ShownSnapshot.approval

        def approval(snapshot):
            self.begun.set()
            self.go.wait(20)
            return really(snapshot)

        monkeypatch.setattr(ShownSnapshot, "approval", approval)


def test_painting_before_the_frozen_mask_is_back_does_not_lose_the_approval(
    qtbot, own_state, tmp_path, monkeypatch
):
    pictures(tmp_path / "wall", 1)
    held = _Held(monkeypatch)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        document = app.session.document
        app.run("review.approve")
        app.until(held.begun.is_set)
        QTest.mousePress(app.canvas, Qt.MouseButton.LeftButton, pos=app.on_screen((20, 20)))
        assert document.in_stroke
        held.go.set()
        app.settle()
        assert document.record.review is not Review.APPROVED, "not in the middle of a stroke"
        QTest.mouseMove(app.canvas, app.on_screen((20, 80)))
        QTest.mouseRelease(app.canvas, Qt.MouseButton.LeftButton, pos=app.on_screen((20, 80)))
        app.until(lambda: document.record.review is Review.APPROVED)
        assert document.frozen is not None
        assert np.array_equal(document.frozen == CRACK, document.shown_mask() == CRACK)
        assert document.frozen[20, 50] == CRACK, "the stroke is part of what was approved"


def test_what_changes_behind_an_approval_and_next_does_not_lose_it(qtbot, own_state, tmp_path, monkeypatch):
    pictures(tmp_path / "wall", 3)
    held = _Held(monkeypatch)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        first = app.session.document
        app.run("review.approve-next")
        app.until(held.begun.is_set)
        app.until(lambda: app.session.document is not first and not app.session.is_loading)
        first.set_threshold(Threshold(40, 40), final=True)  # as an answer of Predict all might
        held.go.set()
        app.until(lambda: first.record.review is Review.APPROVED)
        app.settle()


def test_leaving_at_once_after_enter_keeps_the_approval(qtbot, own_state, tmp_path, monkeypatch):
    pictures(tmp_path / "wall", 2)
    held = _Held(monkeypatch)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        path, image_id = app.session.path, app.session.shown_id
        app.run("review.approve-next")
        app.until(held.begun.is_set)
        app.window.close()
        held.go.set()
        app.until(lambda: not app.window.isVisible())
    with ProjectStore.open(path, read_only=True) as store:
        assert store.project.image(image_id).review is Review.APPROVED
        assert store.read_frozen(image_id) is not None


def test_enter_while_the_next_picture_is_opened_says_so_and_skips_nothing(
    qtbot, own_state, tmp_path, monkeypatch
):
    pictures(tmp_path / "wall", 3)
    with running(qtbot, own_state, [tmp_path / "wall"]) as app:
        app.until_shown()
        ids = [r.id for r in app.session.project.images]
        app.session.showing.documents._limit_bytes = lambda: 1  # nothing is read ahead
        go, really = threading.Event(), ProjectStore.read_hand

        def read_hand(self, image_id):
            go.wait(20)
            return really(self, image_id)

        app.settle()
        for image_id in ids[1:]:
            app.session.showing.documents.forget(image_id)
        monkeypatch.setattr(ProjectStore, "read_hand", read_hand)
        app.run("review.approve-next")
        assert app.session.is_loading
        app.run("review.approve-next")
        assert any("being opened" in text for text in app.texts())
        go.set()
        app.until_shown(ids[1])
        app.settle()
        reviews = [r.review for r in app.session.project.images]
        assert reviews == [Review.APPROVED, Review.NEW, Review.NEW]
