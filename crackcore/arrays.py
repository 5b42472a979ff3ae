"""Names of the arrays that travel between rooms."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

RgbImage = NDArray[np.uint8]
"""uint8 (H, W, 3), sRGB, C-contiguous, upright; read-only once loaded."""

ClassMask = NDArray[np.uint8]
"""uint8 (H, W): 0 sound, 1 crack, further classes as the project names them, 255 undecided."""

ScoreMap = NDArray[np.uint8]
"""uint8 (H, W): the model's output x 255, rounded. How sure the model is; not calibrated."""

HandPlane = NDArray[np.uint8]
"""uint8 (H, W): 0 where nobody touched; else what a person said: class + 1, or 255 undecided."""

SOUND = 0
CRACK = 1
UNDECIDED = 255

UNTOUCHED = 0
HAND_SOUND = 1
HAND_CRACK = 2
HAND_UNDECIDED = 255


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """The same memory, as a view nobody can write through."""
    view = array.view()
    view.flags.writeable = False
    return view
