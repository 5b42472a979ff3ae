"""Folders: made to last, filled beside their place and renamed when complete, removed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from crackcore.errors import FileProblem, TargetExists
from crackcore.names import shown_name
from crackcore.storage.disk import as_problem, disk
from crackcore.storage.files import is_temporary, temporary_name, write_all
from crackcore.storage.locks import Lock

_IN_USE = "in-use.lock"


def make_folder(path: Path | str) -> None:
    """Make a folder and its parents, each name made to last; nothing happens if it is there."""
    path = Path(path)
    if path.is_dir():
        return
    if path.parent != path:
        make_folder(path.parent)
    try:
        disk().mkdir(str(path))
        disk().sync_folder(str(path.parent))
    except FileExistsError:
        if not path.is_dir():
            raise FileProblem(f"{shown_name(path)} is a file, not a folder.", path=path) from None
    except OSError as error:
        raise as_problem(error, path, "made") from error


@contextlib.contextmanager
def new_folder(target: Path | str) -> Iterator[Path]:
    """A temporary folder beside `target` that becomes `target` when the block ends well.

    On any error, Cancelled included, it is removed and `target` is as it was. Raises TargetExists
    when `target` is a file or a folder that is not empty.
    """
    target = Path(os.path.abspath(target))
    _refuse_used(target)
    make_folder(target.parent)
    temporary = target.with_name(temporary_name(target.name))
    try:
        try:
            disk().mkdir(str(temporary))
        except OSError as error:
            raise as_problem(error, target, "made") from error
        yield temporary
        _refuse_used(target)
        try:
            _sync_tree(temporary)
            if target.is_dir():
                disk().rmdir(str(target))  # empty: Windows does not rename over a folder
            disk().replace(str(temporary), str(target))
            disk().sync_folder(str(target.parent))
        except OSError as error:
            raise as_problem(error, target) from error
    finally:
        if temporary.exists():
            remove_tree(temporary)


@contextlib.contextmanager
def folder_beside(target: Path | str) -> Iterator[Path]:
    """A folder of our own on the same disk as `target`, for what is not complete yet; gone afterwards.

    Folders above `target` are made as needed. A file made in it becomes `target` by `put_in_place`.
    Such folders that a killed program left here are removed first: nobody holds the lock in them.
    """
    target = Path(target)
    make_folder(target.parent)
    _remove_abandoned(target.parent)
    folder = target.with_name(temporary_name(target.name))
    make_folder(folder)
    lock = Lock(folder / _IN_USE)
    try:
        lock.take()
        yield folder
    finally:
        lock.release()
        remove_tree(folder)


def _remove_abandoned(place: Path) -> None:
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(place)):
            if not (is_temporary(entry.name) and entry.is_dir(follow_symlinks=False)):
                continue
            if not os.path.isfile(os.path.join(entry.path, _IN_USE)):  # of another kind
                continue
            lock = Lock(os.path.join(entry.path, _IN_USE))
            if lock.take():
                lock.release()
                remove_tree(Path(entry.path))


def _refuse_used(target: Path) -> None:
    if target.is_dir():
        with os.scandir(target) as entries:
            if not any(entries):
                return
    if target.exists() or target.is_symlink():
        hint = "Choose a new or empty folder."
        raise TargetExists(f"{shown_name(target)} exists already and is not empty.", hint=hint, path=target)


def _sync_tree(folder: Path) -> None:
    for place, _, names in os.walk(folder):
        for name in names:
            fd = disk().open(os.path.join(place, name), os.O_RDWR)  # Windows syncs writable handles only
            try:
                disk().sync(fd)
            finally:
                disk().close(fd)
        disk().sync_folder(place)


def remove_tree(folder: Path) -> None:
    """Remove a folder of ours; links inside are removed, not followed. What cannot be removed stays."""
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            if entry.is_dir(follow_symlinks=False):
                remove_tree(Path(entry.path))
            else:
                with contextlib.suppress(OSError):
                    disk().unlink(entry.path)
        disk().rmdir(str(folder))


def _make_parents(folder: Path) -> None:
    if not folder.is_dir():
        _make_parents(folder.parent)
        disk().mkdir(str(folder))


def write_new(path: Path | str, data: bytes | memoryview) -> None:
    """Write a file that must not exist yet, folders made as needed; for use inside `new_folder`.

    Not synced here: `new_folder` syncs the whole folder before it gets its name.
    """
    path = Path(path)
    try:
        _make_parents(path.parent)
        fd = disk().open(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            write_all(fd, data)
        finally:
            disk().close(fd)
    except OSError as error:
        raise as_problem(error, path) from error
