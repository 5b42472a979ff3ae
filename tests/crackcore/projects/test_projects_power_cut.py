"""A power cut at every moment of every operation: what was acknowledged is there, all of it opens."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from project_making import project, stroke
from simulated_disk import RecordingDisk, materialise

from crackcore import storage
from crackcore.errors import CrackError
from crackcore.projects.store import ProjectStore, backups_of, restore_backup
from crackcore.storage import new_folder, using_disk, write_new

NIGHTLY = os.environ.get("CRACKSCOPE_NIGHTLY") == "1"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="simulates the rules of POSIX disks")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Project and state in one folder, for both lie on the disk that loses its power."""
    monkeypatch.setenv("CRACKSCOPE_STATE", str(tmp_path / "state"))
    return tmp_path


class Working:
    """A day's work on one picture; what was acknowledged after each call to the disk."""

    def __init__(self, root: Path, disk: RecordingDisk) -> None:
        self.path = root / "work" / "survey.crackscope"
        self.disk = disk
        self.planes = [np.zeros((40, 56), np.uint8).tobytes()]
        self.marks: list[tuple[int, int, int]] = []  # up to this call: acknowledged, attempted
        self.acknowledged = 0

    def draw(self, store: ProjectStore) -> None:
        image = store.project.images[0].id
        change = stroke(store, image, len(self.planes))
        plane = np.frombuffer(self.planes[-1], np.uint8).reshape(40, 56).copy()
        change.patch.write_after(plane)
        self._done(self.acknowledged, len(self.planes))
        self.planes.append(plane.tobytes())
        store.append(change)
        self._done(self.acknowledged, len(self.planes) - 1)
        self.acknowledged = len(self.planes) - 1

    def _done(self, acknowledged: int, attempted: int) -> None:
        self.marks.append((len(self.disk.states), acknowledged, attempted))

    def end(self) -> None:
        self._done(self.acknowledged, len(self.planes) - 1)

    def allowed_after(self, call: int) -> range:
        """Numbers of strokes that may be found when the power went right after this call."""
        for until, acknowledged, attempted in self.marks:
            if call < until:
                return range(acknowledged, attempted + 1)
        raise AssertionError("a call after the end")


def work_for(work: Working, days: int) -> None:
    """Every day: strokes, a save, strokes, a second save, a kill, a start, more of both."""
    for _ in range(days):
        store = ProjectStore.open(work.path)
        for _ in range(3):
            work.draw(store)
        store.save()
        work.draw(store)
        store.save()
        work.draw(store)
        store.close(save=False)
        store = ProjectStore.open(work.path)
        work.draw(store)
        store.save()
        work.draw(store)
        store.close()
    work.end()


def bad_states(
    root: Path, make_disk: Callable[[Path], RecordingDisk], *, days: int, first_only: bool = False
) -> tuple[list[str], int, int]:
    """What went wrong after a power cut, how many states there were, how many differed."""
    (root / "work").mkdir()
    ProjectStore.create(root / "work" / "survey.crackscope", project(1)).close()
    disk = make_disk(root)
    work = Working(root, disk)
    with using_disk(disk):
        work_for(work, days)
    bad, states, seen = [], 0, {}
    for call, possible in enumerate(disk.states):
        allowed = work.allowed_after(call)
        for state in possible:
            states += 1
            key = hash(tuple(sorted((p, d) for p, d in state.items() if ".lock" not in p)))
            if key not in seen:
                materialise(root, state)
                seen[key] = strokes_found(work)
            found = seen[key]
            if found not in allowed:
                said = f"after call {call} ({disk.calls[call]}): {found}, allowed {allowed}"
                bad.append(said)
                if first_only:
                    return bad, states, len(seen)
    return bad, states, len(seen)


def strokes_found(work: Working) -> int | str:
    try:
        with ProjectStore.open(work.path) as store:
            plane = store.read_hand(store.project.images[0].id).tobytes()
            if list(work.path.parent.glob("*.tmp-*")):
                return "a temporary file is left"
    except CrackError as error:
        return f"not opened: {error.sentence()}"
    return work.planes.index(plane) if plane in work.planes else "a mask that never was"


@pytest.mark.slow
def test_every_power_cut_leaves_all_that_was_acknowledged(root: Path) -> None:
    bad, states, different = bad_states(root, RecordingDisk, days=25 if NIGHTLY else 3)
    sys.stderr.write(f"\n{states} states, {different} different, {len(bad)} bad\n")
    assert not bad, bad[:5]
    assert states > (5000 if NIGHTLY else 300)


class NoJournalSync(RecordingDisk):
    def sync_data(self, fd: int) -> None:
        pass


class NoSnapshotSync(RecordingDisk):
    def sync(self, fd: int) -> None:
        pass


class JournalEmptiedFirst(RecordingDisk):
    """The folder is synced only after the journal was emptied."""

    def sync_folder(self, path: str) -> None:
        if path.endswith("work"):
            self.late = path
        else:
            super().sync_folder(path)

    def truncate(self, fd: int, size: int) -> None:
        super().truncate(fd, size)
        if late := self.__dict__.pop("late", None):
            super().sync_folder(late)


@pytest.mark.slow
@pytest.mark.parametrize("planted", [NoJournalSync, NoSnapshotSync, JournalEmptiedFirst])
def test_planted_faults_are_found(root: Path, planted: type[RecordingDisk]) -> None:
    bad, _, _ = bad_states(root, planted, days=1, first_only=True)
    assert bad


def test_an_export_is_there_whole_or_not_at_all(root: Path) -> None:
    (root / "work").mkdir()
    disk = RecordingDisk(root)
    files = {"masks/a.png": b"A" * 50, "masks/b.png": b"B" * 70, "summary.csv": b"1;2\n"}
    target = root / "work" / "out"
    with using_disk(disk), new_folder(target) as folder:
        for name, data in files.items():
            write_new(folder / name, data)
    for possible in disk.states:
        for state in possible:
            found = {
                os.path.relpath(path, target): data
                for path, data in state.items()
                if path.startswith(f"{target}{os.sep}") and data is not None
            }
            assert found in ({}, files)
    assert found == files


def test_a_restore_leaves_one_of_both(root: Path) -> None:
    (root / "work").mkdir()
    path = root / "work" / "survey.crackscope"
    store = ProjectStore.create(path, project(1))
    image = store.project.images[0].id
    planes = []
    for number in range(2):
        store.append(stroke(store, image, number))
        store.save()
        planes.append(store.read_hand(image).tobytes())
    store.close()
    blank = bytes(len(planes[0]))
    backup = backups_of(path)[-1]
    disk = RecordingDisk(root)
    with using_disk(disk):
        restore_backup(path, backup)
    for possible in disk.states:
        for state in possible:
            materialise(root, state)
            with ProjectStore.open(path) as again:
                assert again.read_hand(image).tobytes() in (planes[1], blank)
    with ProjectStore.open(path) as again:
        assert again.read_hand(image).tobytes() == blank
    assert storage.disk() is not disk
