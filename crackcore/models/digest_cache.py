"""Digests of model files, kept between starts, so that only new or changed files are read whole.

A digest is believed while size, time of change and place of the file's record (inode) are as they were.
A file that was written in the last seconds is not kept: it could change again within one tick of the clock.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import time
from pathlib import Path
from typing import Any

from crackcore import storage
from crackcore.errors import FileProblem
from crackcore.resources import cache_folder

log = logging.getLogger(__name__)

SETTLED_S = 3.0
_MOST = 1000  # files remembered; a cache must not grow without end
_VERSION = 1


class DigestCache:
    """Read once, asked per file, kept at the end. Any trouble with its file only costs time."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = cache_folder() / "model-digests.json" if file is None else file
        self._known = _read(self._file)
        self._changed = False

    def of(self, path: Path) -> str:
        """SHA-256 of the file's bytes, in hexadecimal. Raises OSError when it cannot be read."""
        key, mark = os.path.abspath(path), _mark(path.stat())
        entry = self._known.get(key)
        if entry and entry[:-1] == mark:
            return str(entry[-1])
        with path.open("rb") as file:
            mark = _mark(os.fstat(file.fileno()))
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            after = os.fstat(file.fileno())
        self._known.pop(key, None)
        settled = time.time() - max(after.st_mtime, after.st_ctime) > SETTLED_S
        if settled and _mark(after) == mark:
            self._known[key] = [*mark, digest]
            self._changed = True
        return digest

    def keep(self) -> None:
        """Write down what was learned, for the next start."""
        if not self._changed:
            return
        files = dict(list(self._known.items())[-_MOST:])
        data = json.dumps({"version": _VERSION, "files": files}).encode("ascii")
        try:
            storage.make_folder(self._file.parent)
            storage.write_durably(self._file, data)
        except FileProblem as error:
            log.info("digests are not kept: %s", error)
        self._changed = False


def _mark(facts: os.stat_result) -> list[int]:
    return [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino]


def _read(file: Path) -> dict[str, list[Any]]:
    """What was kept; nothing where the file is missing, damaged or of another program."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        kept = json.loads(file.read_bytes())
        if kept["version"] == _VERSION:
            return {str(key): list(row) for key, row in kept["files"].items() if _is_entry(row)}
    return {}


def _is_entry(row: Any) -> bool:
    return (
        isinstance(row, list)
        and len(row) == 5
        and all(type(number) is int for number in row[:4])
        and isinstance(row[4], str)
        and len(row[4]) == 64
    )
