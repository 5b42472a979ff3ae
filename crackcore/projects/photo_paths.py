"""Where a photograph of a project lies, and which stored paths are followed without asking."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from crackcore.domain.image_record import ImageRecord
from crackcore.errors import PhotoMissing
from crackcore.names import escaped, shown_name, unescaped


def leads_outside(stored: str) -> bool:
    """Whether a stored path (unescaped) leaves the project's folder on any system.

    Absolute paths, drives, network shares, `..`, and what only one system understands.
    """
    windows = PureWindowsPath(stored)
    return (
        "\0" in stored
        or PurePosixPath(stored).is_absolute()
        or bool(windows.drive or windows.root)
        or ".." in windows.parts
    )


def photo_path(record: ImageRecord, project_folder: Path, *, outside_allowed: bool) -> Path:
    """The path of the photo; whether it exists is not looked at.

    Raises PhotoMissing when the stored path is none, or leaves the folder of a project of unknown
    origin: merely looking at a network path tells a stranger who is looking.
    """
    stored = unescaped(record.file)
    if not stored or "\0" in stored:
        raise PhotoMissing("The project holds no usable path for this picture.")
    if not outside_allowed and leads_outside(stored):
        raise PhotoMissing(
            f"{shown_name(stored)} lies outside the folder of this project, which was not made here.",
            hint="Allow pictures outside the project's folder if you know who made it.",
            path=stored,
        )
    return project_folder / Path(stored)


def moved_record(record: ImageRecord, old_folder: Path, new_folder: Path) -> ImageRecord:
    """The record for a project file that lies in another folder: same photo, other relative path."""
    stored = unescaped(record.file)
    if PurePosixPath(stored).is_absolute() or PureWindowsPath(stored).drive:
        return record
    return replace(record, file=stored_path(old_folder / stored, new_folder))


def stored_path(photo: Path, project_folder: Path) -> str:
    """How a record names `photo`: relative with forward slashes when both share a folder below the
    root of one drive, else absolute; escaped.
    """
    file, folder = Path(os.path.abspath(photo)), Path(os.path.abspath(project_folder))
    same_drive = file.drive.casefold() == folder.drive.casefold()
    if same_drive and len(Path(os.path.commonpath([file, folder])).parts) > 1:
        return escaped(Path(os.path.relpath(file, folder)).as_posix())
    return escaped(file.as_posix())
