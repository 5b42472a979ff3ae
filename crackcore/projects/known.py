"""Which saves were made by this installation: those need not be inspected like a stranger's file."""

from __future__ import annotations

import contextlib
from pathlib import Path

from crackcore import storage
from crackcore.errors import CrackError
from crackcore.projects.header import Header
from crackcore.resources import state_folder

_KEPT = 64


def _list_of(project: bytes) -> Path:
    return state_folder() / "saved-here" / f"{project.hex()}.txt"


def _line(header: Header) -> str:
    return f"{header.generation} {header.body_sha256.hex()}"


def is_known(header: Header) -> bool:
    """Whether this installation wrote exactly this save."""
    try:
        return _line(header) in _list_of(header.uuid).read_text("ascii").splitlines()
    except (OSError, ValueError):
        return False


def remember(header: Header) -> None:
    """Note a save of ours, before it gets its name: after a power cut it must not look like a stranger's.

    If noting fails, the file is inspected at the next open, and that is all.
    """
    path = _list_of(header.uuid)
    with contextlib.suppress(OSError, ValueError, CrackError):
        lines = path.read_text("ascii").splitlines() if path.exists() else []
        text = "\n".join([*lines[-_KEPT + 1 :], _line(header)]) + "\n"
        storage.make_folder(path.parent)
        storage.write_durably(path, text.encode("ascii"))
