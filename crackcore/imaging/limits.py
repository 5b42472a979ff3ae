"""How large a picture may be, checked from its header before anything is decoded."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from crackcore.errors import InputRefused

DENSE_FROM_PX = 20_000_000  # below this a bomb costs little enough to be decoded and seen


@dataclass(frozen=True)
class Limits:
    """What the reader accepts; the defaults are generous for cameras and orthomosaics.

    max_px : pixels of the picture.
    max_side_px : longest side, px.
    max_bytes : size of the file.
    max_px_per_byte : pixels per byte of the file, for pictures above 20 megapixels. Camera files
        have 0.1 to 10; a picture with thousands was made to fill memory.
    """

    max_px: int = 200_000_000
    max_side_px: int = 65_535
    max_bytes: int = 2_000_000_000
    max_px_per_byte: int = 1000


# An empty 1-bit mask packs to some 8000 pixels a byte, honestly (deflate's limit is 1032 : 1).
MASK_LIMITS = Limits(max_px_per_byte=10_000)


def check_size(
    path: Path | str,
    *,
    width_px: int,
    height_px: int,
    file_bytes: int,
    limits: Limits,
    memory_per_px: int = 7,
) -> None:
    """Raise InputRefused when a picture of this size must not be decoded.

    `memory_per_px` is what decoding needs, in bytes per pixel: the decoder's own array and ours.
    """
    if width_px < 1 or height_px < 1:
        raise InputRefused(path, "the picture has no pixels.")
    px = width_px * height_px
    size = f"{width_px} x {height_px} pixels ({megapixels(px)})"
    if px > limits.max_px:
        raise too_large(path, px, limits, size=size)
    if max(width_px, height_px) > limits.max_side_px:
        raise InputRefused(path, f"{size}: a side may have at most {limits.max_side_px} pixels.")
    if px > DENSE_FROM_PX and px > limits.max_px_per_byte * file_bytes:
        raise InputRefused(
            path, f"says it has {size} in only {file_bytes} bytes; such a file is not a photograph."
        )
    free = free_memory()
    if free is not None and px * memory_per_px > free // 3:
        raise InputRefused(
            path,
            f"{size} need {px * memory_per_px / 2**30:.1f} GiB of memory, "
            f"more than a third of the {free / 2**30:.1f} GiB that are free.",
            hint="Close other programs, or cut the picture into parts.",
        )


def too_large(path: Path | str, px: int, limits: Limits, *, size: str = "") -> InputRefused:
    """The refusal of a picture with more pixels than the limits allow."""
    return InputRefused(
        path, f"{size or megapixels(px)} is too large; the limit is {megapixels(limits.max_px)}."
    )


def megapixels(px: int) -> str:
    """A count of pixels, for people."""
    return f"{px / 1e6:.3g} megapixels" if px < 100_000_000 else f"{round(px / 1e6)} megapixels"


def free_memory() -> int | None:
    """Bytes that could be used now without swapping, or None where the system does not say.

    In a container the smaller of the machine's and the container's figure.
    """
    if sys.platform == "win32":
        return _free_on_windows()
    found = [n for n in (_available_in_meminfo(), _left_in_container()) if n is not None]
    if found:
        return min(found)
    try:  # macOS: no figure for "available" without a tool; half of what is built in is a fair guess
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (ValueError, OSError):
        return None


def _available_in_meminfo() -> int | None:
    try:
        text = Path("/proc/meminfo").read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return None
    for line in text.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _left_in_container() -> int | None:
    folder = Path("/sys/fs/cgroup")
    try:
        limit = int((folder / "memory.max").read_text("ascii"))
        used = int((folder / "memory.current").read_text("ascii"))
        inactive = 0  # file pages the kernel gives up when asked
        for line in (folder / "memory.stat").read_text("ascii").splitlines():
            if line.startswith("inactive_file "):
                inactive = int(line.split()[1])
    except (OSError, ValueError):  # no container, or no limit ("max")
        return None
    return max(0, limit - used + inactive)


def _free_on_windows() -> int | None:
    import ctypes

    class _Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            ("total", ctypes.c_ulonglong),
            ("available", ctypes.c_ulonglong),
            ("total_page_file", ctypes.c_ulonglong),
            ("available_page_file", ctypes.c_ulonglong),
            ("total_virtual", ctypes.c_ulonglong),
            ("available_virtual", ctypes.c_ulonglong),
            ("available_extended_virtual", ctypes.c_ulonglong),
        )

    status = _Status()
    status.length = ctypes.sizeof(status)
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - absent on other systems
    return int(status.available) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else None
