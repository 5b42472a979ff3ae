"""Every call to the disk may fail, in every way: old project and journal stay, a sentence comes back."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from project_making import drop, everything, new_store, project, stroke

from crackcore import storage
from crackcore.domain.change import HandEdited
from crackcore.errors import CrackError, FileProblem, NoSpace, PlaceReadOnly, TargetExists
from crackcore.projects import known
from crackcore.projects.store import ProjectStore, backups_of, restore_backup
from crackcore.storage import Disk, new_folder, using_disk, write_durably, write_new

FAULTS = [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, "short"]


WAYS = [(fault, False) for fault in FAULTS] + [(errno.ENOSPC, True), (errno.EIO, True)]


@pytest.fixture(autouse=True)
def _not_inspected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the note of an own save failed, a child would look through the file: not the subject."""
    monkeypatch.setattr(known, "is_known", lambda header: True)


class FaultyDisk(Disk):
    """Call number `n` (from 0) fails with `fault`; with `for_good`, so do all later ones of its kind."""

    def __init__(self, n: int, fault: int | str, *, for_good: bool = False) -> None:
        self.n, self.fault, self.for_good = n, fault, for_good
        self.calls = 0
        self.failed = ""

    def _fails(self, call: str) -> bool:
        number, self.calls = self.calls, self.calls + 1
        if number == self.n or (self.for_good and number > self.n):
            self.failed = self.failed or call
            return True
        return False


def _wrap(name: str) -> Callable[..., object]:
    real = getattr(Disk, name)

    def call(self: FaultyDisk, *args: object) -> object:
        if not self._fails(name):
            return real(self, *args)
        if self.fault == "short":
            if name == "write":
                data = memoryview(args[1])  # type: ignore[arg-type]
                return real(self, args[0], data[: len(data) // 2])
            return real(self, *args)  # only writes can be short
        raise OSError(self.fault, os.strerror(int(self.fault)))

    return call


for _name in ("open", "read", "write", "truncate", "sync", "sync_data", "sync_folder", "replace", "link"):
    setattr(FaultyDisk, _name, _wrap(_name))
for _name in ("unlink", "mkdir", "rmdir"):
    setattr(FaultyDisk, _name, _wrap(_name))


@contextmanager
def failing(n: int, fault: int | str, *, for_good: bool = False) -> Iterator[FaultyDisk]:
    with using_disk(FaultyDisk(n, fault, for_good=for_good)) as disk:
        assert isinstance(disk, FaultyDisk)
        yield disk


def _refusal(work: Callable[[], object]) -> CrackError | None:
    """The refusal that `work` ended with, which must be a sentence; anything else flies through."""
    try:
        work()
    except CrackError as error:
        assert error.sentence()  # noqa: PT017
        return error
    return None


def test_the_seam_reaches_every_call_of_the_disk() -> None:
    for name in ("open", "read", "write", "truncate", "sync", "sync_data", "sync_folder", "replace", "link"):
        assert name in FaultyDisk.__dict__
    names = {n for n in Disk.__dict__ if not n.startswith("_")}
    assert names - set(FaultyDisk.__dict__) == {"close", "set_mode"}


@pytest.mark.parametrize(("fault", "for_good"), WAYS)
def test_an_append_that_fails_was_never_given_and_may_be_tried_again(
    tmp_path: Path, fault: int | str, for_good: bool
) -> None:
    tried = 0
    for n in range(40):
        folder = tmp_path / str(n)
        folder.mkdir()
        store = new_store(folder)
        image = store.project.images[0].id
        if n % 2:  # into a new journal, or behind a stroke
            store.append(stroke(store, image, 1))
        before = everything(store)
        change = stroke(store, image, 2)
        with failing(n // 2, fault, for_good=for_good) as disk:
            given = _refusal(lambda: store.append(change)) is None  # noqa: B023 - called at once
        assert given or everything(store) == before
        if not disk.failed:
            break
        tried += 1
        if not given:
            store.append(change)  # the disk is well again
        after = everything(store)
        store.append(stroke(store, image, 3))
        last = everything(store)
        store.close(save=False)
        with ProjectStore.open(store.path) as again:
            assert everything(again) == last
            assert not again.recovered.set_aside
        assert after != before
    assert tried > 3


@pytest.mark.parametrize(("fault", "for_good"), WAYS)
def test_a_save_that_fails_loses_nothing(tmp_path: Path, fault: int | str, for_good: bool) -> None:
    failures = 0
    for n in range(200):
        folder = tmp_path / str(n)
        folder.mkdir()
        store = new_store(folder)
        image = store.project.images[0].id
        store.append(stroke(store, image, 1))
        before = everything(store)
        with failing(n, fault, for_good=for_good) as disk:
            failures += _refusal(store.save) is not None
        assert everything(store) == before, (n, disk.failed)
        left = list(folder.glob("*.tmp-*"))
        assert not left or (for_good or disk.failed == "unlink"), (n, disk.failed)
        # The disk is well again: work goes on in the same window.
        store.append(stroke(store, image, 2))
        last = everything(store)
        store.close(save=bool(n % 2))
        with ProjectStore.open(store.path) as again:
            assert everything(again) == last, (n, disk.failed)
            assert not again.recovered.set_aside
            assert not list(folder.glob("*.tmp-*"))
        if not disk.failed:
            break
    else:
        pytest.fail("there was no end to the calls")
    assert fault == "short" or failures > 5
    assert n > 10


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO])
def test_a_kill_right_after_a_failed_save_loses_nothing(tmp_path: Path, fault: int) -> None:
    for n in range(200):
        folder = tmp_path / str(n)
        folder.mkdir()
        store = new_store(folder)
        image = store.project.images[0].id
        store.append(stroke(store, image, 1))
        store.append(stroke(store, image, 2))
        before = everything(store)
        with failing(n, fault, for_good=True) as disk:
            _refusal(store.save)
            drop(store)
        with ProjectStore.open(store.path) as again:
            assert everything(again) == before, (n, disk.failed)
        if not disk.failed:
            break


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EROFS])
def test_a_project_that_cannot_be_made_leaves_nothing(tmp_path: Path, fault: int) -> None:
    refused = 0
    for n in range(60):
        path = tmp_path / str(n) / "deep" / "survey.crackscope"
        with failing(n, fault) as disk:
            refusal = _refusal(lambda: ProjectStore.create(path, project()).close())  # noqa: B023
        if refusal is not None:
            refused += 1
            wanted = NoSpace if fault == errno.ENOSPC else PlaceReadOnly
            assert isinstance(refusal, wanted | storage.FolderNotSynced), (n, disk.failed)
        if path.exists():
            with ProjectStore.open(path) as store:
                assert len(store.project.images) == 3
        assert not list(tmp_path.rglob("*.tmp-*"))
        if not disk.failed:
            break
    assert refused > 5


@pytest.mark.parametrize("fault", FAULTS)
def test_a_restore_that_fails_leaves_the_present_file(tmp_path: Path, fault: int | str) -> None:
    for n in range(60):
        folder = tmp_path / str(n)
        folder.mkdir()
        store = new_store(folder)
        image = store.project.images[0].id
        store.append(stroke(store, image, 1))
        store.close()
        present = store.path.read_bytes()
        backup = backups_of(store.path)[0]
        with failing(n, fault) as disk:
            try:
                restore_backup(store.path, backup)
            except FileProblem as error:
                if not isinstance(error, storage.FolderNotSynced):
                    assert store.path.read_bytes() == present
        if not disk.failed:
            break
        with ProjectStore.open(store.path) as again:
            assert again.read_hand(image).any() == (store.path.read_bytes() == present)


@pytest.mark.parametrize("fault", FAULTS)
def test_an_export_that_fails_leaves_nothing(tmp_path: Path, fault: int | str) -> None:
    failures = 0
    for n in range(60):
        target = tmp_path / f"out{n}"
        with failing(n, fault) as disk:
            try:
                with new_folder(target) as folder:
                    write_new(folder / "a" / "b.bin", b"x" * 100)
                    write_new(folder / "c.bin", b"y" * 100)
            except FileProblem:
                failures += 1
        if not disk.failed:
            break
        if target.exists():
            assert (target / "a" / "b.bin").read_bytes() == b"x" * 100
        assert disk.failed in ("unlink", "rmdir") or not list(tmp_path.glob(f"out{n}.tmp-*"))
    assert fault == "short" or failures > 5


def test_a_full_disk_is_named_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    write_durably(path, b"old")
    with (
        failing(1, errno.ENOSPC),
        pytest.raises(NoSpace, match=r"x\.bin could not be written: the disk is full"),
    ):
        write_durably(path, b"new" * 9)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x.bin"]


def test_what_the_disk_changes_on_the_way_is_noticed(tmp_path: Path) -> None:
    class Liar(Disk):
        def read(self, fd: int, size: int) -> bytes:
            return super().read(fd, size).replace(b"new", b"nfw")

    path = tmp_path / "x.bin"
    write_durably(path, b"old")
    with using_disk(Liar()), pytest.raises(FileProblem):
        write_durably(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_folder_that_is_used_is_never_mixed_with(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with new_folder(tmp_path / "out") as folder:  # empty: may be taken
        write_new(folder / "a", b"1")
    with pytest.raises(TargetExists), new_folder(tmp_path / "out"):
        pass
    with pytest.raises(TargetExists), new_folder(tmp_path / "out2"):  # noqa: PT012 - both belong to it
        (tmp_path / "out2").mkdir()
        (tmp_path / "out2" / "theirs").touch()
    assert os.listdir(tmp_path / "out2") == ["theirs"]
    assert sorted(os.listdir(tmp_path)) == ["out", "out2"]
    with pytest.raises(FileProblem), new_folder(tmp_path / "out3") as folder:  # noqa: PT012
        write_new(folder / "a", b"1")
        write_new(folder / "a", b"2")
    assert not (tmp_path / "out3").exists()


def test_a_stroke_is_one_write_and_one_sync(tmp_path: Path) -> None:
    class Counting(Disk):
        def __init__(self) -> None:
            self.calls: list[str] = []

        def write(self, fd: int, data: memoryview | bytes) -> int:
            self.calls.append("write")
            return super().write(fd, data)

        def sync_data(self, fd: int) -> None:
            self.calls.append("sync")
            super().sync_data(fd)

    with new_store(tmp_path) as store:
        image = store.project.images[0].id
        store.append(stroke(store, image, 1))
        with using_disk(Counting()) as disk:
            store.append(stroke(store, image, 2))
            assert isinstance(disk, Counting)
            assert disk.calls == ["write", "sync"]
            many = [HandEdited(image, stroke(store, image, n).patch) for n in range(5)]
            store.append_many(many)
            assert disk.calls == ["write", "sync"] * 2
        assert np.count_nonzero(store.read_hand(image))
