"""Every format: what is in the folder, who is left out and why, and that nothing half-done remains."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from crackcore import storage
from crackcore.domain.image_record import Review, Threshold
from crackcore.errors import Cancelled, FileProblem, NoSpace, PhotoMissing, TargetExists, UnknownModel
from crackcore.exports import FORMATS, export, images_of
from crackcore.imaging.reading import read_mask, read_photo
from crackcore.names import unescaped

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZE = (40, 60)


def crack_score() -> np.ndarray:
    """Two cracks: one sure, one doubtful."""
    score = np.zeros(SIZE, np.uint8)
    score[10:13, 5:50] = 220
    score[30, 20:40] = 140
    return score


def hand_plane() -> np.ndarray:
    """A person has drawn, erased, and left a corner undecided."""
    hand = np.zeros(SIZE, np.uint8)
    hand[20:22, 0:10] = 2
    hand[10:13, 5:15] = 1
    hand[35:, 50:] = 255
    return hand


@pytest.fixture
def project(open_project):
    """One of each state."""
    score = crack_score()
    open_project.add("predicted.png", score=score, review=Review.PREDICTED)
    open_project.add("edited.png", score=score, hand=hand_plane(), review=Review.EDITED)
    open_project.add("approved.png", score=score, review=Review.APPROVED, threshold=Threshold(200, 200))
    open_project.add("sub/clean.png", review=Review.APPROVED)
    open_project.add("new.png")
    open_project.add("failed.png", review=Review.FAILED, reason="the network gave no number")
    open_project.add("again.png", review=Review.FAILED, score=score, reason="out of memory")
    open_project.add("drawn.png", hand=hand_plane(), review=Review.FAILED, reason="out of memory")
    return open_project


WITH_ANSWER = ["predicted", "edited", "approved", "clean", "drawn"]


def _run(project, format: str, out: Path, **options):
    return export(format, images_of(project), out, project=project.project, **options)


def _tree(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


# ---------------------------------------------------------------- who goes out


def test_no_one_looked_is_never_exported_as_no_crack(project, tmp_path):
    report = _run(project, "png", tmp_path / "out")
    assert _tree(tmp_path / "out") == {f"masks/{stem}.png" for stem in WITH_ANSWER} | {"manifest.json"}
    assert dict(report.skipped) == {
        "new.png": "not analysed",
        "failed.png": "not analysed: the network gave no number",
        "again.png": "not analysed: out of memory",
    }
    assert report.written == 5
    assert set(report.files) == _tree(tmp_path / "out")
    assert "3 left out" in report.sentence()


def test_masks_are_those_that_are_shown(project, tmp_path):
    _run(project, "png", tmp_path / "out")
    for record in project.project.images:
        path = tmp_path / "out" / "masks" / f"{Path(record.file).stem}.png"
        if path.exists():
            assert np.array_equal(read_mask(path), project.read_shown(record.id)), record.file
    approved = read_mask(tmp_path / "out/masks/approved.png")
    assert approved.sum() == 3 * 45, "its own threshold holds, not a common one"


def test_only_approved_leaves_out_the_rest(project, tmp_path):
    for format in FORMATS:
        report = _run(project, format, tmp_path / format, only_approved=True)
        # No model has looked at clean.png, so it has no score map either.
        assert report.written == (1 if format == "score" else 2), format
        assert ("new.png", "not approved") in report.skipped


def test_the_manifest_tells_which_file_is_which_picture(project, tmp_path):
    _run(project, "png", tmp_path / "out")
    manifest = json.loads((tmp_path / "out/manifest.json").read_text("ascii"))
    assert manifest["format"] == "crackscope-png"
    assert manifest["grey_values"] == {"sound": 0, "undecided": 127, "crack": 255}
    by_file = {row["file"]: row for row in manifest["pictures"]}
    row = by_file["masks/approved.png"]
    assert row["picture"] == "approved.png"
    assert row["threshold"] == {"low": 200, "high": 200}
    assert (row["model"], row["review"]) == ("tiny", "approved")
    data = (tmp_path / "out/masks/approved.png").read_bytes()
    assert row["file_sha256"] == hashlib.sha256(data).hexdigest()
    assert by_file["masks/clean.png"]["picture"] == "sub/clean.png"
    assert by_file["masks/clean.png"]["threshold"] is None
    assert {row["picture"] for row in manifest["skipped"]} == {"new.png", "failed.png", "again.png"}


def test_score_maps_are_the_models_answer_untouched(project, tmp_path):
    report = _run(project, "score", tmp_path / "out")
    with Image.open(tmp_path / "out/scores/edited.png") as image:
        assert np.array_equal(np.array(image), crack_score())
    assert ("drawn.png", "no model has analysed this picture") in report.skipped
    assert ("clean.png", "no model has analysed this picture") in report.skipped


def test_overlays_show_the_photo_and_the_mask(project, tmp_path):
    _run(project, "overlay", tmp_path / "out")
    record = project.project.images[1]
    with Image.open(tmp_path / "out/overlays/edited.jpg") as image:
        marked = np.array(image).astype(int)
    crack = project.read_shown(record.id) == 1
    orange = marked[..., 0] - marked[..., 2]
    assert orange[crack].mean() > 120
    assert abs(orange[:8, 40:].mean()) < 40


# ---------------------------------------------------------------- COCO


def test_coco_is_read_by_the_coco_tools_to_the_same_masks(project, tmp_path, capsys):
    _run(project, "coco", tmp_path / "out")
    coco = COCO(str(tmp_path / "out/instances.json"))
    capsys.readouterr()  # the tools talk
    assert len(coco.getImgIds()) == 5
    for number in coco.getImgIds():
        (entry,) = coco.loadImgs(number)
        shown = project.read_shown(entry["crackscope"]["image_id"])
        assert (entry["height"], entry["width"]) == shown.shape
        mask = np.zeros(shown.shape, np.uint8)
        for annotation in coco.loadAnns(coco.getAnnIds(imgIds=number, iscrowd=False)):
            piece = coco.annToMask(annotation)
            assert not (mask & piece).any(), "pieces do not overlap"
            mask |= piece
            assert annotation["area"] == piece.sum()
            ys, xs = np.nonzero(piece)
            assert annotation["bbox"] == [
                xs.min(),
                ys.min(),
                xs.max() - xs.min() + 1,
                ys.max() - ys.min() + 1,
            ]
        for annotation in coco.loadAnns(coco.getAnnIds(imgIds=number, iscrowd=True)):
            mask[coco.annToMask(annotation) == 1] = 255
        assert np.array_equal(mask, shown), entry["file_name"]
    names = {entry["file_name"]: entry["id"] for entry in coco.loadImgs(coco.getImgIds())}
    assert len(coco.getAnnIds(imgIds=names["edited.png"], iscrowd=False)) == 3
    assert coco.getAnnIds(imgIds=names["sub/clean.png"]) == [], "looked at, and no crack: listed, without any"
    ids = coco.getAnnIds()
    assert len(set(ids)) == len(ids)
    assert "new.png" not in names


# ---------------------------------------------------------------- training set


def test_a_training_set_holds_reviewed_work_and_says_what_it_rests_on(project, tmp_path):
    report = _run(project, "training-set", tmp_path / "out")
    manifest = json.loads((tmp_path / "out/manifest.json").read_text("ascii"))
    rows = {row["picture"]: row for row in manifest["pictures"]}
    assert set(rows) == {"edited.png", "approved.png", "sub/clean.png", "drawn.png"}
    assert ("predicted.png", "not reviewed by a person") in report.skipped
    assert sum(manifest["split_counts"].values()) == 4
    for row in rows.values():
        image, mask = tmp_path / "out" / row["image"], tmp_path / "out" / row["mask"]
        assert image.stem == mask.stem
        assert hashlib.sha256(image.read_bytes()).hexdigest() == row["image_sha256"]
        assert hashlib.sha256(mask.read_bytes()).hexdigest() == row["mask_sha256"]
        record = project.project.image(row["image_id"])
        assert np.array_equal(read_mask(mask), project.read_shown(record.id))
        photo = read_photo(project.photo_path(record))
        assert np.array_equal(read_photo(image).pixels, photo.pixels)
        assert row["sha256"] == photo.facts.sha256
        assert row["split"] in ("train", "val", "test")
    assert rows["edited.png"]["by_hand_share"] == pytest.approx((20 + 30 + 50) / 2400)
    assert rows["sub/clean.png"]["crack_share"] == 0.0


def test_training_reads_what_was_exported(project, tmp_path):
    from crackcore.training.pairs import read_pairs

    _run(project, "training-set", tmp_path / "out")
    found = read_pairs(tmp_path / "out")
    assert found.refused == ()
    by_stem = {Path(r.file).stem: r for r in project.project.images}
    assert {pair.stem for pair in found.pairs} == {"edited", "approved", "clean", "drawn"}
    for pair in found.pairs:
        assert np.array_equal(pair.mask, project.read_shown(by_stem[pair.stem].id)), "undecided included"


def test_unreviewed_masks_come_along_only_when_asked_for(project, tmp_path):
    report = _run(project, "training-set", tmp_path / "out", include_unreviewed=True)
    assert report.written == 5
    assert "predicted.png" not in dict(report.skipped)
    assert dict(report.skipped)["new.png"] == "not analysed"


def test_crops_of_one_photo_go_to_one_side_and_stay_there(open_project, tmp_path):
    for photo in range(12):
        for crop in range(3):
            open_project.add(f"wall{photo:04d}_crop{crop}.png", review=Review.APPROVED)

    def sides(out: str) -> dict[str, str]:
        _run(open_project, "training-set", tmp_path / out)
        manifest = json.loads((tmp_path / out / "manifest.json").read_text())
        return {row["picture"]: row["split"] for row in manifest["pictures"]}

    before = sides("before")
    assert len(set(before.values())) > 1
    for photo in range(12):
        assert len({side for name, side in before.items() if name.startswith(f"wall{photo:04d}")}) == 1
    for photo in range(12, 20):
        open_project.add(f"wall{photo:04d}.png", review=Review.APPROVED)
    after = sides("after")
    assert {name: after[name] for name in before} == before


def test_nothing_in_a_training_set_names_a_person_or_place(open_project, tmp_path, monkeypatch):
    secret = "Jane Doe"
    exif = Image.Exif()
    exif[0x013B] = secret
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    for kind in ("JPEG", "PNG", "TIFF", "WEBP"):
        buffer = BytesIO()
        Image.fromarray(np.full((*SIZE, 3), 90, np.uint8)).save(buffer, kind, exif=exif)
        assert secret.encode() in buffer.getvalue()
        open_project.add(f"{kind}.bin", data=buffer.getvalue(), review=Review.APPROVED, notes=secret)
    # As a project far from its photographs stores them.
    record = open_project.project.images[0]
    elsewhere = f"/home/{secret}/photos/JPEG.bin"
    open_project.project = open_project.project.with_image(replace(record, file=elsewhere))
    monkeypatch.setattr(type(open_project), "photo_path", lambda s, r: s.folder / Path(r.file).name)
    _run(open_project, "training-set", tmp_path / "out")
    files = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert len(files) == 9
    for path in files:
        data = path.read_bytes()
        assert secret.encode() not in data, path
        assert b"Exif" not in data
        assert str(tmp_path).encode() not in data
    kept = _run(open_project, "training-set", tmp_path / "kept", keep_metadata=True)
    assert kept.written == 4
    assert secret.encode() in (tmp_path / "kept/images/JPEG.jpg").read_bytes()


# ---------------------------------------------------------------- summary


def test_the_summary_has_a_row_for_every_picture(project, tmp_path):
    report = _run(project, "csv", tmp_path / "out")
    assert _tree(tmp_path / "out") == {"summary.csv"}
    text = (tmp_path / "out/summary.csv").read_text("utf-8-sig")
    rows = {row["picture"]: row for row in csv.DictReader(StringIO(text, newline=""))}
    assert len(rows) == 8
    assert (report.written, len(report.skipped)) == (5, 3)
    edited = rows["edited.png"]
    assert edited["status"] == "analysed"
    assert int(edited["crack_px"]) == 20 + 3 * 35 + 20
    assert int(edited["components"]) == 3
    assert int(edited["decided_px"]) == 2400 - 50
    assert float(edited["crack_share"]) == pytest.approx(145 / 2350)
    assert (edited["model"], edited["threshold_low"], edited["review"]) == ("tiny", "128", "edited")
    assert rows["clean.png"]["status"] == "by hand"
    assert rows["clean.png"]["crack_px"] == "0"
    assert rows["failed.png"]["status"] == "not analysed"
    assert rows["failed.png"]["crack_px"] == "", "empty, not zero"
    assert rows["failed.png"]["width_px"] == "60"


def test_the_summary_needs_no_photographs(project, tmp_path):
    for record in project.project.images:
        project.photo_path(record).unlink()
    assert _run(project, "csv", tmp_path / "out").written == 5


# ---------------------------------------------------------------- photos that are gone or changed


@pytest.mark.parametrize("format", ["overlay", "training-set"])
def test_missing_changed_and_broken_photos_are_listed_and_the_rest_goes_on(format, project, tmp_path):
    missing, changed, broken, forbidden = (*project.project.images[1:4], project.project.images[7])
    project.photo_path(missing).unlink()
    project.photo_path(changed).write_bytes(project.photo_path(project.project.images[0]).read_bytes())
    project.photo_path(broken).write_bytes(b"no picture at all")
    plain = type(project).photo_path

    class Guarded(type(project)):
        def photo_path(self, record):
            if record.id == forbidden.id:
                raise PhotoMissing("It lies outside the folder of this project.")
            return plain(self, record)

    project.__class__ = Guarded
    report = _run(project, format, tmp_path / "out", **_unreviewed(format))
    reasons = dict(report.skipped)
    assert "changed" in reasons["approved.png"]
    assert "outside the folder" in reasons["drawn.png"]
    assert {"edited.png", "clean.png"} <= set(reasons)
    assert report.written == 1, "the photo that is as it was"


def test_a_photo_outside_the_project_is_not_opened_by_way_of_its_name(open_project, tmp_path):
    outside = tmp_path / "outside.png"
    record = open_project.add("inside.png", review=Review.APPROVED)
    outside.write_bytes(open_project.photo_path(record).read_bytes())
    moved = replace(record, file=str(outside))
    open_project.project = open_project.project.with_image(moved)

    class Guarded(type(open_project)):
        def photo_path(self, record):
            raise PhotoMissing("It lies outside the folder of this project.")

    open_project.__class__ = Guarded
    assert _run(open_project, "overlay", tmp_path / "out").written == 0


def _unreviewed(format: str) -> dict[str, bool]:
    return {"include_unreviewed": True} if format == "training-set" else {}


# ---------------------------------------------------------------- all or nothing


@pytest.mark.parametrize("format", list(FORMATS))
def test_a_used_folder_is_never_mixed_with(format, project, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "theirs.txt").write_text("mine")
    with pytest.raises(TargetExists):
        _run(project, format, out)
    assert _tree(out) == {"theirs.txt"}
    assert {p.name for p in tmp_path.iterdir()} == {"photos", "out"}


@pytest.mark.parametrize("format", list(FORMATS))
@pytest.mark.parametrize("at", [0, 1, 5, 8])
def test_cancel_leaves_nothing(format, at, project, tmp_path):
    calls = []

    def progress(done: int, total: int, note: str = "") -> None:
        calls.append((done, total))
        if done >= at:
            raise Cancelled

    with pytest.raises(Cancelled):
        _run(project, format, tmp_path / "out", progress=progress)
    assert {p.name for p in tmp_path.iterdir()} == {"photos"}
    assert calls[-1] == (at, 8)


@pytest.mark.parametrize("format", ["overlay", "training-set"])
def test_a_cancel_is_heard_between_the_steps_of_one_picture(format, open_project, tmp_path):
    open_project.add("large.png", review=Review.APPROVED)
    calls = []
    _run(open_project, format, tmp_path / format, progress=lambda *said: calls.append(said))
    assert sum(done == 0 for done, *_ in calls) >= 4
    assert calls[-1][:2] == (1, 1)


class FailingDisk(storage.Disk):
    """Counts its calls, and fails at the n-th of them, once."""

    def __init__(self, at: int, number: int) -> None:
        self.at, self.number, self.calls = at, number, 0

    def _tick(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise OSError(self.number, "made to fail")


def _ticking(name: str):
    def call(self, *arguments):
        self._tick()
        return getattr(storage.Disk, name)(self, *arguments)

    return call


for _name in ("open", "write", "sync", "sync_folder", "replace", "mkdir", "rmdir", "unlink"):
    setattr(FailingDisk, _name, _ticking(_name))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS])
@pytest.mark.parametrize("format", list(FORMATS))
def test_whatever_call_fails_the_export_is_there_whole_or_not_at_all(format, number, project, tmp_path):
    project.project = replace(project.project, images=project.project.images[:2])
    with storage.using_disk(FailingDisk(0, number)) as counting:
        whole = _run(project, format, tmp_path / "whole", **_unreviewed(format))
    assert counting.calls > 3
    for at in range(1, counting.calls + 1):
        out = tmp_path / f"out {at}"
        with storage.using_disk(FailingDisk(at, number)), pytest.raises(FileProblem) as failure:
            _run(project, format, out, **_unreviewed(format))
        assert failure.value.message
        if number == errno.ENOSPC:
            assert isinstance(failure.value, NoSpace)
        left = {p.name for p in tmp_path.iterdir()} - {"photos", "whole"}
        if out.exists():  # only the very last step, making the name last, comes after the swap
            assert at == counting.calls
            assert _tree(out) == set(whole.files)
            left.remove(out.name)
        assert not left


def test_an_unknown_format_answers_with_the_nearest(project, tmp_path):
    with pytest.raises(UnknownModel, match="export format") as found:
        _run(project, "cocoa", tmp_path / "out")
    assert "coco" in found.value.nearest


def test_names_in_manifests_come_back_to_the_letter(open_project, tmp_path):
    names = ["a\u202eb.png", "caf\udce9.png", "tab\there.png", "=1+1.png", "back\\slash.png"]
    for name in names:
        open_project.add(name, review=Review.APPROVED)
    _run(open_project, "png", tmp_path / "png")
    manifest = json.loads((tmp_path / "png/manifest.json").read_text("ascii"))
    assert [unescaped(row["picture_escaped"]) for row in manifest["pictures"]] == names
    assert all(row["picture"].isprintable() for row in manifest["pictures"])
    _run(open_project, "coco", tmp_path / "coco")
    coco = json.loads((tmp_path / "coco/instances.json").read_text("ascii"))
    for name, entry in zip(names, coco["images"], strict=True):
        entry["file_name"].encode("utf-8")
        if "\udce9" not in name:
            assert entry["file_name"] == name
