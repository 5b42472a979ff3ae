"""A document's planes on a finer or a coarser grid: worked out on a lane, taken by `DocumentGrid`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from app.document.planes import DisplayPlanes, display_planes
from app.document.snapshot import ShownSnapshot
from crackcore.arrays import HandPlane, RgbImage, read_only
from crackcore.domain.prediction import Prediction
from crackcore.imaging.enlarging import check_finer, enlarged
from crackcore.imaging.pyramid import photo_levels
from crackcore.masks.patch import Patch, difference
from crackcore.masks.regridding import coarser_hand, finer, score_on_grid
from crackcore.progress import Progress, unheard


@dataclass(frozen=True)
class GridState:
    """Everything of a document that lies on its grid. `hand` leads there from an untouched plane."""

    magnification: int
    hand: Patch
    prediction: Prediction | None


@dataclass(frozen=True)
class GridWish:
    """Bring a document from magnification `now` to `to`.

    `snapshot` is what it shows at the moment of asking. `prediction` is what it shall show then; its
    score may lie on either grid. With `state`, the planes are exactly those; `way` is -1 for undo, 1
    for redo, 0 for a step of its own, called `title`.
    """

    snapshot: ShownSnapshot
    photo: RgbImage
    name: str
    now: int
    to: int
    prediction: Prediction | None
    title: str
    state: GridState | None = None
    way: int = 0


@dataclass(frozen=True)
class GridPlanes:
    """The answer: all arrays on the new grid; `before` is the hand plane that was, as a patch."""

    wish: GridWish
    levels: tuple[RgbImage, ...]
    hand: HandPlane
    drawn: Patch
    before: Patch
    prediction: Prediction | None
    planes: DisplayPlanes


def planes_on_grid(wish: GridWish, progress: Progress = unheard) -> GridPlanes:
    """Work a wish out; raises InputRefused when the finer grid is beyond limits or memory, and Cancelled.

    The hand plane of the snapshot may be painted on meanwhile: the document refuses the answer then.
    """
    snapshot, size = wish.snapshot, wish.photo.shape[:2]
    if wish.to > wish.now:
        check_finer(wish.name, size, wish.to)
    progress(0, 4)
    size = (size[0] * wish.to, size[1] * wish.to)
    hand = np.zeros(size, np.uint8)
    if wish.state is not None:
        drawn = wish.state.hand
        drawn.write_after(hand)
    else:
        if wish.to > wish.now:
            hand = finer(snapshot.hand, wish.to // wish.now)
        elif snapshot.hand.any():
            hand = coarser_hand(snapshot.hand, snapshot.mask(), wish.now // wish.to)
        drawn = whole(hand)
    before = whole(snapshot.hand)
    progress(1, 4)
    prediction = on_grid(wish.prediction, size)
    score = None if prediction is None else prediction.score
    planes = display_planes(hand, score, None)
    progress(2, 4)
    larger = enlarged(wish.photo, wish.to)
    progress(3, 4)
    return GridPlanes(wish, photo_levels(larger), hand, drawn, before, prediction, planes)


def on_grid(prediction: Prediction | None, size: tuple[int, int]) -> Prediction | None:
    """The prediction with its score on the grid of `size` (height, width)."""
    if prediction is None or prediction.score.shape == size:
        return prediction
    return replace(prediction, score=read_only(score_on_grid(prediction.score, size)))


def whole(hand: HandPlane) -> Patch:
    """A hand plane as the patch that leads there from an untouched one."""
    return difference(np.zeros(hand.shape, np.uint8), hand) if hand.any() else Patch(())
