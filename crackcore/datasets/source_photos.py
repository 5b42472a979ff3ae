"""From the name of a picture to the photo it was cut from, where a collection has its own way of naming.

Rules of the published sets; everything else goes by `exports.split.photo_name`.
"""

from __future__ import annotations

import re

from crackcore.exports.split import photo_name

SIDES = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}
"""Words for the parts of a split, as they are met in the names of folders and files."""

COLLECTIONS = (
    "CRACK500",
    "CFD",
    "cracktree200",
    "DeepCrack",
    "forest",
    "GAPS384",
    "Rissbilder_for_Florian",
    "Rissbilder",
    "Sylvie_Chambon",
    "Sylvie",
    "Volker",
    "Eugen_Muller",
    "Nohra_Muller",
    "Nohra",
    "noncrack",
)
"""Prefixes in the merged set of khanhha and those that descend from it."""

# Position and size of a crop, after what names the photo.
_RULES = (
    # CRACK500: date and clock of the phone, then the corner of the crop.
    re.compile(r"(?P<photo>\d{8}_\d{6})(?:_\d+)*"),
    # GAPs: part, number of the photo, corner.
    re.compile(r"(?P<photo>(?:train|valid|test)_\d{4})(?:_\d+)*", re.IGNORECASE),
    # Rissbilder, Volker: the camera's name, then number and corners of the crop.
    re.compile(r"(?P<photo>(?:DSC\d{5}|\d[A-Z]\dA\d{4}|[A-Z]{3}_\d{4}))(?:_\d+)+"),
    # noncrack: the wall, then the cell.
    re.compile(r"(?P<photo>(?:noncrack_)?concrete_wall_\d+)_\d+"),
)


def collection_of(stem: str) -> str:
    """The collection whose prefix a name of a merged set carries; empty when it has none.

    >>> collection_of("GAPS384_train_0556_541_1"), collection_of("11125-1")
    ('GAPS384', '')
    """
    lower = stem.casefold()
    return next((c for c in COLLECTIONS if lower.startswith(c.casefold() + "_")), "")


def source_photo(stem: str) -> str:
    """The name that all pictures cut from one photo share, as far as names tell.

    >>> source_photo("CRACK500_20160222_081011_1_361"), source_photo("GAPS384_train_0556_541_1")
    ('crack500/20160222_081011', 'gaps384/train_0556')
    >>> source_photo("6192_rot3_crop4_mirror0"), source_photo("11125-2")
    ('6192', '11125')
    """
    collection = collection_of(stem)
    inner = stem[len(collection) + 1 :] if collection else stem
    while inner.lower().endswith((".jpg", ".png")):  # noncrack_x.jpg.jpg
        inner = inner[:-4]
    name = _by_rule(inner) or photo_name(inner)
    return f"{collection.casefold()}/{name}" if collection else name


def _by_rule(name: str) -> str:
    return next((m["photo"].casefold() for rule in _RULES if (m := rule.fullmatch(name))), "")


def without_side(stem: str) -> str:
    """The source photo of a name that begins with a side: `train_11158-1` was cut from 11158.

    Not so where the part belongs to the photo's own name, as in GAPs, whose parts count anew.
    """
    return _by_rule(stem) or source_photo(side_in_name(stem)[1])


def side_in_name(stem: str) -> tuple[str, str]:
    """Side and rest of a name such as `train_11158`; ("", stem) when it does not begin with one."""
    word, found, rest = stem.partition("_")
    side = SIDES.get(word.casefold(), "") if found and rest else ""
    return (side, rest) if side else ("", stem)
