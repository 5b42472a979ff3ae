"""Train, check or test: split by source photo, never by crop, and the same at every export.

Crops and turned copies of one photo look alike; a network that saw one of them knows the other. So
pictures are grouped first, and a whole group goes to one side. The side is drawn from a digest of
the group's name alone: pictures added later do not move earlier ones across, and what was test stays
test.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence

SHARES: Mapping[str, float] = {"train": 0.8, "val": 0.1, "test": 0.1}

RULE = (
    "Pictures with equal bytes, or equal names without folder, suffix and crop marks (crop, tile, patch, "
    "part, rot, flip, aug, copy with numbers; x12_y34; r1_c2; (2); a short number after a number and a "
    "dash or underscore), are one group. A group's side comes from SHA-256 of its name."
)

# What tools append when they cut, turn or copy a photo. Over-grouping only makes a group larger;
# under-grouping leaks, so the rules lean to the former. Numbers of four and more digits after a dash
# are cameras' counters and stay.
_MARK = re.compile(
    r"""(?:
        [\s_.-]+(?:crop|tile|patch|part|piece|cell|rot|rotated|flip|flipped|mirror|aug|copy|kopie)
            (?:[\s_.-]*\d+)*
      | [\s_.-]+(?:[xyrc](?:ow|ol)?[\s_=.-]?\d+)(?:[\s_.-]+[xyrc](?:ow|ol)?[\s_=.-]?\d+)*
      | [\s_.-]*\(\d+\)
      | (?<=\d)[_-]\d{1,2}
    )$""",
    re.VERBOSE | re.IGNORECASE,
)


def photo_name(stem: str) -> str:
    """The name that all pictures cut from one photo share, as far as names tell.

    >>> photo_name("DSC_0042_crop3"), photo_name("11125-1"), photo_name("IMG_20240101_123456")
    ('dsc_0042', '11125', 'img_20240101_123456')
    >>> photo_name("wall_x512_y1024"), photo_name("a (2)"), photo_name("b_rot90_flip")
    ('wall', 'a', 'b')
    """
    name = unicodedata.normalize("NFC", stem).casefold()
    while True:
        shorter = _MARK.sub("", name)
        if shorter in ("", name):
            return name
        name = shorter


def groups_of(stems: Sequence[str], digests: Sequence[str]) -> list[str]:
    """A group name per picture: the smallest photo name among those joined by name or by digest."""
    names = [photo_name(stem) for stem in stems]
    leader: dict[str, str] = {}

    def lead(key: str) -> str:
        while leader.setdefault(key, key) != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    for name, digest in zip(names, digests, strict=True):
        if digest:
            # A slash cannot be in a name, so the two kinds of key never meet by chance.
            leader[lead(f"sha256/{digest}")] = lead(f"name/{name}")
    smallest: dict[str, str] = {}
    for name in names:
        top = lead(f"name/{name}")
        smallest[top] = min(smallest.get(top, name), name)
    return [smallest[lead(f"name/{name}")] for name in names]


def side_of(group: str, shares: Mapping[str, float] = SHARES) -> str:
    """The side a group goes to; the shares (summing up to 1) hold for many groups, not for few.

    Raises ValueError when the shares are negative or do not sum up to 1.
    """
    if any(s < 0 for s in shares.values()) or abs(sum(shares.values()) - 1) > 1e-9:
        raise ValueError("shares of a split must be at least 0 and sum up to 1")
    digest = hashlib.sha256(group.encode("utf-8", "surrogatepass")).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    for side, share in shares.items():
        place -= share
        if place < 0:
            return side
    return next(reversed([side for side, share in shares.items() if share > 0]))
