"""`crackcore import-model`: weights that others published, made a model of this program."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from crackcore.commands.output import print_json, say, show, terminal_progress


def add(subparsers: Any) -> None:
    """Declare `import-model`."""
    parser = subparsers.add_parser(
        "import-model", help="turn a published checkpoint into a model of this program"
    )
    parser.add_argument("file", metavar="FILE", help="a checkpoint (.pth, .pt, .ckpt) or bare .safetensors")
    parser.add_argument(
        "--architecture", default="", metavar="NAME", help="which network; else told from its layers"
    )
    parser.add_argument("--name", default="", help="what the model is called; else after the file")
    parser.add_argument("--out", default=None, metavar="FILE", help="where the .safetensors file goes")
    parser.add_argument("--licence", default="", metavar="TEXT", help="the terms of the weights")
    parser.add_argument("--replace", action="store_true", help="replace a model of the same name")
    parser.add_argument("--inspect", action="store_true", help="only say what is in it; write nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Import; 0 imported (or readable, with --inspect), 1 refused with the reason, 2 usage."""
    from crackcore.errors import CheckpointRefused, FileProblem
    from crackcore.models.importing import import_model, inspect_checkpoint

    if options.out is not None and not options.out.endswith(".safetensors"):
        say("--out takes a name that ends in .safetensors.")
        return 2
    source = Path(options.file)
    try:
        with terminal_progress("Importing") as progress:
            if options.inspect:
                known = inspect_checkpoint(source, architecture=options.architecture, progress=progress)
                return _inspected(options, known)
            report = import_model(
                source,
                architecture=options.architecture,
                name=options.name,
                out=options.out,
                licence=options.licence,
                replace=options.replace,
                progress=progress,
            )
    except CheckpointRefused as error:
        if options.json:
            print_json({**error.known, "status": "refused", "reason": error.reason, "hint": error.hint})
        say(error.sentence())
        return 1
    except FileProblem as error:  # the place, not the checkpoint
        if options.json:
            print_json({"status": "refused", "reason": error.message, "hint": error.hint})
        say(error.sentence())
        return 1
    if options.json:
        print_json({**report.known, "status": "imported", "reason": "", "model": _model(report.installed)})
    else:
        show(
            f'Imported as "{report.installed.name}" ({report.architecture}), '
            f"licence: {report.installed.spec.licence}"
        )
    for warning in report.warnings:
        say(warning)
    return 0


def _inspected(options: argparse.Namespace, known: dict[str, Any]) -> int:
    if options.json:
        print_json({**known, "status": "readable", "reason": ""})
        return 0
    which = known["architecture"] or (
        f"none known here (nearest: {known['nearest']})" if known["nearest"] else "none known here"
    )
    show(f"Readable: {known['tensors']} tensors, {known['numbers']} numbers. Network: {which}.")
    return 0


def _model(model: Any) -> dict[str, Any]:
    from crackcore.names import escaped

    return {
        "name": model.name,
        "file": escaped(model.path.name),
        "bytes": model.bytes,
        "sha256": model.sha256,
        "licence": model.spec.licence,
        "threshold": model.spec.threshold,
    }
