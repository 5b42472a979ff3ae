"""How good the shipped models are: every model on every set, only on pictures that none of them has learned.

    python packaging/model_scores.py --data DATA [--models FOLDER] [--only-set NAME ...] [--only NAME ...]
        [--processes N] [--cache FOLDER] [--log LOG ...] [--write]

DATA holds one folder per set, each with `images` and `masks`. What was learned is read from the training
logs beside the models (`*.log.jsonl`); `--log` names further ones. Every model looks at every set at its own
threshold, with its own tile size and refinement, in float32; a DeepCrack of Liu also with the guided
filter, where that was published. A network that enlarges sees each photo reduced by its factor and is
compared at full size, as in its paper. What was measured stays in the cache, by the digests of model and
pictures, so a run that was stopped goes on. The figures go to `scores.json` beside the models; `--write`
also puts them into the model cards and the README.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import model_cards
from unseen_pictures import UnseenSet, learned_in, unseen_sets

from crackcore import __version__
from crackcore.domain.prediction import PredictSettings
from crackcore.evaluation.sets import ScoredPicture, SetScores, SetSettings, evaluate_set
from crackcore.inference.predictor import Predictor
from crackcore.inference.refining import refined_prediction
from crackcore.masks.threshold import score_step
from crackcore.models.catalogue import InstalledModel, known_architecture, read_installed
from crackcore.refinement import threshold_after
from crackcore.resources import resources_folder
from crackcore.training.checking import reduced_picture
from crackcore.training.pairs import TrainingPair

TOLERANCES_PX = (0.0, 2.0, 5.0)
MEASURE = 3  # counted up when the way of measuring changes, so that the cache does not mix two
ALSO_REFINED = {("deepcrack_liu", "deepcrack537"): ("guided-filter-published",)}
"""Architecture and set -> refinements whose result was published, measured beside the plain one."""


@dataclass(frozen=True)
class Task:
    """One model on the unseen pictures of one set."""

    model: InstalledModel
    pictures: UnseenSet
    refinement: str

    @property
    def key(self) -> str:
        digest = hashlib.sha256(f"{MEASURE} {self.refinement}".encode())
        for pair in self.pictures.pairs:
            digest.update(pair.sha256.encode() + pair.mask.tobytes())
        return f"{self.model.sha256[:24]}-{self.pictures.name}-{digest.hexdigest()[:16]}"


def measured(task: Task) -> dict[str, Any]:
    """The figures of one task; shares and F1 are rounded to four places."""
    import torch

    torch.set_num_threads(1)
    started = time.monotonic()
    model = task.model
    factor = known_architecture(model.spec.architecture)[0].output_scale
    pairs = tuple(_reduced(p, factor) for p in task.pictures.pairs)
    predictor = Predictor.for_model(model, "cpu", threads=1)
    step = score_step(threshold_after(task.refinement, model.spec.threshold))
    scores = [_score(predictor, pair, task.refinement, factor) for pair in pairs]
    seconds = round(time.monotonic() - started, 1)
    megapixels = round(sum(s.size for s in scores) / 1e6, 3)
    about = {"pictures": len(pairs), "threshold": round(step / 255, 4), "seconds": seconds, "mp": megapixels}
    if factor > 1:
        about["photos_reduced_by"] = factor
    if task.pictures.kind == "crack-free":
        return about | _without_cracks(scores, pairs, step)
    found = evaluate_set(
        [
            ScoredPicture(p.stem, lambda s=s, p=p: (s, p.mask, None))  # type: ignore[misc]
            for s, p in zip(scores, pairs, strict=True)
        ],
        SetSettings(TOLERANCES_PX, threshold=step, workers=1),
    )
    return about | _with_cracks(found)


def _reduced(pair: TrainingPair, factor: int) -> TrainingPair:
    """The photo reduced by the factor, with the mask that belongs to it enlarged again."""
    if factor == 1:
        return pair
    small = reduced_picture(pair.pixels, factor)
    return replace(pair, pixels=small, mask=pair.mask[: small.shape[0] * factor, : small.shape[1] * factor])


def _score(predictor: Predictor, pair: TrainingPair, refinement: str, factor: int) -> np.ndarray[Any, Any]:
    prediction = predictor.predict(pair.pixels, PredictSettings(precision="float32", result_scale=factor))
    if refinement:
        prediction = refined_prediction(refinement, prediction, pair.pixels, predictor)
    return np.array(prediction.score)


def _with_cracks(found: SetScores) -> dict[str, Any]:
    at = found.given
    row: dict[str, Any] = {}
    for t in TOLERANCES_PX:
        low, high = at.f1_interval[t].low, at.f1_interval[t].high
        row |= {
            f"f1_{t:g}px": round(at.f1[t], 4),
            f"f1_{t:g}px_interval": [round(low, 4), round(high, 4)],
            f"precision_{t:g}px": round(at.precision[t], 4),
            f"recall_{t:g}px": round(at.recall[t], 4),
            f"ods_{t:g}px": round(found.ods[t].f1, 4),
            f"ois_{t:g}px": round(found.ois[t].f1, 4),
            f"ap_{t:g}px": round(found.ap[t], 4),
        }
    return row | {
        "miou": round(at.classes.mean_iou, 4),
        "miou_best": round(found.best.classes.mean_iou, 4),
        "iou_crack": round(at.classes.crack_iou, 4),
        "cldice": round(at.cl_dice, 4),
    }


def _without_cracks(scores: list[Any], pairs: tuple[TrainingPair, ...], step: int) -> dict[str, Any]:
    called = [float(np.mean(s >= step)) for s in scores]
    whole = sum(int(np.count_nonzero(s >= step)) for s in scores) / max(1, sum(s.size for s in scores))
    return {"false_share": round(whole, 6), "pictures_called_cracked": sum(share > 0.001 for share in called)}


# ---------------------------------------------------------------------- all of them


def tasks_of(models: list[InstalledModel], sets: list[UnseenSet]) -> Iterator[Task]:
    for model in models:
        for found in sets:
            if not found.pairs:
                continue
            yield Task(model, found, model.spec.refinement)
            for also in ALSO_REFINED.get((model.spec.architecture, found.name), ()):
                if also != model.spec.refinement:
                    yield Task(model, found, also)


def run_all(tasks: list[Task], cache: Path, processes: int) -> dict[str, dict[str, Any]]:
    """Key -> figures. The largest first, so that no core waits for a last long one."""
    cache.mkdir(parents=True, exist_ok=True)
    done: dict[str, dict[str, Any]] = {}
    for task in tasks:
        file = cache / f"{task.key}.json"
        if file.is_file():
            done[task.key] = json.loads(file.read_text(encoding="utf-8"))
    waiting = [task for task in tasks if task.key not in done]
    waiting.sort(key=lambda task: -task.model.bytes * len(task.pictures.pairs))
    say(f"{len(done)} of {len(tasks)} were measured before; {len(waiting)} to go, {processes} at a time.")
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        running = {pool.submit(measured, task): task for task in waiting}
        for number, future in enumerate(as_completed(running), 1):
            task, row = running[future], future.result()
            file = cache / f"{task.key}.json"
            beside = file.with_suffix(".part")
            beside.write_text(json.dumps(row), encoding="utf-8")
            beside.replace(file)
            done[task.key] = row
            figure = row.get("f1_2px", row.get("false_share"))
            say(
                f"{number:4}/{len(waiting)}  {task.model.name:26} {task.pictures.name:28} "
                f"{task.refinement:24} {figure}  {row['seconds']} s"
            )
    return done


def report(tasks: list[Task], rows: dict[str, dict[str, Any]], sets: list[UnseenSet]) -> dict[str, Any]:
    """What `scores.json` holds."""
    models: dict[str, Any] = {}
    for task in tasks:
        spec = task.model.spec
        entry = models.setdefault(
            task.model.name,
            {
                "sha256": task.model.sha256,
                "family": spec.family,
                "architecture": spec.architecture,
                "arguments": spec.arguments,
                "bytes": task.model.bytes,
                "threshold": spec.threshold,
                "refinement": spec.refinement,
                "trained_on": [str(row.get("set")) for row in spec.training_data],
                "sets": {},
                "refined": {},
            },
        )
        if task.refinement == spec.refinement:
            entry["sets"][task.pictures.name] = rows[task.key]
        else:
            entry["refined"][f"{task.pictures.name} {task.refinement}"] = rows[task.key]
    return {
        "program": __version__,
        "made_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "machine": platform.machine(),
        "measured_on": "pictures that no shipped model has learned, at each model's own threshold",
        "tolerances_px": list(TOLERANCES_PX),
        "sets": {
            s.name: {
                "kind": s.kind,
                "pictures": len(s.pairs),
                "of": s.of,
                "left_out_as_learned": s.learned,
                "left_out_as_alike": s.alike,
                "trained_on": s.trained_on,
            }
            for s in sets
        },
        "models": models,
    }


def _spread(pairs: tuple[TrainingPair, ...], count: int) -> tuple[TrainingPair, ...]:
    places = np.unique(np.linspace(0, len(pairs) - 1, min(count, len(pairs))).round().astype(int))
    return tuple(pairs[i] for i in places)


def say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main() -> int:
    folder = resources_folder() / "models"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=folder, help="a folder of model files")
    parser.add_argument("--only-set", action="append", default=[], metavar="NAME")
    parser.add_argument("--only", action="append", default=[], metavar="MODEL")
    parser.add_argument("--log", action="append", default=[], type=Path, help="further training logs")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--pictures", type=int, default=0, help="only so many of each set, spread over it")
    parser.add_argument("--cache", type=Path, default=Path("out/model-scores"))
    parser.add_argument("--json", type=Path, help="instead of scores.json beside the models")
    parser.add_argument("--write", action="store_true", help="fill the model cards and the README")
    options = parser.parse_args()
    models = [read_installed(path) for path in sorted(options.models.glob("*.safetensors"))]
    models = [m for m in models if not options.only or m.name in options.only]
    if not models:
        say(f"There is no model in {options.models}.")
        return 2
    logs = [*sorted(options.models.glob("*.log.jsonl")), *options.log]
    say(f"Reading the sets; what {len(logs)} trainings have learned is left out.")
    sets = unseen_sets(options.data, learned_in(logs), options.only_set)
    if options.pictures:
        sets = [replace(s, pairs=_spread(s.pairs, options.pictures)) for s in sets]
    for s in sets:
        say(f"  {s.name:28} {len(s.pairs):4} of {s.of:4}  ({s.learned} learned, {s.alike} alike)")
    tasks = list(tasks_of(models, sets))
    made = report(tasks, run_all(tasks, options.cache, options.processes), sets)
    target = options.json or options.models / "scores.json"
    target.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if options.write:
        model_cards.write_all(options.models, made)
    else:
        sys.stdout.write(model_cards.summary_tables(made) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
