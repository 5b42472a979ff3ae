"""File names: shown safely, stored reversibly."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crackcore.names import escaped, shown_name, unescaped

any_text = st.text(st.characters(codec=None), max_size=60)  # lone surrogates included
escapes = st.text(st.sampled_from("\\uU0123fé\udce9/x"), max_size=40)


@given(any_text | escapes)
def test_escaping_is_reversible_and_plain(text: str) -> None:
    stored = escaped(text)
    assert unescaped(stored) == text
    assert stored.isascii()
    assert stored.isprintable()
    assert stored.count("/") == text.count("/")


@given(any_text, any_text)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert (escaped(one) == escaped(other)) == (one == other)


@given(any_text | escapes)
def test_any_text_can_be_unescaped(text: str) -> None:
    assert isinstance(unescaped(text), str)


@pytest.mark.parametrize("text", ["\\Uffffffff", "\\U00110000", "\\u12", "\\", "\\x41", "\\u00E9"])
def test_what_is_no_escape_of_ours_stays(text: str) -> None:
    assert unescaped(text) == text


def test_the_last_character_there_is() -> None:
    assert escaped("\U0010ffff") == "\\U0010ffff"
    assert unescaped("\\U0010ffff") == "\U0010ffff"


def test_ordinary_names_are_stored_as_they_are() -> None:
    assert escaped("site 1/IMG_0001 (copy).jpg") == "site 1/IMG_0001 (copy).jpg"


@given(any_text)
def test_shown_names_hold_nothing_that_harms(text: str) -> None:
    shown = shown_name(text, whole=True)
    shown.encode("utf-8")
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/a/b/c.jpg", "c.jpg"),
        (Path("/a/b"), "b"),
        ("/a/b/", "b"),
        ("/", "/"),
        ("a\nb.jpg", "a\\x0ab.jpg"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        (b"caf\xe9.jpg", "caf\\udce9.jpg"),
        ("\U000e0001.jpg", "\\U000e0001.jpg"),
        ("Río.jpg", "Río.jpg"),
    ],
)
def test_only_the_name_is_shown(path: Path | str | bytes, shown: str) -> None:
    assert shown_name(path) == shown


def test_the_whole_path_when_asked() -> None:
    assert shown_name("/a/b\n/c.jpg", whole=True) == "/a/b\\x0a/c.jpg"


def test_the_hostile_names_of_the_corpus(shared: Path) -> None:
    listed = shared / "data" / "bad-inputs" / "names" / "hostile-names.json"
    names = json.loads(listed.read_text("utf-8"))
    assert len(names) >= 48
    for name in names:
        assert unescaped(escaped(name)) == name
        if name != "\ud800.jpg":  # no system hands such a name out
            assert shown_name(os.fsencode(name)) == shown_name(name)
