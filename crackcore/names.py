"""File names as text: shown safely, stored reversibly.

File names may hold control characters, direction marks or bytes that are not UTF-8 (Python keeps
those as lone surrogates). `shown_name` is for people and never fails; `escaped` and `unescaped`
are for files: ASCII only, and equal after a round trip.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def shown_name(path: Path | str | bytes, *, whole: bool = False) -> str:
    """The file's name (or the whole path) with control, direction and surrogate characters escaped."""
    text = os.fsdecode(path)
    if not whole:
        text = os.path.basename(text.rstrip("/\\")) or text
    return "".join(_shown(c) for c in text)


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _UNSAFE:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def escaped(text: str) -> str:
    r"""ASCII form of any file name, lone surrogates included.

    >>> escaped("R\u00edo.jpg")
    'R\\u00edo.jpg'
    """
    out = []
    for character in text:
        code = ord(character)
        if character == "\\":
            out.append("\\\\")
        elif 0x20 <= code < 0x7F:
            out.append(character)
        else:
            out.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return "".join(out)


# The long form ends with the last character there is: a damaged file must not raise here.
_ESCAPE = re.compile(r"\\(\\|u[0-9a-f]{4}|U00(?:0[0-9a-f]|10)[0-9a-f]{4})")


def unescaped(text: str) -> str:
    r"""Undo `escaped`.

    >>> unescaped(escaped("a\\u0041\udcff"))  == "a\\u0041\udcff"
    True
    """
    return _ESCAPE.sub(lambda m: "\\" if m[1] == "\\" else chr(int(m[1][1:], 16)), text)
