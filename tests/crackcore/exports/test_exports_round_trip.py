"""Through a real project and back: every turn of a photo, every hostile name, every format.

What a person marked on the upright picture must come back to the pixel from each format, whatever
orientation the file had and whatever it was called.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from crackcore.domain.change import HandEdited, MaskFrozen, Predicted, RecordChanged
from crackcore.domain.image_record import ImageRecord, Review
from crackcore.domain.prediction import Prediction
from crackcore.domain.project import Project
from crackcore.exports import FORMATS, export, images_of
from crackcore.imaging.reading import read_mask, read_photo
from crackcore.imaging.scanning import record_for
from crackcore.masks.patch import difference
from crackcore.names import shown_name, unescaped
from crackcore.projects.store import ProjectStore

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

HEIGHT, WIDTH = 96, 136


def marked_photo() -> tuple[np.ndarray, np.ndarray]:
    """An upright grey photo without any symmetry, and the mask of its cracks."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[10:18, 8:100] = 1
    mask[18:60, 8:14] = 1
    mask[70:78, 90:130] = 1
    pixels = np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
    pixels[mask == 1] = 60
    pixels[80:92, 4:12] = 220
    return pixels, mask


# What a camera that was turned stores, so that EXIF's orientation n makes it upright again.
STORED_AS = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p, 1),
    7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
    8: lambda p: np.rot90(p, 3),
}


def photo_bytes(pixels: np.ndarray, format: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(STORED_AS[orientation](pixels))
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}.get(format, {})
    buffer = BytesIO()
    Image.fromarray(stored).save(buffer, format, exif=exif, **options)
    return buffer.getvalue()


@pytest.fixture
def project_file(tmp_path: Path) -> Iterator[ProjectStore]:
    path = tmp_path / "work" / "bridge.crack"
    path.parent.mkdir()
    store = ProjectStore.create(path, Project("Bridge", str(uuid4())))
    yield store
    store.close()


def add_marked(store: ProjectStore, path: Path, mask: np.ndarray, *, number: int) -> ImageRecord:
    """A picture of the project with this mask: a model's, a person's, or approved, in turn."""
    record = record_for(path, store.path.parent)
    assert (record.height_px, record.width_px) == mask.shape
    store.append(RecordChanged(record))
    score = (mask * 200).astype(np.uint8)
    untouched = np.zeros_like(mask)
    if number % 3 == 0:
        store.append(Predicted(record.id, Prediction(score, "tiny", "cd" * 32)))
        record = replace(record, review=Review.PREDICTED)
    elif number % 3 == 1:
        store.append(Predicted(record.id, Prediction(255 - score, "tiny", "cd" * 32)))
        store.append(HandEdited(record.id, difference(untouched, mask + 1), "drawn over a wrong model"))
        record = replace(record, review=Review.EDITED)
    else:
        store.append(Predicted(record.id, Prediction(score, "tiny", "cd" * 32)))
        store.append(MaskFrozen(record.id, mask))
        record = replace(record, review=Review.APPROVED)
    store.append(RecordChanged(record))
    return record


def run(store: ProjectStore, format: str, out: Path):
    options = {"include_unreviewed": True} if format == "training-set" else {}
    return export(format, images_of(store), out, project=store.project, **options)


def iou(found: np.ndarray, wanted: np.ndarray) -> float:
    assert found.shape == wanted.shape
    return float((found & wanted).sum() / (found | wanted).sum())


def rows_of(out: Path) -> list[dict]:
    return json.loads((out / "manifest.json").read_text("ascii"))["pictures"]


def coco_masks(out: Path, capsys: pytest.CaptureFixture) -> dict[str, np.ndarray]:
    coco = COCO(str(out / "instances.json"))
    capsys.readouterr()
    masks = {}
    for entry in coco.loadImgs(coco.getImgIds()):
        mask = np.zeros((entry["height"], entry["width"]), np.uint8)
        for annotation in coco.loadAnns(coco.getAnnIds(imgIds=entry["id"])):
            mask |= coco.annToMask(annotation)
        masks[entry["crackscope"]["image_id"]] = mask
    return masks


@pytest.mark.parametrize("saved", [False, True], ids=["from the journal", "after a save"])
def test_every_orientation_and_format_comes_back_with_iou_1(saved, project_file, capsys, tmp_path):
    pixels, mask = marked_photo()
    crack = mask == 1
    store, suffixes = project_file, {"JPEG": "jpg", "PNG": "png", "TIFF": "tif", "WEBP": "webp"}
    for format, suffix in suffixes.items():
        for orientation in STORED_AS:
            path = store.path.parent / f"{format}-turned{orientation}.{suffix}"
            path.write_bytes(photo_bytes(pixels, format, orientation))
            seen = read_photo(path).pixels
            assert np.abs(seen.astype(int) - pixels).max() <= 24, "the reader shows it upright"
            add_marked(store, path, mask, number=orientation)
    if saved:
        store.save()
    for format in FORMATS:
        assert run(store, format, tmp_path / format).written == 32, format

    for row in rows_of(tmp_path / "png"):
        assert iou(read_mask(tmp_path / "png" / row["file"]) == 1, crack) == 1.0
    for row in rows_of(tmp_path / "score"):
        score = read_photo(tmp_path / "score" / row["file"]).pixels[..., 0]
        wrong_on_purpose = row["review"] == "edited"
        assert iou((score >= 128) != wrong_on_purpose, crack) == 1.0
    for row in rows_of(tmp_path / "overlay"):
        marked = read_photo(tmp_path / "overlay" / row["file"]).pixels.astype(int)
        # Orange where there is crack, grey or blue elsewhere.
        assert iou(marked[..., 0] - marked[..., 2] > 90, crack) == 1.0, row["file"]
    coco = coco_masks(tmp_path / "coco", capsys)
    assert len(coco) == 32
    for found in coco.values():
        assert iou(found == 1, crack) == 1.0
    training = tmp_path / "training-set"
    for row in rows_of(training):
        assert iou(read_mask(training / row["mask"]) == 1, crack) == 1.0
        # Whoever trains may not look at EXIF: the file itself must lie as the mask does.
        with Image.open(training / row["image"]) as image:
            assert not image.getexif()
            bare = np.array(image.convert("RGB"))
        assert np.abs(bare.astype(int) - pixels).max() <= 24
    table = (tmp_path / "csv/summary.csv").read_text("utf-8-sig")
    for row in csv.DictReader(StringIO(table, newline="")):
        assert (int(row["crack_px"]), int(row["components"])) == (int(crack.sum()), 2)
        assert (int(row["width_px"]), int(row["height_px"])) == (WIDTH, HEIGHT)


def test_hostile_names_go_through_a_project_and_every_export(project_file, shared, capsys, tmp_path):
    names = json.loads((shared / "data/bad-inputs/names/hostile-names.json").read_text())
    pixels, mask = marked_photo()
    store, used = project_file, {}
    for number, name in enumerate(names):
        path = store.path.parent / "photos" / name
        path.parent.mkdir(exist_ok=True)
        data = photo_bytes(np.roll(pixels, number, axis=1), "PNG", 1)  # every picture another one
        try:
            path.write_bytes(data)
        except (OSError, ValueError, UnicodeEncodeError):
            continue  # no file of this system can be called so
        turned = np.roll(mask, number, axis=1)
        record = add_marked(store, path, turned, number=number)
        used[record.id] = (name, turned)
    assert len(used) >= len(names) - 4
    store.close()
    store = ProjectStore.open(store.path)
    try:
        for format in FORMATS:
            report = run(store, format, tmp_path / format)
            assert report.skipped == ()
            assert report.written == len(used)
            for file in report.files:
                assert (tmp_path / format / file).is_file()
        assert {record.id for record in store.project.images} == used.keys()
    finally:
        store.close()
    assert {p.name for p in tmp_path.iterdir()} == {"work", *FORMATS}, "nothing landed beside"

    for format in ("png", "score", "overlay"):
        rows = rows_of(tmp_path / format)
        assert len({row["file"].casefold() for row in rows}) == len(used)
        for row in rows:
            name, turned = used[row["image_id"]]
            assert unescaped(row["picture_escaped"]) == f"photos/{name}"
            assert row["picture"].isprintable()
            if format == "png":
                assert np.array_equal(read_mask(tmp_path / "png" / row["file"]), turned)
    training = tmp_path / "training-set"
    for row in rows_of(training):
        name, turned = used[row["image_id"]]
        assert np.array_equal(read_mask(training / row["mask"]), turned)
        assert np.array_equal(
            read_photo(training / row["image"]).pixels,
            read_photo(tmp_path / "work" / "photos" / name).pixels,
        )
    coco = coco_masks(tmp_path / "coco", capsys)
    for image_id, (_, turned) in used.items():
        assert np.array_equal(coco[image_id], turned)
    table = (tmp_path / "csv/summary.csv").read_text("utf-8-sig")
    rows = {row["image_id"]: row for row in csv.DictReader(StringIO(table, newline=""))}
    for image_id, (name, turned) in used.items():
        row = rows[image_id]
        assert row["picture"].lstrip("'") == shown_name(name).lstrip("'")
        assert not row["picture"].lstrip().startswith(("=", "+", "-", "@", "\uff1d"))
        assert int(row["crack_px"]) == int(turned.sum())
