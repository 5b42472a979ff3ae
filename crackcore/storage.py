"""Every write, sync, rename and lock of the program goes through here.

So that one place holds the rules (write beside, sync, check, swap, sync the folder) and tests can
make call n fail or record what is durable. `Disk` is the seam: the functions below use the
module's `disk`, which `using_disk` replaces for a test.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import socket
import stat
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from crackcore.errors import FileProblem, NoSpace, PlaceReadOnly, TargetExists
from crackcore.names import shown_name
from crackcore.progress import Progress, unheard

__all__ = [
    "Disk",
    "Lock",
    "file_digest",
    "new_folder",
    "remove_stale",
    "staged",
    "using_disk",
    "write_durably",
    "write_new",
]

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_CHUNK = 8 << 20  # one write or read call: large enough for speed, small enough for progress
_WINDOWS_BUSY = {5, 32, 33}  # a virus scanner or indexer holds the file for a moment
_WINDOWS_PATIENCE_S = 2.5
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTSUP}
_LOCK_AT = 1 << 30  # msvcrt locks bytes against reading too, so lock one far behind the text
_TEMPORARY = "tmp"


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
            if error.errno not in _NO_LOCKS:  # some network file systems cannot sync a folder
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


disk = Disk()


@contextlib.contextmanager
def using_disk(other: Disk) -> Iterator[Disk]:
    """For tests: all storage goes through `other` inside the block."""
    global disk
    before, disk = disk, other
    try:
        yield other
    finally:
        disk = before


# ---------------------------------------------------------------- sentences


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


# ---------------------------------------------------------------- one file


def temporary_name(name: str) -> str:
    """A fresh name beside `name` for a file that is not complete yet."""
    return f"{_short(name)}.{_TEMPORARY}-{uuid.uuid4().hex}"


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
        written = disk.write(fd, view[:_CHUNK])
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
            disk.unlink(str(temporary))


def _write_checked(
    temporary: Path, target: Path, parts: tuple[bytes | memoryview, ...], progress: Progress
) -> None:
    digest, total, done = hashlib.sha256(), sum(len(p) for p in parts), 0
    fd = disk.open(str(temporary), os.O_RDWR | os.O_CREAT | os.O_EXCL)
    try:
        with contextlib.suppress(FileNotFoundError):
            disk.set_mode(fd, stat.S_IMODE(os.stat(target).st_mode))
        for part in parts:
            view = memoryview(part).cast("B")
            for at in range(0, len(view), _CHUNK):
                piece = view[at : at + _CHUNK]
                write_all(fd, piece)
                digest.update(piece)
                done += len(piece)
                progress(done, 2 * total)
        disk.sync(fd)
        os.lseek(fd, 0, os.SEEK_SET)
        back, size = hashlib.sha256(), 0
        while found := disk.read(fd, _CHUNK):
            back.update(found)
            size += len(found)
            progress(done + size, 2 * total)
        if back.digest() != digest.digest():
            raise OSError(errno.EIO, "what was read back differs from what was written")
    finally:
        disk.close(fd)


def put_in_place(temporary: Path | str, path: Path | str) -> None:
    """Swap a staged file in under its final name, and make the name last.

    Raises FolderNotSynced when the swap was done but may not survive a power cut yet; other
    FileProblems mean that the old file is still there.
    """
    deadline = time.monotonic() + _WINDOWS_PATIENCE_S
    while True:
        try:
            disk.replace(str(temporary), str(path))
            break
        except OSError as error:
            busy = getattr(error, "winerror", None) in _WINDOWS_BUSY
            if not busy or time.monotonic() > deadline:
                raise as_problem(error, path) from error
            time.sleep(0.05)
    try:
        disk.sync_folder(str(Path(path).parent))
    except OSError as error:
        raise FolderNotSynced(as_problem(error, path).message, path=path) from error


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


# ---------------------------------------------------------------- folders


def make_folder(path: Path | str) -> None:
    """Make a folder and its parents, each name made to last; nothing happens if it is there."""
    path = Path(path)
    if path.is_dir():
        return
    if path.parent != path:
        make_folder(path.parent)
    try:
        disk.mkdir(str(path))
        disk.sync_folder(str(path.parent))
    except FileExistsError:
        if not path.is_dir():
            raise FileProblem(f"{shown_name(path)} is a file, not a folder.", path=path) from None
    except OSError as error:
        raise as_problem(error, path, "made") from error


@contextlib.contextmanager
def new_folder(target: Path | str) -> Iterator[Path]:
    """A temporary folder beside `target` that becomes `target` when the block ends well.

    On any error, Cancelled included, it is removed and `target` is as it was. Raises TargetExists
    when `target` is a file or a folder that is not empty.
    """
    target = Path(os.path.abspath(target))
    _refuse_used(target)
    make_folder(target.parent)
    temporary = target.with_name(temporary_name(target.name))
    try:
        try:
            disk.mkdir(str(temporary))
        except OSError as error:
            raise as_problem(error, target, "made") from error
        yield temporary
        _refuse_used(target)
        try:
            _sync_tree(temporary)
            if target.is_dir():
                disk.rmdir(str(target))  # empty: Windows does not rename over a folder
            disk.replace(str(temporary), str(target))
            disk.sync_folder(str(target.parent))
        except OSError as error:
            raise as_problem(error, target) from error
    finally:
        if temporary.exists():
            remove_tree(temporary)


def _refuse_used(target: Path) -> None:
    if target.is_dir():
        with os.scandir(target) as entries:
            if not any(entries):
                return
    if target.exists() or target.is_symlink():
        hint = "Choose a new or empty folder."
        raise TargetExists(f"{shown_name(target)} exists already and is not empty.", hint=hint, path=target)


def _sync_tree(folder: Path) -> None:
    for place, _, names in os.walk(folder):
        for name in names:
            fd = disk.open(os.path.join(place, name), os.O_RDWR)  # Windows syncs writable handles only
            try:
                disk.sync(fd)
            finally:
                disk.close(fd)
        disk.sync_folder(place)


def remove_tree(folder: Path) -> None:
    """Remove a folder of ours; links inside are removed, not followed. What cannot be removed stays."""
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            if entry.is_dir(follow_symlinks=False):
                remove_tree(Path(entry.path))
            else:
                with contextlib.suppress(OSError):
                    disk.unlink(entry.path)
        disk.rmdir(str(folder))


def write_new(path: Path | str, data: bytes | memoryview) -> None:
    """Write a file that must not exist yet, folders made as needed; for use inside `new_folder`.

    Not synced here: `new_folder` syncs the whole folder before it gets its name.
    """
    path = Path(path)
    try:
        os.makedirs(path.parent, exist_ok=True)
        fd = disk.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            write_all(fd, data)
        finally:
            disk.close(fd)
    except OSError as error:
        raise as_problem(error, path) from error


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
                disk.unlink(entry.path)
                removed.append(Path(entry.path))
    return removed


# ---------------------------------------------------------------- locks


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
        for _ in range(20):
            try:
                fd = disk.open(str(self.path), os.O_RDWR | os.O_CREAT)
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
            return answer
        self._fd = fd
        try:
            disk.truncate(fd, 0)
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
                disk.unlink(str(self.path))
            os.close(fd)
            return
        _unlock(fd)
        os.close(fd)
        with contextlib.suppress(OSError):  # another window has it open already: then it is theirs
            disk.unlink(str(self.path))


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
            return None if error.errno in _NO_LOCKS - {errno.EINVAL} else False
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
