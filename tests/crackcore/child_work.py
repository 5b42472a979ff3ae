"""What children are asked to do in tests: answer, die, hang, fill the memory, print."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from crackcore.progress import Progress


def answer(report: Progress, value: Any) -> Any:
    report(1, 2, "half way")
    print("this goes nowhere", flush=True)  # noqa: T201
    os.write(1, b"nor does this\n")
    return {"value": value, "pid": os.getpid()}


def die(report: Progress) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang(report: Progress) -> None:
    time.sleep(60)


def fill(report: Progress) -> None:
    bytearray(3 << 30)


def stumble(report: Progress) -> None:
    raise ValueError("stumbled")
