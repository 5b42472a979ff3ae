"""The guards of `conftest.py` do catch what is left behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from source_files import ROOT

UNTIDY = """
import logging
import threading
import time


def test_leaves_a_thread():
    threading.Thread(target=time.sleep, args=(4,), name="lazy").start()


def test_logs_an_error():
    logging.getLogger("room").error("something broke")


def test_asks_to_see_the_log(caplog):
    logging.getLogger("room").error("something broke")


def test_leaves_a_window(qtbot):
    from PySide6.QtWidgets import QWidget

    global forgotten
    forgotten = QWidget()
    forgotten.show()


def test_closes_its_window(qtbot):
    from PySide6.QtWidgets import QWidget

    window = QWidget()
    qtbot.addWidget(window)
    window.show()


def test_has_a_state_folder_of_its_own(own_state):
    assert not own_state.exists()
    own_state.mkdir()
"""


@pytest.mark.slow
def test_what_is_left_behind_fails_the_test_that_left_it(tmp_path: Path) -> None:
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_untidy.py").write_text(UNTIDY)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-c", str(ROOT / "pyproject.toml"), f"--rootdir={tmp_path}", str(tmp_path)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "6 passed, 3 errors" in done.stdout, done.stdout + done.stderr
    for line in (
        "thread still running: lazy",
        "logged by room: something broke",
        "window still open: QWidget",
        "ERROR at teardown of test_leaves_a_thread",
        "ERROR at teardown of test_logs_an_error",
        "ERROR at teardown of test_leaves_a_window",
    ):
        assert line in done.stdout, done.stdout
