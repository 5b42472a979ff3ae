"""One training in two processes, started as torchrun starts them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from training_walls import TINY, tiny_request

from crackcore.errors import TrainingStopped
from crackcore.models import create_network
from crackcore.training import run
from crackcore.training.batches import batch_of
from crackcore.training.run import train
from crackcore.training.settings import TrainSettings
from crackcore.training.training_log import log_lines
from crackcore.training.workers import Workers, place

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without gloo")


SGD = replace(
    TINY,
    iterations=2,
    batch=4,
    validate_every=2,
    criterion="deepcrack_tip",
    optimiser="sgd",
    learning_rate=0.1,
    average=0.0,
)
"""Of a network without batch norm, with a loss that is a mean over the batch: parts can be put together."""

WORKER = """
import sys
from dataclasses import replace
from pathlib import Path
from test_training_workers import SGD
from training_walls import tiny_request
from crackcore.training.run import train
request = replace(tiny_request(Path(sys.argv[1]), SGD), architecture="deepcrack_tip")
print(round(train(request).best_f1, 4))
"""


def test_two_processes_take_the_step_of_their_joined_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "two.safetensors"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    here = os.pathsep.join([str(Path(__file__).parent), str(Path.cwd())])
    processes = []
    for rank in range(2):  # as torchrun starts them
        place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
        place |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "PYTHONPATH": here}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", WORKER, str(out)],
                env=os.environ | place,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
    answers = [p.communicate(timeout=300) for p in processes]
    assert [p.returncode for p in processes] == [0, 0], answers
    assert answers[0][0] == answers[1][0]  # both know what came out
    lines = log_lines(out.with_suffix(".log.jsonl"))
    assert [line["event"] for line in lines] == ["start", "check", "end"]  # one of them writes
    assert lines[0]["processes"] == 2

    def both(pairs: Any, settings: TrainSettings, iteration: int, **_: int) -> Any:
        shares = [batch_of(pairs, settings, iteration, worker=w, workers=2) for w in range(2)]
        return tuple(np.concatenate(halves) for halves in zip(*shares, strict=True))

    monkeypatch.setattr(run, "batch_of", both)
    alone = tmp_path / "one.safetensors"
    train(replace(tiny_request(alone, SGD), architecture="deepcrack_tip"))
    wanted, found = (safetensors.torch.load(path.read_bytes()) for path in (alone, out))
    torch.manual_seed(SGD.seed)
    begun = create_network("deepcrack_tip", width=0.125).state_dict()
    for name, tensor in wanted.items():
        assert torch.allclose(tensor, found[name], atol=2e-5), name
    assert any(not torch.allclose(begun[name], found[name], atol=1e-3) for name in wanted)


def test_without_torchrun_it_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert place() == Workers(0, 1, 0)
    for key, value in {"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(key, value)
    assert place() == Workers(3, 4, 1)
    assert not place().is_first


def test_the_shares_of_a_batch_differ_and_fit_together() -> None:
    pairs = tiny_request(Path("m.safetensors")).pairs
    settings = replace(TINY, batch=4)
    whole, _ = batch_of(pairs, settings, 3)
    shares = [batch_of(pairs, settings, 3, worker=w, workers=2)[0] for w in range(2)]
    assert whole.shape[0] == 4
    assert [s.shape[0] for s in shares] == [2, 2]
    assert not (shares[0] == shares[1]).all()
    with pytest.raises(TrainingStopped, match="A batch of 4 cannot be cut into 6"):
        Workers(0, 3).share(4, 2)


def test_parts_of_a_batch_give_the_gradient_of_the_whole(tmp_path: Path) -> None:
    found = []
    for parts in (1, 2):
        out = tmp_path / f"{parts}.safetensors"
        train(replace(tiny_request(out, replace(SGD, accumulate=parts)), architecture="deepcrack_tip"))
        found.append(safetensors.torch.load(out.read_bytes()))
    for name, tensor in found[0].items():
        assert torch.allclose(tensor, found[1][name], atol=2e-5), name
