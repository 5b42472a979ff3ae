"""`crackcore adapt`: a model learns from corrected pictures in seconds, by its last layer alone."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from crackcore.commands.output import print_json, say, show, terminal_progress


def add(subparsers: Any) -> None:
    """Declare `adapt`."""
    parser = subparsers.add_parser("adapt", help="fit a model to corrected pictures in seconds")
    parser.add_argument(
        "--data", action="append", required=True, metavar="PLACE", help="a project, or a folder of pairs"
    )
    parser.add_argument("--model", default=None, metavar="NAME", help="an installed model, or a model file")
    parser.add_argument("--out", required=True, metavar="FILE", help="model file to write (.safetensors)")
    parser.add_argument("--name", default="", help="name of the new model; else that of the file")
    parser.add_argument(
        "--try-enlarging",
        action="store_true",
        help="also look at pictures at twice their size; kept where it pays, predicting is then slower",
    )
    parser.add_argument(
        "--insist", action="store_true", help="write it though it is not known to be better than the old one"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """0 better and written, or insisted; 1 not known to be better, or some pictures refused; 2 usage."""
    if not options.out.endswith(".safetensors"):
        say("The model file's name must end in .safetensors.")
        return 2
    if Path(options.out).exists():
        say("There is a model of this name already; choose another name.")
        return 2
    from crackcore.errors import InputRefused
    from crackcore.models.catalogue import DEFAULT_MODEL, find_model
    from crackcore.training.adapting import Adapter, AdaptSettings
    from crackcore.training.pairs import read_pairs

    settings = AdaptSettings(enlargements=(1.0, 2.0) if options.try_enlarging else (1.0,))
    adapter = Adapter(find_model(options.model or DEFAULT_MODEL), settings)
    refused: list[dict[str, str]] = []
    with terminal_progress("Looking") as progress:
        for place in map(Path, options.data):
            found = read_pairs(place, progress=progress)
            refused += [{"file": file, "reason": reason} for file, reason in found.refused]
            for pair in found.pairs:
                try:
                    adapter.add(pair)
                except InputRefused as error:
                    refused.append({"file": pair.path.name, "reason": error.reason})
    with terminal_progress("Adapting") as progress:
        adapted = adapter.adapt(progress)
    written = bool(adapted.better) or options.insist
    if written:
        adapted.save(Path(options.out), options.name, insist=options.insist)
    answer = {
        "base": adapter.model.name,
        "file": options.out if written else None,
        "pictures": adapted.pictures,
        "photos": adapted.photos,
        "better": adapted.better,
        "f1_2px_before": round(adapted.before.f1, 4),
        "f1_2px_after": round(adapted.after.f1, 4),
        "threshold": round(adapted.spec.threshold, 4),
        "enlarged": adapted.enlarged,
        "only_threshold": adapted.strength is None,
        "seconds": {name: round(value, 2) for name, value in adapted.steps.items()},
        "refused": refused,
    }
    for row in refused:
        say(f"{row['file']}: {row['reason']}")
    if options.json:
        print_json(answer)
    else:
        show(
            f"F1 at 2 px on pictures held out in turn: {adapted.before.f1:.3f} before, "
            f"{adapted.after.f1:.3f} after ({adapted.pictures} pictures, {adapted.seconds:.0f} s)."
        )
        show(f"Written to {options.out}." if written else "Not written: it is not known to be better.")
    return 0 if written and not refused else 1
