"""Whose steps are these: moved projects, copies on one computer, older files put back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from project_making import everything, new_store, predicted, stroke

from crackcore.errors import ProjectDamaged
from crackcore.projects.journal import Begin, Journal, begin_of, frame_bytes, journals_folder, read_frames
from crackcore.projects.store import ProjectStore


def in_progress(folder: Path) -> tuple[Path, str, dict[str, object]]:
    """A project whose last stroke is only in the journal."""
    store = new_store(folder)
    image = store.project.images[0].id
    store.append(stroke(store, image, 1))
    store.save()
    store.append(stroke(store, image, 2))
    before = everything(store)
    store.close(save=False)
    return store.path, image, before


def test_a_project_that_was_moved_finds_its_journal(tmp_path: Path) -> None:
    path, _, before = in_progress(tmp_path)
    moved = tmp_path / "archive" / "renamed.crackscope"
    moved.parent.mkdir()
    os.replace(path, moved)
    with ProjectStore.open(moved) as store:
        assert everything(store) == before
        assert store.recovered.strokes == 1
    with ProjectStore.open(moved) as store:
        assert everything(store) == before


def test_a_copy_does_not_take_the_steps_of_the_original(tmp_path: Path) -> None:
    path, image, before = in_progress(tmp_path)
    copy = tmp_path / "copy.crackscope"
    shutil.copy(path, copy)
    with ProjectStore.open(copy) as second:
        assert second.recovered.strokes == 0
        with ProjectStore.open(path) as first:  # both at once, each with a journal of its own
            assert everything(first) == before
            first.append(stroke(first, image, 5))
            second.append(stroke(second, image, 6))
            second.append(stroke(second, image, 7))
            ours, theirs = everything(first), everything(second)
            first.close(save=False)
        second.close(save=False)
    with ProjectStore.open(path) as first, ProjectStore.open(copy) as second:
        assert everything(first) == ours
        assert everything(second) == theirs


def test_an_older_file_put_back_by_hand_does_not_get_steps_of_a_newer_one(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    image = store.project.images[0].id
    store.append(stroke(store, image, 1))
    store.save()
    old, blank = store.path.read_bytes(), everything(store)
    store.append(stroke(store, image, 2))
    store.save()
    store.append(stroke(store, image, 3))
    store.close(save=False)
    store.path.write_bytes(old)
    with ProjectStore.open(store.path) as again:
        assert everything(again) == blank
        assert again.recovered.set_aside
    (aside,) = (journals_folder() / "aside").iterdir()
    kinds = [location.kind for location, _ in read_frames(aside)]
    assert kinds == [1, 4]  # the whole of it, readable: its beginning and the stroke


def test_a_project_is_known_by_any_of_its_paths(tmp_path: Path) -> None:
    path, _, before = in_progress(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    with ProjectStore.open(tmp_path / "link" / path.name) as store:
        assert everything(store) == before
        store.save()
    (tmp_path / "shortcut.crackscope").symlink_to(path)
    with ProjectStore.open(tmp_path / "shortcut.crackscope") as store:
        store.append(stroke(store, store.project.images[0].id, 8))
        store.save()
    assert (tmp_path / "shortcut.crackscope").is_symlink()


def test_a_program_killed_between_save_and_emptying_replays_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_store(tmp_path)
    image = store.project.images[0].id
    store.append(stroke(store, image, 1))
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "empty", lambda self, header: self.saved(header))
        store.save()
    store.append(stroke(store, image, 2))  # behind frames that are folded in already
    before = everything(store)
    store.close(save=False)
    with ProjectStore.open(store.path) as again:
        assert everything(again) == before
        assert again.recovered.strokes == 1
        assert not again.recovered.set_aside


def test_a_step_about_another_version_of_a_picture_is_not_replayed(tmp_path: Path) -> None:
    path, image, _ = in_progress(tmp_path)
    (journal,) = journals_folder().glob("*.journal")
    parts = []
    for location, payload in read_frames(journal):
        changed = payload.replace(b'"sha256":"', b'"sha256":"0') if location.kind == 4 else payload
        changed = bytes([changed[0] + 1]) + changed[1:] if location.kind == 4 else changed
        parts.append(frame_bytes(location.kind, location.sequence, changed))
    journal.write_bytes(b"".join(parts))
    with ProjectStore.open(path) as store:
        assert store.recovered.strokes == 0
        assert store.recovered.set_aside
        assert store.read_hand(image).any()


def test_a_journal_whose_beginning_is_damaged_is_set_aside(tmp_path: Path) -> None:
    path, image, _ = in_progress(tmp_path)
    (journal,) = journals_folder().glob("*.journal")
    data = bytearray(journal.read_bytes())
    data[30] ^= 1
    journal.write_bytes(data)
    with ProjectStore.open(path) as store:
        assert store.recovered.set_aside
        store.append(stroke(store, image, 3))
        after = everything(store)
        store.close(save=False)
    with ProjectStore.open(path) as store:
        assert everything(store) == after


def test_a_prediction_in_a_damaged_journal_is_an_error_not_an_empty_map(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        image = store.project.images[0].id
        store.append(predicted(image))
        (journal,) = journals_folder().glob("*.journal")
        data = bytearray(journal.read_bytes())
        data[-50] ^= 1
        journal.write_bytes(data)
        with pytest.raises(ProjectDamaged):
            store.read_prediction(image)
        with pytest.raises(ProjectDamaged):
            store.save()
        assert "journal" in {finding.kind for finding in store.check().findings}
        store.close(save=False)


def test_the_beginning_says_whose_it_is(tmp_path: Path) -> None:
    path, _, _ = in_progress(tmp_path)
    (journal,) = journals_folder().glob("*.journal")
    begin = begin_of(journal)
    assert isinstance(begin, Begin)
    assert begin.path == str(path)
    assert begin.first_sequence == 2
    assert begin.generation == 2
    assert begin_of(tmp_path / "none") is None
