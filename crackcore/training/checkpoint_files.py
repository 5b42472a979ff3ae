"""Where the checkpoints of a training lie, without what is in them; no torch, for the window asks too."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from crackcore.storage.files import remove_stale

ENDING = ".safetensors"
_UNFINISHED = re.compile(r"\d+\.safetensors\.tmp-[0-9a-f]{32}")


def checkpoint_folder(out: Path) -> Path:
    """Where the checkpoints of the model `out` lie."""
    return out.with_name(f"{out.stem}.checkpoints")


def checkpoints(out: Path) -> list[Path]:
    """Those that are there, the newest first."""
    folder = checkpoint_folder(out)
    found = [p for p in folder.glob(f"*{ENDING}") if p.stem.isdigit()] if folder.is_dir() else []
    return sorted(found, key=lambda path: int(path.stem), reverse=True)


def remove_unfinished(out: Path) -> None:
    """Take away what a training that was killed had begun to write."""
    remove_stale(out)
    folder = checkpoint_folder(out)
    if folder.is_dir():
        for path in list(folder.iterdir()):
            if _UNFINISHED.fullmatch(path.name):
                path.unlink(missing_ok=True)


def remove_checkpoints(out: Path) -> None:
    """Take away the checkpoints of `out`: the training is finished, or nobody wants to go on with it."""
    folder = checkpoint_folder(out)
    remove_unfinished(out)
    for path in checkpoints(out):
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not there, or something else lies in it
        folder.rmdir()
