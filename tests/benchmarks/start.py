"""How long until the window is up, in a fresh process on a warm disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.benchmarks.figures import ROOT, Figure, from_seconds

RUNS = 7

# Time counts from the start of the process, interpreter included; the window is up when it was exposed and
# its first paint events have been worked off.
PROBE = """
import json, os, sys, time
import psutil
started = psutil.Process().create_time()
from PySide6.QtCore import QTimer
import app.application as application
imported = time.time()

def done(window):
    from PySide6.QtWidgets import QApplication
    QApplication.processEvents()
    print(json.dumps({"up": time.time() - started, "imports": imported - started,
                      "torch": "torch" in sys.modules}), flush=True)
    os._exit(0)

from PySide6.QtWidgets import QApplication

def look():
    for window in QApplication.topLevelWidgets():
        if window.isVisible() and window.windowHandle() and window.windowHandle().isExposed():
            return done(window)
    QTimer.singleShot(1, look)

# The application makes the QApplication itself; the timer is armed as soon as there is one.
from PySide6 import QtWidgets
real = QtWidgets.QApplication.__init__
def armed(self, *arguments):
    real(self, *arguments)
    QTimer.singleShot(0, look)
QtWidgets.QApplication.__init__ = armed
sys.argv = ["crackscope"]
application.main()
"""


def measure() -> Iterator[Figure]:
    answers = [one_start() for _ in range(RUNS + 1)][1:]  # the first warms the disk
    assert not any(answer["torch"] for answer in answers)
    up = np.array([answer["up"] for answer in answers])
    imports = np.array([answer["imports"] for answer in answers])
    yield from_seconds("window up", "first-run page", up, unit="s", at_most=1.5)
    yield from_seconds("of it importing", "first-run page", imports, unit="s")


def one_start() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="crackscope-start-") as state:
        environment = {**os.environ, "CRACKSCOPE_STATE": str(Path(state) / "state")}
        done = subprocess.run(
            [sys.executable, "-c", PROBE],
            cwd=ROOT,
            env={"QT_QPA_PLATFORM": "offscreen", **environment},
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
            check=True,
        )
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer
