"""`crackcore evaluate`: golden figures through the command, and every way two folders do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from crackcore.__main__ import main
from crackcore.names import unescaped


def write(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", values.astype(np.uint8))[1].tobytes())


def evaluate(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> Any:
    assert main(["evaluate", *map(str, arguments), "--json"]) == status
    return json.loads(capsys.readouterr().out)


def line(row: int, side: int = 40, value: int = 255) -> np.ndarray:
    out = np.zeros((side, side), np.uint8)
    out[row, 5:35] = value
    return out


@pytest.mark.parametrize("kind", ["fused", "gf"])
def test_golden_figures_of_the_demonstration_pictures(kind, capsys, shared: Path, tmp_path: Path):
    wanted = json.loads((shared / "reference" / "golden" / "demo_metrics.json").read_text())
    for name in wanted["images"]:
        for folder, end in (("pred", kind), ("truth", "label_viz")):
            (tmp_path / folder).mkdir(exist_ok=True)
            source = shared / "data" / "deepsegmentor-demo" / f"{name}_{end}.png"
            (tmp_path / folder / f"{name}.png").write_bytes(source.read_bytes())
    found = evaluate(capsys, "--pred", tmp_path / "pred", "--truth", tmp_path / "truth")
    assert found["n_images"] == 6
    assert not found["problems"]
    golden, at_2 = wanted["tolerance2"][kind], found["tolerance"]["2"]
    assert at_2["ods"]["f1"] == pytest.approx(golden["ods"], abs=1e-9)
    assert at_2["ods"]["precision"] == pytest.approx(golden["ods_precision"], abs=1e-9)
    assert at_2["ods"]["recall"] == pytest.approx(golden["ods_recall"], abs=1e-9)
    assert at_2["ods"]["threshold"] == pytest.approx(golden["ods_threshold"], abs=1e-9)
    assert at_2["ois"]["f1"] == pytest.approx(golden["ois"], abs=1e-9)
    assert at_2["ap"] == pytest.approx(golden["ap"], abs=1e-9)
    exact = wanted["results"][kind]
    assert found["thresholds"]["best"] == pytest.approx(exact["best_f"]["threshold"], abs=1e-9)
    assert found["f1"]["best"] == pytest.approx(exact["best_f"]["F"], abs=1e-9)
    assert found["miou"]["best"] == pytest.approx(exact["sem_at_best_f"]["mIoU"], abs=1e-9)
    assert found["global_accuracy"]["best"] == pytest.approx(exact["sem_at_best_f"]["G"], abs=1e-9)
    assert found["f1"]["given"] == pytest.approx(exact["at_0_50"]["F"], abs=1e-9)
    assert found["miou"]["given"] == pytest.approx(exact["at_0_50"]["mIoU"], abs=1e-9)


def test_a_line_that_is_two_pixels_off_is_found_at_two_and_not_at_nought(capsys, tmp_path: Path):
    write(tmp_path / "p" / "a.png", line(10))
    write(tmp_path / "t" / "a.png", line(12))
    found = evaluate(capsys, "--pred", tmp_path / "p", "--truth", tmp_path / "t", "--tolerance", "0,1,2")
    by_px = {t: row["f1"]["given"] for t, row in found["tolerance"].items()}
    assert by_px == {"0": 0.0, "1": 0.0, "2": 1.0}
    assert found["iou_crack"]["given"] == 0.0
    assert found["per_image"][0]["given"]["f1"]["2"] == 1.0


@pytest.mark.parametrize("values", [1, 255])
def test_masks_serve_as_predictions_whatever_their_values(values, capsys, tmp_path: Path):
    write(tmp_path / "p" / "a.png", line(10, value=values))
    write(tmp_path / "p" / "none.png", line(10, value=0))
    write(tmp_path / "t" / "a.png", line(10, value=1))
    write(tmp_path / "t" / "none.png", line(10, value=0))
    found = evaluate(capsys, "--pred", tmp_path / "p", "--truth", tmp_path / "t")
    assert found["predictions_are_masks"] is True
    assert found["f1"] == {"best": 1.0, "given": 1.0}
    assert found["cldice"]["given"] == 1.0


def test_undecided_truth_does_not_count_and_undecided_predictions_are_no_crack(capsys, tmp_path: Path):
    said, true = line(10), line(10)
    said[20:25], true[20:25] = 255, 127
    said[30, 5:20] = 127
    write(tmp_path / "p" / "a.png", said)
    write(tmp_path / "t" / "a.png", true)
    found = evaluate(capsys, "--pred", tmp_path / "p", "--truth", tmp_path / "t", "--threshold", "0.1")
    assert found["f1"]["given"] == 1.0
    assert found["per_image"][0]["pixels"] == 40 * 35


def test_only_the_region_counts(capsys, tmp_path: Path):
    said, region = line(10), np.zeros((40, 40), np.uint8)
    said[30] = 255
    region[:20] = 255
    write(tmp_path / "p" / "a.png", said)
    write(tmp_path / "t" / "a.png", line(10))
    write(tmp_path / "r" / "a.png", region)
    arguments = ("--pred", tmp_path / "p", "--truth", tmp_path / "t")
    assert evaluate(capsys, *arguments)["f1"]["given"] < 0.7
    assert evaluate(capsys, *arguments, "--roi", tmp_path / "r")["f1"]["given"] == 1.0


def test_what_does_not_fit_is_listed_and_the_rest_is_scored(capsys, tmp_path: Path):
    for name in ("good", "alone", "small", "broken"):
        write(tmp_path / "p" / f"{name}.png", line(10))
    for name in ("good", "missing", "broken"):
        write(tmp_path / "t" / f"{name}.png", line(10))
    write(tmp_path / "t" / "small.png", line(10, side=36))
    (tmp_path / "p" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    found = evaluate(capsys, "--pred", tmp_path / "p", "--truth", tmp_path / "t", status=1)
    assert [row["name"] for row in found["per_image"]] == ["good"]
    reasons = {row["file"]: row["reason"] for row in found["problems"]}
    assert set(reasons) == {"alone.png", "missing.png", "small.png", "broken.png"}
    assert "no truth of this name" in reasons["alone.png"]
    assert "no prediction of this name" in reasons["missing.png"]
    assert "40 x 40" in reasons["small.png"]
    assert "36 x 36" in reasons["small.png"]


def test_a_table_for_people_and_usage(capsys, tmp_path: Path):
    write(tmp_path / "out" / "scores" / "a.png", line(10, value=200))  # as `predict` leaves it
    write(tmp_path / "set" / "masks" / "a.png", line(10))
    arguments = ["evaluate", "--pred", str(tmp_path / "out"), "--truth", str(tmp_path / "set")]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "best F1 (ODS)" in text
    assert "1.000 (1.000-1.000)" in text
    assert main([*arguments, "--tolerance", "2,x"]) == 2
    assert main([*arguments, "--threshold", "0"]) == 2
    write(tmp_path / "other" / "b.png", line(10))
    assert main(["evaluate", "--pred", str(tmp_path / "out"), "--truth", str(tmp_path / "other")]) == 2
    assert "no picture to measure" in capsys.readouterr().err


def opaque(grey: np.ndarray) -> np.ndarray:
    return np.dstack([grey, grey, grey, np.full_like(grey, 255)])


FORMS: dict[str, tuple[np.ndarray, np.ndarray]] = {  # a prediction of 200 on the line, and its truth
    "dots.in.it": (line(10, value=200), line(10)),
    "a space": (line(10, value=200), line(10)),
    "\u041f\u0440\u0438\u043a\u043b\u0430\u0434 \u5199": (line(10, value=200), line(10)),
    "16 bits": (line(10, value=200).astype(np.uint16) * 257, line(10).astype(np.uint16) * 257),
    "16 bits of 1": (line(10, value=200), (line(10) > 0).astype(np.uint16)),
    "four channels": (opaque(line(10, value=200)), opaque(line(10))),
    "transparent": (line(10, value=200), np.dstack([np.full((40, 40, 3), 255, np.uint8), line(10)])),
    "one colour": (line(10, value=200), np.dstack([np.zeros((40, 40, 2), np.uint8), line(10)])),
}


def test_any_name_and_form_of_picture_gives_the_keys_that_are_promised(capsys, tmp_path: Path):
    for name, planes in FORMS.items():
        for folder, plane in zip("pt", planes, strict=True):
            path = tmp_path / folder / f"{name}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(cv2.imencode(".png", plane)[1].tobytes())
    found = evaluate(capsys, "--pred", tmp_path / "p", "--truth", tmp_path / "t", "--threshold", "0.75")
    assert found["n_images"] == len(FORMS)
    assert not found["problems"]
    assert {unescaped(row["name"]) for row in found["per_image"]} == set(FORMS)
    assert all(row["given"]["f1"]["0"] == 1.0 for row in found["per_image"])
    assert list(found["tolerance"]) == ["0", "2", "5"]
    for row in found["tolerance"].values():
        assert {"f1", "precision", "recall", "threshold"} <= set(row["ods"])
        assert {"ods", "ois", "ap"} <= set(row)
        assert row["ois"]["f1"] == row["ods"]["f1"] == 1.0
        assert row["ap"] == 1.0  # and not 1.01, as a sum over 101 recalls would have it
    for key in ("miou", "iou_crack", "f1", "cldice"):
        assert found[key] == {"best": 1.0, "given": 1.0}
    above = evaluate(capsys, "--pred", tmp_path / "p", "--truth", tmp_path / "t", "--threshold", "0.8")
    assert above["f1"] == {"best": 1.0, "given": 0.0}  # 200 / 255 is below it


@pytest.mark.parametrize("empty", ["--pred", "--truth", "--roi"])
def test_an_empty_folder_has_nothing_to_measure(empty: str, capsys, tmp_path: Path):
    for folder in ("pred", "truth", "roi"):
        write(tmp_path / folder / "a.png", line(10))
    (tmp_path / "empty").mkdir()
    folders = {f"--{name}": tmp_path / name for name in ("pred", "truth", "roi")} | {
        empty: tmp_path / "empty"
    }
    found = evaluate(capsys, *(part for row in folders.items() for part in row), status=2)
    assert found["n_images"] == 0
    assert all(row["file"] == "a.png" for row in found["problems"])
    assert main(["evaluate", "--pred", str(tmp_path / "none"), "--truth", str(tmp_path / "truth")]) != 0
    assert "is not a folder" in capsys.readouterr().err
