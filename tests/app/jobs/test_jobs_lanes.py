"""Lanes: answers come back in the GUI thread, newest wins, late answers are dropped, leaving waits."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import weakref

import pytest
from PySide6.QtCore import QObject, Signal

from app.jobs import Job, Lanes
from crackcore.errors import CrackError


@pytest.fixture
def lanes(qtbot):
    made = Lanes()
    yield made
    made.shut()
    qtbot.waitUntil(lambda: made.is_idle)


def test_an_answer_arrives_in_the_gui_thread_with_the_very_same_object(lanes, qtbot):
    gui, seen, payload = threading.get_ident(), [], bytearray(3)
    where = []

    def work(progress):
        where.append(threading.get_ident())
        return payload

    job = Job("give", work)
    job.succeeded.connect(lambda result: seen.append((threading.get_ident(), result)))
    with qtbot.waitSignal(job.ended):
        lanes.cpu.submit(job)
    assert where[0] != gui
    assert seen[0][0] == gui
    assert seen[0][1] is payload


def test_an_error_arrives_as_it_was_raised(lanes, qtbot):
    def work(progress):
        raise CrackError("The disk is full.")

    job, seen = Job("fail", work), []
    job.failed.connect(seen.append)
    with qtbot.waitSignal(job.ended):
        lanes.disk.submit(job)
    assert isinstance(seen[0], CrackError)
    assert not lanes.jobs


def test_cancelling_a_running_job_ends_it_soon_and_says_nothing(lanes, qtbot):
    running = threading.Event()

    def work(progress):
        while True:
            running.set()
            progress(0, 10)
            threading.Event().wait(0.01)

    job, heard = Job("long", work), []
    job.succeeded.connect(heard.append)
    job.failed.connect(heard.append)
    lanes.device.submit(job)
    qtbot.waitUntil(running.is_set)
    with qtbot.waitSignal(job.ended, timeout=2000):
        asked = time.monotonic()
        lanes.cancel(job)
    assert time.monotonic() - asked < 0.2
    assert heard == []


def test_newest_wins_also_when_the_older_one_has_already_finished_its_work(lanes, qtbot):
    finished, seen = threading.Event(), []

    def old_work(progress):
        finished.set()
        return "old"

    old = Job("old", old_work)
    old.succeeded.connect(seen.append)
    lanes.cpu.submit(old, replaces="show")
    finished.wait(5)  # its answer is in the post now, or about to be
    new = Job("new", lambda progress: "new")
    new.succeeded.connect(seen.append)
    with qtbot.waitSignal(new.ended):
        lanes.cpu.submit(new, replaces="show")
    qtbot.waitUntil(lambda: lanes.is_idle)
    assert seen == ["new"]


def test_a_job_that_waits_ends_at_once_when_it_is_cancelled(lanes, qtbot):
    gate = threading.Event()
    blocking = lanes.disk.submit(Job("blocks", lambda progress: gate.wait(10)))
    ran = []
    waiting = Job("waits", lambda progress: ran.append(1))
    lanes.disk.submit(waiting)
    with qtbot.waitSignal(waiting.ended, timeout=1000):
        lanes.cancel(waiting)
    assert blocking in lanes.jobs
    gate.set()
    qtbot.waitUntil(lambda: lanes.is_idle)
    assert ran == []


def test_progress_is_throttled_but_the_last_step_always_arrives(lanes, qtbot):
    seen = []

    def work(progress):
        for i in range(10_001):
            progress(i, 10_000)

    job = Job("counts", work)
    job.progressed.connect(lambda done, total, note: seen.append((done, total)))
    with qtbot.waitSignal(job.ended):
        lanes.cpu.submit(job)
    assert seen[-1] == (10_000, 10_000)
    assert len(seen) < 1000


def test_progress_in_bytes_may_be_larger_than_a_c_int(lanes, qtbot):
    seen = []
    job = Job("reads", lambda progress: progress(1 << 40, 1 << 40))
    job.progressed.connect(lambda done, total, note: seen.append(done))
    with qtbot.waitSignal(job.ended):
        lanes.cpu.submit(job)
    assert 1 << 40 in seen


def test_leaving_waits_for_what_cannot_be_cancelled_and_takes_nothing_new(qtbot):
    lanes, gate, done = Lanes(), threading.Event(), []
    lanes.disk.submit(Job("save", lambda progress: (gate.wait(5), done.append("saved")), can_cancel=False))
    gate.set()
    lanes.shut()
    assert done == ["saved"]
    late = Job("late", lambda progress: done.append("late"))
    with qtbot.waitSignal(late.ended):
        lanes.cpu.submit(late)
    qtbot.waitUntil(lambda: lanes.is_idle)
    assert done == ["saved"]


def test_an_ended_job_and_its_closures_are_let_go(lanes, qtbot):
    job = Job("small", lambda progress: None)
    job.succeeded.connect(lambda result, job=job: None)  # a cycle through Qt
    gone = weakref.ref(job)
    with qtbot.waitSignal(job.ended):
        lanes.cpu.submit(job)
    del job

    def is_gone():
        gc.collect()
        return gone() is None

    qtbot.waitUntil(is_gone)


class _Bell(QObject):
    rang = Signal(bool)


def test_a_hundred_thousand_signals_leave_the_truth_alone(qtbot):
    """PySide6 6.12 on Python 3.11 takes a reference from True with every emit, until the process ends."""
    bell, heard = _Bell(), []
    bell.rang.connect(lambda value: heard.append(None) if not value else None)
    before = sys.getrefcount(True)
    for _ in range(100_000):
        bell.rang.emit(True)
    assert abs(sys.getrefcount(True) - before) < 100


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="niceness of a thread is a thing of Linux")
def test_the_device_lane_lets_the_window_go_first(lanes, qtbot):
    seen = {}

    def work(name):
        return lambda progress: seen.update(
            {name: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())}
        )

    for lane in lanes.all:
        job = Job(lane.name, work(lane.name))
        with qtbot.waitSignal(job.ended):
            lane.submit(job)
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert seen["disk"] == seen["cpu"] == ours
    assert seen["device"] > seen["cpu"] or ours >= 5


def test_an_answer_that_nobody_takes_is_put_away_on_the_lane_before_the_next_job(lanes, qtbot):
    order, here = [], threading.get_ident()

    def opener(name):
        return Job(
            name,
            lambda progress: order.append(f"open {name}") or name,
            dispose=lambda answer: order.append(f"close {answer} {threading.get_ident() == here}"),
        )

    # replaced after it has done its work, its answer still on the way
    first = lanes.disk.submit(opener("a"), replaces="open")
    deadline = time.monotonic() + 10
    while "open a" not in order and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.05)
    second = opener("b")
    taken = []
    second.succeeded.connect(taken.append)
    lanes.disk.submit(second, replaces="open")
    qtbot.waitUntil(lambda: lanes.is_idle)
    assert first.is_cancelled
    assert order == ["open a", "close a False", "open b"]
    assert taken == ["b"], "an answer that is taken is not put away"


def test_an_answer_cancelled_while_it_is_made_is_put_away_too(lanes, qtbot):
    begun, go, closed = threading.Event(), threading.Event(), []

    def work(progress):
        begun.set()
        go.wait(10)
        return "store"

    job = lanes.disk.submit(Job("deaf", work, dispose=closed.append))
    qtbot.waitUntil(begun.is_set)
    lanes.cancel(job)
    go.set()
    qtbot.waitUntil(lambda: lanes.is_idle and closed == ["store"])
