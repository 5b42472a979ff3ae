"""`crackcore`, or `python -m crackcore`: the engine without a window."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from crackcore import __version__
from crackcore.errors import Cancelled, CrackError

COMMANDS = ("models", "predict", "project", "export", "train")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (0 done, 1 some inputs refused, 2 usage)."""
    parser = argparse.ArgumentParser(
        prog="crackcore", description="Find and record cracks, without a window."
    )
    parser.add_argument("--version", action="version", version=f"crackscope {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        import_module(f"crackcore.commands.{name}").add(subparsers)
    try:
        options = parser.parse_args(arguments)
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
