"""Work on files from elsewhere in a process of its own, whose memory and time are bounded.

Its death is an answer, not an accident: the process that asks goes on. What the child says comes as
JSON over a pipe, so that nothing it sends can run here.
"""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from crackcore.progress import Progress, unheard

log = logging.getLogger(__name__)

_CPU_SECONDS = 600
_HEARTBEAT_S = 0.05  # how long a cancel may go unheard
_LONGEST_LETTER = 16 << 20
_deadly: set[tuple[str, int, int]] = set()


class ChildEnded(Exception):
    """The child gave no answer. `how` is "crash", "time" or "memory"."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


def ask_child(
    work: Callable[..., Any],
    *arguments: Any,
    about: Path | None = None,
    patience_s: float,
    memory_bytes: int = 4 << 30,
    note: str = "",
    progress: Progress = unheard,
) -> Any:
    """Run `work(report, *arguments)` in a new process; returns its answer (anything JSON can hold).

    `work` is a function at the top of a module; its `report(done, total, note)` reaches `progress`
    here, which is also called every 50 ms while nothing is reported; what it raises (Cancelled)
    ends the child at once. A file (`about`) that brought a child down is not tried again before the
    program is started anew, unless it changed. Raises ChildEnded.
    """
    mark = _mark(about)
    if mark in _deadly:
        raise ChildEnded("crash")
    context = multiprocessing.get_context("spawn")  # a fork would copy Qt's and torch's threads half
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(theirs, work, arguments, memory_bytes), daemon=True)
    answered = False
    child.start()
    theirs.close()
    deadline = time.monotonic() + patience_s
    state: tuple[int, int, str] = (0, 0, note)
    try:
        while True:
            progress(*state)
            if ours.poll(_HEARTBEAT_S):
                letter = json.loads(ours.recv_bytes(_LONGEST_LETTER))
                if "answer" in letter:
                    answered = True
                    return letter["answer"]
                if "failed" in letter:
                    answered = True
                    if letter.get("trace"):
                        log.warning("a child process failed:\n%s", letter["trace"])
                    raise ChildEnded(letter["failed"])
                state = tuple(letter["progress"])
            elif time.monotonic() > deadline:
                raise ChildEnded("time")
    except (EOFError, OSError, ValueError) as error:
        if mark:
            _deadly.add(mark)
        raise ChildEnded("crash") from error
    finally:
        ours.close()
        if answered:
            child.join(0.5)
        if child.is_alive():
            child.kill()
        child.join()
        child.close()


def _mark(path: Path | None) -> tuple[str, int, int] | None:
    if path is None:
        return None
    with contextlib.suppress(OSError):
        status = os.stat(path)
        return (os.path.realpath(path), status.st_size, status.st_mtime_ns)
    return None


# ---------------------------------------------------------------- in the child


def limit_memory(more_bytes: int | None) -> None:
    """In a child: let the address space grow by this much from now on; None lifts the limit.

    Counted from what is mapped already, since a library's own files may take gigabytes of it.
    Nothing happens on systems that have no such limit.
    """
    with contextlib.suppress(ImportError, OSError, ValueError):  # not on Windows; partly on macOS
        import resource

        mapped = 0
        if more_bytes is not None:
            with open("/proc/self/statm", encoding="ascii") as file:
                mapped = int(file.read().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        soft = resource.RLIM_INFINITY if more_bytes is None else mapped + more_bytes
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _run(answer: Connection, work: Callable[..., Any], arguments: tuple[Any, ...], memory_bytes: int) -> None:
    _be_quiet()
    _limit_time()
    limit_memory(memory_bytes)

    def report(done: int, total: int, note: str = "") -> None:
        _send(answer, {"progress": [done, total, note]})

    letter: dict[str, Any]
    try:
        letter = {"answer": work(report, *arguments)}
    except MemoryError:
        letter = {"failed": "memory"}
    except Exception:  # noqa: BLE001 - whatever it is, the asker must hear of it
        letter = {"failed": "crash", "trace": traceback.format_exc(limit=20)}
    _send(answer, letter)
    answer.close()


def _send(answer: Connection, letter: dict[str, Any]) -> None:
    answer.send_bytes(json.dumps(letter, allow_nan=False).encode("ascii"))


def _be_quiet() -> None:
    """Nothing on standard output, where the asking command may be writing its one answer."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _limit_time() -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
