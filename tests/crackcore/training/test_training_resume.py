"""A training that was broken off goes on to the very same weights, or says why it cannot."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch
import torch
from training_walls import TINY, tiny_request

from crackcore.errors import Cancelled, TrainingStopped, WeightsDoNotFit
from crackcore.models import create_network
from crackcore.training import checkpoints as module
from crackcore.training.checkpoints import TrainingState, checkpoint_folder, checkpoints, save_checkpoint
from crackcore.training.child import TrainingChild
from crackcore.training.run import train
from crackcore.training.settings import TrainRequest
from crackcore.training.training_log import log_lines

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # both end a process at once where they exist


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Sums are cut by the number of threads, here and in the child."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "tiny.safetensors"
    train(tiny_request(out, replace(TINY, accumulate=2)))
    return out


def weights(path: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load(path.read_bytes())


def same(a: Path, b: Path) -> bool:
    first, second = weights(a), weights(b)
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def broken_off(request: TrainRequest, at: int) -> None:
    """Train until iteration `at`, as a program that is closed."""

    def progress(done: int, total: int, note: str = "") -> None:
        if total == request.settings.iterations and done >= at:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(request, progress)


def test_killed_and_resumed_gives_the_weights_of_an_uninterrupted_run(
    uninterrupted: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tiny.safetensors"
    request = tiny_request(out, replace(TINY, accumulate=2), checkpoint_every=3)
    child = TrainingChild(request, threads=1)
    seen: list[dict[str, Any]] = []

    def hear(event: dict[str, Any]) -> None:
        seen.append(event)
        if event["event"] == "step" and event["iteration"] == 8:
            os.kill(child.process_id, KILL)

    with pytest.raises(TrainingStopped, match="it can go on from step") as caught:
        child.run(hear)
    assert caught.value.sentence().count(".") == 1
    assert len(checkpoints(out)) == 2
    assert not list(tmp_path.rglob("*.tmp-*"))

    events: list[dict[str, Any]] = []
    report = train(replace(request, resume=True), hear=events.append)
    taken = next(e["iteration"] for e in events if e["event"] == "resume")
    assert taken >= 6
    assert [e["iteration"] for e in events if e["event"] == "step"] == list(range(taken + 1, 13))
    assert same(out, uninterrupted)
    log = uninterrupted.with_suffix(".log.jsonl")
    assert round(report.best_f1, 5) == log_lines(log)[-1]["f1"]
    assert not checkpoint_folder(out).exists()

    # asked once more, it says that it is done, and trains nothing
    events.clear()
    again = train(replace(request, resume=True), hear=events.append)
    assert again.model.sha256 == report.model.sha256
    assert {e["event"] for e in events} <= {"preparing"}


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_every_optimiser_goes_on_exactly(optimiser: str, tmp_path: Path) -> None:
    settings = replace(TINY, optimiser=optimiser, iterations=6, validate_every=6, mixed=True)
    whole, out = tmp_path / "whole.safetensors", tmp_path / "tiny.safetensors"
    train(tiny_request(whole, settings))
    request = tiny_request(out, settings, checkpoint_every=2)
    broken_off(request, 5)
    train(replace(request, resume=True))
    assert same(out, whole)


def test_a_damaged_checkpoint_is_passed_over(
    tmp_path: Path, uninterrupted: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "tiny.safetensors"
    request = tiny_request(out, replace(TINY, accumulate=2), checkpoint_every=2)
    broken_off(request, 7)
    newest, older = checkpoints(out)
    data = bytearray(newest.read_bytes())
    data[-100] ^= 1  # one bit of one weight
    newest.write_bytes(data)
    events: list[dict[str, Any]] = []
    train(replace(request, resume=True), hear=events.append)
    assert next(e["iteration"] for e in events if e["event"] == "resume") == int(older.stem)
    assert "damaged" in caplog.text
    assert same(out, uninterrupted)


def test_another_training_is_not_taken_up(tmp_path: Path) -> None:
    out = tmp_path / "tiny.safetensors"
    request = tiny_request(out, checkpoint_every=1, resume=True)  # nothing there yet: it begins
    broken_off(request, 3)
    with pytest.raises(WeightsDoNotFit, match=r"other settings \(learning_rate 0.003, now 0.001\)"):
        train(replace(request, settings=replace(TINY, learning_rate=1e-3)))
    with pytest.raises(WeightsDoNotFit, match="other pictures"):
        train(replace(request, pairs=list(request.pairs)[:-1]))
    assert len(checkpoints(out)) == 2
    train_less = replace(request, resume=False)
    broken_off(train_less, 1)  # without `resume` the old state is given up
    assert [int(p.stem) for p in checkpoints(out)] == [1]


def test_the_log_names_every_picture_and_no_folder(uninterrupted: Path) -> None:
    lines = log_lines(uninterrupted.with_suffix(".log.jsonl"))
    pictures = lines[0]["pictures"]
    assert {p["stem"] for p in pictures} == {f"w{n}" for n in range(10)}
    assert all(len(p["sha256"]) == 64 for p in pictures)
    assert {p["side"] for p in pictures} == {"learn", "check"}
    assert "/" not in json.dumps(pictures)


def test_a_state_that_is_not_finite_is_never_written(tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    network = create_network("deepcrack_liu", width=0.125)
    optimiser = torch.optim.Adam(network.parameters())
    state = TrainingState(1, -1.0, 0.0, ())
    averaged = deepcopy(network)
    save_checkpoint(out, network, averaged, optimiser, state)
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] = float("inf")
    with pytest.raises(TrainingStopped, match="stopped being numbers"):
        save_checkpoint(out, network, averaged, optimiser, replace(state, iteration=2))
    assert [int(p.stem) for p in checkpoints(out)] == [1]


def test_what_a_kill_left_half_written_is_removed(tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    folder = checkpoint_folder(out)
    folder.mkdir()
    ours = folder / f"00000007.safetensors.tmp-{'a' * 32}"
    theirs = folder / "notes.txt"
    ours.write_bytes(b"half")
    theirs.write_text("keep", encoding="utf-8")
    module.remove_unfinished(out)
    assert not ours.exists()
    assert theirs.exists()


def test_a_log_line_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.log.jsonl"
    path.write_text('{"event": "start"}\n{"event": "che', encoding="utf-8")
    assert [line["event"] for line in log_lines(path)] == ["start"]
    assert log_lines(tmp_path / "none.jsonl") == []
