"""`crackcore retrain`: a model goes on learning from corrected pictures, for minutes, beside old samples."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from crackcore.commands.output import print_json, say, show, terminal_progress


def add(subparsers: Any) -> None:
    """Declare `retrain`."""
    parser = subparsers.add_parser("retrain", help="go on training a model on corrected pictures")
    parser.add_argument(
        "--data", action="append", required=True, metavar="PLACE", help="a project, or a folder of pairs"
    )
    parser.add_argument(
        "--old",
        action="append",
        default=[],
        metavar="PLACE",
        help="samples of what the model knew (repeatable)",
    )
    parser.add_argument("--model", default=None, metavar="NAME", help="an installed model, or a model file")
    parser.add_argument("--out", required=True, metavar="FILE", help="candidate to write (.safetensors)")
    parser.add_argument("--install", metavar="FILE", help="copy it here when the hold-out says it is better")
    parser.add_argument("--insist", action="store_true", help="install it whatever the hold-out says")
    parser.add_argument("--name", default="", help="name of the new model; else that of the file")
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--batch", type=int, default=None, help="crops of a step, else 4")
    parser.add_argument("--crop", type=int, default=None, metavar="PX", help="side of a crop, else 192")
    parser.add_argument("--hold-out", type=float, default=0.25, metavar="SHARE")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """0 better, 1 not known to be better or some pictures were refused, 2 usage."""
    if not options.out.endswith(".safetensors"):
        say("The file's name must end in .safetensors.")
        return 2
    if options.iterations < 4 or (options.batch or 2) < 2 or (options.crop or 64) < 64:
        say("At least 4 iterations, a batch of 2 and a crop of 64 px are needed.")
        return 2
    from crackcore.models.catalogue import DEFAULT_MODEL, find_model
    from crackcore.training.augmentation import AugmentSettings
    from crackcore.training.going_on import gentler
    from crackcore.training.pairs import TrainingPair, read_pairs
    from crackcore.training.recipes import modern
    from crackcore.training.retraining import HoldOutScore, RetrainRequest, retrain

    refused: list[dict[str, str]] = []

    def read(places: list[str]) -> list[TrainingPair]:
        pairs: list[TrainingPair] = []
        for place in map(Path, places):
            found = read_pairs(place, progress=progress)
            refused.extend({"file": file, "reason": reason} for file, reason in found.refused)
            pairs += found.pairs
        return pairs

    with terminal_progress("Reading") as progress:
        corrected, old = read(options.data), read(options.old)
    base = find_model(options.model or DEFAULT_MODEL)
    settings = gentler(modern(base.spec.architecture), options.iterations, options.seed)
    if options.batch:
        settings = replace(settings, batch=options.batch)
    if options.crop and isinstance(settings.augment, AugmentSettings):
        settings = replace(settings, augment=replace(settings.augment, crop_px=options.crop))
    request = RetrainRequest(
        base,
        corrected,
        Path(options.out),
        name=options.name,
        old=old,
        hold_out_share=options.hold_out,
        settings=settings,
        seed=options.seed,
        device=options.device,
    )
    with terminal_progress("Training") as progress:
        report = retrain(request, progress)
    installed = bool(options.install) and (report.better or options.insist)
    if installed:
        report.install(Path(options.install), insist=options.insist)

    def facts(score: HoldOutScore | None) -> dict[str, Any] | None:
        if score is None:
            return None
        return {
            "pictures": score.pictures,
            "f1_2px_before": round(score.before, 4),
            "f1_2px_after": round(score.after, 4),
            "second_better": round(score.difference.second_better, 4),
        }

    for row in refused:
        say(f"{row['file']}: {row['reason']}")
    if options.json:
        print_json(
            {
                "base": request.base.name,
                "file": options.out,
                "installed": options.install if installed else None,
                "better": report.better,
                "forgets": report.forgets,
                "corrected": facts(report.corrected),
                "old": facts(report.old),
                "held_out": sorted(report.held_out),
                "seconds": round(report.seconds, 1),
                "refused": refused,
            }
        )
    else:
        one = report.corrected
        show(
            f"F1 at 2 px on {one.pictures} held-out pictures: {one.before:.3f} before, {one.after:.3f} after."
        )
        if report.old is not None:
            show(f"On old samples: {report.old.before:.3f} before, {report.old.after:.3f} after.")
        if report.forgets:
            show("It forgot too much of the old samples; the old model stays.")
        else:
            show("It is better." if report.better else "It is not known to be better; the old model stays.")
    return 0 if report.better and not refused else 1
