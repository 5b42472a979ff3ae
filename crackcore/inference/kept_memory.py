"""Freed memory kept in the process while a network runs, and given back afterwards.

The C library hands every large block back to the system as soon as it is freed, and the system
clears it page by page when it is asked for again: with maps of tens of megabytes that costs a
network as much time as its mathematics. While at least one network runs, blocks are kept instead.
Linux with glibc only; elsewhere nothing happens.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # names of mallopt(3)
_NEVER = -1
# what glibc itself arrives at with large blocks; its own adapting ends with the first call of mallopt
_AFTERWARDS = ((_MMAP_MAX, 65536), (_MMAP_THRESHOLD, 32 * 2**20), (_TRIM_THRESHOLD, 64 * 2**20))

_lock = Lock()
_users = 0


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keeps freed blocks for the time of the `with` block; several threads may be in one at once."""
    global _users
    library = _glibc()
    if library is None:
        yield
        return
    mallopt, trim = library
    with _lock:
        _users += 1
        if _users == 1:
            mallopt(_MMAP_MAX, 0)
            mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                for option, value in _AFTERWARDS:
                    mallopt(option, value)
                trim(0)


@cache
def _glibc() -> tuple[Callable[[int, int], int], Callable[[int], int]] | None:
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return None
    library = ctypes.CDLL(None)
    mallopt, trim = getattr(library, "mallopt", None), getattr(library, "malloc_trim", None)
    if mallopt is None or trim is None:
        return None
    mallopt.argtypes, trim.argtypes = (ctypes.c_int, ctypes.c_int), (ctypes.c_size_t,)
    return mallopt, trim
