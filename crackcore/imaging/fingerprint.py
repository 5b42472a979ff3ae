"""The digest of a file, and finding a photograph again that was moved or renamed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from crackcore.errors import FileProblem
from crackcore.imaging.file_bytes import digest_file
from crackcore.imaging.scanning import regular_files
from crackcore.progress import Progress, unheard


def file_sha256(path: Path | str) -> str:
    """SHA-256 of a regular file, hexadecimal; raises PhotoMissing or InputRefused."""
    return digest_file(path)


def find_moved(
    wanted: Mapping[str, int], folder: Path | str, progress: Progress = unheard
) -> dict[str, Path]:
    """Look below `folder` for files with these digests, whatever their names.

    wanted : digest -> size in bytes; only files of a wanted size are read. Size 0 stands for
    "not known": then every file is read.

    Returns digest -> path for those that were found (the first one, when there are copies).
    Files that cannot be read are passed over. `progress(found, len(wanted))` may cancel.
    """
    missing = dict(wanted)
    found: dict[str, Path] = {}

    def report(done: int, total: int, note: str = "") -> None:
        progress(len(found), len(wanted), note)  # the walk counts files; people wait for photographs

    if not missing:
        return found
    for path, state in regular_files(folder, report):
        sizes = set(missing.values())
        if state.st_size not in sizes and 0 not in sizes:
            continue
        report(0, 0)
        try:
            digest = digest_file(path)
        except FileProblem:
            continue
        if digest in missing:
            found[digest] = path
            del missing[digest]
            if not missing:
                break
    progress(len(found), len(wanted))
    return found
