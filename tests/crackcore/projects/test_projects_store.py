"""What a store promises: nothing given is lost, nothing else changes, refusals are sentences."""

from __future__ import annotations

import os
import shutil
import uuid
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from project_making import everything, new_store, predicted, project, record, score, stroke

from crackcore.domain.change import (
    Change,
    HandEdited,
    ImageRemoved,
    MaskFrozen,
    Predicted,
    RecordChanged,
    ViewMoved,
)
from crackcore.domain.image_record import Review, Threshold
from crackcore.domain.project import MaskClass, Project, ViewState
from crackcore.errors import (
    FileProblem,
    PhotoMissing,
    ProjectChangedElsewhere,
    ProjectReadOnly,
    TargetExists,
    UnknownPicture,
)
from crackcore.masks.patch import Patch, TileChange, difference
from crackcore.masks.threshold import shown_mask
from crackcore.names import escaped
from crackcore.projects import store as store_module
from crackcore.projects.header import HEADER_BYTES, Header
from crackcore.projects.journal import journals_folder
from crackcore.projects.store import ProjectStore


def test_a_stroke_is_there_after_a_reopen_without_a_save(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    image = store.project.images[0].id
    first = store.append(stroke(store, image, 1))
    assert store.append(stroke(store, image, 2)) == first + 1
    before = everything(store)
    store.close(save=False)

    with ProjectStore.open(store.path) as again:
        assert everything(again) == before
        assert again.recovered.strokes == 2
        assert again.recovered.images == 1
        assert again.recovered.sentence() == "Recovered 2 strokes in 1 picture."
        assert again.pending == 2


def test_a_save_folds_everything_in_and_empties_the_journal(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    a, b, c = (r.id for r in store.project.images)
    store.append(stroke(store, a, 1))
    store.append(predicted(a))
    store.append(predicted(b, seed=2))
    store.append(MaskFrozen(b, store.read_shown(b)))
    store.append(RecordChanged(replace(store.project.image(b), review=Review.APPROVED, notes="Pier 3")))
    store.append(RecordChanged(replace(store.project.image(a), threshold=Threshold(90, 200))))
    store.append(ViewMoved(ViewState(c, 3.5, 4.25, 2.0)))
    store.append(RecordChanged(record(17)))
    before = everything(store)
    store.save()
    assert store.pending == 0
    assert store.generation == 2
    assert everything(store) == before
    store.close()
    assert not list(journals_folder().glob("*.journal"))

    with ProjectStore.open(store.path) as again:
        assert everything(again) == before
        assert again.recovered.sentence() == ""
        assert again.project.view == ViewState(c, 3.5, 4.25, 2.0)


IMAGES = [record(n) for n in range(3)]
ids = st.sampled_from([r.id for r in IMAGES])
planes = st.integers(0, 9).map(lambda seed: score(seed=seed))


@st.composite
def changes(draw: st.DrawFn) -> Change | tuple[str, int]:
    image_id = draw(ids)
    kind = draw(st.integers(0, 6))
    if kind == 0:
        return predicted(image_id, seed=draw(st.integers(0, 9)))
    if kind == 1:
        return MaskFrozen(image_id, draw(st.none() | planes.map(lambda p: (p > 99).astype(np.uint8))))
    if kind == 2:
        low = draw(st.integers(1, 255))
        base = next(r for r in IMAGES if r.id == image_id)
        texts = st.text(max_size=8)
        return RecordChanged(
            replace(
                base,
                threshold=Threshold(low, draw(st.integers(low, 255))),
                review=draw(st.sampled_from(Review)),
                notes=draw(texts),
                file=escaped(draw(texts)),
            )
        )
    if kind == 3:
        return ViewMoved(ViewState(image_id, draw(st.floats(-9, 9)), 1.0, 0.5))
    if kind == 4:
        return ImageRemoved(image_id)
    return image_id, draw(st.integers(0, 99))


@given(st.lists(changes(), max_size=12), st.sets(st.integers(0, 12), max_size=3), st.booleans())
def test_saving_and_opening_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[Change | tuple[str, int]],
    saves: set[int],
    end: bool,
) -> None:
    store = new_store(tmp_path_factory.mktemp("laws"))
    for number, step in enumerate(steps):
        if number in saves:
            store.save()
        image_id = step[0] if isinstance(step, tuple) else getattr(step, "image_id", None)
        if image_id is not None and image_id not in store.project:
            store.append(RecordChanged(next(r for r in IMAGES if r.id == image_id)))
            assert not store.read_hand(image_id).any()  # what was removed does not come back
            assert store.read_prediction(image_id) is None
        store.append(stroke(store, *step) if isinstance(step, tuple) else step)
    before = everything(store)
    store.close(save=end)
    for _ in range(2):
        with ProjectStore.open(store.path) as again:
            assert everything(again) == before


def test_what_is_read_follows_the_rule_of_shown_pixels(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        image = store.project.images[0]
        store.append(predicted(image.id))
        store.append(stroke(store, image.id, 5))
        store.append(RecordChanged(replace(image, threshold=Threshold(100, 220))))
        expected = shown_mask(store.read_hand(image.id), score=score(), threshold=Threshold(100, 220))
        assert np.array_equal(store.read_shown(image.id), expected)
        store.save()
        with h5py.File(store.path, "r") as h5:  # other programs read the mask directly
            assert np.array_equal(h5[f"images/{image.id}/mask"][()], expected)
            assert all(d.fletcher32 for d in h5[f"images/{image.id}"].values())
        store.append(RecordChanged(replace(image, threshold=Threshold(200, 200))))
        store.save()
        with h5py.File(store.path, "r") as h5:
            expected = shown_mask(store.read_hand(image.id), score=score(), threshold=Threshold(200, 200))
            assert np.array_equal(h5[f"images/{image.id}/mask"][()], expected)


@pytest.mark.parametrize("threshold", [Threshold(128, 128), Threshold(60, 230)])
@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("approved", [False, True])
def test_the_stored_mask_of_a_picture_of_many_pieces_is_what_is_shown(
    tmp_path: Path, threshold: Threshold, drawn: bool, approved: bool
) -> None:
    height, width = 700, 1100  # two by three pieces, most of them cut by the border
    plane = np.zeros((height, width), np.uint8)
    plane[:600, 500:540] = score(600, 40)  # two pieces of six, and none in the rest
    change = predicted("", height=height, width=width)
    with new_store(tmp_path, images=1, height=height, width=width) as store:
        image = store.project.images[0]
        given = Predicted(image.id, replace(change.prediction, score=plane))
        store.append(given)
        store.append(RecordChanged(replace(image, threshold=threshold)))
        if drawn:
            store.append(stroke(store, image.id, 3))
            store.append(stroke(store, image.id, 90))
        if approved:
            store.append(MaskFrozen(image.id, store.read_shown(image.id)))
        for number in range(2):  # from the journal, then from the file
            expected = shown_mask(
                store.read_hand(image.id),
                score=None if approved else plane,
                threshold=threshold,
                frozen=store.read_frozen(image.id),
            )
            assert expected.any()
            store.save()
            with h5py.File(store.path, "r") as h5:
                assert np.array_equal(h5[f"images/{image.id}/mask"][()], expected)
            assert np.array_equal(store.read_shown(image.id), expected)
            store.append(stroke(store, image.id, 200 + number))


def test_opening_and_looking_do_not_change_the_file(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    image = store.project.images[0].id
    store.append(stroke(store, image, 1))
    store.close(save=False)
    before, moment = store.path.read_bytes(), os.stat(store.path).st_mtime_ns
    again = ProjectStore.open(store.path)
    again.read_shown(image)
    again.check()
    again.close(save=False)
    assert (store.path.read_bytes(), os.stat(store.path).st_mtime_ns) == (before, moment)
    assert sorted(os.listdir(tmp_path)) == ["survey.crackscope"]


def test_only_looking_around_writes_no_new_file(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.append(ViewMoved(ViewState(store.project.images[1].id, 9.0, 8.0, 1.0)))
    store.close()
    with ProjectStore.open(store.path) as again:
        assert again.generation == 1
        assert again.project.view.centre_x == 9.0
        assert again.recovered.sentence() == ""


def test_a_second_opener_reads_and_is_told_why(tmp_path: Path) -> None:
    with new_store(tmp_path) as first:
        image = first.project.images[0].id
        first.append(stroke(first, image, 1))
        second = ProjectStore.open(first.path)
        assert second.read_only
        assert "open in another window" in second.read_only_reason
        assert f"process {os.getpid()}" in second.read_only_reason
        assert np.array_equal(second.read_hand(image), first.read_hand(image))
        with pytest.raises(ProjectReadOnly):
            second.append(stroke(second, image, 2))
        with pytest.raises(ProjectReadOnly):
            second.save()
        before = second.read_hand(image)
        first.append(stroke(first, image, 3))
        first.save()
        assert np.array_equal(second.read_hand(image), before)  # what it opened, not a mixture
        second.close()
    with ProjectStore.open(first.path) as third:
        assert not third.read_only


def test_a_reader_whose_journal_was_folded_in_is_told(tmp_path: Path) -> None:
    with new_store(tmp_path) as first:
        image = first.project.images[0].id
        first.append(predicted(image))
        second = ProjectStore.open(first.path)
        assert second.has_prediction(image)
        first.save()
        with pytest.raises(ProjectChangedElsewhere):
            second.read_prediction(image)
        second.close()


def test_a_save_elsewhere_makes_a_conflict_copy(tmp_path: Path, own_state: Path) -> None:
    store = new_store(tmp_path)
    image = store.project.images[0].id
    store.append(stroke(store, image, 1))
    ours = everything(store)
    # Another computer, where the lock is not seen: same file, another state folder.
    elsewhere = tmp_path / "elsewhere.crackscope"
    shutil.copy(store.path, elsewhere)
    with ProjectStore.open(elsewhere) as other:
        other.append(stroke(other, image, 2))
        other.save()
        theirs = everything(other)
    os.replace(elsewhere, store.path)
    foreign = store.path.read_bytes()

    with pytest.raises(ProjectChangedElsewhere) as caught:
        store.save()
    assert store.path.read_bytes() == foreign
    assert caught.value.path == tmp_path / "survey (conflict).crackscope"
    assert "survey (conflict).crackscope" in caught.value.sentence()
    assert store.read_only
    store.close()
    with ProjectStore.open(caught.value.path) as copy:
        assert {k: v for k, v in everything(copy).items() if k != "project"} == {
            k: v for k, v in ours.items() if k != "project"
        }
        assert copy.project.uuid != store.project.uuid
    with ProjectStore.open(store.path) as again:
        assert everything(again) == theirs
        assert again.recovered.sentence() == ""


def test_what_a_newer_program_added_is_carried_along(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    a, b = store.project.images[0].id, store.project.images[1].id
    store.append(stroke(store, a, 1))
    store.append(stroke(store, b, 1))
    store.close()
    _rewrite(store.path, lambda h5: _add_unknown(h5, a, b))
    with ProjectStore.open(store.path) as again:
        again.append(stroke(again, a, 2))
        again.append(RecordChanged(replace(again.project.image(a), notes="x")))
        again.save()
    with h5py.File(store.path, "r") as h5:
        assert h5.attrs["colour_of_the_sky"] == 7
        assert h5["weather/rain"][()].tolist() == [1, 2, 3]
        for image in (a, b):
            assert h5[f"images/{image}"].attrs["mood"] == 3
            assert h5[f"images/{image}/widths"][()].tolist() == [4.5]
        assert h5["images/" + a].attrs["height_px"] == 40
        assert b'"lens":"50 mm"' in h5["records"][()].tobytes()
        assert b'"season":"spring"' in h5["project"][()].tobytes()
        assert len(h5["history"]) == 3


def _rewrite(path: Path, change: object) -> None:
    """A project as another, newer program might have written it."""
    body = path.read_bytes()[HEADER_BYTES:]
    scratch = path.with_name("scratch.h5")
    scratch.write_bytes(body)
    with h5py.File(scratch, "r+") as h5:
        change(h5)  # type: ignore[operator]
    body = scratch.read_bytes()
    scratch.unlink()
    import hashlib

    header = replace(
        Header.from_bytes(path.read_bytes()[:HEADER_BYTES], path),
        body_bytes=len(body),
        body_sha256=hashlib.sha256(body).digest(),
    )
    path.write_bytes(header.to_bytes() + body)


def _add_unknown(h5: h5py.File, *images: str) -> None:
    h5.attrs["colour_of_the_sky"] = 7
    h5["weather/rain"] = np.array([1, 2, 3])
    for image in images:
        h5[f"images/{image}"].attrs["mood"] = 3
        h5[f"images/{image}/widths"] = np.array([4.5])
    for name, old, new in (
        ("records", b'"id":', b'"lens":"50 mm","id":'),
        ("project", b'"title":', b'"season":"spring","title":'),
    ):
        text = h5[name][()].tobytes().replace(old, new)
        del h5[name]
        h5.create_dataset(name, data=np.frombuffer(text, np.uint8), chunks=(len(text),), fletcher32=True)


def test_changes_that_do_not_fit_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        image = store.project.images[0].id
        outside = Patch((TileChange(39, 50, 8, 8, b"", b""),))
        for change, error in (
            (HandEdited("nobody", Patch(()), ""), UnknownPicture),
            (HandEdited(image, outside, ""), ValueError),
            (Predicted(image, replace(predicted(image).prediction, score=score(4, 4))), ValueError),
            (MaskFrozen(image, score(4, 4)), ValueError),
            (MaskFrozen(image, score().astype(np.int32)), ValueError),
            (RecordChanged(record(0, height=41)), ValueError),
            (RecordChanged(replace(record(5), id="../x")), ValueError),
            (RecordChanged(replace(record(5), sha256="xyz")), ValueError),
            (ImageRemoved("nobody"), UnknownPicture),
        ):
            with pytest.raises(error):
                store.append(change)
        good = stroke(store, image, 1)
        with pytest.raises(UnknownPicture):  # all or none
            store.append_many([good, ImageRemoved(image), good])
        assert store.pending == 0
        assert not store.read_hand(image).any()
        with pytest.raises(UnknownPicture):
            store.read_hand("nobody")


def test_a_batch_may_build_on_itself(tmp_path: Path) -> None:
    with new_store(tmp_path, images=0) as store:
        new = record(9)
        patch = difference(np.zeros((40, 56), np.uint8), np.full((40, 56), 2, np.uint8))
        assert store.append_many([RecordChanged(new), HandEdited(new.id, patch)]) == 2
        assert (store.read_hand(new.id) == 2).all()
        assert store.append_many([]) == 2


def test_create_refuses_what_is_there(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.close()
    before = store.path.read_bytes()
    with pytest.raises(TargetExists):
        ProjectStore.create(store.path, project())
    assert store.path.read_bytes() == before
    with pytest.raises(FileProblem, match="There is no project"):
        ProjectStore.open(tmp_path / "none.crackscope")
    assert sorted(os.listdir(tmp_path)) == ["survey.crackscope"]


def test_facts_and_odd_names_come_back(tmp_path: Path) -> None:
    odd = os.fsdecode(b"R\xedo\xff\n\xe2\x80\xae.jpg")
    classes = (
        MaskClass(0, "sound", "#000000"),
        MaskClass(1, "crack", "#ff0000"),
        MaskClass(2, "ríl", "#00ff00"),
    )
    given_project = Project(
        "Títle \udcff", str(uuid.uuid4()), (replace(record(1), file=escaped(odd), notes="\ud800"),), classes
    )
    with ProjectStore.create(tmp_path / "p", given_project) as store:
        assert store.project == given_project
        assert store.photo_path(store.project.images[0]) == tmp_path / odd


@pytest.mark.parametrize(
    "file", ["../x.jpg", "/etc/passwd", "C:/x.jpg", "\\\\host\\share\\x.jpg", "a/../../x.jpg", "c:x"]
)
def test_paths_that_lead_outside_a_strangers_project_are_not_followed(
    tmp_path: Path, own_state: Path, file: str
) -> None:
    hostile = Project("", str(uuid.uuid4()), (replace(record(0), file=escaped(file)),))
    with ProjectStore.create(tmp_path / "p", hostile) as store:
        assert store.photo_path(hostile.images[0])  # we made it ourselves
    shutil.rmtree(own_state)
    with ProjectStore.open(tmp_path / "p") as store:
        with pytest.raises(PhotoMissing):
            store.photo_path(hostile.images[0])
        store.allow_outside()
        assert store.photo_path(hostile.images[0])
    with ProjectStore.open(tmp_path / "p") as store:
        assert store.outside_allowed


def test_a_copy_elsewhere_finds_the_same_photos_and_is_a_project_of_its_own(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        image = store.project.images[0]
        store.append(stroke(store, image.id, 1))
        store.append(predicted(image.id))
        store.save_copy(tmp_path / "far" / "away" / "copy.crackscope")
        assert store.pending == 2
        with ProjectStore.open(tmp_path / "far" / "away" / "copy.crackscope") as copy:
            assert copy.project.uuid != store.project.uuid
            assert copy.recovered.sentence() == ""
            moved = copy.project.image(image.id)
            assert copy.photo_path(moved).resolve() == store.photo_path(image)
            assert np.array_equal(copy.read_shown(image.id), store.read_shown(image.id))
        with pytest.raises(TargetExists):
            store.save_copy(tmp_path / "far" / "away" / "copy.crackscope")


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let anybody remove an open file")
def test_a_file_that_was_removed_while_open_is_written_again(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        image = store.project.images[0].id
        store.append(stroke(store, image, 1))
        store.save()
        store.append(stroke(store, image, 2))
        before = everything(store)
        store.path.unlink()
        store.save()
        assert everything(store) == before
    with ProjectStore.open(store.path) as again:
        assert everything(again) == before


def test_a_save_is_wanted_when_much_has_gathered_and_seldom_when_it_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(store_module.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(store_module, "CHECKPOINT_CHANGES", 3)

    def slow(done: int, total: int, note: str = "") -> None:
        clock[0] += 1.0

    with new_store(tmp_path) as store:
        image = store.project.images[0].id
        for number in range(3):
            assert not store.wants_checkpoint
            store.append(stroke(store, image, number))
        assert store.wants_checkpoint
        store.save(slow)
        took = clock[0] - 100.0
        assert took >= 2
        store.append_many([stroke(store, image, n) for n in range(3)])
        assert not store.wants_checkpoint
        clock[0] += 20 * took
        assert store.wants_checkpoint
        clock[0] -= 20 * took
        store.append_many([stroke(store, image, 7)] * 27)
        assert store.wants_checkpoint  # ten times as much is too much


def test_cancelling_a_save_leaves_everything(tmp_path: Path) -> None:
    from crackcore.progress import Cancelled

    with new_store(tmp_path) as store:
        store.append(stroke(store, store.project.images[0].id, 1))
        before = store.path.read_bytes()
        for allowed in range(6):
            calls = iter(range(allowed))

            def progress(done: int, total: int, note: str = "", calls: object = calls) -> None:
                if next(calls, None) is None:  # type: ignore[call-overload]
                    raise Cancelled

            try:
                store.save(progress)
            except Cancelled:
                assert store.path.read_bytes() == before
                assert store.pending == 1
                assert not list(tmp_path.glob("*.tmp-*"))
            else:
                break
        assert allowed > 1
