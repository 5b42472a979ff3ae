"""Old formats brought up to ours, in memory and one step at a time; a released step is never edited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import h5py

from crackcore.errors import ProjectDamaged
from crackcore.names import shown_name
from crackcore.projects import layout

MIGRATIONS: Mapping[int, Callable[[h5py.File], None]] = {}
"""Format version n → the function that makes version n + 1 of it.

None yet: version 1 is the first, and version 2 only adds something that files of version 1 lack.
"""


def migrated(
    body: bytes,
    version: int,
    path: Path,
) -> bytes:
    """The body in today's format; the file on disk stays as it is until the next save.

    Raises ProjectDamaged when no path leads from `version` to ours.
    """
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(4 << 20, False)
    access.set_file_image(body)
    opened = h5py.h5f.open(b"migration", h5py.h5f.ACC_RDWR, fapl=access)
    with h5py.File(opened) as h5:
        for number in range(version, layout.PLAIN_VERSION):
            if number not in MIGRATIONS:
                raise ProjectDamaged(f"{shown_name(path)} has a format that never existed.", path=path)
            MIGRATIONS[number](h5)
            h5.attrs[layout.VERSION_ATTRIBUTE] = number + 1
        h5.flush()
        return bytes(h5.id.get_file_image())
