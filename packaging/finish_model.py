"""From a trained file to one that ships: described, marked with its family, in half precision, checked.

    python packaging/finish_model.py NAME TRAINED.safetensors [--data DATA] [--out FOLDER]

What is said about NAME stands in `bundled_models.toml`. Where it asks for another input scale than the
training had, the threshold and the held-out scores are found anew on the held-out pictures of DATA, and
never on other sets. The training's log is copied beside it. The file is refused when half precision
changes any mask of the sample pictures by more than one pixel in a thousand.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from crackcore.domain.model_families import FAMILIES
from crackcore.domain.model_spec import ModelSpec
from crackcore.domain.prediction import PredictSettings
from crackcore.imaging.reading import read_photo
from crackcore.inference.predictor import Predictor
from crackcore.masks.threshold import score_step
from crackcore.models.catalogue import InstalledModel, read_installed
from crackcore.models.model_files import load_network, save_model
from crackcore.resources import resources_folder
from crackcore.training.checking import evaluate_network
from crackcore.training.pairs import TrainingPair, read_pairs
from crackcore.training.training_log import log_lines

WORDS = Path(__file__).resolve().parent / "bundled_models.toml"
MOST_CHANGED = 0.001
CROP_PX = 384  # of every sample: enough to see a difference, and quick for the heavy networks


def words() -> dict[str, Any]:
    """`bundled_models.toml`."""
    return tomllib.loads(WORDS.read_text(encoding="utf-8"))


def described(name: str, spec: ModelSpec, said: dict[str, Any], model: InstalledModel) -> ModelSpec:
    """The spec of a trained file with what is said about the shipped one."""
    if said["family"] not in FAMILIES:
        raise ValueError(f"{name}: the family is open or research, not {said['family']}")
    before = spec.preprocessing
    return replace(
        spec,
        name=name,
        family=said["family"],
        summary=said["summary"],
        preprocessing=replace(before, input_scale=said.get("input_scale", before.input_scale)),
        tile_px=said.get("tile_px", spec.tile_px),
        overlap_px=said.get("overlap_px", spec.overlap_px),
        refinement=said.get("refinement", spec.refinement),
        scores={**spec.scores, "trained": {"log": f"{said['log']}.log.jsonl", "sha256": model.sha256}},
    )


def remeasured(network: nn.Module, spec: ModelSpec, log: Path, data: Path) -> ModelSpec:
    """Threshold and scores from the held-out pictures, for an input scale the training did not have."""
    start = next(row for row in log_lines(log) if row["event"] == "start")
    held, kinds = set(start["held_out"]), {r["set"]: r.get("kind", "pairs") for r in spec.training_data}
    pairs: list[TrainingPair] = []
    for name in sorted({text.split("/", 1)[0] for text in held}):
        found = read_pairs(data / name, kind=kinds.get(name, "pairs")).pairs
        pairs += [p for p in found if f"{name}/{p.stem}" in held]
    scores, step = evaluate_network(network, spec, pairs)
    kept = {key: value for key, value in spec.scores.items() if key not in scores}
    return replace(spec, threshold=step / 255, scores={**kept, **scores})


def change_by_half(network: nn.Module, half: InstalledModel) -> tuple[float, int]:
    """Largest share of a sample's pixels whose mask changes, and the largest change of a score step."""
    settings = PredictSettings(precision="float32")
    whole = Predictor(network, half.spec, threads=1)  # threads that wait for each other cost more
    stored = Predictor(load_network(half), half.spec, threads=1)
    step = score_step(half.spec.threshold)
    share, largest = 0.0, 0
    for path in sorted((resources_folder() / "samples").glob("*.jpg")):
        pixels = np.ascontiguousarray(read_photo(path).pixels[:CROP_PX, :CROP_PX])
        a, b = (p.predict(pixels, settings).score.astype(np.int16) for p in (whole, stored))
        share = max(share, float(np.mean((a >= step) != (b >= step))))
        largest = max(largest, int(np.abs(a - b).max()))
    return share, largest


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("trained", type=Path, metavar="TRAINED")
    parser.add_argument("--log", type=Path, help="else TRAINED with .log.jsonl")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=resources_folder() / "models")
    options = parser.parse_args()
    said = words()["models"][options.name]
    model = read_installed(options.trained)
    log = options.log or options.trained.with_suffix(".log.jsonl")
    network = load_network(model)
    spec = described(options.name, model.spec, said, model)
    if spec.preprocessing != model.spec.preprocessing:
        if options.data is None:
            parser.error("another input scale needs --data, to choose the threshold")
        spec = remeasured(network, spec, log, options.data)
    options.out.mkdir(parents=True, exist_ok=True)
    target = options.out / f"{options.name}.safetensors"
    unchecked = target.with_suffix(".unchecked")
    half = save_model(unchecked, network, spec, half=True)
    share, largest = change_by_half(network, half)
    if share > MOST_CHANGED:
        unchecked.unlink()
        sys.stderr.write(f"{options.name}: half precision changes {share:.2%} of a mask; not taken.\n")
        return 1
    unchecked.replace(target)
    kept = options.out / f"{said['log']}.log.jsonl"
    if log.resolve() != kept.resolve():
        shutil.copyfile(log, kept)
    sys.stdout.write(
        f"{options.name}: {model.bytes / 1e6:.2f} MB -> {half.bytes / 1e6:.2f} MB; "
        f"half precision moves a score by at most {largest}/255 and {share:.4%} of a mask; "
        f"threshold {spec.threshold:.4f}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
