"""`crackcore`, or `python -m crackcore`: the engine without a window."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from crackcore import __version__
from crackcore.errors import Cancelled, CrackError

COMMANDS = {
    "models": "list architectures and installed models",
    "import-model": "turn a published checkpoint into a model of this program",
    "export-model": "write a model as ONNX for other programs",
    "predict": "find cracks in pictures and write them to a folder",
    "project": "make, fill, list or check a project",
    "export": "write masks, tables or training sets of a project",
    "evaluate": "score predictions in a folder against truth in another",
    "dataset": "look at a data set, or find what leaks between two",
    "adapt": "fit a model to corrected pictures in seconds",
    "retrain": "go on training a model on corrected pictures",
    "train": "train a model on photographs with masks",
    "recipes": "list how each network is trained, as published and here",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (0 done, 1 some inputs refused, 2 usage)."""
    parser = argparse.ArgumentParser(
        prog="crackcore", description="Find and record cracks, without a window."
    )
    parser.add_argument("--version", action="version", version=f"crackscope {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    given = list(sys.argv[1:] if arguments is None else arguments)
    for name, summary in COMMANDS.items():
        if name in given:  # only the command at hand is imported: the others cost time and change nothing
            import_module(f"crackcore.commands.{name.replace('-', '_')}").add(subparsers)
        else:
            subparsers.add_parser(name, help=summary)
    try:
        options = parser.parse_args(given)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    from crackcore.commands.output import say

    try:
        return int(options.run(options))
    except CrackError as error:
        say(error.sentence())
        return 2
    except (KeyboardInterrupt, Cancelled):
        say("Stopped.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
