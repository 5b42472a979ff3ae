"""One folder level as a data set reader sees it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from crackcore.errors import InputRefused
from crackcore.imaging.scanning import EXTENSIONS, natural_key
from crackcore.names import shown_name
from crackcore.progress import Progress, unheard

_REPORT_EVERY = 512


@dataclass(frozen=True)
class Listing:
    """What lies directly in a folder; hidden names are left out, links to folders are not followed."""

    path: Path
    folders: dict[str, Path] = field(default_factory=dict)  # by name without case
    pictures: tuple[Path, ...] = ()
    others: tuple[Path, ...] = ()
    links: tuple[str, ...] = ()

    def folder(self, names: Iterable[str]) -> Path | None:
        """The first sub-folder with one of these names, whatever its case."""
        return next((self.folders[n.casefold()] for n in names if n.casefold() in self.folders), None)

    def ending(self, suffix: str) -> tuple[Path, ...]:
        """The other files with this ending (`.mat`, `.txt`)."""
        return tuple(p for p in self.others if p.suffix.lower() == suffix)

    def described(self) -> str:
        """What is in it, for an error."""
        names = sorted(p.name for p in self.folders.values())
        parts = []
        if names:
            listed = ", ".join(f'"{shown_name(n)}"' for n in names[:6]) + (" ..." if len(names) > 6 else "")
            parts.append(f"the folders {listed}" if len(names) > 1 else f"the folder {listed}")
        if self.pictures:
            parts.append("1 picture" if len(self.pictures) == 1 else f"{len(self.pictures)} pictures")
        if self.others and not parts:
            parts.append(f"{len(self.others)} other files" if len(self.others) > 1 else "1 other file")
        if self.links:
            parts.append(f'a link to a folder, "{shown_name(self.links[0])}", which is not followed')
        return " and ".join(parts) or "nothing"


def look_into(folder: Path, progress: Progress = unheard) -> Listing:
    """List a folder; raises InputRefused when it is no folder or cannot be read."""
    folders: dict[str, Path] = {}
    pictures: list[Path] = []
    others: list[Path] = []
    links: list[str] = []
    try:
        if not stat.S_ISDIR(os.stat(folder).st_mode):
            raise InputRefused(folder, "this is not a folder.")
        with os.scandir(folder) as entries:
            # In order, so that of two folders that differ in case alone it is always the same one.
            for seen, entry in enumerate(sorted(entries, key=lambda e: e.name, reverse=True)):
                if seen % _REPORT_EVERY == 0:
                    progress(seen, 0, "Listing")
                if entry.name.startswith(".") or entry.name == "__MACOSX":
                    continue
                if entry.is_dir():
                    if entry.is_symlink():
                        links.append(entry.name)
                    else:
                        folders.setdefault(entry.name.casefold(), Path(entry.path))
                elif entry.is_file():
                    ending = os.path.splitext(entry.name)[1].lower()
                    (pictures if ending in EXTENSIONS else others).append(Path(entry.path))
    except FileNotFoundError as error:
        raise InputRefused(folder, "there is no such folder.") from error
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "unknown reason"
        raise InputRefused(folder, f"this folder cannot be read ({said}).") from error
    return Listing(
        folder,
        folders,
        tuple(sorted(pictures, key=natural_key)),
        tuple(sorted(others, key=natural_key)),
        tuple(sorted(links)),
    )
