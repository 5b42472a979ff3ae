"""Load torch's largest libraries ahead of the import, so that the window does not stand still."""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import os
import sys
from pathlib import Path

_log = logging.getLogger(__name__)


def preload_torch_libraries() -> None:
    """Load torch's largest library before the import does, without holding Python's lock.

    `import` (and ctypes.CDLL) hold the lock while the system links a library, half a second for this
    one, and the window would stand still. A foreign call lets go of it, so the system's own loader
    is called that way. Only where its name is the same everywhere: Linux.
    """
    if "torch" in sys.modules or not sys.platform.startswith("linux"):
        return
    found = importlib.util.find_spec("torch")
    if found is None or not found.submodule_search_locations:
        return
    folder = Path(found.submodule_search_locations[0]) / "lib"
    load = ctypes.CDLL(None).dlopen
    load.restype, load.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    for name in ("libc10.so", "libtorch_cpu.so"):
        # When it does not load, the import says so, and better.
        if (folder / name).is_file() and not load(os.fsencode(folder / name), os.RTLD_NOW | os.RTLD_LOCAL):
            _log.info("not loaded ahead: %s", name)
            return
