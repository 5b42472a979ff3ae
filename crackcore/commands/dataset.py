"""`crackcore dataset`: look at a data set before training on it, and find what leaks between two."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from crackcore.commands.output import print_json, say, show, terminal_progress
from crackcore.names import escaped, shown_name

_SHOWN = 20  # rows of a list on a terminal; --json has them all


def add(subparsers: Any) -> None:
    """Declare `dataset inspect`, `dataset layouts` and `dataset check-leak`."""
    parser = subparsers.add_parser("dataset", help="look at a data set, or find what leaks between two")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    inspect = actions.add_parser(
        "inspect",
        help="counts, sizes, crack share, mask widths, doubles",
        description="Recognise a data set and measure it. Exit status: 0 all read, 1 some files left out "
        "and listed, or a question about its masks, 2 not a data set.",
    )
    inspect.add_argument("place", metavar="DIR", type=Path, help="a folder, a list of pairs or a project")
    _kind(inspect)
    inspect.add_argument(
        "--crack-values",
        default="",
        metavar="VALUES",
        help='mask values that are crack: "255", "2,4", "#ff0000", ">127" or "<128"; else found out',
    )
    inspect.add_argument("--undecided-values", default="", metavar="VALUES", help="values that say nothing")
    inspect.add_argument(
        "--contact-sheet", type=Path, metavar="FILE", help="write pictures with their masks (.png or .jpg)"
    )
    inspect.add_argument("--json", action="store_true", help="one JSON object on standard output")
    inspect.set_defaults(run=run_inspect)

    layouts = actions.add_parser("layouts", help="list the layouts that are known")
    layouts.add_argument("--json", action="store_true", help="one JSON object on standard output")
    layouts.set_defaults(run=run_layouts)

    leak = actions.add_parser(
        "check-leak",
        help="pictures that are in two sets, or in two halves of one",
        description="Compare every picture of A with every picture of B: bytes, likeness, overlaps. Exit "
        "status: 0 no leak, 1 leaks or unreadable pictures, 2 not a data set.",
    )
    leak.add_argument("a", metavar="A", help="a data set; A:train, A:val or A:test takes that half")
    leak.add_argument("b", metavar="B", nargs="?", help="another; without it the halves of A are compared")
    _kind(leak)
    leak.add_argument(
        "--no-overlaps",
        action="store_true",
        help="do not look for crops that overlap, which takes half a millisecond for each pair",
    )
    leak.add_argument("--json", action="store_true", help="one JSON object on standard output")
    leak.set_defaults(run=run_check_leak)


def _kind(parser: argparse.ArgumentParser) -> None:
    from crackcore.datasets import KINDS

    parser.add_argument("--kind", default="auto", choices=("auto", *KINDS), help="its layout; else found out")


def run_inspect(options: argparse.Namespace) -> int:
    """Inspect; 0 clean, 1 files left out or a question, 2 usage."""
    from crackcore.datasets import read_dataset
    from crackcore.datasets.contact_sheet import contact_sheet, write_contact_sheet
    from crackcore.datasets.inspecting import inspect_dataset
    from crackcore.imaging.mask_rules import stated_rule

    sheet_file: Path | None = options.contact_sheet
    if sheet_file is not None and sheet_file.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        say("--contact-sheet takes a name that ends in .png or .jpg.")
        return 2
    rule = None
    try:
        if options.crack_values:
            rule = stated_rule(options.crack_values, options.undecided_values)
        elif options.undecided_values:
            say("--undecided-values belongs to --crack-values.")
            return 2
    except ValueError as error:
        say(f"--crack-values: {error}.")
        return 2
    with read_dataset(options.place, options.kind) as dataset:
        with terminal_progress("Inspecting") as progress:
            found = inspect_dataset(dataset, rule=rule, progress=progress)
        if sheet_file is not None:
            with terminal_progress("Drawing") as progress:
                write_contact_sheet(sheet_file, contact_sheet(dataset, found.rule, progress=progress))
    if options.json:
        print_json({**found.as_json(), "contact_sheet": escaped(str(sheet_file)) if sheet_file else ""})
    else:
        _show(found)
    return 1 if found.problems or found.rule.question else 0


def _show(found: Any) -> None:
    dataset = found.dataset
    photos = f" of {found.groups} photos" if 0 < found.groups < found.pictures else ""
    sides = ", ".join(f"{n} {side or 'of no side'}" for side, n in dataset.sides.items())
    show(f"{shown_name(dataset.name)} ({dataset.kind}): {found.pictures} pictures{photos}")
    if sides:
        show(f"  split       {sides}")
    sizes = [f"{w} x {h} ({n})" for (w, h), n in list(found.sizes.items())[:4]]
    more = f" and {len(found.sizes) - 4} more sizes" if len(found.sizes) > 4 else ""
    show(f"  size px     {', '.join(sizes)}{more}")
    show(f"  crack       {found.rule.words or 'nothing is marked'}")
    share = found.crack_share
    show(
        f"  share       mean {share.mean:.2%}, median {share.median:.2%}, up to {share.most:.2%}; "
        f"{found.crack_free} pictures without a crack"
    )
    widths = found.widths_px
    show(f"  width px    median {widths.median:.1f}, 10 to 90 %: {widths.p10:.1f} to {widths.p90:.1f}")
    if found.undecided_share:
        show(f"  undecided   {found.undecided_share:.2%} of the pixels")
    if found.with_roi:
        show(f"  region      {found.with_roi} pictures count only in part")
    for twin in found.twins[:_SHOWN]:
        show(f"  {twin.how}: {shown_name(twin.a.key, whole=True)}, {shown_name(twin.b.key, whole=True)}")
    if len(found.twins) > _SHOWN:
        show(f"  ... and {len(found.twins) - _SHOWN} more doubles")
    for note in found.notes:
        say(note)
    if found.rule.question:
        say(f"{found.rule.question} Say it with --crack-values.")
    _say_problems(found.problems)


def run_layouts(options: argparse.Namespace) -> int:
    """List the kinds of data sets with what each must hold; always 0."""
    from crackcore.datasets.layouts import LAYOUTS
    from crackcore.datasets.reading import OTHER_KINDS

    rows = {kind: (layout.title, layout.expects) for kind, layout in LAYOUTS.items()} | OTHER_KINDS
    if options.json:
        print_json({"layouts": [{"kind": k, "title": t, "holds": h} for k, (t, h) in rows.items()]})
    else:
        for kind, (title, holds) in rows.items():
            show(f"{kind:14} {title}: {holds}")
    return 0


def run_check_leak(options: argparse.Namespace) -> int:
    """Compare; 0 no leak, 1 leaks or unreadable pictures, 2 usage."""
    from crackcore.datasets import read_dataset
    from crackcore.datasets.leaks import find_leaks, find_leaks_between_sides, path_of, side_of

    by_overlap = False if options.no_overlaps else None
    with ExitStack() as stack, terminal_progress("Comparing") as progress:
        sets = []
        for text in [t for t in (options.a, options.b) if t is not None]:
            place, side = path_of(text)
            whole = stack.enter_context(read_dataset(place, options.kind, progress=progress))
            sets.append(side_of(whole, side) if side else whole)
        if len(sets) == 1:
            reports = find_leaks_between_sides(sets[0], by_overlap=by_overlap, progress=progress)
        else:
            reports = [find_leaks(sets[0], sets[1], by_overlap=by_overlap, progress=progress)]
    leaks = sum(len(report.leaks) for report in reports)
    problems = [p for report in reports for p in report.problems]
    if options.json:
        print_json(_as_json(reports))
    else:
        for report in reports:
            show(report.sentence())
            for leak in report.leaks[:_SHOWN]:
                a, b = shown_name(leak.a.key, whole=True), shown_name(leak.b.key, whole=True)
                show(f"  {leak.how}: {a}, {b}")
            if len(report.leaks) > _SHOWN:
                show(f"  ... and {len(report.leaks) - _SHOWN} more")
        _say_problems(problems)
    return 1 if leaks or problems else 0


def _as_json(reports: Any) -> dict[str, Any]:
    from crackcore.datasets.inspecting import leak_row

    return {
        "leaks": sum(len(report.leaks) for report in reports),
        "comparisons": [
            {
                "a": escaped(report.a),
                "b": escaped(report.b),
                "pictures_a": report.pictures[0],
                "pictures_b": report.pictures[1],
                "looked_for_overlaps": not report.overlaps_skipped,
                "leaks": [leak_row(leak) for leak in report.leaks],
            }
            for report in reports
        ],
        "problems": [{"file": escaped(p.file.name), "reason": p.reason} for r in reports for p in r.problems],
    }


def _say_problems(problems: Any) -> None:
    for problem in problems[:_SHOWN]:
        say(f"{shown_name(problem.file)}: {problem.reason}")
    if len(problems) > _SHOWN:
        say(f"... and {len(problems) - _SHOWN} more files; --json lists them all.")
