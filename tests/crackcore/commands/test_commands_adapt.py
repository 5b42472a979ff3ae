"""`crackcore adapt` and `retrain`: from folders to a model file, and no file that nobody asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from crackcore.__main__ import main
from crackcore.domain.model_spec import ModelSpec
from crackcore.models.catalogue import create_network, known_architecture, read_installed
from crackcore.models.model_files import save_model


def png(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", values)[1].tobytes())


@pytest.fixture
def given(tmp_path: Path) -> tuple[str, str]:
    """Six pictures with masks, and a model that was never trained."""
    for number in range(6):
        rng = np.random.default_rng(number)
        pixels = rng.normal(120, 8, (80, 96, 3)) + cv2.resize(rng.normal(0, 30, (5, 6)), (96, 80))[..., None]
        mask = np.zeros((80, 96), np.uint8)
        ends = rng.integers(10, 70, 2)
        cv2.line(mask, (4, int(ends[0])), (92, int(ends[1])), 255, 6)
        pixels[mask > 0] -= 70
        png(tmp_path / "mine" / "images" / f"{number}.png", np.clip(pixels, 0, 255).astype(np.uint8))
        png(tmp_path / "mine" / "masks" / f"{number}.png", mask)
    torch.manual_seed(0)
    facts = known_architecture("deepcrack_liu")[0]
    spec = ModelSpec(
        name="base",
        architecture="deepcrack_liu",
        arguments={"width": 0.1},
        preprocessing=facts.preprocessing,
        activation="sigmoid",
        multiple_px=1,
    )
    model = save_model(tmp_path / "base.safetensors", create_network("deepcrack_liu", width=0.1), spec)
    return str(tmp_path / "mine"), str(model.path)


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_adapt_writes_what_is_better_or_insisted_on(
    given: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, model = given
    arguments = ["adapt", "--data", data, "--model", model, "--json", "--out"]
    status = main([*arguments, str(tmp_path / "a.safetensors")])
    found = answer(capsys)
    assert found["pictures"] == found["photos"] == 6
    assert found["f1_2px_after"] >= found["f1_2px_before"]
    assert (status == 0) == (found["better"] is True) == (tmp_path / "a.safetensors").exists()
    assert main([*arguments, str(tmp_path / "b.safetensors"), "--insist", "--try-enlarging"]) == 0
    made = read_installed(tmp_path / "b.safetensors")
    assert made.name == "b"
    assert made.spec.scores["adapted"]["base_sha256"] == read_installed(Path(model)).sha256
    capsys.readouterr()
    assert main([*arguments, str(tmp_path / "b.safetensors")]) == 2
    assert main([*arguments, "b.onnx"]) == 2


def test_retrain_installs_only_what_is_better_or_insisted_on(
    given: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, model = given
    out, home = tmp_path / "candidate.safetensors", tmp_path / "models" / "new.safetensors"
    arguments = ["retrain", "--data", data, "--model", model, "--out", str(out), "--install", str(home)]
    arguments += ["--batch", "2", "--crop", "64"]
    status = main([*arguments, "--iterations", "4", "--device", "cpu", "--json"])
    found = answer(capsys)
    assert out.exists()
    assert (status == 0) == found["better"] == home.exists() == bool(found["installed"])
    assert found["old"] is None
    assert found["corrected"]["pictures"] == len(found["held_out"]) > 0
    assert main([*arguments, "--json"]) == 2  # the candidate is there already
    assert main(["retrain", "--data", data, "--model", model, "--out", "x.pt"]) == 2
