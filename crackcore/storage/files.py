"""One file: written beside, synced, read back, swapped in, its folder synced."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from crackcore.errors import FileProblem
from crackcore.names import shown_name
from crackcore.progress import Progress, unheard
from crackcore.storage.disk import as_problem, disk

_CHUNK = 8 << 20  # one write or read call: large enough for speed, small enough for progress
_WINDOWS_BUSY = {5, 32, 33}  # a virus scanner or indexer holds the file for a moment
_WINDOWS_PATIENCE_S = 2.5
_TEMPORARY = "tmp"


def temporary_name(name: str) -> str:
    """A fresh name beside `name` for a file that is not complete yet."""
    return f"{_short(name)}.{_TEMPORARY}-{uuid.uuid4().hex}"


def is_temporary(name: str) -> bool:
    """Whether a name was made by `temporary_name`."""
    return re.search(rf"\.{_TEMPORARY}-[0-9a-f]{{32}}$", name) is not None


def _short(name: str) -> str:
    """`name`, cut so that more can be appended (a name may have 255 bytes already), still distinct."""
    raw = os.fsencode(name)
    if len(raw) <= 150:
        return name
    return name[:35] + "-" + hashlib.sha256(raw).hexdigest()[:12]


def beside(path: Path | str, ending: str) -> Path:
    """The path of a companion of `path`: same folder, name shortened if need be, plus `ending`."""
    path = Path(path)
    return path.with_name(_short(path.name) + ending)


def beside_numbered(path: Path | str, word: str, number: int) -> Path:
    """`survey.x` becomes `survey (word).x`, `survey (word 2).x`, …"""
    path = Path(path)
    label = f" ({word})" if number == 1 else f" ({word} {number})"
    return path.with_name(_short(path.stem) + label + path.suffix[:20])


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write everything, in as many calls as it takes; raises OSError when a call writes nothing."""
    view = memoryview(data).cast("B")
    while view:
        written = disk().write(fd, view[:_CHUNK])
        if written <= 0:
            raise OSError(errno.EIO, "nothing was written")
        view = view[written:]


@contextlib.contextmanager
def staged(path: Path | str, *parts: bytes | memoryview, progress: Progress = unheard) -> Iterator[Path]:
    """A synced and checked temporary file beside `path` that holds `parts`; removed if not moved away.

    The block decides whether to `put_in_place`. Raises NoSpace, PlaceReadOnly or FileProblem.
    """
    target = Path(path)
    temporary = target.with_name(temporary_name(target.name))
    try:
        try:
            _write_checked(temporary, target, parts, progress)
        except OSError as error:
            raise as_problem(error, target) from error
        yield temporary
    finally:
        with contextlib.suppress(OSError):  # it was moved, or the disk does not answer any more
            disk().unlink(str(temporary))


def _write_checked(
    temporary: Path, target: Path, parts: tuple[bytes | memoryview, ...], progress: Progress
) -> None:
    digest, total, done = hashlib.sha256(), sum(len(p) for p in parts), 0
    fd = disk().open(str(temporary), os.O_RDWR | os.O_CREAT | os.O_EXCL)
    try:
        with contextlib.suppress(FileNotFoundError):
            disk().set_mode(fd, stat.S_IMODE(os.stat(target).st_mode))
        for part in parts:
            view = memoryview(part).cast("B")
            for at in range(0, len(view), _CHUNK):
                piece = view[at : at + _CHUNK]
                write_all(fd, piece)
                digest.update(piece)
                done += len(piece)
                progress(done, 2 * total)
        disk().sync(fd)
        os.lseek(fd, 0, os.SEEK_SET)
        back, size = hashlib.sha256(), 0
        while found := disk().read(fd, _CHUNK):
            back.update(found)
            size += len(found)
            progress(done + size, 2 * total)
        if back.digest() != digest.digest():
            raise OSError(errno.EIO, "what was read back differs from what was written")
    finally:
        disk().close(fd)


def put_in_place(temporary: Path | str, path: Path | str) -> None:
    """Swap a staged file in under its final name, and make the name last.

    Raises FolderNotSynced when the swap was done but may not survive a power cut yet; other
    FileProblems mean that the old file is still there.
    """
    deadline = time.monotonic() + _WINDOWS_PATIENCE_S
    while True:
        try:
            disk().replace(str(temporary), str(path))
            break
        except OSError as error:
            busy = getattr(error, "winerror", None) in _WINDOWS_BUSY
            if not busy or time.monotonic() > deadline:
                raise as_problem(error, path) from error
            time.sleep(0.05)
    try:
        disk().sync_folder(str(Path(path).parent))
    except OSError as error:
        raise FolderNotSynced(
            f"{shown_name(path)} was written, but the disk did not confirm that it will last.",
            hint="Look whether the disk is well, and save again.",
            path=path,
        ) from error


class FolderNotSynced(FileProblem):
    """The new file is in place, but the system did not confirm that its name will last."""


def write_durably(
    path: Path | str, data: bytes | memoryview, *more: bytes | memoryview, progress: Progress = unheard
) -> None:
    """Put a file in place so that at every moment either the old or the complete new one is there.

    Written beside, synced, read back and compared, swapped in, folder synced. Raises NoSpace,
    PlaceReadOnly or FileProblem; the old file is then untouched.
    """
    with staged(path, data, *more, progress=progress) as temporary:
        put_in_place(temporary, path)


def file_digest(path: Path | str, *, progress: Progress = unheard) -> tuple[str, int]:
    """SHA-256 (hex) and length of a regular file; raises OSError."""
    digest, size = hashlib.sha256(), 0
    with open(path, "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        while piece := file.read(_CHUNK):
            digest.update(piece)
            size += len(piece)
            progress(size, max(size, status.st_size))
    return digest.hexdigest(), size


def remove_stale(path: Path | str) -> list[Path]:
    """Remove temporary files that a killed program left beside `path`; call with the lock held.

    Only names made by `temporary_name` for this very file; returns what was removed.
    """
    path = Path(path)
    pattern = re.compile(re.escape(_short(path.name)) + rf"\.{_TEMPORARY}-[0-9a-f]{{32}}")
    removed = []
    for entry in list(os.scandir(path.parent)):
        if pattern.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
            with contextlib.suppress(OSError):
                disk().unlink(entry.path)
                removed.append(Path(entry.path))
    return removed
