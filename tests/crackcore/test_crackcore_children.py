"""Work in a child process: its answer, its death, its hanging, and what a cancel does to it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import child_work
import pytest

from crackcore.children import ChildEnded, ask_child
from crackcore.errors import Cancelled


def test_an_answer_comes_back_with_progress(capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[int, int, str]] = []
    answer = ask_child(
        child_work.answer,
        {"a": [1, "\udcff"]},
        patience_s=60,
        note="waiting",
        progress=lambda *state: seen.append(state),  # type: ignore[arg-type]
    )
    assert answer["value"] == {"a": [1, "\udcff"]}
    assert answer["pid"] != os.getpid()
    assert seen[0] == (0, 0, "waiting")
    assert (1, 2, "half way") in seen
    assert capfd.readouterr().out == ""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal on this system")
def test_a_file_that_killed_a_child_is_not_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "deadly"
    file.write_bytes(b"1")
    with pytest.raises(ChildEnded, match="crash"):
        ask_child(child_work.die, about=file, patience_s=60)
    started = time.monotonic()
    with pytest.raises(ChildEnded, match="crash"):
        ask_child(child_work.answer, 1, about=file, patience_s=60)
    assert time.monotonic() - started < 0.05
    file.write_bytes(b"22")  # another file now
    assert ask_child(child_work.answer, 1, about=file, patience_s=60)["value"] == 1


def test_patience_ends() -> None:
    with pytest.raises(ChildEnded, match="time"):
        ask_child(child_work.hang, patience_s=0.3)


def test_a_cancel_ends_the_child_at_once() -> None:
    asked: list[float] = []

    def cancel_later(done: int, total: int, note: str = "") -> None:
        asked.append(time.monotonic())
        if asked[-1] - asked[0] > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        ask_child(child_work.hang, patience_s=60, progress=cancel_later)
    assert time.monotonic() - asked[-1] < 0.2


@pytest.mark.skipif(sys.platform != "linux", reason="no limit on memory on this system")
def test_memory_beyond_the_limit_is_an_answer() -> None:
    with pytest.raises(ChildEnded, match="memory"):
        ask_child(child_work.fill, patience_s=60, memory_bytes=1 << 30)


def test_an_unforeseen_error_is_logged_and_told(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ChildEnded, match="crash"):
        ask_child(child_work.stumble, patience_s=60)
    assert "stumbled" in caplog.text
