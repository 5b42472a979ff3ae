"""`crackcore train`: recipes by name, resuming, going on from a model, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from crackcore.__main__ import main
from crackcore.exports.pictures import mask_png, rgb_png
from crackcore.models.catalogue import read_installed
from crackcore.storage import write_durably
from crackcore.training.training_log import log_lines


@pytest.fixture(scope="module")
def walls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "walls"
    for n in range(6):
        rng = np.random.default_rng(n)
        mask = np.zeros((80, 96), np.uint8)
        row = int(rng.integers(15, 60))
        mask[row : row + 5] = 1
        grey = rng.normal(150, 15, mask.shape) - 100 * mask
        pixels = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, 2)
        for kind, data in (("images", rgb_png(pixels)), ("masks", mask_png(mask))):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            write_durably(folder / kind / f"w{n}.png", data)
    return folder


def train(walls: Path, out: Path, *more: str) -> int:
    short = ["--iterations", "2", "--crop", "64", "--batch", "2", "--validate-every", "2", "--device", "cpu"]
    return main(["train", "--data", str(walls), "--out", str(out), *short, *more])


def test_a_published_recipe_resumed_and_gone_on_from(
    walls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "liu.safetensors"
    liu = ("--architecture", "deepcrack_liu", "--width", "0.125", "--recipe", "published")
    assert train(walls, out, *liu, "--resume", "--json") == 0
    first = json.loads(capsys.readouterr().out)
    settings = log_lines(out.with_suffix(".log.jsonl"))[0]["settings"]
    assert (settings["optimiser"], settings["criterion"]) == ("sgd", "deepcrack_liu")
    assert settings["augment"] == {"kind": "LiuCrop", "crop_px": 64, "affine": False}
    assert settings["schedule"]["kind"] == "Steps"
    assert (settings["iterations"], settings["epochs"]) == (2, 0)

    assert train(walls, out, *liu, "--resume", "--json") == 0  # it is done already
    assert json.loads(capsys.readouterr().out)["sha256"] == first["sha256"]

    more = tmp_path / "more.safetensors"
    assert train(walls, more, "--start-from", str(out)) == 0
    spec = read_installed(more).spec
    assert spec.architecture == "deepcrack_liu"
    assert spec.arguments == {"width": 0.125}
    assert log_lines(more.with_suffix(".log.jsonl"))[0]["settings"]["criterion"] == "modern"


def test_what_it_refuses(walls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "m.safetensors"
    assert train(walls, out, "--crop", "32") == 2
    assert train(walls, out, "--batch", "0") == 2
    assert train(walls, out, "--accumulate", "4") == 2
    assert "cut into 4 equal parts" in capsys.readouterr().err
    assert train(walls, tmp_path / "m.pt") == 2
    assert train(walls, out, "--architecture", "dbpn") == 2
    assert not list(tmp_path.iterdir())
