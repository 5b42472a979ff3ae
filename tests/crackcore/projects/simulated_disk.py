"""A disk that remembers what would survive a power cut at every moment.

`RecordingDisk` does everything for real and writes down each call. `states_after` then builds all
file trees that a power cut after call n may leave: names that were not synced with their folder
are there or not, in every combination; bytes that were not synced are kept, lost, half there or
garbage.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from crackcore.storage import Disk

# Locks mean nothing after a power cut, and the list of own saves is only a short cut.
_NOT_OF_INTEREST = (".lock", "saved-here")


@dataclass
class Inode:
    """Bytes as the running system sees them, and as the platter holds them."""

    now: bytes = b""
    durable: bytes = b""

    def survivors(self) -> set[bytes]:
        """What may be found after a power cut."""
        if self.now == self.durable:
            return {self.now}
        found = {self.now, self.durable}
        if self.now.startswith(self.durable):  # something was appended
            added = len(self.now) - len(self.durable)
            found.add(self.now[: len(self.durable) + added // 2])
            found.add(self.durable + b"\xa5" * added)
            found.add(self.durable + bytes(added))
        return found


@dataclass
class Tree:
    """Names to inodes; `None` stands for a folder. `waiting` are name changes not synced yet."""

    names: dict[str, Inode | None] = field(default_factory=dict)
    durable: dict[str, Inode | None] = field(default_factory=dict)
    waiting: list[tuple[tuple[str, Inode | str | None], ...]] = field(default_factory=list)


GONE = "gone"


class RecordingDisk(Disk):
    """Real calls below `root`, and after each one every tree a power cut could leave."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.tree = Tree()
        self.open_files: dict[int, Inode] = {}
        self.calls: list[str] = []
        self.states: list[list[dict[str, bytes | None]]] = []
        for place, folders, files in os.walk(root):
            for name in folders:
                self.tree.names[os.path.join(place, name)] = None
            for name in files:
                path = os.path.join(place, name)
                data = Path(path).read_bytes()
                self.tree.names[path] = Inode(data, data)
        self.tree.durable = dict(self.tree.names)

    # ------------------------------------------------------------ what the program calls

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        fd = super().open(path, flags, mode)
        inode = self.tree.names.get(path)
        if inode is None:
            inode = Inode()
            self._rename("create", ((path, inode),))
        self.open_files[fd] = inode
        return fd

    def close(self, fd: int) -> None:
        super().close(fd)
        self.open_files.pop(fd, None)

    def write(self, fd: int, data: memoryview | bytes) -> int:
        # Two calls: a power cut may come between them.
        written = super().write(fd, data)
        self._refresh(fd)
        self._note("write")
        return written

    def truncate(self, fd: int, size: int) -> None:
        super().truncate(fd, size)
        self._refresh(fd)
        self._note("truncate")

    def sync(self, fd: int) -> None:
        super().sync(fd)
        self._make_durable(fd)
        self._note("sync")

    def sync_data(self, fd: int) -> None:
        super().sync_data(fd)
        self._make_durable(fd)
        self._note("sync data")

    def sync_folder(self, path: str) -> None:
        super().sync_folder(path)
        left = []
        for change in self.tree.waiting:
            # The first part names the thing itself; others are its old name and what lies in it.
            if os.path.dirname(change[0][0]) == path:
                _apply(self.tree.durable, change)
            else:
                left.append(change)
        self.tree.waiting = left
        self._note("sync folder")

    def replace(self, source: str, target: str) -> None:
        moved = {
            path: inode
            for path, inode in self.tree.names.items()
            if path == source or path.startswith(source + os.sep)
        }
        super().replace(source, target)
        change: list[tuple[str, Inode | str | None]] = []
        for path, inode in moved.items():
            change += [(target + path[len(source) :], inode), (path, GONE)]
        self._rename("replace", tuple(change))

    def link(self, source: str, target: str) -> None:
        super().link(source, target)
        self._rename("link", ((target, self.tree.names[source]),))

    def unlink(self, path: str) -> None:
        super().unlink(path)
        self._rename("unlink", ((path, GONE),))

    def mkdir(self, path: str) -> None:
        super().mkdir(path)
        self._rename("mkdir", ((path, None),))

    def rmdir(self, path: str) -> None:
        super().rmdir(path)
        self._rename("rmdir", ((path, GONE),))

    # ------------------------------------------------------------ bookkeeping

    def _make_durable(self, fd: int) -> None:
        inode = self.open_files[fd]
        inode.durable = inode.now

    def _refresh(self, fd: int) -> None:
        # By path: the program may have opened the file for writing only.
        inode = self.open_files[fd]
        path = next(path for path, known in self.tree.names.items() if known is inode)
        inode.now = Path(path).read_bytes()

    def _rename(self, call: str, change: tuple[tuple[str, Inode | str | None], ...]) -> None:
        _apply(self.tree.names, change)
        self.tree.waiting.append(change)
        self._note(call)

    def _note(self, call: str) -> None:
        self.calls.append(call)
        self.states.append(list(self._after_power_cut()))

    def _after_power_cut(self) -> Iterator[dict[str, bytes | None]]:
        waiting = [c for c in self.tree.waiting if not _ignored(c[0][0])]
        always = [c for c in self.tree.waiting if _ignored(c[0][0])]
        for choice in itertools.product((True, False), repeat=len(waiting)):
            names = dict(self.tree.durable)
            for change in always:
                _apply(names, change)
            for change, happened in zip(waiting, choice, strict=True):
                if happened:
                    _apply(names, change)
            reachable = {p: i for p, i in names.items() if self._reachable(p, names)}
            files = sorted({id(i): i for i in reachable.values() if i is not None}.items())
            options = [
                sorted(inode.survivors(), key=lambda b: (len(b), b))
                if not all(_ignored(p) for p, i in reachable.items() if i is inode)
                else [inode.now]
                for _, inode in files
            ]
            for picked in itertools.product(*options):
                content = {key: data for (key, _), data in zip(files, picked, strict=True)}
                yield {p: None if i is None else content[id(i)] for p, i in reachable.items()}

    def _reachable(self, path: str, names: dict[str, Inode | None]) -> bool:
        parent = os.path.dirname(path)
        return parent == self.root or (parent in names and self._reachable(parent, names))


def _ignored(path: str) -> bool:
    return any(word in path for word in _NOT_OF_INTEREST)


def _apply(names: dict[str, Inode | None], change: tuple[tuple[str, Inode | str | None], ...]) -> None:
    for path, inode in change:
        if inode == GONE:
            names.pop(path, None)
        else:
            names[path] = inode  # type: ignore[assignment]


def materialise(root: Path, state: dict[str, bytes | None]) -> None:
    """Make `root` hold exactly this tree."""
    for place, folders, files in os.walk(root, topdown=False):
        for name in files:
            os.unlink(os.path.join(place, name))
        for name in folders:
            os.rmdir(os.path.join(place, name))
    for path, data in sorted(state.items()):
        if data is None:
            os.makedirs(path, exist_ok=True)
        else:
            Path(path).write_bytes(data)
