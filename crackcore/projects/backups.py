"""Older saves, kept in a folder beside the project and thinned out with age."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from crackcore import storage
from crackcore.errors import CrackError, FileProblem, ProjectReadOnly
from crackcore.names import shown_name
from crackcore.projects import known, layout, reading
from crackcore.projects.header import HEADER_BYTES, Header

EVERY_S = 30 * 60
KEPT_NEWEST, KEPT_DAYS, KEPT_WEEKS, KEPT_MONTHS = 4, 12, 10, 9
SIZE_LIMIT = 4 << 30
_NAME = re.compile(r"(\d{8,})(?:-damaged)?(?:-\d+)?" + re.escape(layout.SUFFIX))


@dataclass(frozen=True)
class Backup:
    """One older save. `saved_at` is what a clock said then; order comes from `generation` alone."""

    path: Path
    generation: int
    saved_at: datetime | None
    bytes: int
    damaged: bool = False

    @property
    def title(self) -> str:
        """For a list people choose from."""
        when = self.saved_at.astimezone().strftime("%Y-%m-%d %H:%M") if self.saved_at else "time not known"
        return f"save {self.generation} of {when}"


def folder_of(path: Path | str) -> Path:
    """Where the backups of a project lie."""
    return storage.beside(path, ".backups")


def backups_of(path: Path | str) -> list[Backup]:
    """All readable backups of a project, newest first; the project itself may be damaged or gone.

    Only headers are looked at; `restore_backup` checks the whole file.
    """
    found = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder_of(path)):
            match = _NAME.fullmatch(entry.name)
            if match is None or not entry.is_file(follow_symlinks=False):
                continue
            with contextlib.suppress(OSError):  # it was thinned out by another window just now
                found.append(_backup(Path(entry.path), int(match[1]), entry.stat().st_size))
    return sorted(found, key=lambda b: (not b.damaged, b.generation, b.path.name), reverse=True)


def _backup(path: Path, generation: int, size: int) -> Backup:
    saved_at, damaged = None, True
    with contextlib.suppress(CrackError, ValueError, OverflowError):
        header = reading.read_header(path)
        damaged = "-damaged" in path.name or header.body_bytes + HEADER_BYTES != size
        saved_at = datetime.fromtimestamp(header.saved_utc, UTC) if header.saved_utc else None
    return Backup(path, generation, saved_at, size, damaged)


def keep(path: Path, generation: int, *, damaged: bool = False) -> Path:
    """Put the project file as it lies there among the backups: a hard link where possible, or a copy.

    A save never writes into a file, so a linked one stays what it is. Returns the backup's path;
    raises NoSpace, PlaceReadOnly or FileProblem.
    """
    folder = folder_of(path)
    storage.make_folder(folder)
    stem = f"{generation:08d}" + ("-damaged" if damaged else "")
    for number in range(1000):
        target = folder / (stem + (f"-{number + 1}" if number else "") + layout.SUFFIX)
        if target.exists():
            if _same(path, target):
                return target
            continue
        try:
            try:
                storage.disk().link(str(path), str(target))
                storage.disk().sync_folder(str(folder))
            except FileExistsError:
                continue
            except OSError:  # no links here, or across devices
                storage.write_durably(target, path.read_bytes())
        except OSError as error:
            raise storage.as_problem(error, target) from error
        return target
    raise FileProblem("There are too many backups of one save.", path=folder)


def _same(path: Path, target: Path) -> bool:
    try:
        if os.path.samefile(path, target):
            return True
        return reading.read_header(path).identity == reading.read_header(target).identity
    except (OSError, CrackError):
        return False


# ---------------------------------------------------------------- thinning


def thin(path: Path | str, *, now: float | None = None, size_limit: int = SIZE_LIMIT) -> list[Path]:
    """Remove backups that are not worth keeping; returns what was removed.

    Kept: the newest few, then the last one of each of 12 days, 10 weeks and 9 months that have
    one, as long as all together stay within the size limit (the newest two always stay). Times
    that lie in the future or are missing say nothing: such a backup counts only as one of the
    newest. Damaged files put aside by a restore are kept like the newest.
    """
    backups = [b for b in backups_of(path) if not b.damaged]
    moment = datetime.fromtimestamp(time.time() if now is None else now, UTC)
    wanted = {b.path for b in backups[:KEPT_NEWEST]}
    dated = [b for b in backups if b.saved_at is not None and b.saved_at <= moment]
    for count, period in ((KEPT_DAYS, "%Y-%j"), (KEPT_WEEKS, "%G-%V"), (KEPT_MONTHS, "%Y-%m")):
        wanted |= _last_of_each(dated, count, period)
    used = 0
    removed = []
    for number, backup in enumerate(backups):
        used += backup.bytes
        if number < 2 or (backup.path in wanted and used <= size_limit):
            continue
        with contextlib.suppress(OSError):  # what cannot be removed today is removed another day
            storage.disk().unlink(str(backup.path))
            removed.append(backup.path)
            used -= backup.bytes
    return removed


def _last_of_each(backups: Iterable[Backup], count: int, period: str) -> set[Path]:
    kept: dict[str, Path] = {}
    for backup in backups:  # newest first, so the first of a period is its last save
        if len(kept) >= count:
            break
        if backup.saved_at is not None:
            kept.setdefault(backup.saved_at.strftime(period), backup.path)
    return set(kept.values())


# ---------------------------------------------------------------- restoring


def restore_backup(path: Path | str, backup: Backup) -> Path:
    """Put a backup in the project's place; returns where the present file went among the backups.

    Undone by restoring that one (`backups_of` lists it first). The restored file gets a generation
    above all others, so that a save of it never takes the name of another. Steps in the journal
    belong to the replaced file and are set aside at the next open. Raises ProjectReadOnly when a
    window has the project open, ProjectDamaged when the backup is damaged, or FileProblem.
    """
    where = Path(os.path.realpath(path))
    lock = storage.Lock(storage.beside(where, ".lock"))
    if lock.take() is False:
        raise ProjectReadOnly(
            f"{shown_name(where)} is open in another window.", hint="Close it there first.", path=where
        )
    try:
        snapshot = reading.Snapshot(backup.path)
        try:
            body = snapshot.body_bytes()
        finally:
            snapshot.close()
        highest = max([b.generation for b in backups_of(where)], default=0)
        kept = where
        if where.exists():
            present, damaged = _generation_of(where)
            highest = max(highest, present)
            kept = keep(where, present or highest, damaged=damaged)
        header = replace(
            snapshot.header,
            generation=max(highest, snapshot.header.generation) + 1,
            journal_id=bytes(16),
            saved_utc=int(time.time()),
        )
        if known.is_known(snapshot.header):
            known.remember(header)
        storage.write_durably(where, header.to_bytes(), body)
        return kept
    finally:
        lock.release()


def _generation_of(path: Path) -> tuple[int, bool]:
    """Generation and whether the file is damaged; 0 when not even the header can be read."""
    try:
        header: Header = reading.read_header(path)
    except CrackError:
        return 0, True
    try:
        reading.Snapshot(path).close()
    except CrackError:
        return header.generation, True
    return header.generation, False


def newest_sentence(path: Path | str) -> str:
    """A hint that names the newest backup, or says that there is none."""
    for backup in backups_of(path):
        if not backup.damaged:
            return f"The newest backup is {backup.title}; it can be restored."
    return "There is no backup of it beside it."
