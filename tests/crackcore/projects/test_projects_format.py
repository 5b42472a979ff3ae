"""The specification holds: another reader, written from FORMAT.md alone, finds what is there."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import shutil
import struct
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from project_making import everything, new_store, predicted, stroke

from crackcore.domain.image_record import Review, Threshold
from crackcore.domain.project import ViewState
from crackcore.errors import ProjectDamaged
from crackcore.projects import layout, migrations
from crackcore.projects.header import Header
from crackcore.projects.store import ProjectStore

V1 = Path(__file__).resolve().parents[2] / "data" / "projects" / "v1"


def read_by_the_book(path: Path) -> dict[str, Any]:
    """Section by section; nothing of the program is used."""
    data = path.read_bytes()
    head, body = data[:512], data[512:]
    assert head[:8] == bytes.fromhex("89 43 52 4B 0D 0A 1A 0A")
    assert hashlib.sha256(head[:480]).digest() == head[480:]
    header_version, format_version, flags = struct.unpack_from("<HHI", head, 8)
    assert (header_version, format_version, flags) == (1, 1, 0)
    generation, length = struct.unpack_from("<QQ", head, 32)
    assert length == len(body)
    assert hashlib.sha256(body).digest() == head[48:80]
    assert head[112:480] == bytes(368)
    found: dict[str, Any] = {"uuid": head[16:32].hex(), "generation": generation}
    with h5py.File(io.BytesIO(data), "r") as h5:
        assert h5.attrs["format"] == b"crack-project"
        assert h5.attrs["format_version"] == 1
        assert h5.attrs["uuid"].decode() == found["uuid"]
        found["project"] = json.loads(h5["project"][()].tobytes())
        found["records"] = json.loads(h5["records"][()].tobytes())["images"]
        found["history"] = [row["what"].decode() for row in h5["history"]]
        found["planes"] = {
            f"{image}/{name}": plane[()]
            for image, group in h5["images"].items()
            for name, plane in group.items()
        }

        def filters(_: str, thing: Any) -> None:
            if isinstance(thing, h5py.Dataset):
                assert thing.fletcher32
                assert thing.compression == "gzip"

        h5.visititems(filters)
    return found


@pytest.fixture(scope="module")
def maker() -> Any:
    """The program that wrote the released file."""
    spec = importlib.util.spec_from_file_location("make_v1", V1 / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_another_reader_finds_everything(maker: Any) -> None:
    found = read_by_the_book(V1 / "survey.crackscope")
    assert found["uuid"] == "12345678123442348234123456789abc"
    assert found["generation"] == 2
    assert found["project"]["title"] == "Bridge 7"
    assert found["project"]["view"]["centre_y"] == 6.25
    assert [r["file"] for r in found["records"]] == ["photos/R\\u00edo 1.jpg", "photos/2.jpg", "photos/3.jpg"]
    assert [r["review"] for r in found["records"]] == ["new", "approved", "failed"]
    assert found["records"][1]["threshold"] == [100, 220]
    assert found["history"] == ["created", "saved"]
    a, b = "a" * 32, "b" * 32
    planes = found["planes"]
    assert set(planes) == {f"{a}/{n}" for n in ("mask", "by_hand", "score")} | {
        f"{b}/{n}" for n in ("mask", "by_hand", "score", "frozen")
    }
    score, hand = maker.score(), maker.hand()
    assert np.array_equal(planes[f"{a}/score"], score)
    assert np.array_equal(planes[f"{a}/by_hand"], hand)
    shown = np.where(hand == 0, score >= 128, np.where(hand == 255, 255, hand - 1.0))
    assert np.array_equal(planes[f"{a}/mask"], shown)
    assert np.array_equal(planes[f"{b}/mask"], planes[f"{b}/frozen"])


def test_the_released_file_is_read_as_ever(tmp_path: Path, maker: Any) -> None:
    shutil.copy(V1 / "survey.crackscope", tmp_path)
    with ProjectStore.open(tmp_path / "survey.crackscope") as store:
        project = store.project
        assert project.title == "Bridge 7"
        assert project.uuid == "12345678-1234-4234-8234-123456789abc"
        assert project.view == ViewState("b" * 32, 4.5, 6.25, 2.0)
        a, b, c = project.images
        assert (a.file, a.bytes, a.taken_at) == ("photos/R\\u00edo 1.jpg", 12345, "2026:05:04 10:00:00")
        assert (b.review, b.threshold, b.notes) == (Review.APPROVED, Threshold(100, 220), "Pier 3, east")
        assert (c.review, c.reason, c.height_px, c.width_px) == (Review.FAILED, "too dark", 20, 30)
        assert np.array_equal(store.read_hand(a.id), maker.hand())
        prediction = store.read_prediction(b.id)
        assert prediction is not None
        assert np.array_equal(prediction.score, maker.score())
        assert (prediction.model, prediction.seconds, prediction.settings.tile_px) == ("cgnet", 1.5, 512)
        assert np.array_equal(store.read_shown(b.id), store.read_frozen(b.id))
        assert store.read_prediction(c.id) is None
        store.append(stroke(store, a.id, 1))
        store.save()
        before = everything(store)
    with ProjectStore.open(tmp_path / "survey.crackscope") as store:
        assert everything(store) == before


def test_every_save_keeps_to_the_book(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        image = store.project.images[0].id
        for number in range(3):
            store.append(stroke(store, image, number))
            store.append(predicted(image, seed=number))
            store.save()
            found = read_by_the_book(store.path)
            assert found["generation"] == number + 2
            assert np.array_equal(found["planes"][f"{image}/mask"], store.read_shown(image))
        assert found["history"] == ["created", "saved", "saved", "saved"]


def test_headers_come_back_from_bytes(tmp_path: Path) -> None:
    header = Header(bytes(range(16)), 2**60, 2**50, bytes(range(32)), 2**40, bytes(16), 2**33)
    data = header.to_bytes()
    assert len(data) == 512
    assert Header.from_bytes(data, "x") == header
    for at in range(480):
        bad = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(Exception, match="x is"):
            Header.from_bytes(bad, "x")


# ---------------------------------------------------------------- older formats


def _to_version_2(h5: h5py.File) -> None:
    h5.attrs["raised"] = 2


@pytest.fixture
def a_later_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Today's program, one format version on."""
    monkeypatch.setattr(layout, "FORMAT_VERSION", 2)
    monkeypatch.setattr(layout, "PLAIN_VERSION", 2)
    monkeypatch.setattr(migrations, "MIGRATIONS", {1: _to_version_2})


def test_an_older_file_is_brought_up_to_date_in_memory_and_saved_with_a_backup(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store = new_store(tmp_path)
    image = store.project.images[0].id
    store.append(stroke(store, image, 1))
    store.save()
    store.append(predicted(image))
    before = everything(store)
    store.close(save=False)
    old = store.path.read_bytes()

    request.getfixturevalue("a_later_program")
    with ProjectStore.open(store.path) as again:
        assert everything(again) == before
        assert store.path.read_bytes() == old  # opening changes nothing
        assert again.unsaved
        again.save()
        assert everything(again) == before
    header = Header.from_bytes(store.path.read_bytes()[:512], store.path)
    assert header.format_version == 2
    with h5py.File(store.path, "r") as h5:
        assert h5.attrs["format_version"] == 2
        assert h5.attrs["raised"] == 2
    backups = sorted((tmp_path / "survey.crackscope.backups").iterdir())
    assert backups[-1].read_bytes() == old


def test_a_format_that_never_existed_is_damage(tmp_path: Path, a_later_program: None) -> None:
    store = new_store(tmp_path)
    store.close()
    with h5py.File(store.path, "r") as h5:
        assert h5.attrs["format_version"] == 2
    with pytest.raises(ProjectDamaged, match="never existed"):
        migrations.migrated(store.path.read_bytes()[512:], 0, store.path)
