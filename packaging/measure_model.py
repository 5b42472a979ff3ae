"""Scores of a model file on folders of photographs with masks: the figures of the README's table.

    python packaging/measure_model.py cgnet-open --data DIR [--data DIR ...] [--crack-free DIR]
        [--only-held-out LOG] [--input-scale 1] [--threshold T] [--json FILE]

`--only-held-out` takes the log that training left (MODEL.log.jsonl) and keeps, of sets that were trained on,
only the pictures that were held out. Without `--threshold`, that of the model's description is used: it was
chosen on the held-out pictures, never on other sets. With `--write FILE --name NAME`, the same weights are
described anew for another input scale or tile size; threshold and scores come from the held-out pictures.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from torch import nn

from crackcore.domain.model_spec import ModelSpec
from crackcore.evaluation.sweep import SweepCounts, sweep
from crackcore.inference.predictor import Predictor
from crackcore.masks.threshold import score_step
from crackcore.models.catalogue import find_model
from crackcore.models.model_files import load_network, save_model
from crackcore.training.pairs import TrainingPair, read_pairs
from crackcore.training.run import TOLERANCES_PX, evaluate_network


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--data", action="append", default=[])
    parser.add_argument("--crack-free", action="append", default=[])
    parser.add_argument("--only-held-out", type=Path)
    parser.add_argument("--input-scale", type=float)
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--write", type=Path, help="write the model again with this input scale, and with the"
    )
    parser.add_argument("--name", help="under this name")
    parser.add_argument("--summary", default="")
    parser.add_argument("--tile-px", type=int, default=512)
    parser.add_argument("--overlap-px", type=int, default=64)
    options = parser.parse_args()

    model = find_model(options.model)
    spec = model.spec
    if options.input_scale:
        spec = replace(spec, preprocessing=replace(spec.preprocessing, input_scale=options.input_scale))
    if options.write:
        spec = replace(
            spec,
            name=options.name,
            summary=options.summary,
            tile_px=options.tile_px,
            overlap_px=options.overlap_px,
        )
    trained, held = set(), set()
    if options.only_held_out:
        start = json.loads(options.only_held_out.read_text().splitlines()[0])
        trained, held = set(start["learn"]), set(start["held_out"])
    network = load_network(model)
    if options.write:
        spec = written(network, spec, options, held)
    step = score_step(options.threshold or spec.threshold)
    predictor = Predictor(network, spec)
    folders = [(d, "pairs") for d in options.data] + [(d, "crack-free") for d in options.crack_free]
    rows = {}
    scale = spec.preprocessing.input_scale
    print(f"{model.name}, threshold {step}/255, input scale {scale:g}, on {predictor.device.label}")
    print(f"{'set':24} {'pictures':>8}  F1 0px  F1 2px  F1 5px  ODS 2px  IoU     mIoU    called crack")
    for folder, kind in folders:
        name = Path(folder).name
        pairs = read_pairs(Path(folder), kind=kind).pairs
        if name in trained:
            pairs = tuple(p for p in pairs if f"{name}/{p.stem}" in held)
        counts = {t: SweepCounts.nothing(t) for t in TOLERANCES_PX}
        for pair in pairs:
            score = predictor.predict(pair.pixels).score
            for tolerance in TOLERANCES_PX:
                counts[tolerance] = counts[tolerance] + sweep(score, pair.mask, tolerance)
        exact = counts[0]
        row: dict[str, float | int] = {
            "pictures": len(pairs),
            "called_crack": round(int(exact.predicted[step]) / max(1, exact.pixels), 6),
        }
        line = f"{name:24} {len(pairs):8}  "
        if kind == "pairs":
            row |= {f"f1_{t}px": round(c.f1(step), 4) for t, c in counts.items()}
            row |= {
                "ods_2px": round(counts[2].best().f1, 4),
                "iou_crack": round(exact.iou(step), 4),
                "miou": round(exact.mean_iou(step), 4),
            }
            line += "".join(
                f"{row[k]:.4f}  " for k in ("f1_0px", "f1_2px", "f1_5px", "ods_2px", "iou_crack", "miou")
            )
        else:
            line += " " * 48
        print(f"{line}{row['called_crack']:.5f}", flush=True)
        rows[name] = row
    if options.json:
        options.json.write_text(
            json.dumps({"model": model.name, "sha256": model.sha256, "step": step, "sets": rows})
        )
    return 0


def written(network: nn.Module, spec: ModelSpec, options: argparse.Namespace, held: set[str]) -> ModelSpec:
    """Choose the threshold and measure on the held-out pictures, write the file, give its description."""
    pairs: list[TrainingPair] = []
    for folder, kind in [(d, "pairs") for d in options.data] + [
        (d, "crack-free") for d in options.crack_free
    ]:
        found = read_pairs(Path(folder), kind=kind).pairs
        pairs += [p for p in found if f"{p.set_name}/{p.stem}" in held]
    scores, step = evaluate_network(network, spec, pairs)
    trained = {k: v for k, v in spec.scores.items() if k not in scores}
    spec = replace(spec, threshold=step / 255, scores={**trained, **scores})
    save_model(options.write, network, spec)
    return spec


if __name__ == "__main__":
    sys.exit(main())
