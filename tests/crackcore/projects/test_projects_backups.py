"""Which older saves are kept, and what thins them out."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from project_making import everything, new_store, stroke

from crackcore.projects import backups
from crackcore.projects import store as store_module
from crackcore.projects.backups import backups_of, folder_of, thin
from crackcore.projects.header import HEADER_BYTES, Header
from crackcore.projects.store import ProjectStore

NOW = datetime(2027, 3, 20, 12, 0, tzinfo=UTC)


def planted(path: Path, moments: list[datetime | None]) -> None:
    """Backups number 1, 2, … saved at these moments (None: not known)."""
    data = path.read_bytes()
    header = Header.from_bytes(data[:HEADER_BYTES], path)
    folder_of(path).mkdir(exist_ok=True)
    for number, moment in enumerate(moments, 1):
        saved = int(moment.timestamp()) if moment else 0
        changed = replace(header, generation=number, saved_utc=saved).to_bytes() + data[HEADER_BYTES:]
        (folder_of(path) / f"{number:08d}.crackscope").write_bytes(changed)


def kept(path: Path) -> list[int]:
    return [b.generation for b in backups_of(path)]


def test_the_first_save_of_a_session_keeps_the_old_file(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    image = store.project.images[0].id
    blank = everything(store)
    for number in range(4):
        store.append(stroke(store, image, number))
        store.save()
    assert kept(store.path) == [1]  # not one for each save
    store.close()
    with ProjectStore.open(store.path) as again:
        again.append(stroke(again, image, 9))
        again.save()
        assert kept(store.path) == [5, 1]
    with ProjectStore.open(backups_of(store.path)[-1].path, read_only=True) as oldest:
        assert everything(oldest) == blank


def test_half_an_hour_later_there_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(store_module.time, "monotonic", lambda: clock[0])
    with new_store(tmp_path) as store:
        image = store.project.images[0].id
        for number, minutes in enumerate((0, 10, 19, 2, 29, 31)):
            clock[0] += minutes * 60
            store.append(stroke(store, image, number))
            store.save()
    assert kept(store.path) == [6, 4, 1]


def test_days_weeks_and_months_are_thinned_out(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        path = store.path
    # Three saves a day for 300 days, oldest first.
    moments = [NOW - timedelta(days=300) + timedelta(hours=8 * n) for n in range(900)]
    planted(path, list(moments))
    thin(path, now=NOW.timestamp())
    left = kept(path)
    assert left == sorted(left, reverse=True)
    assert left[:4] == [900, 899, 898, 897]
    days = {moments[n - 1].date() for n in left}
    last_days = sorted({m.date() for m in moments})[-12:]
    assert set(last_days) <= days
    assert {d.isocalendar()[:2] for d in days} >= {
        (NOW - timedelta(weeks=w)).isocalendar()[:2] for w in range(1, 9)
    }
    assert len({(d.year, d.month) for d in days}) >= 9
    assert 20 <= len(left) <= 4 + 12 + 10 + 9
    assert thin(path, now=NOW.timestamp()) == []  # thinning what is thin does nothing


def test_times_in_the_future_say_nothing(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        path = store.path
    future = [NOW + timedelta(days=n) for n in range(1, 30)]
    planted(path, [NOW - timedelta(days=2), NOW - timedelta(days=1), None, *future])
    thin(path, now=NOW.timestamp())
    assert kept(path) == [32, 31, 30, 29, 2, 1]  # the newest by number, and the days that are known
    assert backups_of(path)[0].title.startswith("save 32 of")


def test_the_size_limit_leaves_the_newest_two(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        path = store.path
    planted(path, [NOW - timedelta(days=40 - n) for n in range(40)])
    size = path.stat().st_size
    thin(path, now=NOW.timestamp(), size_limit=5 * size)
    assert kept(path) == [40, 39, 38, 37, 36]
    thin(path, now=NOW.timestamp(), size_limit=1)
    assert kept(path) == [40, 39]


def test_strange_files_among_backups_are_left_alone(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        path = store.path
    planted(path, [NOW])
    (folder_of(path) / "holiday.jpg").write_bytes(b"x")
    (folder_of(path) / "00000007.crackscope").write_bytes(b"half a file")
    (folder_of(path) / "00000008.crackscope").mkdir()
    found = backups_of(path)
    assert [(b.generation, b.damaged) for b in found] == [(1, False), (7, True)]
    thin(path, now=NOW.timestamp(), size_limit=1)
    assert (folder_of(path) / "holiday.jpg").exists()
    assert "1" in backups.newest_sentence(path)


def test_a_backup_that_cannot_be_made_is_told_and_the_save_goes_on(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        folder_of(store.path).write_bytes(b"a file where the folder should be")
        store.append(stroke(store, store.project.images[0].id, 1))
        store.save()
        assert store.generation == 2
        assert "is a file, not a folder" in store.backup_problem
        folder_of(store.path).unlink()
        store.append(stroke(store, store.project.images[0].id, 2))
        store.save()
        assert store.backup_problem == ""
        assert kept(store.path) == [2]
    assert time.time() > backups_of(store.path)[0].saved_at.timestamp() - 5  # type: ignore[union-attr]
