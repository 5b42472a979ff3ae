"""Masks four times finer than their photo: written as they are or brought back, and the report says which."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from crackcore.__main__ import main
from crackcore.domain.change import HandEdited, MaskFrozen, Predicted, RecordChanged, Regridded
from crackcore.domain.image_record import ImageRecord, Review
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.domain.project import Project
from crackcore.errors import InputRefused
from crackcore.exports import FORMATS, ExportReport, export, images_of
from crackcore.imaging import enlarging
from crackcore.imaging.reading import read_mask, read_photo
from crackcore.imaging.scanning import record_for
from crackcore.masks.patch import difference
from crackcore.masks.regridding import coarser_score, finer
from crackcore.projects.store import ProjectStore

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

HEIGHT, WIDTH = 30, 44
FINE = (4 * HEIGHT, 4 * WIDTH)


def fine_mask() -> np.ndarray:
    """Two cracks, the second a quarter of a photo pixel wide, and something undecided."""
    mask = np.zeros(FINE, np.uint8)
    mask[20:33, 16:150] = 1
    mask[81, 40:121] = 1
    mask[100:104, 8:20] = 255
    return mask


def photo() -> np.ndarray:
    pixels = np.random.default_rng(4).integers(60, 200, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    pixels[5:9] = 30
    return pixels


class Made:
    """A project of one finer picture and one plain one, both with a mask."""

    def __init__(self, folder: Path, *, orientation: int = 1) -> None:
        self.path = folder / "work" / "bridge.crackscope"
        self.path.parent.mkdir()
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = np.rot90(photo(), 1) if orientation == 6 else photo()
        buffer = BytesIO()
        Image.fromarray(np.ascontiguousarray(stored)).save(buffer, "PNG", exif=exif)
        (self.path.parent / "low.png").write_bytes(buffer.getvalue())
        Image.fromarray(photo()[::-1].copy()).save(self.path.parent / "plain.png")
        self.store = ProjectStore.create(self.path, Project("Bridge", str(uuid4())))
        self.low, self.plain = (self._add(name) for name in ("low.png", "plain.png"))
        self.score = (fine_mask() == 1) * np.uint8(200)
        untouched = np.zeros(FINE, np.uint8)
        drawn = np.where(fine_mask() == 255, 255, 0).astype(np.uint8)
        settings = PredictSettings(result_scale=4)
        prediction = Prediction(self.score, "cssr", "cd" * 32, settings=settings)
        self.store.append(Regridded(self.low.id, 4, difference(untouched, untouched), prediction))
        self.store.append(HandEdited(self.low.id, difference(untouched, drawn), "Brush"))
        self.low = replace(self.low, magnification=4, review=Review.EDITED)
        self.store.append(RecordChanged(self.low))
        coarse = np.zeros((HEIGHT, WIDTH), np.uint8)
        coarse[4:6, 3:20] = 1
        self.store.append(Predicted(self.plain.id, Prediction(coarse * np.uint8(255), "tiny", "ab" * 32)))
        self.store.append(MaskFrozen(self.plain.id, coarse))
        self.store.append(RecordChanged(replace(self.plain, review=Review.APPROVED)))
        self.coarse = coarse

    def _add(self, name: str) -> ImageRecord:
        record = record_for(self.path.parent / name, self.path.parent)
        self.store.append(RecordChanged(record))
        return record

    def export(self, format: str, out: Path, **options: object) -> ExportReport:
        return export(format, images_of(self.store), out, project=self.store.project, **options)


@pytest.fixture(params=[1, 6], ids=["upright", "turned by the camera"])
def made(request, tmp_path):
    made = Made(tmp_path, orientation=request.param)
    yield made
    made.store.close()


def rows_of(out: Path) -> dict[str, dict]:
    manifest = json.loads((out / "manifest.json").read_text("ascii"))
    return {row["image_id"]: row for row in manifest["pictures"]}


def any_of_16(plane: np.ndarray) -> np.ndarray:
    return plane.reshape(HEIGHT, 4, WIDTH, 4).any(axis=(1, 3))


def as_shown(mask: np.ndarray) -> np.ndarray:
    """Crack anywhere in a photo pixel makes it crack; else undecided does."""
    return np.where(any_of_16(mask == 1), 1, np.where(any_of_16(mask == 255), 255, 0))


def coco_mask(out: Path, image_id: str, capsys) -> np.ndarray:
    coco = COCO(str(out / "instances.json"))
    capsys.readouterr()
    entry = next(e for e in coco.loadImgs(coco.getImgIds()) if e["crackscope"]["image_id"] == image_id)
    mask = np.zeros((entry["height"], entry["width"]), np.uint8)
    for annotation in coco.loadAnns(coco.getAnnIds(imgIds=entry["id"])):
        mask[coco.annToMask(annotation) != 0] = 255 if annotation["iscrowd"] else 1
    return mask


def test_every_format_gives_the_finer_mask_back_with_a_photo_that_fits(made, tmp_path, capsys):
    mask = fine_mask()
    reports = {format: made.export(format, tmp_path / format) for format in FORMATS}
    for format, report in reports.items():
        assert (report.written, report.skipped) == (2, ()), format
        assert any("1 picture is four times finer" in note for note in report.notes), format
    row = rows_of(tmp_path / "png")[made.low.id]
    assert (row["height_px"], row["width_px"], row["magnification"]) == (HEIGHT, WIDTH, 4)
    assert np.array_equal(read_mask(tmp_path / "png" / row["file"]), mask)
    plain = rows_of(tmp_path / "png")[made.plain.id]
    assert plain["magnification"] == 1
    assert np.array_equal(read_mask(tmp_path / "png" / plain["file"]), made.coarse)
    assert "finer" in json.loads((tmp_path / "png/manifest.json").read_text())["notes"][0]
    row = rows_of(tmp_path / "score")[made.low.id]
    assert np.array_equal(read_photo(tmp_path / "score" / row["file"]).pixels[..., 0], made.score)
    row = rows_of(tmp_path / "overlay")[made.low.id]
    shown = read_photo(tmp_path / "overlay" / row["file"]).pixels.astype(int)
    assert shown.shape[:2] == FINE
    assert (shown[mask == 1][:, 0] - shown[mask == 1][:, 2] > 60).mean() > 0.98
    assert np.array_equal(coco_mask(tmp_path / "coco", made.low.id, capsys), mask)
    row = rows_of(tmp_path / "training-set")[made.low.id]
    assert np.array_equal(read_mask(tmp_path / "training-set" / row["mask"]), mask)
    larger = read_photo(tmp_path / "training-set" / row["image"]).pixels
    assert np.array_equal(larger, enlarging.enlarged(photo(), 4))
    assert "enlarged" in row["photo"]
    row = rows_of(tmp_path / "training-set")[made.plain.id]
    assert np.array_equal(read_photo(tmp_path / "training-set" / row["image"]).pixels, photo()[::-1]), (
        "the other picture's photo is its own"
    )


def test_everything_can_come_back_to_photo_pixels(made, tmp_path, capsys):
    wanted = as_shown(fine_mask())
    for format in FORMATS:
        report = made.export(format, tmp_path / format, photo_pixels=True)
        assert (report.written, report.skipped) == (2, ()), format
        assert report.notes[:1] == (
            "1 picture was brought back to photo pixels: one is crack when any of the 16 pixels in it was.",
        ), format
    for format in ("png", "training-set"):
        row = rows_of(tmp_path / format)[made.low.id]
        assert row["magnification"] == 1
        name = row["file" if format == "png" else "mask"]
        assert np.array_equal(read_mask(tmp_path / format / name), wanted)
    row = rows_of(tmp_path / "training-set")[made.low.id]
    assert np.array_equal(read_photo(tmp_path / "training-set" / row["image"]).pixels, photo())
    row = rows_of(tmp_path / "score")[made.low.id]
    found = read_photo(tmp_path / "score" / row["file"]).pixels[..., 0]
    assert np.array_equal(found, coarser_score(made.score, 4))
    row = rows_of(tmp_path / "overlay")[made.low.id]
    assert read_photo(tmp_path / "overlay" / row["file"]).pixels.shape[:2] == (HEIGHT, WIDTH)
    assert np.array_equal(coco_mask(tmp_path / "coco", made.low.id, capsys), wanted)


def test_the_table_counts_photo_pixels_in_every_row(made, tmp_path):
    made.export("csv", tmp_path / "as it is")
    made.export("csv", tmp_path / "back", photo_pixels=True)

    def row(folder: str, image_id: str) -> dict[str, str]:
        text = (tmp_path / folder / "summary.csv").read_text("utf-8-sig")
        return next(r for r in csv.DictReader(StringIO(text, newline="")) if r["image_id"] == image_id)

    mask = fine_mask()
    low = row("as it is", made.low.id)
    assert float(low["crack_px"]) == (mask == 1).sum() / 16
    assert (mask == 1).sum() % 16, "a test of fractions"
    assert float(low["decided_px"]) == (mask != 255).sum() / 16
    assert float(low["crack_share"]) == pytest.approx((mask == 1).sum() / (mask != 255).sum(), abs=1e-8)
    assert (low["width_px"], low["height_px"], low["magnification"]) == (str(WIDTH), str(HEIGHT), "4")
    assert low["components"] == "2"
    plain = row("as it is", made.plain.id)
    assert (plain["crack_px"], plain["magnification"]) == ("34", "1")
    back = row("back", made.low.id)
    assert int(back["crack_px"]) == (as_shown(mask) == 1).sum()
    assert back["magnification"] == "1"


def test_there_and_back_an_enlarged_mask_is_the_same_to_the_pixel(made, tmp_path):
    hand = np.zeros((HEIGHT, WIDTH), np.uint8)
    hand[3:7, 5:30], hand[20:22] = 2, 255
    fine = finer(hand, 4)
    drawn = difference(np.zeros(FINE, np.uint8), fine)
    made.store.append(Regridded(made.low.id, 4, drawn, None))
    made.export("png", tmp_path / "png", photo_pixels=True)
    row = rows_of(tmp_path / "png")[made.low.id]
    found = read_mask(tmp_path / "png" / row["file"])
    assert np.array_equal(found == 1, hand == 2)
    assert np.array_equal(found == 255, hand == 255)


def test_the_command_has_both_ways_too(tmp_path, capsys):
    made = Made(tmp_path)
    made.store.close()
    for name, more in (("fine", []), ("back", ["--photo-pixels"])):
        out = tmp_path / name
        words = ["export", str(made.path), "--format", "png", "--out", str(out), "--json", *more]
        assert main(words) == 0
        answer = json.loads(capsys.readouterr().out)
        row = rows_of(out)[made.low.id]
        assert read_mask(out / row["file"]).shape == (FINE if name == "fine" else (HEIGHT, WIDTH))
        assert len(answer["notes"]) == 1
    assert main(["project", "info", str(made.path), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert [image["magnification"] for image in info["images"]] == [4, 1]
    assert main(["project", "info", str(made.path)]) == 0
    assert "x4" in capsys.readouterr().out


def test_a_photo_that_cannot_be_enlarged_leaves_only_its_own_picture_out(made, tmp_path, monkeypatch):
    def refuse(path, size, factor):
        if factor > 1:
            raise InputRefused(path, "it would have 300 megapixels, and the limit is 200 megapixels.")

    monkeypatch.setattr(enlarging, "check_finer", refuse)
    report = made.export("overlay", tmp_path / "overlay")
    assert report.written == 1
    assert report.skipped == (("low.png", "it would have 300 megapixels, and the limit is 200 megapixels."),)
    assert report.notes == (), "nothing finer was written"
