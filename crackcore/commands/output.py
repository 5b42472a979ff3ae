"""What commands print: one JSON object on standard output, sentences and progress on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from crackcore.progress import Progress, unheard


def print_json(value: Any) -> None:
    """One object, ASCII only (file names may hold characters a terminal cannot show)."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True, allow_nan=False) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """A line for the person at the terminal."""
    sys.stderr.write(text.encode(sys.stderr.encoding or "utf-8", "backslashreplace").decode() + "\n")


def show(text: str) -> None:
    """A line of the command's answer, when no JSON was asked for."""
    sys.stdout.write(text.encode(sys.stdout.encoding or "utf-8", "backslashreplace").decode() + "\n")


@contextmanager
def terminal_progress(title: str) -> Iterator[Progress]:
    """A progress bar on a terminal; nothing when standard error is piped."""
    if not sys.stderr.isatty():
        yield unheard
        return
    from tqdm import tqdm

    with tqdm(desc=title, unit="", leave=False, dynamic_ncols=True) as bar:

        def report(done: int, total: int, note: str = "") -> None:
            if bar.total != total:
                bar.total = total
            bar.n = done
            if note:
                bar.set_postfix_str(note, refresh=False)
            bar.refresh()

        yield report
