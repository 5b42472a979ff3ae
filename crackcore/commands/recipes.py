"""`crackcore recipes`: how each network is trained, as published and as this program does it."""

from __future__ import annotations

import argparse
from typing import Any

from crackcore.commands.output import print_json, show


def add(subparsers: Any) -> None:
    """Declare `recipes`."""
    parser = subparsers.add_parser("recipes", help="list how each network is trained")
    parser.add_argument("--architecture", help="only this network")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the recipes; always 0."""
    from crackcore.models.catalogue import known_architecture
    from crackcore.training.recipes import all_recipes

    wanted = known_architecture(options.architecture)[0].name if options.architecture else ""
    found = [recipe for recipe in all_recipes() if wanted in ("", recipe.architecture)]
    if options.json:
        print_json({"recipes": [recipe.described() for recipe in found]})
        return 0
    for recipe in found:
        s = recipe.settings
        length = f"{s.epochs} epochs" if s.epochs else f"{s.iterations} iterations"
        rate = type(s.schedule).__name__.lower() if s.schedule else "falling"
        show(f"{recipe.architecture}, {recipe.kind}: {recipe.source}")
        show(f"    {length}, batch {s.batch}, crop {s.augment.crop_px} px ({type(s.augment).__name__})")
        show(f"    {s.optimiser}, rate {s.learning_rate:g} ({rate}), loss {s.criterion}")
        for line in recipe.differs:
            show(f"    differs: {line}")
    return 0
