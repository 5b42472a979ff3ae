"""Writing, naming, tidying up and locking, away from any project."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crackcore import storage
from crackcore.errors import FileProblem, PlaceReadOnly
from crackcore.storage import Lock, remove_stale, write_durably
from crackcore.storage.files import temporary_name


def test_a_file_is_replaced_whole_and_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    write_durably(path, b"one")
    path.chmod(0o640)
    write_durably(path, b"two", memoryview(b"three"))
    assert path.read_bytes() == b"twothree"
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["x.bin"]


@pytest.mark.parametrize("name", ["x", "a" * 255, "ä" * 127, "b" * 240 + ".crackscope"])
def test_the_longest_names_can_be_written(tmp_path: Path, name: str) -> None:
    write_durably(tmp_path / name, b"data")
    assert (tmp_path / name).read_bytes() == b"data"
    lock = Lock(storage.beside(tmp_path / name, ".lock"))
    assert lock.take() is True
    lock.release()


def test_only_our_own_left_overs_are_removed(tmp_path: Path) -> None:
    ours = tmp_path / temporary_name("survey.x")
    long = "s" * 250
    others = [
        temporary_name("survey.y"),
        temporary_name("other"),
        "survey.x.tmp-holiday",
        "survey.x.tmp-" + "0" * 31,
        "survey.x",
        "survey.x.bak",
        temporary_name(long[:-1]),
    ]
    for name in others:
        (tmp_path / name).touch()
    folder = tmp_path / temporary_name("survey.x")
    folder.mkdir()
    ours.touch()
    assert remove_stale(tmp_path / "survey.x") == [ours]
    assert sorted(os.listdir(tmp_path)) == sorted([*others, folder.name])
    assert remove_stale(tmp_path / long) == []


def test_a_place_without_rights_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoRights(storage.Disk):
        def open(self, path: str, flags: int, mode: int = 0o666) -> int:
            raise PermissionError(13, "Permission denied", path)

    with storage.using_disk(NoRights()), pytest.raises(PlaceReadOnly, match="place is read-only"):
        write_durably(tmp_path / "x", b"")
    with pytest.raises(FileProblem):
        write_durably(tmp_path / "none" / "x", b"")
    (tmp_path / "f").touch()
    with pytest.raises(FileProblem, match="a file, not a folder"):
        storage.make_folder(tmp_path / "f")


def test_only_one_holds_a_lock_and_its_text_says_who(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / "l"), Lock(tmp_path / "l")
    assert first.take() is True
    assert second.take() is False
    assert f"process {os.getpid()}" in second.holder
    first.release()
    assert not (tmp_path / "l").exists()
    assert second.take() is True
    second.release()
    second.release()


def test_a_killed_holder_blocks_nobody(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom crackcore.storage import Lock\n"
        "lock = Lock(sys.argv[1]); print(lock.take(), flush=True); sys.stdin.read()"
    )
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "l")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        lock = Lock(tmp_path / "l")
        assert lock.take() is False
        assert f"process {other.pid}" in lock.holder
        other.kill()
        other.wait()
        assert (tmp_path / "l").exists()
        assert lock.take() is True
        lock.release()


def test_a_lock_file_that_was_removed_meanwhile_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening and locking, its last holder removes the file: two would think they hold it."""
    from crackcore.storage import locks

    real, done = locks._lock, []

    def late(fd: int) -> bool | None:
        if not done:
            done.append(fd)
            os.unlink(tmp_path / "l")
        return real(fd)

    monkeypatch.setattr(locks, "_lock", late)
    first = Lock(tmp_path / "l")
    assert first.take() is True
    assert storage.is_at(first._fd, tmp_path / "l")
    assert Lock(tmp_path / "l").take() is False
    first.release()


def test_a_place_without_locks_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from crackcore.storage import locks

    monkeypatch.setattr(locks, "_lock", lambda fd: None)
    lock = Lock(tmp_path / "l")
    assert lock.take() is None
    assert not lock.held
    assert os.listdir(tmp_path) == []
    lock.release()


def test_digest_of_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    digest, size = storage.file_digest(tmp_path / "x")
    assert (digest[:8], size) == ("ba7816bf", 3)
    with pytest.raises(OSError):
        storage.file_digest(tmp_path)


def test_a_folder_beside_is_gone_afterwards_and_clears_up_after_a_killed_program(tmp_path: Path) -> None:
    target = tmp_path / "models" / "new.safetensors"
    script = (
        "import os, sys\n"
        "from crackcore import storage\n"
        "with storage.folder_beside(sys.argv[1]) as folder:\n"
        "    (folder / 'half').write_bytes(b'1')\n"
        "    os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(target)], check=False, cwd=Path(__file__).parents[3])
    (left,) = target.parent.iterdir()
    (foreign := target.parent / temporary_name("export")).mkdir()  # of a kind that has no lock
    with storage.folder_beside(target) as first, storage.folder_beside(target) as second:
        assert not left.exists()
        assert first.is_dir()  # in use: its lock is held
        (second / "whole").write_bytes(b"2")
        storage.put_in_place(second / "whole", target)
    assert target.read_bytes() == b"2"
    assert sorted(target.parent.iterdir()) == sorted([target, foreign])
