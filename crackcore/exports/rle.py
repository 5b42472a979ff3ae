"""COCO's run-length form of masks: column by column, first run background, packed into text.

The text form is that of the COCO tools: each run length (from the fourth on: its difference to the
one two before) is cut into groups of five bits, lowest first; a sixth bit says that more follow;
48 is added to give a printable character.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from crackcore.progress import Progress, unheard

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Piece:
    """One connected region: its packed runs over the whole picture, area in px, and box
    (left, top, width, height) in px."""

    counts: str
    area_px: int
    box: tuple[int, int, int, int]


def pieces(plane: NDArray[np.bool_], progress: Progress = unheard) -> list[Piece]:
    """The 8-connected regions of a bool (H, W) plane, from top to bottom, packed one by one.

    Cost is that of one labelling of the picture plus its runs, however many regions there are.
    """
    labels: NDArray[np.int32]
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        plane.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    if count == 1:
        return []
    progress(0, 2)
    starts, lengths = _runs(plane)
    height = plane.shape[0]
    # A vertical run is connected, so its first pixel's label is that of all of it.
    owners = labels[starts % height, starts // height].astype(np.int64)
    order = np.argsort(owners, kind="stable")
    flat, groups = _counts_by_owner(starts[order], lengths[order], owners[order], plane.size)
    progress(1, 2)
    texts = _packed(flat, groups, count - 1)
    return [
        Piece(
            texts[i - 1],
            int(stats[i, cv2.CC_STAT_AREA]),
            (
                int(stats[i, cv2.CC_STAT_LEFT]),
                int(stats[i, cv2.CC_STAT_TOP]),
                int(stats[i, cv2.CC_STAT_WIDTH]),
                int(stats[i, cv2.CC_STAT_HEIGHT]),
            ),
        )
        for i in range(1, count)
    ]


def whole(plane: NDArray[np.bool_]) -> Piece | None:
    """All True pixels of a bool (H, W) plane as one piece; None when there is none."""
    starts, lengths = _runs(plane)
    if len(starts) == 0:
        return None
    flat, groups = _counts_by_owner(starts, lengths, np.ones(len(starts), np.int64), plane.size)
    left, top, width, height = cv2.boundingRect(plane.astype(np.uint8))
    return Piece(_packed(flat, groups, 1)[0], int(lengths.sum()), (left, top, width, height))


def unpacked(counts: str, height: int, width: int) -> NDArray[np.bool_]:
    """The bool (height, width) plane that packed runs stand for.

    Raises ValueError when the text is no such packing, or its runs do not fill the size exactly;
    nothing of the picture's size is allocated before that is known.
    """
    values: list[int] = []
    at = 0
    while at < len(counts):
        value = shift = 0
        while True:
            if at >= len(counts) or shift > 40:
                raise ValueError("run lengths end early")
            code = ord(counts[at]) - 48
            at += 1
            if not 0 <= code < 64:
                raise ValueError("run lengths hold a character that does not belong there")
            value |= (code & 31) << shift
            shift += 5
            if not code & 32:
                break
        if code & 16:
            value -= 1 << shift
        if len(values) > 2:
            value += values[-2]
        if value < 0:
            raise ValueError("a run has a negative length")
        values.append(value)
    if sum(values) != height * width:
        raise ValueError(f"runs sum up to {sum(values)} px, the picture has {height * width}")
    inside = np.arange(len(values)) % 2 == 1
    return np.repeat(inside, values).reshape(width, height).T


def _runs(plane: NDArray[np.bool_]) -> tuple[Counts, Counts]:
    """Starts and lengths of the vertical runs, positions counted down the columns."""
    height, width = plane.shape
    # One empty pixel between columns keeps runs of different columns apart.
    columns = np.zeros((width, height + 1), np.int8)
    columns[:, :height] = plane.T
    edges = np.flatnonzero(np.diff(columns.ravel(), prepend=np.int8(0)))
    starts, ends = edges[0::2], edges[1::2]
    column = starts // (height + 1)
    return (starts - column).astype(np.int64), (ends - starts).astype(np.int64)


def _counts_by_owner(starts: Counts, lengths: Counts, owners: Counts, size: int) -> tuple[Counts, Counts]:
    """Run lengths, alternating background and region, one owner after another, and whose each is.

    `starts` must rise within an owner, and owners must rise.
    """
    # A run that ends at the foot of a column and one that begins at the next head are one run.
    first_of_owner = np.diff(owners, prepend=-1) != 0
    ends = starts + lengths
    joins = np.zeros(len(starts), np.bool_)
    joins[1:] = (starts[1:] == ends[:-1]) & ~first_of_owner[1:]
    kept = np.flatnonzero(~joins)
    last = np.append(kept[1:], len(starts)) - 1
    starts, ends, owners = starts[kept], ends[last], owners[kept]

    first_of_owner = np.diff(owners, prepend=-1) != 0
    before = np.where(first_of_owner, 0, np.concatenate(([0], ends[:-1])))
    pairs = np.stack((starts - before, ends - starts), axis=1)
    last_of_owner = np.append(first_of_owner[1:], True)
    # The background after the last run, unless the region ends with the picture.
    tail = np.where(last_of_owner, size - ends, 0)
    flat = np.concatenate((pairs, tail[:, None]), axis=1).ravel()
    wanted = np.ones((len(starts), 3), np.bool_)
    wanted[:, 2] = tail > 0
    groups = np.repeat(owners, 3)
    return flat[wanted.ravel()], groups[wanted.ravel()]


def _packed(flat: Counts, groups: Counts, owners: int) -> list[str]:
    """The text form of each owner's run lengths; owners are 1..`owners`."""
    position = np.arange(len(flat)) - np.searchsorted(groups, groups)
    values = flat.copy()
    from_fourth = np.flatnonzero(position > 2)
    values[from_fourth] -= flat[from_fourth - 2]

    letters, used = [], []
    going = np.ones(len(values), np.bool_)
    while going.any():
        low = values & 31
        values = values >> 5  # keeps the sign, as the format wants
        more = going & ~(((values == 0) & (low & 16 == 0)) | ((values == -1) & (low & 16 != 0)))
        letters.append((low + 32 * more + 48).astype(np.uint8))
        used.append(going)
        going = more
    table, mask = np.stack(letters, axis=1), np.stack(used, axis=1)
    text = table[mask].tobytes().decode("ascii")
    per_owner = np.bincount(groups, weights=mask.sum(axis=1), minlength=owners + 1)[1:].astype(np.int64)
    stops = np.cumsum(per_owner)
    return [text[stop - n : stop] for stop, n in zip(stops.tolist(), per_owner.tolist(), strict=True)]
