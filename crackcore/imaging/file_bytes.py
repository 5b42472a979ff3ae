"""From a path to the bytes of a regular file, once. Decoders never see a path.

So every file name works everywhere, the digest is that of the very bytes that were decoded, and a
pipe or a device with a picture's name cannot block the program.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from crackcore.errors import InputRefused, PhotoMissing
from crackcore.imaging.limits import free_memory
from crackcore.names import shown_name

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe put in place between stat and open must not block
)
_CHUNK = 1 << 20
_LARGE = 64 << 20  # below this memory is not asked about


@dataclass(frozen=True)
class FileBytes:
    """The content of one file and its digest (SHA-256, hexadecimal)."""

    data: bytes
    sha256: str


def read_file(path: Path | str, *, max_bytes: int) -> FileBytes:
    """Read a regular file whole; raises PhotoMissing or InputRefused."""
    with opened(path) as (file, size):
        if size > max_bytes:
            raise InputRefused(
                path, f"the file has {size / 1e6:.0f} MB; the limit is {max_bytes / 1e6:.0f} MB."
            )
        if size > _LARGE and (free := free_memory()) is not None and size > free // 3:
            raise InputRefused(path, f"the file has {size / 1e6:.0f} MB, more than memory can hold now.")
        data = file.read(size + 1)
    if not data:
        raise InputRefused(path, "the file is empty.")
    if len(data) > size:
        raise InputRefused(path, "the file grew while it was read.")
    return FileBytes(data, hashlib.sha256(data).hexdigest())


def digest_file(path: Path | str) -> str:
    """SHA-256 of a regular file of any size, hexadecimal; raises PhotoMissing or InputRefused."""
    digest = hashlib.sha256()
    with opened(path) as (file, _):
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def opened(path: Path | str) -> Iterator[tuple[BinaryIO, int]]:
    """A regular file open for reading, and its size; OSError becomes a sentence."""
    try:
        with _open_regular(path) as file:
            yield file, os.fstat(file.fileno()).st_size
    except OSError as error:
        raise _as_sentence(path, error) from error


def _open_regular(path: Path | str) -> BinaryIO:
    try:
        _must_be_regular(path, os.stat(path).st_mode)  # first, since opening a device can do things
        file = os.fdopen(os.open(path, _FLAGS), "rb")
    except ValueError as error:  # a NUL, or characters that no file name can hold
        raise PhotoMissing(f"{shown_name(path)}: no file can have this name.", path=path) from error
    try:
        _must_be_regular(path, os.fstat(file.fileno()).st_mode)
    except InputRefused:
        file.close()
        raise
    return file


def _must_be_regular(path: Path | str, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise InputRefused(path, "this is a folder, not a picture.")
    if not stat.S_ISREG(mode):
        raise InputRefused(path, "this is not a regular file (a pipe, a socket or a device).")


def _as_sentence(path: Path | str, error: OSError) -> InputRefused | PhotoMissing:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return PhotoMissing(
            f"{shown_name(path)}: the file is not there.",
            hint="It may have been moved or renamed.",
            path=path,
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return InputRefused(path, "you have no permission to read this file.")
    if error.errno == errno.ENAMETOOLONG:
        return InputRefused(path, "the file name is too long.")
    return InputRefused(path, f"the file cannot be read ({error.strerror or 'unknown reason'}).")
