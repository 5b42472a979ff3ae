"""The headless door: one file a command, each a thin layer over the engine.

A command module offers `add(subparsers)`, which declares its options and sets `run` (a function
from the parsed options to an exit status): 0 all done, 1 some inputs were refused and are listed,
2 the command was used wrongly. With `--json` exactly one object goes to standard output.
"""
