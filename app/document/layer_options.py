"""Which layers of a document are shown over its photograph, and how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerOptions:
    """What the canvas draws over the photograph.

    `outline` draws only the contour of the mask, outside of it, so that a thin crack stays visible.
    `opacity` (0..1) is that of the mask when filled, and the strongest of the score map.
    """

    overlay_visible: bool = True
    score_visible: bool = False
    outline: bool = False
    opacity: float = 0.75
    colour_map: str = "viridis"
