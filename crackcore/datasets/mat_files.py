"""Masks in MATLAB files, read in a child process only: a damaged one can end the process that reads it.

CrackForest keeps a struct `groundTruth` with `Segmentation`, whose regions are numbered: 1 background,
2 and 4 crack, 3 background that cracks enclose. Taking everything above 1 for crack fills whole regions.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crackcore.children import ChildEnded, ask_child
from crackcore.datasets.dataset import MaskSource
from crackcore.errors import FileProblem, InputRefused
from crackcore.imaging.file_bytes import read_file
from crackcore.imaging.mask_values import MaskValues, Space
from crackcore.progress import unheard

_LARGEST = 256 << 20
_LARGEST_SIDE = 65_535
_LARGEST_PX = 200_000_000
_MEMORY = 2 << 30
_PATIENCE_S = 120.0
_BATCH = 64
_LONGEST_ANSWER = 8 << 20  # packed; what is left of a batch is asked for again
_SAVE_AS = "Save it in MATLAB as save(file, variable, '-v7')."


class MatFiles:
    """The .mat masks of a data set. They are read many at a time, since a child costs a second."""

    def __init__(self, files: tuple[Path, ...]) -> None:
        self._files = files
        self._place = {file: i for i, file in enumerate(files)}
        self._read: dict[Path, tuple[MaskValues, bytes, tuple[int, int]] | InputRefused] = {}
        self._lock = threading.Lock()

    def source(self, path: Path) -> MaskSource:
        """Where a mask comes from: this shelf for .mat files, the file itself for pictures."""
        if path.suffix.lower() != ".mat":
            return path
        return lambda: self.values(path)

    def values(self, path: Path) -> MaskValues:
        """The numbers of one file; raises InputRefused."""
        with self._lock:
            if path not in self._read:
                at = self._place.get(path, 0)
                rest = [f for f in self._files[at : at + _BATCH] if f not in self._read] or [path]
                self._read.update(_read_many(rest))
            found = self._read[path]
        if isinstance(found, InputRefused):
            raise InputRefused(found.path or path, found.reason, hint=found.hint)
        frame, packed, shape = found
        pixels = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(shape)
        return MaskValues(pixels, frame.space, sha256=frame.sha256, notes=frame.notes)


def read_mat(path: Path) -> MaskValues:
    """The mask of one .mat file; raises InputRefused."""
    return MatFiles((path,)).values(path)


def _read_many(files: list[Path]) -> dict[Path, Any]:
    """Ask children until every file has an answer; one that brings a child down is refused."""
    answers: dict[Path, Any] = {}
    waiting = [file for file in files if not _refused_before(file, answers)]
    while waiting:
        at = [0]

        def heard(done: int, total: int, note: str = "", at: list[int] = at) -> None:
            at[0] = done
            unheard(done, total, note)

        try:
            rows = ask_child(
                read_in_child,
                [str(file) for file in waiting],
                patience_s=_PATIENCE_S,
                memory_bytes=_MEMORY,
                progress=heard,
            )
        except ChildEnded as error:
            guilty = waiting[min(at[0], len(waiting) - 1)]
            answers[guilty] = InputRefused(guilty, _ENDED[error.how], hint=_SAVE_AS)
            _deadly.add(_mark(guilty))
            waiting.remove(guilty)
            continue
        for file, row in zip(waiting, rows, strict=False):
            answers[file] = _answer(file, row)
        waiting = waiting[max(1, len(rows)) :]
    return answers


_deadly: set[tuple[str, int, int]] = set()
"""Files that brought a child down; not tried again before the program is started anew."""


def _mark(file: Path) -> tuple[str, int, int]:
    try:
        status = os.stat(file)
    except OSError:
        return (os.path.abspath(file), 0, 0)
    return (os.path.realpath(file), status.st_size, status.st_mtime_ns)


_ENDED = {
    "crash": "this .mat file is damaged; reading it brought the reader down.",
    "time": "this .mat file takes too long to read.",
    "memory": "this .mat file needs more memory than is given to it.",
}


def _refused_before(file: Path, answers: dict[Path, Any]) -> bool:
    """Refuse what can be told from the first bytes, without a child."""
    try:
        head = read_file(file, max_bytes=_LARGEST).data[:128]
    except FileProblem as error:
        reason = error.reason if isinstance(error, InputRefused) else "the file is not there."
        answers[file] = InputRefused(file, reason)
        return True
    if head.startswith(b"MATLAB 7.3"):
        answers[file] = InputRefused(file, "this .mat file has version 7.3.", hint=_SAVE_AS)
    elif not head.startswith(b"MATLAB 5.0"):
        answers[file] = InputRefused(file, "this is no MATLAB file of version 5 to 7.", hint=_SAVE_AS)
    elif _mark(file) in _deadly:
        answers[file] = InputRefused(file, _ENDED["crash"], hint=_SAVE_AS)
    return file in answers


def _answer(file: Path, row: dict[str, Any]) -> Any:
    """Check what a child says: its word counts for no more than the file it read."""
    refused = InputRefused(file, "the answer about this .mat file makes no sense.")
    if "refused" in row:
        return InputRefused(file, str(row["refused"])[:300])
    with contextlib.suppress(KeyError, ValueError, TypeError, zlib.error):
        height, width = int(row["height"]), int(row["width"])
        packed = base64.b64decode(row["values"], validate=True)
        sound = 0 < height <= _LARGEST_SIDE and 0 < width <= _LARGEST_SIDE and height * width <= _LARGEST_PX
        if sound:
            unpacker = zlib.decompressobj()
            if len(unpacker.decompress(packed, height * width + 1)) == height * width:
                space: Space = "regions" if row["regions"] else "grey"
                empty = np.zeros((0, 0), np.uint8)
                frame = MaskValues(
                    empty, space, sha256=str(row["sha256"]), notes=tuple(map(str, row["notes"]))
                )
                return frame, packed, (height, width)
    return refused


# ---------------------------------------------------------------- in the child


def read_in_child(report: Callable[..., None], files: list[str]) -> list[dict[str, Any]]:
    """One row per file: height, width, the values (uint8, packed), or why it was refused.

    The rows end early when they grow too long for one answer.
    """
    rows: list[dict[str, Any]] = []
    length = 0
    for number, name in enumerate(files):
        report(number, len(files))
        row = _row(Path(name))
        length += len(row.get("values", ""))
        if length > _LONGEST_ANSWER:
            if not rows:
                rows.append({"refused": "its mask is too large."})
            break
        rows.append(row)
    return rows


def _row(path: Path) -> dict[str, Any]:
    import io

    from scipy.io import loadmat

    data = read_file(path, max_bytes=_LARGEST).data
    try:
        content = loadmat(io.BytesIO(data), mat_dtype=False, struct_as_record=True)
        values, regions, notes = _mask_in(content)
        packed = zlib.compress(np.ascontiguousarray(values).tobytes(), 6)
    except MemoryError:
        raise
    except _NoMask as error:
        return {"refused": str(error)}
    except Exception:  # noqa: BLE001 - the reader raises anything at all on damaged files
        return {"refused": "this .mat file is damaged and cannot be read."}
    return {
        "height": values.shape[0],
        "width": values.shape[1],
        "values": base64.b64encode(packed).decode("ascii"),
        "regions": regions,
        "notes": notes,
        "sha256": hashlib.sha256(data).hexdigest(),
    }


class _NoMask(Exception):
    """The file is sound, but there is no mask in it that could be told from other things."""


def _mask_in(content: dict[str, Any]) -> tuple[NDArray[np.uint8], bool, list[str]]:
    """The mask, whether its numbers are regions, and notes."""
    notes: list[str] = []
    variables = {k: v for k, v in content.items() if not k.startswith("__")}
    truth = variables.get("groundTruth")
    if truth is not None:
        if truth.dtype == object and truth.size:  # one cell for each person who drew
            if truth.size > 1:
                notes.append(f"{truth.size} people drew this mask; the first one's is taken.")
            truth = truth.flat[0]
        if truth.dtype.names:
            if "Segmentation" in truth.dtype.names and truth.size:
                return _as_bytes(truth["Segmentation"].flat[0]), True, notes
            named = ", ".join(truth.dtype.names[:6])
            raise _NoMask(f'"groundTruth" has no "Segmentation", only {named}.')
        if _is_plane(truth):
            return _as_bytes(truth), False, notes
    planes = {k: v for k, v in variables.items() if _is_plane(v)}
    if len(planes) == 1:
        return _as_bytes(next(iter(planes.values()))), False, notes
    if planes:
        listed = ", ".join(list(planes)[:6])
        raise _NoMask(f"it holds several arrays ({listed}) and none is called groundTruth.")
    raise _NoMask("it holds no array that could be a mask.")


def _is_plane(value: Any) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.ndim == 2
        and min(value.shape) > 1
        and value.dtype.kind in "buif"
    )


def _as_bytes(plane: Any) -> NDArray[np.uint8]:
    if not _is_plane(plane):
        raise _NoMask("its mask is no plane of numbers.")
    if plane.size > _LARGEST_PX or max(plane.shape) > _LARGEST_SIDE:
        raise _NoMask("its mask is too large.")
    if plane.dtype.kind == "f" and not (np.isfinite(plane).all() and np.array_equal(plane, np.rint(plane))):
        raise _NoMask("its mask does not hold whole numbers.")
    if plane.min() < 0 or plane.max() > 255:
        raise _NoMask("its mask holds numbers beyond 0..255.")
    whole: NDArray[np.uint8] = plane.astype(np.uint8)
    return whole
