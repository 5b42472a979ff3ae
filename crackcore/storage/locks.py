"""Locks of the operating system, which lets go of them however a process ends."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from pathlib import Path

from crackcore.names import shown_name
from crackcore.storage.disk import as_problem, disk
from crackcore.storage.files import write_all

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
_LOCK_AT = 1 << 30  # msvcrt locks bytes against reading too, so lock one far behind the text


class Lock:
    """An operating-system lock on a small file whose text says who holds it.

    The system lets go of it when the process ends, however it ends, so a left-over file blocks
    nobody. `take` answers True (ours), False (somebody else's: see `holder`) or None (this place
    knows no locks). Raises PlaceReadOnly or FileProblem when the file cannot be made.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.holder = ""
        self._fd = -1

    @property
    def held(self) -> bool:
        return self._fd >= 0

    def take(self) -> bool | None:
        """Try once, without waiting: True, False or None as told above."""
        for _ in range(20):
            try:
                fd = disk().open(str(self.path), os.O_RDWR | os.O_CREAT)
            except OSError as error:
                raise as_problem(error, self.path) from error
            answer = _lock(fd)
            if answer and not is_at(fd, self.path):  # its last holder removed the file meanwhile
                os.close(fd)
                continue
            break
        else:
            answer = False
        if not answer:
            self.holder = _holder(fd)
            os.close(fd)
            if answer is None:
                with contextlib.suppress(OSError):  # it means nothing here
                    disk().unlink(str(self.path))
            return answer
        self._fd = fd
        try:
            disk().truncate(fd, 0)
            write_all(fd, _own_text().encode("ascii", "backslashreplace"))
        except OSError:  # a full disk: the lock holds all the same, only its text is missing
            self.holder = ""
        return True

    def release(self) -> None:
        """Let go; the file is removed while the lock is still ours, so nobody's else is."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        if sys.platform != "win32":
            with contextlib.suppress(OSError):
                disk().unlink(str(self.path))
            os.close(fd)
            return
        _unlock(fd)
        os.close(fd)
        with contextlib.suppress(OSError):  # another window has it open already: then it is theirs
            disk().unlink(str(self.path))


def lock_file(fd: int) -> bool | None:
    """Lock an open file until it is closed: True, False (somebody has it) or None (no locks here)."""
    return _lock(fd)


def is_at(fd: int, path: Path | str) -> bool:
    """Whether the open file is still the one that `path` names (Windows removes no open file)."""
    if sys.platform == "win32":
        return True
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def _own_text() -> str:
    user = os.environ.get("USER") or os.environ.get("USERNAME") or "unknown"
    return f"host {socket.gethostname()}\npid {os.getpid()}\nuser {user}\n"


def _holder(fd: int) -> str:
    """The other holder's text as part of a sentence; empty when it cannot be read."""
    try:
        text = os.pread(fd, 500, 0) if hasattr(os, "pread") else os.read(fd, 500)
    except OSError:
        return ""
    said = dict(line.split(" ", 1) for line in text.decode("ascii", "replace").splitlines() if " " in line)
    if not {"host", "pid", "user"} <= said.keys():
        return ""
    return shown_name(f"user {said['user']} on {said['host']}, process {said['pid']}", whole=True)


if sys.platform == "win32":

    def _lock(fd: int) -> bool | None:
        try:
            os.lseek(fd, _LOCK_AT, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            return None if error.errno in _NO_LOCKS else False
        finally:
            os.lseek(fd, 0, os.SEEK_SET)
        return True

    def _unlock(fd: int) -> None:
        os.lseek(fd, _LOCK_AT, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

else:

    def _lock(fd: int) -> bool | None:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return False if error.errno in (errno.EAGAIN, errno.EACCES) else None
        return True

    def _unlock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_UN)
