"""Names the Debian packages that Qt needs and this machine lacks, one line, nothing when all are there.

Run with any Python 3, before anything is installed:

    python3 packaging/system_libraries.py

Exit status: 0 nothing is missing, 1 something is (its packages are printed).
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

# Read from the ELF headers of PySide6 6.11's Core, Gui, Widgets, Svg, Network, DBus and of its xcb and
# offscreen platform plugins: what they need and do not bring along.
PACKAGES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11.so.6": "libx11-6",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libzstd.so.1": "libzstd1",
}
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")
FONT_PACKAGE = "fonts-dejavu-core"


def is_loadable(library: str) -> bool:
    """Whether the dynamic linker finds this library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def has_fonts() -> bool:
    """Whether there is any font for text: Qt brings none."""
    for folder in FONT_FOLDERS:
        place = Path(folder).expanduser()
        if any(file.suffix.lower() in {".ttf", ".otf", ".ttc", ".pfb"} for file in place.rglob("*")):
            return True
    return False


def missing_packages() -> list[str]:
    """The Debian packages to install, sorted; empty on other systems than Linux."""
    if not sys.platform.startswith("linux"):
        return []
    missing = {package for library, package in PACKAGES.items() if not is_loadable(library)}
    if not has_fonts():
        missing.add(FONT_PACKAGE)
    return sorted(missing)


if __name__ == "__main__":
    wanted = missing_packages()
    if wanted:
        print(*wanted)
    sys.exit(1 if wanted else 0)
