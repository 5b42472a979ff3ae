"""A training in a process of its own: what it says, how it is steered, and how it may end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from training_walls import TINY, tiny_request

from crackcore.errors import Cancelled, InputRefused, TrainingStopped
from crackcore.models.catalogue import read_installed
from crackcore.training.checkpoints import checkpoints
from crackcore.training.child import TrainingChild
from crackcore.training.settings import TrainReport, TrainRequest

ENDLESS = replace(TINY, iterations=100_000, validate_every=6)
ANSWER_S = 0.2
BUSY_S = 1.0  # for what is done once only: tests run on machines that do other things as well
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


class Watched:
    """A child on a thread of its own, and what it said, with the time."""

    def __init__(self, request: TrainRequest) -> None:
        self.child = TrainingChild(request, threads=1)
        self.events: list[tuple[float, dict[str, Any]]] = []
        self.report: TrainReport | None = None
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.report = self.child.run(lambda e: self.events.append((time.monotonic(), e)))
        except (Cancelled, TrainingStopped, InputRefused) as error:
            self.error = error

    def when(self, kind: str, after: float = 0.0, fits: Callable[[dict[str, Any]], bool] = bool) -> float:
        """Wait for an event of this kind; when it came."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            for at, event in list(self.events):
                if event["event"] == kind and at >= after and fits(event):
                    return at
            assert self.thread.is_alive() or self.events, self.error
            time.sleep(0.005)
        raise AssertionError(f"no {kind} came")

    def end(self) -> None:
        self.child.cancel()
        self.thread.join(60)


def test_pause_go_on_and_stop(tmp_path: Path) -> None:
    out = tmp_path / "tiny.safetensors"
    watched = Watched(tiny_request(out, ENDLESS))
    child = watched.child
    try:
        watched.when("check")
        assert child.state == "running"
        if os.name == "posix":
            assert psutil.Process(child.process_id).nice() >= 10

        answers: dict[str, list[float]] = {"pausing": [], "going on": []}
        for _ in range(3):
            asked = time.monotonic()
            child.pause()
            answers["pausing"].append(watched.when("pausing", asked) - asked)
            paused = watched.when("paused", asked)
            time.sleep(0.3)
            assert child.state == "paused"
            assert not [e for at, e in watched.events if at > paused + 0.1]
            asked = time.monotonic()
            child.go_on()
            answers["going on"].append(watched.when("going on", asked) - asked)
            watched.when("step", asked)
        assert all(min(seconds) < ANSWER_S for seconds in answers.values()), answers

        asked = time.monotonic()
        child.stop()
        assert watched.when("stopping", asked) - asked < BUSY_S
        watched.thread.join(60)
    finally:
        watched.end()
    assert watched.report is not None
    assert watched.report.model.sha256 == read_installed(out).sha256
    assert child.state == "ended"
    best = max(e["f1"] for _, e in watched.events if e["event"] == "check")
    assert round(watched.report.best_f1, 5) == best

    assert watched.events[0][1] == {"event": "preparing", "done": 0, "of": watched.events[0][1]["of"]}
    steps = [e for _, e in watched.events if e["event"] == "step"]
    assert [e["iteration"] for e in steps] == list(range(1, len(steps) + 1))
    assert all(e["seconds_left"] > 0 and e["loss"] > 0 for e in steps)
    check = next(e for _, e in watched.events if e["event"] == "check")
    assert 0 <= check["scores"]["sets"]["walls"]["f1_2px"] <= 1
    json.dumps([e for _, e in watched.events], allow_nan=False)
    assert int(checkpoints(out)[0].stem) == len(steps)  # and so it can go on


def test_cancel_ends_it_at_once_and_a_kill_is_one_sentence(tmp_path: Path) -> None:
    watched = Watched(tiny_request(tmp_path / "a.safetensors", ENDLESS))
    killed = Watched(tiny_request(tmp_path / "b.safetensors", ENDLESS, checkpoint_every=2))
    try:
        watched.when("step")
        killed.when("checkpoint", fits=lambda e: e["iteration"] >= 4)
        asked = time.monotonic()
        watched.child.cancel()
        watched.thread.join(60)
        assert time.monotonic() - asked < BUSY_S
        assert isinstance(watched.error, Cancelled)

        os.kill(killed.child.process_id, KILL)
        killed.thread.join(60)
    finally:
        watched.end()
        killed.end()
    assert isinstance(killed.error, TrainingStopped)
    sentence = killed.error.sentence()
    kept = checkpoints(tmp_path / "b.safetensors")
    assert len(kept) == 2
    assert sentence.endswith(f"it can go on from step {int(kept[0].stem)}.")
    assert "ended unexpectedly" in sentence
    assert not psutil.pid_exists(killed.child.process_id)


def test_a_refusal_in_the_child_is_one_here(tmp_path: Path) -> None:
    request = tiny_request(tmp_path / "m.safetensors")
    with pytest.raises(InputRefused, match="too few"):
        TrainingChild(replace(request, pairs=request.pairs[:1]), threads=1).run()
    assert not list(tmp_path.iterdir())


PARENT = """
import sys
from pathlib import Path
from test_training_child import ENDLESS
from training_walls import tiny_request
from crackcore.training.child import TrainingChild
if __name__ == "__main__":
    child = TrainingChild(tiny_request(Path(sys.argv[1]), ENDLESS), threads=1)
    said = []
    def hear(event):
        if event["event"] == "check" and not said:
            said.append(event)
            print(child.process_id, flush=True)
    child.run(hear)
"""


@pytest.mark.skipif(os.name != "posix", reason="no kill -9")
def test_it_ends_with_a_checkpoint_when_the_program_is_gone(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    out = tmp_path / "m.safetensors"
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path.cwd())])
    parent = subprocess.Popen(
        [sys.executable, str(script), str(out)],
        env=os.environ | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
    finally:
        parent.kill()
        parent.communicate()
    deadline = time.monotonic() + 60
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline, "the training went on alone"
            time.sleep(0.1)
    assert len(checkpoints(out)) == 1
