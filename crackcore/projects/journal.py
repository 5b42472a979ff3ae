"""The journal: one durable frame per committed change, replayed when a project is opened again.

It lies in the user's local state folder, not beside the project: it must survive a network drive
that went away. Two copies of one project share a uuid, so a journal also says which path and which
save it belongs to; a copy gets a journal of its own.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import uuid
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crackcore import storage
from crackcore.errors import CrackError, FileProblem, ProjectDamaged
from crackcore.names import escaped, unescaped
from crackcore.projects.frames import Kind, split
from crackcore.projects.header import HEADER_BYTES, Header
from crackcore.projects.records import to_json
from crackcore.resources import state_folder

MAGIC = b"CJF1"
_HEAD = struct.Struct("<4sIQHHI")  # magic, payload bytes, sequence, kind, zero, CRC-32 of all the rest
_CRC = struct.Struct("<I")
MAX_PAYLOAD = 1 << 31


@dataclass(frozen=True)
class Location:
    """Where a frame stands; `Journal.read` gets its payload back, checked."""

    offset: int
    sequence: int
    kind: int
    length: int


@dataclass(frozen=True)
class Begin:
    """The first frame: which project, at which path, after which save the frames begin."""

    project: bytes
    journal_id: bytes
    generation: int
    body_sha256: bytes
    first_sequence: int
    path: str

    def fits(self, header: Header) -> bool:
        """Whether frames after `header.last_sequence` continue exactly the save it describes.

        Either they were begun on this very save, or the save folded in frames of this same
        journal without a gap (then the program died between the save and emptying the journal).
        """
        if self.project != header.uuid:
            return False
        if (self.generation, self.body_sha256) == (header.generation, header.body_sha256):
            return True
        return self.journal_id == header.journal_id and self.first_sequence <= header.last_sequence + 1

    def payload(self) -> bytes:
        """What stands in the frame; `from_payload` reads it back."""
        text = to_json(
            {
                "project": self.project.hex(),
                "journal": self.journal_id.hex(),
                "generation": self.generation,
                "body_sha256": self.body_sha256.hex(),
                "first_sequence": self.first_sequence,
                "path": escaped(self.path),
            }
        )
        return _CRC.pack(len(text)) + text

    @classmethod
    def from_payload(cls, payload: bytes) -> Begin:
        """Raises ValueError."""
        head: dict[str, Any]
        head, _ = split(payload)
        try:
            return cls(
                bytes.fromhex(head["project"]),
                bytes.fromhex(head["journal"]),
                int(head["generation"]),
                bytes.fromhex(head["body_sha256"]),
                int(head["first_sequence"]),
                unescaped(head["path"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError("a journal lacks its beginning") from error


def frame_bytes(kind: int, sequence: int, payload: bytes) -> bytes:
    """One whole frame."""
    if len(payload) > MAX_PAYLOAD:
        raise ValueError("a change is too large for the journal")
    head = _HEAD.pack(MAGIC, len(payload), sequence, kind, 0, 0)[: -_CRC.size]
    return head + _CRC.pack(zlib.crc32(payload, zlib.crc32(head))) + payload


def read_frames(path: Path | str) -> Iterator[tuple[Location, bytes]]:
    """All good frames with their payloads, up to the first bad one; nothing for a missing file."""
    if not os.path.exists(path):
        return
    with open(path, "rb") as file:
        offset, size, expected = 0, os.fstat(file.fileno()).st_size, None
        while offset + _HEAD.size <= size:
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return
            magic, length, sequence, kind, _, crc = _HEAD.unpack(head)
            if magic != MAGIC or offset + _HEAD.size + length > size:
                return
            payload = file.read(length)
            if zlib.crc32(payload, zlib.crc32(head[: -_CRC.size])) != crc:
                return
            if expected is not None and sequence != expected:
                return
            yield Location(offset, sequence, kind, length), payload
            # The first frame is the beginning and takes no number of its own.
            expected = sequence if kind == Kind.BEGIN else sequence + 1
            offset += _HEAD.size + length


def begin_of(path: Path | str) -> Begin | None:
    """The beginning of a journal file, or None when it is empty or not readable."""
    with contextlib.suppress(OSError, ValueError):
        for location, payload in read_frames(path):
            if location.kind == Kind.BEGIN and location.offset == 0:
                return Begin.from_payload(payload)
            break
    return None


def journals_folder() -> Path:
    """Where journals lie; parts that could not be replayed are set aside in its folder `aside`."""
    return state_folder() / "journals"


class Journal:
    """The journal of one open project; an object for one thread."""

    def __init__(self, project_path: Path, header: Header, *, read_only: bool = False) -> None:
        self.project_path = project_path
        self.set_aside: Path | None = None
        self._header = header
        self.read_only = read_only
        self._fd = -1
        self._end = 0
        self._begun = False
        self._tail_is_bad = False
        self.journal_id = uuid.uuid4().bytes
        self.last_sequence = header.last_sequence
        self._first_sequence = header.last_sequence + 1
        self.path = self._choose()

    # ------------------------------------------------------------ finding it

    def _choose(self) -> Path:
        folder, stem = journals_folder(), self._header.uuid.hex()
        names = sorted(p for p in folder.glob(f"{stem}*.journal")) if folder.is_dir() else []
        orphan: Path | None = None
        for path in names:
            begin = begin_of(path)
            if begin is None:
                continue
            if _same_place(begin.path, self.project_path):
                if self._mine(path):
                    return path
            elif begin.fits(self._header) and not _serves_another(begin) and self._mine(path):
                self._let_go()
                orphan = orphan or path
        if orphan is not None and self._mine(orphan):  # the project was moved since
            return orphan
        taken = {p.name for p in names}
        for number in range(1, 1000):
            name = f"{stem}.journal" if number == 1 else f"{stem}-{number}.journal"
            if name not in taken or (begin_of(folder / name) is None and self._mine(folder / name)):
                return folder / name
        raise FileProblem("Too many journals of copies of this project.", path=folder)

    def _mine(self, path: Path) -> bool:
        """Locks the file, so that no other window with a copy of the project appends to it."""
        if self.read_only:
            return True
        self._let_go()
        try:
            fd = storage.disk().open(str(path), os.O_RDWR | os.O_APPEND)
        except OSError as error:
            raise storage.as_problem(error, path) from error
        # The file may be gone already: its last owner removes an empty journal when it closes.
        if storage.lock_file(fd) is False or not storage.is_at(fd, path):
            storage.disk().close(fd)
            return False
        self._fd = fd
        return True

    def _let_go(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            storage.disk().close(fd)

    # ------------------------------------------------------------ reading

    def replay(self) -> Iterator[tuple[Location, bytes]]:
        """Frames that the project file does not hold yet, in order; call once, right after opening.

        Stops at the first bad frame. A frame counts as taken when the next one is asked
        for; end the loop at one that does not fit, then call `keep_good_part`.
        """
        begin = begin_of(self.path)
        if begin is None or not begin.fits(self._header):
            return
        self.journal_id, self._first_sequence, self._begun = begin.journal_id, begin.first_sequence, True
        for location, payload in read_frames(self.path):
            if location.kind != Kind.BEGIN and location.sequence > self._header.last_sequence:
                yield location, payload
            if location.kind != Kind.BEGIN:
                self.last_sequence = max(self.last_sequence, location.sequence)
            self._end = location.offset + _HEAD.size + location.length

    def keep_good_part(self) -> None:
        """Set what stands behind the last frame that was taken aside in a file of its own; cut it off."""
        if self.read_only or self._fd < 0:
            return
        try:
            size = os.fstat(self._fd).st_size
            if size > self._end:
                with open(self.path, "rb") as file:
                    file.seek(self._end if self._begun else 0)
                    rest = file.read()
                if not _has_steps(rest):
                    storage.disk().truncate(self._fd, self._end)
                    return
                aside = journals_folder() / "aside" / f"{self.path.stem}-{uuid.uuid4().hex[:8]}.journal"
                storage.make_folder(aside.parent)
                storage.write_durably(aside, rest)
                self.set_aside = aside
                storage.disk().truncate(self._fd, self._end)
        except OSError as error:
            raise storage.as_problem(error, self.path) from error

    def read(self, location: Location) -> bytes:
        """The payload of a frame again; raises ProjectDamaged when it is not what it was."""
        size = _HEAD.size + location.length
        try:
            with open(self.path, "rb") as file:
                file.seek(location.offset)
                data = file.read(size)
        except OSError as error:
            raise storage.as_problem(error, self.path, "read") from error
        payload = data[_HEAD.size :]
        if data != frame_bytes(location.kind, location.sequence, payload) or len(data) != size:
            raise ProjectDamaged("A step in the journal is damaged.", path=self.path)
        return payload

    @property
    def nbytes(self) -> int:
        return self._end

    # ------------------------------------------------------------ writing

    def append(self, frames: Sequence[tuple[int, bytes]]) -> list[Location]:
        """Append frames with one write and one sync; on return they survive a power cut.

        Raises NoSpace, PlaceReadOnly or FileProblem; the frames then count as never given, and
        the same call may be tried again.
        """
        try:
            created = self._ready()
            parts, offset, sequence, locations = [], self._end, self.last_sequence, []
            if not self._begun:
                first = sequence + 1
                parts.append(frame_bytes(Kind.BEGIN, first, self._begin(first).payload()))
                offset += len(parts[0])
            for kind, payload in frames:
                sequence += 1
                parts.append(frame_bytes(kind, sequence, payload))
                locations.append(Location(offset, sequence, kind, len(payload)))
                offset += len(parts[-1])
            data = b"".join(parts)
            self._tail_is_bad = True
            written = storage.disk().write(self._fd, data)
            if written != len(data):  # a full disk, as a rule; the stroke must not count as kept
                raise OSError(errno.ENOSPC, "short write")
            storage.disk().sync_data(self._fd)
            if created:
                storage.disk().sync_folder(str(self.path.parent))
        except OSError as error:
            self._cut_tail()
            raise storage.as_problem(error, self.project_path, "saved") from error
        self._tail_is_bad = False
        if not self._begun:
            self._begun, self._first_sequence = True, self.last_sequence + 1
        self._end, self.last_sequence = offset, sequence
        return locations

    def _begin(self, first_sequence: int) -> Begin:
        h = self._header
        return Begin(
            h.uuid, self.journal_id, h.generation, h.body_sha256, first_sequence, str(self.project_path)
        )

    def _ready(self) -> bool:
        """Open and with a good end; True when the file's name still has to be made to last."""
        if self._fd < 0:
            storage.make_folder(self.path.parent)
            self._fd = storage.disk().open(str(self.path), os.O_RDWR | os.O_CREAT | os.O_APPEND)
            if storage.lock_file(self._fd) is False or not storage.is_at(self._fd, self.path):
                self._let_go()
                raise OSError(errno.EBUSY, "another window uses this journal")
            storage.disk().truncate(self._fd, 0)
        if self._tail_is_bad:
            storage.disk().truncate(self._fd, self._end)
            self._tail_is_bad = False
        return self._end == 0

    def _cut_tail(self) -> None:
        """Back to the last good end. If even that fails, the next append tries again first."""
        if self._fd >= 0 and self._tail_is_bad:
            with contextlib.suppress(OSError):
                storage.disk().truncate(self._fd, self._end)
                self._tail_is_bad = False

    def empty(self, header: Header) -> None:
        """Forget all frames: `header` describes a save that holds them and is known to last.

        A failure is no loss: frames up to `header.last_sequence` are passed over at the next open.
        """
        self._header = header
        if self._fd < 0:
            return
        with contextlib.suppress(OSError):
            storage.disk().truncate(self._fd, 0)
            self._end, self._begun, self._tail_is_bad = 0, False, False

    def saved(self, header: Header) -> None:
        """A save went through whose name may not last yet: keep the frames, go on from `header`."""
        self._header = header

    def close(self) -> None:
        """Let go of the file; an empty one is removed."""
        if self._fd < 0:
            return
        self._cut_tail()
        if self._end == 0 and os.name != "nt":  # while the lock is still ours
            with contextlib.suppress(OSError):
                storage.disk().unlink(str(self.path))
        self._let_go()
        if self._end == 0 and os.name == "nt":  # where an open file cannot be removed
            with contextlib.suppress(OSError):
                storage.disk().unlink(str(self.path))


def _has_steps(data: bytes) -> bool:
    """Whether there is anything but the beginning frame in what a journal file held."""
    if len(data) < _HEAD.size:
        return bool(data)
    _, length, _, kind, _, _ = _HEAD.unpack_from(data)
    return not (kind == Kind.BEGIN and _HEAD.size + length >= len(data))


def _same_place(recorded: str, path: Path) -> bool:
    """Whether two spellings mean one file (a folder may be reached through a link)."""
    if recorded == str(path):
        return True
    try:
        return os.path.samefile(recorded, path)
    except (OSError, ValueError):
        return False


def _serves_another(begin: Begin) -> bool:
    """Whether the project that the journal was begun for still lies at its path."""
    try:
        with open(begin.path, "rb") as file:
            return begin.fits(Header.from_bytes(file.read(HEADER_BYTES), begin.path))
    except (OSError, ValueError, CrackError):
        return False
