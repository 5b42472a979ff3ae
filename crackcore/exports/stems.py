"""File names for what is exported: recognisable, unique on every system, never hostile.

An ordinary photo name keeps its stem to the letter. What a file system, a shell or a spreadsheet
could trip over becomes `_`; two photos of one stem are told apart by a number at the end.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

_FORBIDDEN = frozenset('<>:"/\\|?*')
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9\u00b9\u00b2\u00b3])\s*(\.|$)", re.I)
_LONGEST = 150  # bytes; leaves room for folder, number and suffix on systems that allow 255
_EMPTY = "picture"


def safe_stems(paths: Iterable[Path | str]) -> list[str]:
    """One stem per path, in order; all different also where case and accents' spelling do not count.

    Ordinary names come first: whoever needs no change keeps the stem, and a changed or repeated one
    steps aside to `STEM-2`, `STEM-3`, ... The result depends on names and order only, not on disk.

    >>> safe_stems(["a/IMG_1.jpg", "b/img_1.JPG", "CON.png", "-rf.jpg", "x.tar.gz"])
    ['IMG_1', 'img_1-2', '_CON', '_rf', 'x.tar']
    """
    wanted = [_stem(path) for path in paths]
    safe = [_safe(stem) for stem in wanted]
    taken: set[str] = set()
    out: list[str | None] = [None] * len(safe)
    for i, stem in enumerate(safe):
        if stem == wanted[i] and _key(stem) not in taken:
            taken.add(_key(stem))
            out[i] = stem
    return _with_numbers(safe, out, taken)


def _with_numbers(safe: Sequence[str], out: list[str | None], taken: set[str]) -> list[str]:
    next_number: dict[str, int] = {}  # a thousand photos of one name must not cost a million looks
    done = []
    for stem, settled in zip(safe, out, strict=True):
        if settled is None:
            settled = stem
            number = next_number.get(_key(stem), 2)
            while _key(settled) in taken:
                settled = f"{stem}-{number}"
                number += 1
            next_number[_key(stem)] = number
            taken.add(_key(settled))
        done.append(settled)
    return done


def _stem(path: Path | str) -> str:
    name = os.fspath(path)
    name = name.rsplit("/", 1)[-1] if isinstance(path, str) else path.name
    dot = name.rfind(".")
    return name[:dot] if 0 < dot < len(name) - 1 else name


def _safe(stem: str) -> str:
    text = "".join("_" if c in _FORBIDDEN or unicodedata.category(c) in _UNSAFE else c for c in stem).rstrip(
        " ."
    )
    text = re.sub(r"^[\s.~-]+", "_", text)
    if _RESERVED.match(text):
        text = f"_{text}"
    if len(text.encode()) > _LONGEST:
        # The digest keeps long names apart that differ only at the end.
        digest = hashlib.sha256(stem.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        text = text.encode()[: _LONGEST - 9].decode(errors="ignore").rstrip(" .") + "-" + digest
    return text if text.strip("_ ") else _EMPTY


def _key(stem: str) -> str:
    """Equal for names that some file system takes for the same."""
    folded = unicodedata.normalize("NFC", stem).casefold()
    return unicodedata.normalize("NFC", folded)
