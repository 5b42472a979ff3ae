"""`crackcore predict --refine`: the refined score is what is written, and the report says so."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from crackcore.__main__ import main
from crackcore.arrays import RgbImage
from crackcore.domain.model_spec import ModelSpec, Preprocessing
from crackcore.errors import OutOfDeviceMemory
from crackcore.inference.predictor import Predictor
from crackcore.inference.refining import refined_prediction
from crackcore.models.catalogue import InstalledModel, create_network
from crackcore.models.model_files import save_model
from crackcore.refinement import refine


def read_grey(path: Path) -> np.ndarray[Any, Any]:
    return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)


def predict(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    assert main(["predict", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def side_model(own_state: Path) -> InstalledModel:
    """A narrow DeepCrack (Liu 2019) with weights at random, whose spec asks for the published filter."""
    torch.manual_seed(5)
    spec = ModelSpec(
        name="sides",
        architecture="deepcrack_liu",
        arguments={"width": 0.05},
        preprocessing=Preprocessing(scale=1 / 255, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        activation="sigmoid",
        threshold=0.5,
        refinement="guided-filter-published",
        licence="Apache-2.0",
    )
    folder = own_state / "models"
    folder.mkdir(parents=True)
    return save_model(folder / "sides.safetensors", create_network("deepcrack_liu", width=0.05), spec)


@pytest.mark.parametrize("name", ["guided-filter", "crf"])
def test_the_refined_score_is_written_and_named(
    capsys: pytest.CaptureFixture[str],
    tiny_model: InstalledModel,
    tiny_photo: RgbImage,
    tiny_photo_file: Path,
    tmp_path: Path,
    name: str,
) -> None:
    plain = predict(capsys, tiny_photo_file, "--out", tmp_path / "plain", "--model", "tiny")
    done = predict(capsys, tiny_photo_file, "--out", tmp_path / "done", "--model", "tiny", "--refine", name)
    assert (plain["refinement"], done["refinement"]) == ("", name)
    assert plain["threshold_step"] == done["threshold_step"]
    before = read_grey(tmp_path / "plain" / "scores" / "tiny.png")
    after = read_grey(tmp_path / "done" / "scores" / "tiny.png")
    assert np.array_equal(after, refine(name, before, tiny_photo, threshold=tiny_model.spec.threshold))
    assert not np.array_equal(after, before)
    mask = read_grey(tmp_path / "done" / "masks" / "tiny.png")
    assert np.array_equal(mask == 255, after >= done["threshold_step"])
    assert done["pictures"][0]["crack_share"] == pytest.approx((mask == 255).mean(), abs=1e-6)
    kept = json.loads((tmp_path / "done" / "summary.json").read_text())
    assert kept["refinement"] == name
    table = (tmp_path / "done" / "summary.csv").read_bytes().decode("utf-8-sig")
    assert [row["refinement"] for row in csv.DictReader(io.StringIO(table))] == [name]


def test_the_model_says_what_is_done_and_none_switches_it_off(
    capsys: pytest.CaptureFixture[str],
    side_model: InstalledModel,
    tiny_photo: RgbImage,
    tiny_photo_file: Path,
    tmp_path: Path,
) -> None:
    asked = predict(capsys, tiny_photo_file, "--out", tmp_path / "asked", "--model", "sides")
    off = predict(capsys, tiny_photo_file, "--out", tmp_path / "off", "--model", "sides", "--refine", "none")
    assert (asked["refinement"], off["refinement"]) == ("guided-filter-published", "")
    assert (asked["threshold"], off["threshold"]) == (0.48, 0.5)
    predictor = Predictor.for_model(side_model, "cpu")
    side1 = predictor.maps(tiny_photo, ["side1"])["side1"]
    fused = predictor.predict(tiny_photo).score
    wanted = refine("guided-filter-published", fused, tiny_photo, side1)
    assert np.array_equal(read_grey(tmp_path / "asked" / "scores" / "tiny.png"), wanted)
    assert np.array_equal(read_grey(tmp_path / "off" / "scores" / "tiny.png"), fused)


def test_a_threshold_that_was_asked_for_stays(
    capsys: pytest.CaptureFixture[str], side_model: InstalledModel, tiny_photo_file: Path, tmp_path: Path
) -> None:
    arguments = (tiny_photo_file, "--out", tmp_path / "out", "--model", "sides", "--threshold", "0.2")
    assert predict(capsys, *arguments)["threshold"] == 0.2


def test_progress_goes_from_nothing_to_all_and_the_time_counts(
    side_model: InstalledModel, tiny_photo: RgbImage
) -> None:
    predictor = Predictor.for_model(side_model, "cpu")
    prediction = predictor.predict(tiny_photo)
    told: list[float] = []

    def listening(done: int, total: int, note: str = "") -> None:
        told.append(done / total)

    refined = refined_prediction("guided-filter", prediction, tiny_photo, predictor, listening)
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)
    assert refined.seconds > prediction.seconds
    assert refined.model == prediction.model
    assert not refined.score.flags.writeable


@pytest.mark.parametrize(
    ("name", "word"),
    [("guided-filtr", "Did you mean guided-filter"), ("guided-filter-published", "side map")],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    capsys: pytest.CaptureFixture[str],
    tiny_model: InstalledModel,
    tiny_photo_file: Path,
    tmp_path: Path,
    name: str,
    word: str,
) -> None:
    out = tmp_path / "out"
    arguments = ["predict", str(tiny_photo_file), "--out", str(out), "--model", "tiny", "--refine", name]
    assert main(arguments) == 2
    assert word in capsys.readouterr().err
    assert not out.exists()


def test_a_picture_that_cannot_be_refined_does_not_cost_the_others(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tiny_model: InstalledModel,
    tiny_photo: RgbImage,
    tiny_photo_file: Path,
    tmp_path: Path,
) -> None:
    from crackcore.exports.pictures import rgb_png
    from crackcore.inference import refining

    small = tmp_path / "small.png"
    small.write_bytes(rgb_png(np.ascontiguousarray(tiny_photo[:40])))

    def short_of_memory(name: str, score: Any, *rest: Any, **named: Any) -> Any:
        if len(score) == 40:
            raise OutOfDeviceMemory("There is not enough memory.", hint="Close other programs.")
        return refine(name, score, *rest, **named)

    monkeypatch.setattr(refining, "refine", short_of_memory)
    arguments = [str(small), str(tiny_photo_file), "--out", str(tmp_path / "out")]
    assert main(["predict", *arguments, "--model", "tiny", "--refine", "crf", "--json"]) == 1
    out, err = capsys.readouterr()
    rows = {Path(row["path"]).name: row["status"] for row in json.loads(out)["pictures"]}
    assert rows == {"small.png": "failed", "tiny.png": "analysed"}
    assert "not enough memory" in err
    assert [path.name for path in (tmp_path / "out" / "scores").iterdir()] == ["tiny.png"]
