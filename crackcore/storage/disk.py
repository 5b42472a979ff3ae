"""The system calls behind all storage, and the seam by which tests put others in their place."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from crackcore.errors import FileProblem, NoSpace, PlaceReadOnly
from crackcore.names import shown_name

if sys.platform == "darwin":
    import fcntl

_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


class Disk:
    """The system calls that change a disk or make a change last, one method each."""

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        return os.open(path, flags | _FLAGS, mode)

    def close(self, fd: int) -> None:
        os.close(fd)

    def read(self, fd: int, size: int) -> bytes:
        return os.read(fd, size)

    def write(self, fd: int, data: memoryview | bytes) -> int:
        """May write less than it was given, like the system call."""
        return os.write(fd, data)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def sync(self, fd: int) -> None:
        """Data and all of the file's attributes."""
        if sys.platform == "darwin":  # fsync alone leaves the data in the drive's cache there
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        else:
            os.fsync(fd)

    def sync_data(self, fd: int) -> None:
        """Data and the file's length; faster than `sync` where the system knows the difference."""
        if sys.platform == "darwin" or not hasattr(os, "fdatasync"):
            self.sync(fd)
        else:
            os.fdatasync(fd)

    def sync_folder(self, path: str) -> None:
        """Names created, swapped or removed in this folder. Windows has no such call and needs none."""
        if sys.platform == "win32":
            return
        fd = os.open(path, os.O_RDONLY | _FLAGS)
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno not in _NO_FOLDER_SYNC:  # some network file systems cannot sync a folder
                raise
        finally:
            os.close(fd)

    def replace(self, source: str, target: str) -> None:
        os.replace(source, target)

    def link(self, source: str, target: str) -> None:
        os.link(source, target)

    def unlink(self, path: str) -> None:
        os.unlink(path)

    def mkdir(self, path: str) -> None:
        os.mkdir(path)

    def rmdir(self, path: str) -> None:
        os.rmdir(path)

    def set_mode(self, fd: int, mode: int) -> None:
        if hasattr(os, "fchmod"):
            os.fchmod(fd, mode)


_current = Disk()


def disk() -> Disk:
    """What all storage goes through."""
    return _current


@contextlib.contextmanager
def using_disk(other: Disk) -> Iterator[Disk]:
    """For tests: all storage goes through `other` inside the block."""
    global _current
    before, _current = _current, other
    try:
        yield other
    finally:
        _current = before


def as_problem(error: OSError, path: Path | str, doing: str = "written") -> FileProblem:
    """The OSError as a sentence about `path` ("… could not be written because …")."""
    name = shown_name(path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = "Free some space on that disk, or choose another place."
        return NoSpace(f"{name} could not be {doing}: the disk is full.", hint=hint, path=path)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        hint = "Choose a place that you may write to."
        if doing == "read":
            return FileProblem(f"{name} could not be read: you have no permission to.", path=path)
        return PlaceReadOnly(f"{name} could not be {doing}: the place is read-only.", hint=hint, path=path)
    if error.errno == errno.ENAMETOOLONG:
        return FileProblem(f"{name} could not be {doing}: the name is too long.", path=path)
    why = os.strerror(error.errno).lower() if error.errno else "the system gave no reason"
    return FileProblem(f"{name} could not be {doing}: {why}.", path=path)
