"""Which pictures train and which check: split by source photo, never by crop.

`photo_groups` says which pictures belong together; whole groups go to one side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from crackcore.datasets.grouping import photo_groups

__all__ = ["hold_out", "photo_groups"]


def hold_out(keys: Sequence[str], groups: Sequence[int], *, fraction: float, seed: int = 0) -> list[bool]:
    """True per picture that is held out: whole groups, in an order given by a hash of their keys.

    `keys` are stable names of the pictures (digests); groups are added until at least `fraction`
    of the pictures is held out. The same pictures give the same split on every machine. A group
    that alone holds more than half of the wanted number is left to training, unless all do: then
    the smallest are held out, as long as half of the pictures are left.
    """
    members: dict[int, list[str]] = {}
    for key, group in zip(keys, groups, strict=True):
        members.setdefault(group, []).append(key)
    wanted = fraction * len(keys)

    def order(group: int) -> str:
        return hashlib.sha256(f"{seed}:{min(members[group])}".encode()).hexdigest()

    chosen: set[int] = set()
    count = 0
    for group in sorted(members, key=order):
        if count >= wanted:
            break
        if len(members[group]) > max(1.0, wanted / 2):
            continue
        chosen.add(group)
        count += len(members[group])
    if not chosen and wanted > 0:
        for group in sorted(members, key=lambda g: (len(members[g]), order(g))):
            if count >= wanted or count + len(members[group]) > len(keys) / 2:
                break
            chosen.add(group)
            count += len(members[group])
    return [group in chosen for group in groups]
