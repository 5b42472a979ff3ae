"""`crackcore export`: a project's results for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from crackcore.commands.output import print_json, say, show, terminal_progress
from crackcore.exports import FORMATS, ExportReport, export, images_of
from crackcore.names import shown_name


def add(subparsers: Any) -> None:
    """Declare the command's options."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "export",
        help="write a project's masks, scores, overlays, tables or training data",
        description="Write a project's results to a new folder. Exit status: 0 all written, 1 some pictures "
        "left out and listed, 2 used wrongly or not possible.",
    )
    parser.add_argument("project", metavar="PROJECT", type=Path, help="the project file")
    parser.add_argument("--format", required=True, choices=tuple(FORMATS), help="what to write")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="a new or empty folder")
    parser.add_argument("--only-approved", action="store_true", help="leave out what nobody has approved")
    parser.add_argument(
        "--include-unreviewed",
        action="store_true",
        help="training-set: also pictures that no person has edited or approved",
    )
    parser.add_argument(
        "--photo-pixels",
        action="store_true",
        help="bring masks that are four times finer than their photo back to its pixels",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Export; the project is only read."""
    from crackcore.projects.store import ProjectStore

    more: dict[str, bool] = {}
    if options.include_unreviewed:
        if options.format != "training-set":
            say("--include-unreviewed belongs to --format training-set.")
            return 2
        more["include_unreviewed"] = True
    store = ProjectStore.open(options.project, read_only=True)
    try:
        with terminal_progress("Exporting") as progress:
            report = export(
                options.format,
                images_of(store),
                options.out,
                project=store.project,
                progress=progress,
                only_approved=options.only_approved,
                photo_pixels=options.photo_pixels,
                **more,
            )
    finally:
        store.close(save=False)
    _answer(report, as_json=options.json)
    return 1 if report.skipped else 0


def _answer(report: ExportReport, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "format": report.format,
                "out": str(report.folder),
                "written": report.written,
                "skipped": [{"picture": name, "reason": reason} for name, reason in report.skipped],
                "files": list(report.files),
                "notes": list(report.notes),
            }
        )
        return
    for name, reason in report.skipped:
        say(f"{shown_name(name, whole=True)}: {reason}")
    for note in report.notes:
        say(note)
    show(report.sentence())
