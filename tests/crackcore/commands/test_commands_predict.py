"""The contract of `crackcore predict`, `models` and `train`: files, JSON, exit status."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from crackcore.__main__ import main
from crackcore.imaging.reading import read_photo
from crackcore.models.catalogue import DEFAULT_MODEL, find_model


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    status = main(list(arguments))
    out, err = capsys.readouterr()
    return status, json.loads(out) if out.strip() else None, err


def read_grey(path: Path) -> np.ndarray[Any, Any]:
    return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)


def test_predict_writes_what_the_contract_says(
    capsys: pytest.CaptureFixture[str], samples: Path, tmp_path: Path
) -> None:
    pictures = sorted(p for p in samples.iterdir() if p.suffix == ".jpg")[:2]
    out = tmp_path / "out"
    status, answer, err = run_json(capsys, "predict", *map(str, pictures), "--out", str(out), "--json")
    assert status == 0
    assert err == ""
    model = find_model(DEFAULT_MODEL)
    assert answer["model"] == model.name
    assert [p["path"] for p in answer["pictures"]] == [str(p) for p in pictures]
    step = answer["threshold_step"]
    for picture, row in zip(pictures, answer["pictures"], strict=True):
        assert row["status"] == "analysed"
        assert row["reason"] == ""
        assert row["seconds"] > 0
        assert row["precision"] == "float32"  # a light network needs nothing else
        size = read_photo(picture).pixels.shape[:2]
        mask = read_grey(out / "masks" / f"{picture.stem}.png")
        score = read_grey(out / "scores" / f"{picture.stem}.png")
        assert mask.shape == score.shape == size
        assert set(np.unique(mask)) <= {0, 255}
        assert np.array_equal(mask == 255, score >= step)
        assert row["crack_share"] == pytest.approx((mask == 255).mean(), abs=1e-6)
        overlay = read_photo(out / "overlays" / f"{picture.stem}.jpg")
        assert overlay.pixels.shape[:2] == size
    table = (out / "summary.csv").read_bytes()
    assert table.startswith(b"\xef\xbb\xbf")
    assert len(list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))) == 2
    kept = json.loads((out / "summary.json").read_text())
    assert [p["path"] for p in kept["pictures"]] == [p.name for p in pictures]


def test_refused_pictures_are_listed_and_the_rest_goes_on(
    capsys: pytest.CaptureFixture[str], tiny_photo_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.png").write_bytes(tiny_photo_file.read_bytes())
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (folder / "empty.png").write_bytes(b"")
    (folder / "notes.txt").write_text("no picture")
    status, answer, err = run_json(
        capsys,
        "predict",
        str(folder),
        str(tmp_path / "missing.png"),
        "--out",
        str(tmp_path / "out"),
        "--json",
    )
    assert status == 1
    rows = {Path(p["path"]).name: p for p in answer["pictures"]}
    assert {k: v["status"] for k, v in rows.items()} == {
        "a.png": "analysed",
        "broken.jpg": "failed",
        "empty.png": "failed",
        "missing.png": "failed",
    }
    assert "empty" in rows["empty.png"]["reason"]
    assert rows["broken.jpg"]["crack_share"] is None
    assert all(name in err for name in ("broken.jpg", "empty.png", "missing.png"))
    assert sorted(p.name for p in (tmp_path / "out" / "masks").iterdir()) == ["a.png"]


def test_what_is_saved_can_be_chosen(
    capsys: pytest.CaptureFixture[str], tiny_photo_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    status, answer, _ = run_json(
        capsys,
        "predict",
        str(tiny_photo_file),
        "--out",
        str(out),
        "--save",
        "mask",
        "--threshold",
        "0.5",
        "--json",
    )
    assert status == 0
    assert answer["threshold_step"] == 128
    assert sorted(p.name for p in out.iterdir()) == ["masks", "summary.csv", "summary.json"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--model", "cgnet-opn"], "cgnet-open"),
        (["--threshold", "0"], "threshold"),
        (["--threshold", "nan"], "threshold"),
        (["--save", "mask,nonsense"], "nonsense"),
        (["--device", "tpu"], "device"),
        (["--precision", "int8"], "precision"),
    ],
)
def test_wrong_use_is_one_sentence_and_status_2(
    capsys: pytest.CaptureFixture[str], tiny_photo_file: Path, tmp_path: Path, arguments: list[str], word: str
) -> None:
    out = tmp_path / "out"
    status = main(["predict", str(tiny_photo_file), "--out", str(out), *arguments])
    assert status == 2
    assert word in capsys.readouterr().err
    assert not out.exists()


def test_a_folder_in_use_is_never_mixed(
    capsys: pytest.CaptureFixture[str], tiny_photo_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    assert main(["predict", str(tiny_photo_file), "--out", str(out)]) == 2
    assert [p.name for p in out.iterdir()] == ["mine.txt"]


def test_models_are_listed_with_size_and_licence(capsys: pytest.CaptureFixture[str]) -> None:
    status, answer, _ = run_json(capsys, "models", "--json")
    assert status == 0
    bundled = {m["name"]: m for m in answer["models"]}[DEFAULT_MODEL]
    assert bundled["bytes"] > 1_000_000
    assert bundled["licence"]
    assert {row["set"] for row in bundled["training_data"]} >= {"uav_concrete", "cracksc"}
    assert main(["models"]) == 0
    assert DEFAULT_MODEL in capsys.readouterr().out


def test_every_architecture_is_listed_with_its_size_its_work_and_what_it_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, answer, _ = run_json(capsys, "models", "--json")
    rows = {a["name"]: a for a in answer["architectures"]}
    zou = rows["deepcrack_tip"]
    assert (zou["parameters"], zou["speed"], zou["output_scale"]) == (30_905_011, "heavy", 1)
    assert zou["gflop_512"] == pytest.approx(1094.4)
    assert zou["input"]["channel_order"] == "BGR"
    assert (zou["input"]["multiple_px"], zou["input"]["minimum_px"]) == (16, 32)
    assert zou["outputs"] == ["output", "fuse5", "fuse4", "fuse3", "fuse2", "fuse1"]
    assert rows["cgnet_m3n21"]["installed"][0] == DEFAULT_MODEL
    assert rows["cssr"]["output_scale"] == 4
    assert rows["cssr"]["other_names"] == ["cssr_joint_dbpn6_unet16"]
    assert not rows["dbpn"]["finds_cracks"]
    assert main(["models"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in rows)


def test_train_is_reachable_from_the_command_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, tiny_photo: Any
) -> None:
    from crackcore.exports.pictures import mask_png, rgb_png

    data = tmp_path / "drawn"
    for name in ("images", "masks"):
        (data / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(6):
        pixels = rng.integers(90, 200, (72, 72, 3), dtype=np.uint8)
        mask = np.zeros((72, 72), np.uint8)
        cv2.line(mask, (int(rng.integers(72)), 0), (int(rng.integers(72)), 71), 1, 5)
        pixels[mask == 1] //= 4
        (data / "images" / f"{i}.png").write_bytes(rgb_png(pixels))
        (data / "masks" / f"{i}.png").write_bytes(mask_png(mask))
    (data / "images" / "odd.png").write_bytes(rgb_png(pixels))
    out = tmp_path / "m.safetensors"
    status, answer, err = run_json(
        capsys, "train", "--data", str(data), "--out", str(out), "--iterations", "2", "--batch", "2",
        "--crop", "64", "--validate-every", "2", "--terms", "drawn=ours", "--licence", "ours", "--json",
    )  # fmt: skip
    assert status == 1  # one picture had no mask, and is listed
    assert "odd.png" in err
    assert answer["refused"][0]["file"] == "odd.png"
    assert find_model(str(out)).spec.training_data[0]["terms"] == "ours"
    assert main(["train", "--data", str(data), "--out", str(tmp_path / "m.pth")]) == 2
