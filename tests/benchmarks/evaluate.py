"""`crackcore evaluate` on 1,000 pictures of 512 x 512 at three tolerances, from files to the answer."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from tests.benchmarks.figures import ROOT, Figure

PICTURES, DIFFERENT, SIDE_PX = 1000, 50, 512


def _make(folder: Path) -> None:
    """Cracks of several widths and scores as a network gives them: soft, shifted, with false marks."""
    rng = np.random.default_rng(0)
    for name in ("pred", "truth"):
        (folder / name).mkdir()
    for number in range(DIFFERENT):
        mask = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
        for _ in range(int(rng.integers(1, 4))):
            way = rng.integers(0, SIDE_PX, 2) + np.cumsum(rng.normal(0, 30, (30, 2)), axis=0)
            cv2.polylines(mask, [way.astype(np.int32)[:, None]], False, 255, int(rng.integers(2, 9)))
        shift = np.float32([[1, 0, rng.normal(0, 1)], [0, 1, rng.normal(0, 1)]])
        score = cv2.warpAffine(mask, shift, (SIDE_PX, SIDE_PX)).astype(np.float32)
        score = cv2.GaussianBlur(score, (0, 0), 3) + rng.normal(0, 40, score.shape)
        score = np.clip(cv2.GaussianBlur(score, (0, 0), 1.5), 0, 255).astype(np.uint8)
        for copy in range(number, PICTURES, DIFFERENT):
            for name, plane in (("pred", score), ("truth", mask)):
                first, file = folder / name / f"{number}.png", folder / name / f"{copy}.png"
                if copy == number:
                    file.write_bytes(cv2.imencode(".png", plane)[1].tobytes())
                else:
                    file.write_bytes(first.read_bytes())


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="crackscope-benchmark-") as name:
        folder = Path(name)
        _make(folder)
        arguments = ["evaluate", "--pred", str(folder / "pred"), "--truth", str(folder / "truth"), "--json"]
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "crackcore", *arguments],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        seconds = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    case = f"{PICTURES} of {SIDE_PX} x {SIDE_PX}, 0 2 5 px"
    yield Figure("time", case, seconds, "s", at_most=60.0)
    # what a busy machine cannot lengthen: two cores that are free need at least half of it
    yield Figure("processor time", case, spent, "s")
    yield Figure("highest memory", case, after.ru_maxrss / 1024, "MiB")
