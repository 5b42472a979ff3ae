"""Every refusal is a sentence a person can act on, in the engine and in the window."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from source_files import dotted, program_files

from crackcore import errors
from crackcore.errors import CrackError

# What a parameter of an error's constructor may be filled with, by its name.
FILLINGS: dict[str, Any] = {
    "message": "This did not work.",
    "path": Path("place") / "bridge 7.jpg",
    "reason": "the picture is broken.",
    "found": 9,
    "known": 2,
    "name": "cgnet",
    "nearest": ("cgnet_m3n21",),
}


def every_error() -> list[type[CrackError]]:
    """CrackError and all that descend from it, wherever in the program they are defined."""
    names, modules = {"CrackError"}, {errors.__name__}
    grown = True
    while grown:
        grown = False
        for source in program_files():
            for node in ast.walk(source.tree):
                if not isinstance(node, ast.ClassDef) or node.name in names:
                    continue
                if names & {dotted(base).split(".")[-1] for base in node.bases}:
                    names.add(node.name)
                    modules.add(source.name.removesuffix(".py").replace("/", "."))
                    grown = True
    loaded = [import_module(module) for module in sorted(modules)]
    found = {getattr(module, name) for name in names for module in loaded if name in vars(module)}
    assert len(found) == len(names)
    return sorted(found, key=lambda kind: kind.__name__)


def made(kind: type[CrackError]) -> CrackError:
    wanted = [
        parameter.name
        for parameter in inspect.signature(kind).parameters.values()
        if parameter.default is inspect.Parameter.empty
    ]
    return kind(*(FILLINGS[name] for name in wanted))


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_refusal_is_a_sentence(kind: type[CrackError]) -> None:
    error = made(kind)
    said = error.sentence()
    assert said == f"{error.message} {error.hint}".strip()
    assert said.endswith((".", "?")), said
    assert said[0].isupper() or said.startswith("bridge 7.jpg"), said
    assert "\n" not in said
    assert kind.__name__ not in said
    assert (kind.__doc__ or "").strip(), "an error class says what the person can do about it"


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_the_window_has_words_for_every_refusal(kind: type[CrackError]) -> None:
    from app.messages import hint_for, message_for

    error = made(kind)
    assert hint_for(error).endswith((".", "?"))
    assert kind.__name__ not in message_for(error).text
    assert error.message in message_for(error).text


def test_a_hint_of_its_own_comes_first() -> None:
    from app.messages import sentence

    assert sentence(errors.NoSpace("The disk is full.", hint="Empty the bin.")) == (
        "The disk is full. Empty the bin."
    )
