"""The `width` argument: the same network with a fraction of the channels."""

from __future__ import annotations


def scaled_channels(channels: int, width: float, *, multiple: int = 8) -> int:
    """`channels` times `width`, rounded to a multiple (at least one); width 1 changes nothing.

    Raises ValueError unless 0 < width <= 4.
    """
    if not 0 < width <= 4:
        raise ValueError(f"width must lie between 0 and 4, not {width}")
    if width == 1:
        return channels
    return max(1, round(channels * width / multiple)) * multiple
