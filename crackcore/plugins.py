"""Tables of names: ours, merged with those of installed packages; nothing is imported to list them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from crackcore.errors import PluginProblem


def table(group: str, own: Mapping[str, str]) -> dict[str, str]:
    """Our entries ("name" -> "module:attribute") and those of entry-point group `group`.

    Raises PluginProblem when an installed package shadows a name.
    """
    entries = dict(own)
    for point in entry_points(group=group):
        if point.name in entries:
            raise PluginProblem(
                f'Two packages bring "{point.name}": {entries[point.name]} and {point.value}.',
                hint="Remove one of them.",
            )
        entries[point.name] = point.value
    return entries


def resolve(entry: str) -> Any:
    """'package.module:attribute' -> the attribute, imported only now."""
    module, _, attribute = entry.partition(":")
    return getattr(import_module(module), attribute)


def nearest(name: str, known: Iterable[str], *, count: int = 3) -> tuple[str, ...]:
    """The known names most like `name`, best first; may be empty."""
    names = {k.lower(): k for k in known}
    found = difflib.get_close_matches(name.lower(), names, n=count, cutoff=0.4)
    found += [n for n in names if n not in found and (name.lower() in n or n in name.lower())]
    return tuple(names[n] for n in found[:count])
