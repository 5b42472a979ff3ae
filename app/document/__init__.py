"""One image being looked at and edited: its pixels, prediction, hand plane and undo stack.

The law of the room: a pixel that a person touched is theirs. Predictions, thresholds, late answers
and cleaning change only what nobody touched.

Why so: whatever takes longer than about 10 ms on a big picture (levels for the canvas, hysteresis,
approving, cleaning) is a plain function over arrays that a lane can run; the document takes the
answer and drops it when the picture has moved on meanwhile. Without an answer in hand it computes
the same thing itself, which is right for small pictures and for tests.
"""

from app.document.document import Document
from app.document.layer_options import LayerOptions
from app.document.planes import (
    DisplayPlanes,
    MaxLevels,
    PeakPlanes,
    ScorePlanes,
    display_planes,
    peak_planes,
    score_planes,
)
from app.document.regridding import GridPlanes, GridState, GridWish, planes_on_grid
from app.document.snapshot import Approval, ShownSnapshot

__all__ = [
    "Approval",
    "DisplayPlanes",
    "Document",
    "GridPlanes",
    "GridState",
    "GridWish",
    "LayerOptions",
    "MaxLevels",
    "PeakPlanes",
    "ScorePlanes",
    "ShownSnapshot",
    "display_planes",
    "peak_planes",
    "planes_on_grid",
    "score_planes",
]
