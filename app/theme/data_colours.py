"""Colours that mean something; they do not follow the theme.

Orange and cyan are told apart with every kind of colour blindness, and both stand out from light
concrete, sandstone and dark asphalt (a test computes the distances with simulated vision). Violet
is for what is undecided. Lines over photographs come in two tones, so that one of them shows on
any ground.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Rgb = tuple[int, int, int]

CRACK_PREDICTED: Rgb = (255, 150, 0)
CRACK_BY_HAND: Rgb = (0, 200, 255)
UNDECIDED: Rgb = (150, 90, 255)

# What became of a pixel in a comparison with the truth. As with masks, orange is what only a model says.
ERROR_MATCHED: Rgb = (67, 115, 255)
ERROR_MISSED: Rgb = (161, 0, 13)
ERROR_INVENTED: Rgb = (255, 161, 26)

LINE_LIGHT: Rgb = (255, 255, 255)
LINE_DARK: Rgb = (16, 18, 20)

# Evenly spaced points of the two maps (viridis by S. van der Walt and N. Smith, CC0; cividis by
# J. Nunez, C. Anderton and R. Renslow, CC0); straight lines between them are off by less than 3 %.
_POINTS = {
    "viridis": (
        "440154 481769 472a7a 433d84 3d4e8a 355e8d 2e6d8e 297b8e 23898e"
        " 1f978b 21a585 2eb37c 46c06f 65cb5e 89d548 b0dd2f d8e219 fde725"
    ),
    "cividis": (
        "00204d 002b67 00356e 28406c 3d4a6b 4d556c 5b606e 696b71 767676"
        " 848179 928d78 a19976 b1a573 c1b26d d1bf66 e2cd5c f3db4f ffea46"
    ),
}

COLOUR_MAPS = tuple(_POINTS)


def colour_map(name: str) -> NDArray[np.uint8]:
    """(256, 3) uint8 RGB: the colour of every score. KeyError for an unknown name."""
    points = np.array([list(bytes.fromhex(point)) for point in _POINTS[name].split()], np.float64)
    at = np.linspace(0, 255, len(points))
    channels = [np.interp(np.arange(256), at, points[:, k]) for k in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8)


def argb(colour: Rgb, opacity: float) -> int:
    """A colour as an entry of a colour table: 0xAARRGGBB."""
    red, green, blue = colour
    return round(opacity * 255) << 24 | red << 16 | green << 8 | blue


@lru_cache(maxsize=8)
def score_table(name: str, opacity: float) -> tuple[int, ...]:
    """256 colours for a score map over a photograph.

    A score of nought is invisible and low ones are faint: over the whole picture even a light tint
    would hide the surface. From a third of the way up the map has its full opacity.
    """
    ramp = np.clip(np.arange(256) / 85, 0.0, 1.0) * opacity
    return tuple(
        argb((int(r), int(g), int(b)), float(a)) for (r, g, b), a in zip(colour_map(name), ramp, strict=True)
    )
