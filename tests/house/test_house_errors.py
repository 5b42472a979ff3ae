"""Every refusal is a sentence a person can act on, in the engine and in the window."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

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
    found = [CrackError]
    for kind in found:
        found += [below for below in kind.__subclasses__() if below not in found]
    return found


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


def test_no_refusal_lives_outside_the_engine_s_list() -> None:
    assert {kind.__module__ for kind in every_error()} == {errors.__name__}


def test_a_hint_of_its_own_comes_first() -> None:
    from app.messages import sentence

    assert sentence(errors.NoSpace("The disk is full.", hint="Empty the bin.")) == (
        "The disk is full. Empty the bin."
    )
