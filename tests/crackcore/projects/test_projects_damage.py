"""Broken, lying and hostile project files: refused with a sentence, never silently different."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from project_making import everything, new_store, predicted, stroke

from crackcore.domain.change import MaskFrozen
from crackcore.errors import CrackError, NotAProject, ProjectDamaged, ProjectTooNew
from crackcore.projects import inspection, layout, reading
from crackcore.projects.header import HEADER_BYTES, Header
from crackcore.projects.journal import journals_folder
from crackcore.projects.store import ProjectStore, backups_of, restore_backup

NIGHTLY = os.environ.get("CRACKSCOPE_NIGHTLY") == "1"
MUTATIONS = 20_000 if NIGHTLY else 400
JOURNALS = 20_000 if NIGHTLY else 200


def worked_on(folder: Path) -> ProjectStore:
    """A saved project with a bit of everything and two strokes in the journal."""
    store = new_store(folder)
    a, b, _ = (record.id for record in store.project.images)
    store.append(stroke(store, a, 1))
    store.append(predicted(a))
    store.append(predicted(b))
    store.append(MaskFrozen(b, store.read_shown(b)))
    store.save()
    return store


# ---------------------------------------------------------------- mutations


def mutated(data: bytes, rng: random.Random) -> bytes:
    """One byte or bit changed, a piece cut off, zeroed, doubled or moved."""
    out = bytearray(data)
    at = rng.randrange(len(out))
    match rng.randrange(7):
        case 0:
            out[at] ^= 1 << rng.randrange(8)
        case 1:
            out[at] = rng.randrange(256)
        case 2:
            del out[at:]
        case 3:
            del out[at : at + rng.randint(1, 40)]
        case 4:
            end = min(len(out), at + rng.randint(1, 400))
            out[at:end] = bytes(end - at)
        case 5:
            out[at:at] = out[at : at + rng.randint(1, 40)]
        case _:
            out += rng.randbytes(rng.randint(1, 40))
    return bytes(out)


def test_no_mutation_of_a_project_is_silently_different(tmp_path: Path) -> None:
    store = worked_on(tmp_path)
    before = everything(store)
    store.close()
    good = store.path.read_bytes()
    rng = random.Random(4)
    opened, said = 0, set()
    for number in range(MUTATIONS):
        bad = mutated(good, rng)
        store.path.write_bytes(bad)
        try:
            with ProjectStore.open(store.path, read_only=True) as again:
                assert bad == good or everything(again) == before, number
                opened += 1
        except CrackError as error:
            said.add(error.sentence())
        assert store.path.read_bytes() == bad
    assert opened < MUTATIONS / 20
    assert all(said)
    assert len(said) > 4
    assert sorted(os.listdir(tmp_path)) == ["survey.crackscope", "survey.crackscope.backups"]


def test_a_mutation_with_a_new_digest_never_ends_the_process(tmp_path: Path) -> None:
    """What a stranger can do: any bytes with a right digest. The walk, here in this process."""
    store = worked_on(tmp_path)
    store.close()
    good = store.path.read_bytes()[HEADER_BYTES:]
    rng = random.Random(5)
    refused = 0
    for _ in range(MUTATIONS if NIGHTLY else 200):
        body = mutated(good, rng)
        try:
            with reading.body(io.BytesIO(bytes(HEADER_BYTES) + body), store.path) as h5:
                inspection.walk(h5)
        except (CrackError, inspection.Broken):
            refused += 1
    assert refused > MUTATIONS // 40


@pytest.mark.parametrize("kind", ["cut", "change"])
def test_what_is_left_of_a_journal_is_a_beginning_of_it(tmp_path: Path, kind: str) -> None:
    store = new_store(tmp_path)
    image = store.project.images[0].id
    states = [store.read_hand(image).tobytes()]
    for number in range(6):
        store.append(stroke(store, image, number))
        states.append(store.read_hand(image).tobytes())
    store.close(save=False)
    (path,) = journals_folder().glob("*.journal")
    good = path.read_bytes()
    rng = random.Random(6)
    found = set()
    for number in range(JOURNALS):
        for old in journals_folder().glob("**/*.journal"):
            old.unlink()
        at = rng.randrange(len(good))
        bad = (
            good[:at]
            if kind == "cut"
            else good[:at] + bytes([good[at] ^ (1 + rng.randrange(255))]) + good[at + 1 :]
        )
        path.write_bytes(bad)
        with ProjectStore.open(store.path) as again:
            count = states.index(again.read_hand(image).tobytes())
            assert again.recovered.strokes == count
            found.add(count)
            rest = list((journals_folder() / "aside").glob("*"))
            assert again.recovered.set_aside == bool(rest), number
            if rest:
                assert "set aside" in again.recovered.sentence()
                assert bad.endswith(rest[0].read_bytes())
            again.append(stroke(again, image, 50 + number))  # and it can be gone on with
            now = everything(again)
            again.close(save=False)
        if number % 8:
            continue
        with ProjectStore.open(store.path) as again:
            assert everything(again) == now
            assert not again.recovered.set_aside
            again.close(save=False)
    assert found == set(range(6))


# ---------------------------------------------------------------- damage and backups


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_project_names_its_backup_and_the_backup_restores(tmp_path: Path, seed: int) -> None:
    store = worked_on(tmp_path)
    good = everything(store)
    image = store.project.images[2].id
    store.close()
    with ProjectStore.open(store.path) as later:  # its first save backs up what is restored below
        later.append(stroke(later, image, seed))
        later.close()
    with ProjectStore.open(store.path) as later:
        later.append(stroke(later, image, seed + 1))
        later.close(save=False)  # steps in the journal that belong to the damaged file
    rng = random.Random(seed)
    data = bytearray(store.path.read_bytes())
    at = rng.randrange(8, len(data))
    data[at : at + 9] = rng.randbytes(9)
    if seed % 3 == 0:
        del data[at:]
    store.path.write_bytes(data)

    with pytest.raises(ProjectDamaged) as caught:
        ProjectStore.open(store.path)
    newest = backups_of(store.path)[0]
    assert newest.generation == 2
    assert newest.title in caught.value.hint
    assert store.path.read_bytes() == data

    kept = restore_backup(store.path, newest)
    assert kept.read_bytes() == data
    with ProjectStore.open(store.path) as again:
        assert everything(again) == good
        assert again.generation > 2
        assert again.recovered.strokes == 0
        assert again.recovered.set_aside  # told, and kept


def test_a_restore_can_be_undone(tmp_path: Path) -> None:
    store = worked_on(tmp_path)
    first = everything(store)
    store.close()
    with ProjectStore.open(store.path) as again:
        again.append(stroke(again, again.project.images[2].id, 1))
        again.save()
        second = everything(again)
    restore_backup(store.path, backups_of(store.path)[0])
    with ProjectStore.open(store.path) as again:
        assert everything(again) == first
    restore_backup(store.path, backups_of(store.path)[0])
    with ProjectStore.open(store.path) as again:
        assert everything(again) == second


def test_a_restore_waits_for_the_window_that_has_the_project(tmp_path: Path) -> None:
    from crackcore.errors import ProjectReadOnly

    with worked_on(tmp_path) as store:
        with pytest.raises(ProjectReadOnly, match="open in another window"):
            restore_backup(store.path, backups_of(store.path)[0])
        assert not store.read_only


# ---------------------------------------------------------------- files of others


def test_bad_inputs_are_refused_as_expected(tmp_path: Path, shared: Path) -> None:
    folder = shared / "data" / "bad-inputs"
    rows = [
        row
        for row in json.loads((folder / "expectations.json").read_text("utf-8"))
        if row["file"].startswith("projects/")
    ]
    assert len(rows) == 13
    said = {}
    for row in rows:
        path = tmp_path / Path(row["file"]).name
        shutil.copyfile(folder / row["file"], path)
        before = path.read_bytes()
        with pytest.raises(CrackError) as caught:
            ProjectStore.open(path)
        said[path.name] = caught.value
        assert path.read_bytes() == before
    # "open-or-salvage" holds only for programs that write such files; ours cannot leave one behind.
    assert {row["expect"] for row in rows} == {"refuse", "refuse-or-salvage", "open-or-salvage"}
    assert isinstance(said["wrong-version.h5"], ProjectTooNew)
    assert "9999" in said["wrong-version.h5"].message
    for name in ("not-ours.h5", "random.h5"):
        assert isinstance(said[name], NotAProject)
    assert "is empty" in said["zero.h5"].message
    for name, word in (
        ("external-link.h5", "link that leads out"),
        ("soft-link-loop.h5", "link that leads out"),
        ("external-storage.h5", "lies in another file"),
        ("virtual-dataset.h5", "made of other files"),
        ("shape-bomb.h5", "impossible size"),
        ("group-cycle.h5", "contains itself"),
    ):
        assert word in said[name].message, said[name].message
    assert sorted(os.listdir(tmp_path)) == sorted(said)  # nothing was left beside them


def _resealed(path: Path, change: Callable[[h5py.File], None]) -> None:
    """What a stranger can make: any HDF5 content under a right header."""
    scratch = path.with_name("scratch.h5")
    scratch.write_bytes(path.read_bytes()[HEADER_BYTES:])
    with h5py.File(scratch, "r+", libver=layout.LIBVER) as h5:
        change(h5)
    body = scratch.read_bytes()
    scratch.unlink()
    header = Header.from_bytes(path.read_bytes()[:HEADER_BYTES], path)
    header = replace(header, body_bytes=len(body), body_sha256=hashlib.sha256(body).digest())
    path.write_bytes(header.to_bytes() + body)


def _image(h5: h5py.File) -> h5py.Group:
    return next(iter(h5["images"].values()))


def _bomb(h5: h5py.File) -> None:
    del _image(h5)["score"]
    _image(h5).create_dataset("score", (2_000_000, 2_000_000), "u1", chunks=(512, 512))


def _external(h5: h5py.File) -> None:
    del _image(h5)["mask"]
    _image(h5).create_dataset("mask", (40, 56), "u1", external=[("/etc/passwd", 0, 2240)])


def _virtual(h5: h5py.File) -> None:
    del _image(h5)["mask"]
    plan = h5py.VirtualLayout((40, 56), "u1")
    plan[:] = h5py.VirtualSource("elsewhere.h5", "x", (40, 56))
    _image(h5).create_virtual_dataset("mask", plan)


def _floats(h5: h5py.File) -> None:
    del _image(h5)["mask"]
    _image(h5)["mask"] = np.zeros((40, 56), np.float32)


def _strings(h5: h5py.File) -> None:
    h5.create_dataset("words", data=["a", "b"], dtype=h5py.string_dtype())


def _references(h5: h5py.File) -> None:
    h5.create_dataset("pointers", data=np.array([h5.ref], h5py.ref_dtype), dtype=h5py.ref_dtype)


def _plugin(h5: h5py.File) -> None:
    h5.create_dataset("odd", (8,), "u1", chunks=(8,), compression="lzf")


def _records(text: bytes) -> Callable[[h5py.File], None]:
    def change(h5: h5py.File) -> None:
        del h5["records"]
        h5["records"] = np.frombuffer(text, np.uint8)

    return change


HOSTILE: dict[str, tuple[Callable[[h5py.File], None], str]] = {
    "external link": (lambda h5: h5.__setitem__("x", h5py.ExternalLink("/etc/x", "/")), "leads out"),
    "soft link": (lambda h5: _image(h5).__setitem__("x", h5py.SoftLink("/project")), "leads out"),
    "external storage": (_external, "another file"),
    "virtual": (_virtual, "other files"),
    "shape bomb": (_bomb, "size of its picture"),
    "cycle": (lambda h5: _image(h5).__setitem__("me", h5["images"]), "contains itself"),
    "floats": (_floats, "size of its picture"),
    "strings of any length": (_strings, "type"),
    "references": (_references, "type"),
    "plug-in": (_plugin, "plug-in"),
    "named type": (lambda h5: h5.__setitem__("t", np.dtype("f8")), "neither group nor data"),
    "no records": (lambda h5: h5.__delitem__("records"), "missing"),
    "NaN": (_records(b'{"images":[NaN]}'), "NaN"),
    "twice": (_records(b'{"images":[],"images":[]}'), "twice"),
    "deep": (_records(b"[" * 60_000 + b"]" * 60_000), "nested"),
    "no list": (_records(b'{"images":7}'), "list"),
    "not text": (_records(b"\xff\xfe"), "not ASCII"),
    "not JSON": (_records(b'{"images":'), "not JSON"),
    "huge": (lambda h5: h5.create_dataset("z", (1 << 40,), "u1", chunks=(4096,)), "too large"),
    "deep groups": (lambda h5: h5.create_group("/".join("g" * 40)), "nested too deeply"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_body_under_a_right_digest_is_refused_in_the_walk(tmp_path: Path, what: str) -> None:
    change, word = HOSTILE[what]
    store = worked_on(tmp_path)
    store.close()
    _resealed(store.path, change)
    with pytest.raises(inspection.Broken, match=word), open(store.path, "rb") as file, h5py.File(file) as h5:
        inspection.walk(h5)


def test_the_walk_happens_in_a_child_before_anything_is_read(tmp_path: Path) -> None:
    store = worked_on(tmp_path)
    store.close()
    _resealed(store.path, _bomb)
    before = store.path.read_bytes()
    with pytest.raises(ProjectDamaged, match="size of its picture"):
        ProjectStore.open(store.path)
    assert store.path.read_bytes() == before


def test_a_strangers_sound_project_opens(tmp_path: Path, own_state: Path) -> None:
    store = worked_on(tmp_path)
    before = everything(store)
    store.close()
    shutil.rmtree(own_state)
    with ProjectStore.open(store.path) as again:
        assert everything(again) == before
        assert not again.outside_allowed
        again.append(stroke(again, again.project.images[0].id, 9))
        again.save()
    with ProjectStore.open(store.path) as again:
        assert again.outside_allowed  # now it was saved here


def test_a_newer_format_is_not_opened(tmp_path: Path) -> None:
    store = worked_on(tmp_path)
    store.close()
    data = store.path.read_bytes()
    header = Header.from_bytes(data[:HEADER_BYTES], store.path)
    store.path.write_bytes(replace(header, format_version=3).to_bytes() + data[HEADER_BYTES:])
    before = store.path.read_bytes()
    with pytest.raises(ProjectTooNew, match="format 3"):
        ProjectStore.open(store.path)
    assert store.path.read_bytes() == before


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.crackscope")
    with pytest.raises(NotAProject):
        ProjectStore.open(tmp_path / "p.crackscope")
    with pytest.raises(CrackError):
        ProjectStore.open(tmp_path)


def test_check_finds_what_was_damaged_after_opening(tmp_path: Path) -> None:
    with worked_on(tmp_path) as store:
        assert {finding.kind for finding in store.check().findings} == {"photo"}
        data = bytearray(store.path.read_bytes())
        data[-300] ^= 1
        store.path.write_bytes(data)
        report = store.check()
        assert "file" in {finding.kind for finding in report.findings}
        assert not report.ok
