"""Lists of pairs: a text file with a photograph and its mask on every line, as Zou's DeepCrack reads.

Published lists hold the paths of their authors' machines. Such a path is never looked up as it is:
its end is looked for inside the folder of the list.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from crackcore.datasets.dataset import Dataset, Sample
from crackcore.datasets.listing import Listing, look_into
from crackcore.datasets.pairing import Found
from crackcore.datasets.source_photos import SIDES, source_photo
from crackcore.errors import InputRefused
from crackcore.imaging.scanning import EXTENSIONS
from crackcore.names import shown_name
from crackcore.progress import Progress

_LARGEST = 64 << 20
_LOOKED_AT = 8192  # bytes from which a text file is told to be a list
_REPORT_EVERY = 500


def is_list(path: Path) -> bool:
    """Whether a text file seems to be a list: its first line that is not empty names two pictures."""
    if path.suffix.lower() not in (".txt", ".lst", ".csv"):
        return False
    try:
        with open(path, "rb") as file:
            text = file.read(_LOOKED_AT).decode("utf-8-sig", "surrogateescape")
    except OSError:
        return False
    first = next((line for line in text.splitlines() if line.strip()), "")
    return _two_names(first) is not None


def read_lists(folder: Path, lists: Sequence[Path], progress: Progress) -> Dataset:
    """The pairs of one or more lists; everything they name must lie below `folder`.

    The side comes from a list's name ("train_example.txt"). Raises InputRefused when a list cannot be
    read, or none of its files is there.
    """
    found = Found()
    inside = _Inside(folder)
    taken: dict[str, Path] = {}
    listed: dict[Path, Path] = {}
    for path in lists:
        side = _side_of(path)
        lines = _lines(path)
        missing = ""
        before = len(found.samples)
        for number, line in enumerate(lines, 1):
            if number % _REPORT_EVERY == 1:
                progress(number, len(lines), shown_name(path))
            if not line.strip():
                continue
            names = _two_names(line)
            if names is None:
                found.refuse(path, f"line {number} does not name a photograph and a mask.")
                continue
            photo, mask = (inside.find(name) for name in names)
            if photo is None or mask is None:
                lost = names[0 if photo is None else 1]
                missing = missing or lost
                found.refuse(path, f'line {number}: "{shown_name(lost)}" is not in this folder.')
                continue
            if photo in listed:
                where = "twice" if listed[photo] == path else f"also in {shown_name(listed[photo])}"
                found.refuse(photo, f"it is listed {where}.")
                continue
            listed[photo] = path
            sample = Sample(photo.stem, photo, mask, group=source_photo(photo.stem), side=side)
            if sample.key in taken:
                found.refuse(photo, f'"{shown_name(taken[sample.key])}" has the same name.')
                continue
            taken[sample.key] = photo
            found.samples.append(sample)
        if len(found.samples) == before and missing:
            raise InputRefused(
                path,
                f"none of the files it lists is in its folder; the first is "
                f'"{shown_name(missing, whole=True)}".',
                hint="Put the list beside the folders that it names.",
            )
    notes = []
    if inside.moved:
        notes.append("The list names places of another computer; the files were found here by their ends.")
    name = folder.resolve().name
    return Dataset(name, "index-files", folder, tuple(found.samples), tuple(found.problems), tuple(notes))


def _side_of(path: Path) -> str:
    words = re.split(r"[^a-z]+", path.stem.casefold())
    return next((SIDES[word] for word in words if word in SIDES), "")


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > _LARGEST:
            raise InputRefused(path, "this list is too long.")
        return path.read_bytes().decode("utf-8-sig", "surrogateescape").splitlines()
    except OSError as error:
        raise InputRefused(path, f"the list cannot be read ({error.strerror}).") from error


def _two_names(line: str) -> tuple[str, str] | None:
    """The two names of a line, between blanks, a tab or a comma. Names with blanks are taken when only
    one place divides the line into two pictures."""
    if "\0" in line:
        return None
    for divider in ("\t", ",", ";"):
        parts = [p.strip().strip('"') for p in line.split(divider)]
        if len(parts) == 2 and all(map(_is_picture, parts)):
            return parts[0], parts[1]
    words = line.split()
    divided = [(" ".join(words[:i]), " ".join(words[i:])) for i in range(1, min(len(words), 40))]
    fitting = [pair for pair in divided if all(map(_is_picture, pair))]
    return fitting[0] if len(fitting) == 1 else None


def _is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in EXTENSIONS


class _Inside:
    """Finds what lists name, below one folder only, by listing folders; nothing else is touched."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.moved = False
        self._listings: dict[Path, Listing | None] = {}
        self._files: dict[Path, dict[str, Path]] = {}
        self._places: dict[tuple[str, ...], Path | None] = {}

    def find(self, name: str) -> Path | None:
        """The file of a name as written in a list, or None."""
        windows = PureWindowsPath(name)
        parts = PurePosixPath(name.replace("\\", "/")).parts if "\\" in name else PurePosixPath(name).parts
        if ".." in parts:
            return None
        absolute = bool(windows.drive or windows.root) or name.startswith("/")
        folders = tuple(p for p in parts[:-1] if p not in ("/", ".") and not p.endswith(":"))
        if folders not in self._places:
            self._places[folders] = self._place(folders, parts[-1], absolute)
        place = self._places[folders]
        return None if place is None else self._file(place, parts[-1])

    def _place(self, folders: tuple[str, ...], file: str, absolute: bool) -> Path | None:
        """The folder below the root that ends as `folders` do and holds the file; the longest end first."""
        for start in range(len(folders) + 1):
            place = self._folder(folders[start:])
            if place is not None and self._file(place, file) is not None:
                self.moved |= start > 0
                return place
        return None

    def _folder(self, parts: tuple[str, ...]) -> Path | None:
        place = self.root
        for part in parts:
            listing = self._listing(place)
            step = None if listing is None else listing.folders.get(part.casefold())
            if step is None:
                return None
            place = step
        return place

    def _file(self, folder: Path, name: str) -> Path | None:
        if folder not in self._files:
            listing = self._listing(folder)
            pictures = listing.pictures if listing else ()
            self._files[folder] = {p.name: p for p in pictures}
        return self._files[folder].get(name)

    def _listing(self, folder: Path) -> Listing | None:
        if folder not in self._listings:
            try:
                self._listings[folder] = look_into(folder)
            except InputRefused:
                self._listings[folder] = None
        return self._listings[folder]
