"""What gets imported when the program starts, seen in a fresh interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from source_files import ROOT


def in_a_fresh_interpreter(script: str) -> str:
    """Standard output of a script run by a new Python in the source tree."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_after(script: str) -> set[str]:
    """The top-level packages that are loaded after a script."""
    report = "\nimport json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    return set(json.loads(in_a_fresh_interpreter(script + report).splitlines()[-1]))


def test_the_window_starts_without_torch_and_without_hdf5() -> None:
    loaded = loaded_after("import app.application")
    assert "PySide6" in loaded
    assert loaded.isdisjoint({"torch", "h5py", "scipy", "skimage", "tifffile", "imagecodecs"})


def test_the_engine_works_without_a_window() -> None:
    walk = (
        "import importlib, pkgutil, crackcore\n"
        "for found in pkgutil.walk_packages(crackcore.__path__, 'crackcore.'):\n"
        "    importlib.import_module(found.name)\n"
    )
    loaded = loaded_after(walk)
    assert {"torch", "h5py", "numpy"} <= loaded
    assert loaded.isdisjoint({"PySide6", "shiboken6", "app"})


def test_asking_for_help_loads_nothing_heavy() -> None:
    script = "import crackcore.__main__ as door\nassert door.main(['predict', '--help']) == 0\n"
    assert loaded_after(script).isdisjoint({"torch", "h5py", "PySide6"})


def test_listing_models_needs_no_torch() -> None:
    script = "import crackcore.models.catalogue as catalogue\ncatalogue.installed_models()\n"
    assert loaded_after(script).isdisjoint({"torch", "h5py", "PySide6"})


def test_signals_leave_the_count_of_true_alone() -> None:
    """PySide6 6.12.0 on Python 3.11 takes a reference from True at every emit, and ends after a thousand."""
    script = """
import sys
from PySide6.QtCore import QCoreApplication, QObject, Signal

class Sender(QObject):
    told = Signal(bool)
    plain = Signal()

application = QCoreApplication([])
sender, heard = Sender(), []
sender.told.connect(heard.append)
sender.plain.connect(lambda: None)
before = sys.getrefcount(True)
for _ in range(50_000):
    sender.told.emit(True)
    sender.plain.emit()
count = len(heard)
heard.clear()
print(count, sys.getrefcount(True) - before)
"""
    count, drift = map(int, in_a_fresh_interpreter(script).split())
    assert count == 50_000
    assert abs(drift) < 100
