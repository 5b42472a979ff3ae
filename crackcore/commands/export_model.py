"""`crackcore export-model`: a model as an ONNX file for other programs."""

from __future__ import annotations

import argparse
from typing import Any

from crackcore.commands.output import print_json, say, show, terminal_progress


def add(subparsers: Any) -> None:
    """Declare `export-model`."""
    parser = subparsers.add_parser("export-model", help="write a model as ONNX for other programs")
    parser.add_argument("name", metavar="NAME", help="an installed model, or a model file")
    parser.add_argument("--onnx", required=True, metavar="FILE", help="where the ONNX file goes")
    parser.add_argument("--replace", action="store_true", help="replace a file that is there")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Export; 0 written, 1 not possible, 2 usage."""
    from crackcore.errors import FileProblem, NotExported
    from crackcore.models.catalogue import find_model
    from crackcore.models.onnx_file import export_onnx
    from crackcore.names import escaped

    if not options.onnx.endswith(".onnx"):
        say("--onnx takes a name that ends in .onnx.")
        return 2
    model = find_model(options.name)
    try:
        with terminal_progress("Exporting") as progress:
            report = export_onnx(model, options.onnx, replace=options.replace, progress=progress)
    except (NotExported, FileProblem) as error:
        if options.json:
            print_json({"status": "refused", "reason": error.message, "hint": error.hint})
        say(error.sentence())
        return 1
    if options.json:
        print_json(
            {
                "status": "exported",
                "model": model.name,
                "file": escaped(report.path.name),
                "bytes": report.bytes,
                "outputs": list(report.outputs),
                "score": report.score,
                "any_size": report.any_size,
                "multiple_px": report.multiple_px,
                "minimum_px": report.minimum_px,
                "compared_sizes": [list(size) for size in report.sizes],
                "largest_difference": report.difference,
                "licence": model.spec.licence,
            }
        )
        return 0
    rows, columns = report.sizes[0]
    sides = (
        f"any size in multiples of {report.multiple_px} px from {report.minimum_px} px"
        if report.any_size
        else f"{rows} x {columns} px only, since this network cannot be written for other sizes"
    )
    show(f"Written: {escaped(report.path.name)}, {report.bytes / 1e6:.1f} MB; {sides}.")
    show(f"Largest difference to the model itself: {report.difference:.1e}.")
    return 0
