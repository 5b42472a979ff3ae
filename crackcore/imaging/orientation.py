"""The eight EXIF orientations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def legal(value: object) -> int:
    """1..8; anything else that a file may say (0, 9, text, several numbers) means 1."""
    if isinstance(value, int) and 1 <= value <= 8:
        return int(value)
    return 1


def is_turned(orientation: int) -> bool:
    """Whether width and height change places."""
    return orientation in (5, 6, 7, 8)


def upright(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """The (H, W) or (H, W, C) array as it should be seen; C-contiguous, the same object for 1."""
    match orientation:
        case 2:
            values = values[:, ::-1]
        case 3:
            values = values[::-1, ::-1]
        case 4:
            values = values[::-1]
        case 5:
            values = values.swapaxes(0, 1)
        case 6:
            values = values[::-1].swapaxes(0, 1)
        case 7:
            values = values[::-1, ::-1].swapaxes(0, 1)
        case 8:
            values = values[:, ::-1].swapaxes(0, 1)
    return np.ascontiguousarray(values)
