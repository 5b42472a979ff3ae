"""Pictures on a grid finer than their photo: durable, replayed, saved, checked, and old files as ever."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from project_making import HEIGHT, WIDTH, drop, everything, new_store, predicted, record, score, stroke

from crackcore.arrays import HAND_CRACK
from crackcore.domain.change import HandEdited, ImageRemoved, MaskFrozen, Predicted, RecordChanged, Regridded
from crackcore.domain.image_record import ImageRecord, Review
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.errors import ProjectDamaged, UnknownPicture
from crackcore.masks.patch import Patch, difference
from crackcore.masks.regridding import finer
from crackcore.masks.threshold import shown_mask
from crackcore.projects import frames, prediction_facts
from crackcore.projects.frames import Kind
from crackcore.projects.header import HEADER_BYTES, Header
from crackcore.projects.records import record_entry, record_from
from crackcore.projects.store import ProjectStore

DATA = Path(__file__).resolve().parents[2] / "data" / "projects"
FINE = (4 * HEIGHT, 4 * WIDTH)


def fine_prediction(seed: int = 0) -> Prediction:
    settings = PredictSettings("cpu", 128, 16, "bfloat16", 4)
    return replace(predicted("x").prediction, score=score(*FINE, seed), model="cssr", settings=settings)


def whole(plane: np.ndarray) -> Patch:
    return difference(np.zeros_like(plane), plane)


def made_finer(store: ProjectStore, image_id: str, prediction: Prediction | None = None) -> Regridded:
    return Regridded(image_id, 4, whole(finer(store.read_hand(image_id), 4)), prediction)


def version_of(path: Path) -> int:
    version = Header.from_bytes(path.read_bytes()[:HEADER_BYTES], path).format_version
    with h5py.File(path, "r") as h5:
        assert h5.attrs["format_version"] == version
    return version


# ---------------------------------------------------------------- life


def test_strokes_before_and_after_are_there_after_a_kill_and_after_a_save(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    a, b, _ = (r.id for r in store.project.images)
    store.append(stroke(store, a, 1))
    store.append(predicted(a))
    coarse = store.read_hand(a)
    store.append(made_finer(store, a, fine_prediction()))
    assert store.project.image(a).magnification == 4
    assert np.array_equal(store.read_hand(a), finer(coarse, 4))
    store.append(stroke(store, a, 2))
    store.append(made_finer(store, b))
    assert store.has_prediction(a)
    assert not store.has_prediction(b)
    assert store.predicted_images() == {a}
    before = everything(store)
    assert before[a][0] != finer(coarse, 4).tobytes()
    drop(store)
    store = ProjectStore.open(store.path)
    assert store.recovered.strokes == 2
    assert everything(store) == before
    assert version_of(store.path) == 1, "the file itself is not touched by opening"
    store.save()
    assert version_of(store.path) == 2
    assert everything(store) == before
    store.append(stroke(store, a, 3))
    store.append(predicted(b, height=FINE[0], width=FINE[1], seed=5))
    before = everything(store)
    drop(store)
    store = ProjectStore.open(store.path)
    assert everything(store) == before
    store.close()
    with ProjectStore.open(store.path) as store:
        assert everything(store) == before
        assert {f.kind for f in store.check().findings} == {"photo"}
        found = store.read_prediction(a)
        assert found is not None
        assert found.settings == PredictSettings("cpu", 128, 16, "bfloat16", 4)
        assert found.scale == 4


def test_going_back_makes_a_file_for_older_programs_again(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        a = store.project.images[0].id
        store.append(made_finer(store, a, fine_prediction()))
        store.append(stroke(store, a, 1))
        store.save()
        with h5py.File(store.path, "r") as h5:
            assert h5[f"images/{a}"].attrs["magnification"] == 4
            assert h5[f"images/{a}/mask"].shape == FINE
            assert (h5[f"images/{a}"].attrs["height_px"], h5[f"images/{a}"].attrs["width_px"]) == (40, 56)
        coarse = np.zeros((HEIGHT, WIDTH), np.uint8)
        coarse[3:9, 4:20] = HAND_CRACK
        store.append(Regridded(a, 1, whole(coarse), predicted(a).prediction))
        assert np.array_equal(store.read_hand(a), coarse)
        store.save()
        assert version_of(store.path) == 1
        assert np.array_equal(store.read_hand(a), coarse)
        assert np.array_equal(store.read_shown(a), shown_mask(coarse, score=score()))
        with h5py.File(store.path, "r") as h5:
            assert "magnification" not in h5[f"images/{a}"].attrs
            assert "magnification" not in json.loads(h5["records"][()].tobytes())["images"][0]


def test_what_is_not_in_the_new_state_is_gone_and_what_others_added_stays(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        a = store.project.images[0].id
        store.append(predicted(a))
        store.append(stroke(store, a, 1))
        store.append(MaskFrozen(a, store.read_shown(a)))
        store.save()
        store.append(Regridded(a, 4, Patch(()), None))
        for _ in range(2):
            assert store.read_frozen(a) is None
            assert store.read_prediction(a) is None
            assert not store.read_hand(a).any()
            assert store.read_hand(a).shape == store.read_shown(a).shape == FINE
            store.save()


def test_many_steps_in_one_batch_see_each_other(tmp_path: Path) -> None:
    with new_store(tmp_path, 1) as store:
        a = store.project.images[0]
        fine = np.zeros(FINE, np.uint8)
        fine[100:110, 200:220] = 2
        mask = np.zeros(FINE, np.uint8)
        store.append_many(
            [
                Regridded(a.id, 4, Patch(()), None),
                HandEdited(a.id, whole(fine), "Brush"),
                Predicted(a.id, fine_prediction()),
                RecordChanged(replace(a, magnification=4, review=Review.EDITED)),
                MaskFrozen(a.id, mask),
                MaskFrozen(a.id, None),
            ]
        )
        assert np.array_equal(store.read_hand(a.id), fine)
        before = everything(store)
        drop(store)
        store = ProjectStore.open(store.path)
        assert everything(store) == before
        # removed and added again: nothing of the finer state is left
        store.append(ImageRemoved(a.id))
        store.append(RecordChanged(a))
        assert store.read_hand(a.id).shape == (HEIGHT, WIDTH)
        store.save()
        assert version_of(store.path) == 1
        store.close()


def test_a_step_that_does_not_fit_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        a = store.project.images[0]
        before = everything(store)
        outside = np.zeros((FINE[0] + 8, FINE[1]), np.uint8)
        outside[-1] = 2
        for bad in (
            Regridded(a.id, 3, Patch(()), None),
            Regridded(a.id, 4, whole(outside), None),
            Regridded(a.id, 4, Patch(()), predicted(a.id).prediction),
            Regridded(a.id, 1, Patch(()), fine_prediction()),
            RecordChanged(replace(a, magnification=4)),  # without its planes
            Predicted(a.id, fine_prediction()),
        ):
            with pytest.raises(ValueError):
                store.append(bad)
        with pytest.raises(UnknownPicture):
            store.append(Regridded("nobody", 4, Patch(()), None))
        large = record(9, height=20_000, width=30)
        store.append(RecordChanged(large))
        with pytest.raises(ValueError, match="65,535"):
            store.append(Regridded(large.id, 4, Patch(()), None))
        store.append(ImageRemoved(large.id))
        assert everything(store) == before
        # on the finer grid, a stroke of the coarser one no longer counts as lying outside, but a plane does
        store.append(made_finer(store, a.id))
        with pytest.raises(ValueError, match="size of its picture"):
            store.append(predicted(a.id))


def test_a_copy_and_a_conflict_copy_keep_the_grid(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        a = store.project.images[0].id
        store.append(made_finer(store, a, fine_prediction()))
        before = everything(store)[a]
        store.save_copy(tmp_path / "copy.crackscope")
    assert version_of(tmp_path / "copy.crackscope") == 2
    with ProjectStore.open(tmp_path / "copy.crackscope", read_only=True) as copy:
        assert everything(copy)[a] == before


# ---------------------------------------------------------------- frames


@pytest.fixture
def payload() -> bytes:
    hand = np.zeros(FINE, np.uint8)
    hand[7:90, 13:200] = 2
    kind, payload = frames.encode(Regridded(record(0).id, 4, whole(hand), fine_prediction()), "ab" * 32)
    assert kind is Kind.REGRIDDED
    return payload


def records_of(image_id: str) -> ImageRecord:
    return {record(0).id: record(0)}[image_id]


def test_a_frame_comes_back_as_it_was(payload: bytes) -> None:
    found = frames.decode(Kind.REGRIDDED, payload, records_of)
    hand = np.zeros(FINE, np.uint8)
    assert found.patch is not None
    found.patch.write_after(hand)
    assert (hand != 0).sum() == 83 * 187
    assert found.facts is not None
    assert found.plane is not None
    assert np.array_equal(found.plane.unpacked(), fine_prediction().score)
    assert (found.magnification, found.gone, found.sha256) == (4, False, "ab" * 32)


def with_head(payload: bytes, **changes: Any) -> bytes:
    head, blob = frames.split(payload)
    return frames._joined({**head, **changes}, blob)


@pytest.mark.parametrize(
    "changes",
    [
        {"magnification": 1},
        {"magnification": 2},
        {"magnification": True},
        {"magnification": "4"},
        {"magnification": 4.0},
        {"magnification": None},
        {"hand_bytes": 0},
        {"hand_bytes": 3},
        {"hand_bytes": -5},
        {"hand_bytes": 1 << 40},
        {"hand_bytes": True},
        {"prediction": None},
        {"prediction": {}},
        {"prediction": []},
        {"image": "nobody"},
    ],
)
def test_a_frame_with_other_facts_is_refused(payload: bytes, changes: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError)):
        frames.decode(Kind.REGRIDDED, with_head(payload, **changes), records_of)


def test_a_cut_frame_is_refused(payload: bytes) -> None:
    for cut in range(0, len(payload), 101):
        with pytest.raises((ValueError, KeyError)):
            frames.decode(Kind.REGRIDDED, payload[:cut], records_of)


# ---------------------------------------------------------------- what comes from elsewhere


def test_a_record_without_the_entry_lies_in_photo_pixels() -> None:
    entry = record_entry(record(0))
    assert "magnification" not in entry
    assert record_from(entry)[0].magnification == 1
    entry = record_entry(replace(record(0), magnification=4))
    assert entry["magnification"] == 4
    again, unknown = record_from(json.loads(json.dumps(entry)))
    assert (again, unknown) == (replace(record(0), magnification=4), {})


@pytest.mark.parametrize("value", [0, 2, 3, 5, 16, -4, True, "4", 4.0, None, [4], 1 << 70])
def test_a_record_with_another_grid_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        record_from({**record_entry(record(0)), "magnification": value})


def test_a_record_whose_grid_would_be_too_large_is_refused() -> None:
    for height, width in ((16_384, 10), (12_000, 12_000)):
        large = record(0, height=height, width=width)
        record_from(record_entry(large))
        with pytest.raises(ValueError, match=r"65,535|too large"):
            record_from(record_entry(replace(large, magnification=4)))


def test_a_project_from_elsewhere_whose_planes_lie_on_another_grid_is_refused(
    tmp_path: Path, own_state: Path
) -> None:
    with new_store(tmp_path) as store:
        store.append(made_finer(store, store.project.images[0].id, fine_prediction()))
        store.append(stroke(store, store.project.images[0].id, 1))
    shutil.rmtree(own_state)  # now it is a stranger's
    with ProjectStore.open(store.path, read_only=True) as again:
        assert again.project.images[0].magnification == 4
    data = store.path.read_bytes()
    body = tmp_path / "body.h5"
    body.write_bytes(data[HEADER_BYTES:])
    with h5py.File(body, "r+") as h5:
        found = json.loads(h5["records"][()].tobytes())
        del found["images"][0]["magnification"]
        text = json.dumps(found, separators=(",", ":")).encode()
        del h5["records"]
        h5.create_dataset("records", data=np.frombuffer(text, np.uint8), chunks=True, fletcher32=True)
    changed = body.read_bytes()
    header = Header.from_bytes(data[:HEADER_BYTES], store.path)
    header = replace(header, body_bytes=len(changed), body_sha256=hashlib.sha256(changed).digest())
    store.path.write_bytes(header.to_bytes() + changed)
    with pytest.raises(ProjectDamaged, match="size of its picture"):
        ProjectStore.open(store.path, read_only=True)


def test_settings_of_a_prediction_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    facts = prediction_facts.PredictionFacts.of(fine_prediction())
    entry = facts.to_entry()
    assert prediction_facts.PredictionFacts.from_entry(json.loads(json.dumps(entry))) == facts
    for value in (0, -1, 65, True, "4", 4.0, None):
        settings = {**entry["settings"], "result_scale": value}
        with pytest.raises(ValueError):
            prediction_facts.PredictionFacts.from_entry({**entry, "settings": settings})


# ---------------------------------------------------------------- older and newer


def test_a_journal_of_an_earlier_program_is_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = prediction_facts.PredictionFacts.to_entry

    def as_it_was(self: prediction_facts.PredictionFacts) -> dict[str, Any]:
        entry = really(self)
        entry["settings"] = {key: entry["settings"][key] for key in ("device", "tile_px", "overlap_px")}
        return entry

    store = new_store(tmp_path)
    a = store.project.images[0].id
    monkeypatch.setattr(prediction_facts.PredictionFacts, "to_entry", as_it_was)
    store.append(predicted(a))
    monkeypatch.undo()
    monkeypatch.setenv("CRACKSCOPE_STATE", str(store._journal.path.parents[1]))
    before = everything(store)
    drop(store)
    with ProjectStore.open(store.path) as store:
        assert store.recovered.others == 1
        assert everything(store) == before
        found = store.read_prediction(a)
        assert found is not None
        assert found.settings == PredictSettings("auto", 512, 64)


def maker_of(version: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"make_{version}", DATA / version / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_released_file_of_version_1_can_be_made_finer(tmp_path: Path) -> None:
    shutil.copy(DATA / "v1" / "survey.crackscope", tmp_path)
    maker = maker_of("v1")
    with ProjectStore.open(tmp_path / "survey.crackscope") as store:
        assert not store.unsaved, "a file of version 1 needs no migration"
        a, b, c = store.project.images
        assert {r.magnification for r in store.project.images} == {1}
        store.append(made_finer(store, a.id))
        store.save()
        assert version_of(store.path) == 2
    with ProjectStore.open(tmp_path / "survey.crackscope") as store:
        assert np.array_equal(store.read_hand(a.id), finer(maker.hand(), 4))
        assert store.read_prediction(a.id) is None
        prediction = store.read_prediction(b.id)
        assert prediction is not None
        assert np.array_equal(prediction.score, maker.score())
        assert store.read_hand(c.id).shape == (20, 30)


def test_the_released_file_of_version_2_is_read_as_ever(tmp_path: Path) -> None:
    shutil.copy(DATA / "v2" / "survey.crackscope", tmp_path)
    maker = maker_of("v2")
    assert version_of(tmp_path / "survey.crackscope") == 2
    with ProjectStore.open(tmp_path / "survey.crackscope") as store:
        a, b, c = store.project.images
        assert [r.magnification for r in (a, b, c)] == [4, 4, 1]
        assert {r.size_px for r in (a, b, c)} == {(40, 150)}
        assert np.array_equal(store.read_hand(a.id), maker.fine_hand())
        for r in (a, b):
            found = store.read_prediction(r.id)
            assert found is not None
            assert np.array_equal(found.score, maker.score(4))
            assert found.settings == PredictSettings("auto", 128, 16, "bfloat16", 4)
        assert store.read_frozen(a.id) is None
        frozen = store.read_frozen(b.id)
        assert frozen is not None
        assert frozen.shape == (160, 600)
        assert np.array_equal(store.read_shown(b.id), frozen)
        found = store.read_prediction(c.id)
        assert found is not None
        assert np.array_equal(found.score, maker.score(1))
        store.append(stroke(store, a.id, 1))
        store.save()
        before = everything(store)
    with ProjectStore.open(tmp_path / "survey.crackscope") as store:
        assert everything(store) == before
