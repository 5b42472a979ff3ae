"""Kill -9 under continuous load: no acknowledged stroke lost, none torn, nothing unopenable."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from killed_writer import HEIGHT, IMAGES, WIDTH, after
from project_making import project

from crackcore.projects.store import ProjectStore, backups_of

NIGHTLY = os.environ.get("CRACKSCOPE_NIGHTLY") == "1"
KILLS = 2000 if NIGHTLY else 200

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills by fork and SIGKILL")


@pytest.fixture
def spawner() -> Iterator[subprocess.Popen[str]]:
    script = Path(__file__).with_name("killed_writer.py")
    root = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    with process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)


def killed_run(
    spawner: subprocess.Popen[str], path: Path, seed: int, pace_ms: float, counts: list[int]
) -> int:
    """One writer, killed at a random moment; `counts` is brought up to what it acknowledged."""
    rng = random.Random(seed)
    assert spawner.stdin is not None
    assert spawner.stdout is not None
    spawner.stdin.write(f"run\t{path}\t{seed}\t{pace_ms}\t{','.join(map(str, counts))}\n")
    spawner.stdin.flush()
    pid, saves, to_go = 0, 0, rng.randint(0, 40)
    while True:
        word, *rest = spawner.stdout.readline().split()
        if word == "pid":
            pid = int(rest[0])
        elif word == "a":
            counts[int(rest[0])] = int(rest[1])
            to_go -= 1
        elif word == "saved":
            saves += 1
        elif word == "dead":
            return saves
        else:
            pytest.fail(f"the writer said: {word} {' '.join(rest)}")
        if pid and to_go <= 0:
            time.sleep(rng.random() * 0.006)  # into the middle of whatever it does next
            os.kill(pid, signal.SIGKILL)
            to_go = 1 << 30


@pytest.mark.slow
def test_no_acknowledged_stroke_is_lost_under_continuous_load(
    tmp_path: Path, spawner: subprocess.Popen[str]
) -> None:
    kill_loop(tmp_path, spawner, kills=KILLS, pace_ms=0)


@pytest.mark.slow
def test_no_acknowledged_stroke_is_lost_on_a_real_disk(
    tmp_path_factory: pytest.TempPathFactory, spawner: subprocess.Popen[str]
) -> None:
    kill_loop(tmp_path_factory.mktemp("real"), spawner, kills=KILLS // 10, pace_ms=0)


def test_no_acknowledged_stroke_is_lost_when_drawn_slowly(
    tmp_path: Path, spawner: subprocess.Popen[str]
) -> None:
    kill_loop(tmp_path, spawner, kills=KILLS // 20, pace_ms=3)


def kill_loop(tmp_path: Path, spawner: subprocess.Popen[str], *, kills: int, pace_ms: float) -> None:
    store = ProjectStore.create(tmp_path / "survey.crackscope", project(IMAGES, height=HEIGHT, width=WIDTH))
    ids = [record.id for record in store.project.images]
    store.close()
    acknowledged = [0] * IMAGES
    expected = [np.zeros((HEIGHT, WIDTH), np.uint8) for _ in ids]
    drawn = [0] * IMAGES
    saves = unacknowledged = recovered = finer_kills = 0
    for kill in range(kills):
        saves += killed_run(spawner, store.path, kill, pace_ms, acknowledged)
        store = ProjectStore.open(store.path)
        assert not store.read_only, store.read_only_reason
        assert not list(tmp_path.glob("*.tmp-*"))
        recovered += store.recovered.strokes
        for which, image_id in enumerate(ids):
            while drawn[which] < acknowledged[which]:
                expected[which] = after(expected[which], drawn[which])
                drawn[which] += 1
            found = store.read_hand(image_id)
            if not np.array_equal(found, expected[which]):
                # The stroke that was under way when the kill came may be there, whole.
                expected[which] = after(expected[which], drawn[which])
                drawn[which] += 1
                acknowledged[which] += 1
                unacknowledged += 1
                assert np.array_equal(found, expected[which]), f"image {which} after kill {kill}"
            finer_kills += found.shape != (HEIGHT, WIDTH)
        store.close(save=False)
    with ProjectStore.open(store.path) as store:
        assert store.check().generation == store.generation
        assert {f.kind for f in store.check().findings} <= {"photo"}  # these photos do not exist
    assert sum(drawn) > 10 * kills or pace_ms
    assert saves > kills // 4
    assert finer_kills, "no kill came while a picture was on the finer grid"
    assert recovered > kills
    assert backups_of(store.path)
    sys.stderr.write(
        f"\n{kills} kills, {sum(drawn)} strokes, {saves} saves, {recovered} strokes replayed, "
        f"{unacknowledged} kept though not acknowledged, 0 lost\n"
    )
