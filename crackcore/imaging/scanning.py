"""From files and folders to a list of pictures, and from a picture to its record."""

from __future__ import annotations

import os
import re
import stat
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from crackcore.domain.image_record import ImageRecord
from crackcore.imaging.limits import Limits
from crackcore.imaging.reading import photo_facts
from crackcore.names import escaped, shown_name
from crackcore.progress import Progress, unheard

EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".tif", ".tiff", ".bmp", ".dib", ".gif", ".webp"}
    | {".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"}
)
_REPORT_EVERY = 256  # entries; some milliseconds even on a slow network drive


@dataclass(frozen=True)
class ScanResult:
    """Pictures in order, and what was left out with a reason for each."""

    pictures: tuple[Path, ...]
    skipped: tuple[tuple[Path, str], ...]


def scan(paths: Iterable[Path | str], progress: Progress = unheard) -> ScanResult:
    """Find the pictures among files and folders, recursively.

    Files that are named are taken whatever they are called. In folders only names with one of
    `EXTENSIONS` count, hidden ones (a dot in front) do not, links to folders are not followed; the
    order is that of a person (2 before 10). Nothing is opened. `progress(found, 0)` may cancel.
    """
    walk = _Walk(progress)
    pictures: list[Path] = []
    for given in paths:
        path = Path(given)
        try:
            state = os.stat(path)
        except (OSError, ValueError) as error:
            walk.skip(path, _why(error))
            continue
        if stat.S_ISDIR(state.st_mode):
            pictures += sorted((p for p, _ in walk.files(path)), key=natural_key)
        elif not stat.S_ISREG(state.st_mode):
            walk.skip(path, "not a regular file (a pipe, a socket or a device)")
        elif walk.is_new(path, state):
            pictures.append(path)
    return ScanResult(tuple(pictures), tuple(walk.skipped))


def record_for(
    path: Path | str,
    project_folder: Path | str,
    *,
    limits: Limits = Limits(),
) -> ImageRecord:
    """A new record for a photograph: header and digest are read, pixels are not decoded.

    `file` is relative to the project's folder with forward slashes when the two share a folder
    below the root of one drive, else absolute; always through `names.escaped`.
    Raises PhotoMissing and InputRefused.
    """
    facts = photo_facts(path, limits=limits)
    return ImageRecord(
        id=uuid.uuid4().hex,
        file=stored_path(path, project_folder),
        sha256=facts.sha256,
        height_px=facts.height_px,
        width_px=facts.width_px,
        bytes=facts.bytes,
        taken_at=facts.taken_at,
    )


def stored_path(path: Path | str, project_folder: Path | str) -> str:
    """How a photograph's place is written into a project (see `record_for`)."""
    # Not resolve(): a project on a linked folder should keep the name the person knows.
    file, folder = Path(os.path.abspath(path)), Path(os.path.abspath(project_folder))
    if (
        file.drive.casefold() == folder.drive.casefold()
        and len(Path(os.path.commonpath([file, folder])).parts) > 1
    ):
        return escaped(Path(os.path.relpath(file, folder)).as_posix())
    return escaped(file.as_posix())


def natural_key(path: Path | str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sorts names as people do: digits by number, letters without case, folder by folder."""
    text = Path(path).as_posix()
    parts = []
    for piece in re.split(r"(\d+)", text.casefold().replace("/", "\0")):
        # isdecimal: other digits, such as superscripts, are no numbers to int()
        parts.append((0, int(piece), "") if piece.isdecimal() and len(piece) < 400 else (1, 0, piece))
    return tuple(parts), text


def regular_files(folder: Path | str, progress: Progress = unheard) -> Iterator[tuple[Path, os.stat_result]]:
    """Every regular file below a folder by the rules of `scan`, whatever its name."""
    return _Walk(progress, pictures_only=False).files(Path(folder))


def _looks_like_picture(name: str) -> bool:
    # Some systems cannot hold a dot or space at the end, others hand such names over.
    return os.path.splitext(name.rstrip(" ."))[1].lower() in EXTENSIONS


@dataclass
class _Walk:
    """What one scan has seen so far."""

    progress: Progress
    pictures_only: bool = True
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    _seen: dict[tuple[int, int], Path] = field(default_factory=dict)
    _entries: int = 0
    _found: int = 0

    def skip(self, path: Path, reason: str) -> None:
        self.skipped.append((path, reason))

    def is_new(self, path: Path, state: os.stat_result) -> bool:
        """False, and noted, when this very file or folder was met before."""
        key = (state.st_dev, state.st_ino)
        if state.st_ino and key in self._seen:
            self.skip(path, f"the same as {shown_name(self._seen[key])}")
            return False
        self._seen[key] = path
        return True

    def files(self, root: Path) -> Iterator[tuple[Path, os.stat_result]]:
        waiting = [root]
        while waiting:
            folder = waiting.pop()
            try:
                if not self.is_new(folder, os.stat(folder)):
                    continue
                with os.scandir(folder) as entries:
                    for entry in entries:
                        self._tick()
                        if entry.name.startswith("."):
                            continue
                        if (state := self._regular(entry, waiting)) is not None:
                            self._found += 1
                            yield folder / entry.name, state
            except OSError as error:
                self.skip(folder, _why(error))
        self.progress(self._found, 0)

    def _tick(self) -> None:
        self._entries += 1
        if self._entries % _REPORT_EVERY == 1:
            self.progress(self._found, 0)

    def _regular(self, entry: os.DirEntry[str], waiting: list[Path]) -> os.stat_result | None:
        path = Path(entry.path)
        wanted = not self.pictures_only or _looks_like_picture(entry.name)
        try:
            if entry.is_dir():
                if entry.is_symlink() or _is_junction(entry):
                    self.skip(path, "a link to a folder; it is not followed")
                else:
                    waiting.append(path)
                return None
            if not wanted:
                return None
            state = os.stat(path)  # DirEntry.stat has no inode on Windows
        except OSError as error:
            if wanted:
                self.skip(path, _why(error))
            return None
        if not stat.S_ISREG(state.st_mode):
            self.skip(path, "not a regular file (a pipe, a socket or a device)")
            return None
        return state if self.is_new(path, state) else None


def _is_junction(entry: os.DirEntry[str]) -> bool:
    """A folder link of Windows, which is_symlink() does not know."""
    tag = getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0)
    return bool(tag == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1))


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):
        return "no file can have this name"
    if isinstance(error, FileNotFoundError):
        return "it is not there"
    if isinstance(error, PermissionError):
        return "you have no permission to read it"
    return f"it cannot be read ({error.strerror or 'unknown reason'})"
