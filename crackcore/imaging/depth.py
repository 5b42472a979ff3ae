"""From any depth to 8 bits, by one documented mapping.

| values | become |
|---|---|
| 8 bit | themselves |
| 16 bit, range used | value >> 8 |
| 16 bit, less than a quarter of the range used | lowest..highest spread over 0..255, with a note |
| other integers within 0..255 | themselves, with a note |
| other integers | lowest..highest spread over 0..255, with a note |
| float within 0..1 | value x 255, rounded, with a note |
| float within 0..255 | rounded, with a note |
| other float | lowest..highest spread over 0..255, with a note |
| NaN or infinite anywhere | refused |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A 14-bit camera uses a quarter of 16 bits; below that, >> 8 would leave fewer than 64 steps.
_PART_OF_16_BIT = 1 << 14
_ROWS = 256  # rows mapped at a time, so that float copies stay small


class NotFinite(ValueError):
    """The picture holds NaN or infinite values."""


@dataclass(frozen=True)
class Mapped:
    """uint8 values, how they came to be, and a sentence when a person should know."""

    values: NDArray[np.uint8]
    mapping: str
    note: str = ""


def to_8_bit(values: NDArray[Any]) -> Mapped:
    """Map an array of any shape, integer or float, to uint8; all channels alike.

    Raises NotFinite, or ValueError for kinds of numbers that are no brightness (complex).
    """
    kind = values.dtype.kind
    if values.dtype == np.uint8:
        return Mapped(values, "8 bit, as it is")
    if kind == "b":
        return Mapped(values.astype(np.uint8) * 255, "1 bit: 0 and 255")
    if kind not in "iuf":
        raise ValueError(f"values of type {values.dtype} are no brightness")
    low, high = _range(values)
    if kind == "f":
        return _from_float(values, low, high)
    if values.dtype == np.uint16 and high - low >= _PART_OF_16_BIT:
        return Mapped((values >> 8).astype(np.uint8), "16 bit: value / 256")
    bits = values.dtype.itemsize * 8
    if values.dtype == np.uint16 and low == high:
        return Mapped((values >> 8).astype(np.uint8), "16 bit: value / 256")
    if values.dtype != np.uint16 and low >= 0 and high <= 255:
        return Mapped(
            values.astype(np.uint8),
            f"{bits} bit: values within 0..255 as they are",
            f"The picture has {bits} bits, but its values lie within 0 to 255 and were taken as they are.",
        )
    return _spread(values, low, high, f"{bits} bit")


def _from_float(values: NDArray[Any], low: float, high: float) -> Mapped:
    if low >= 0 and high <= 1:
        return Mapped(
            _scaled(values, 0.0, 255.0),
            "float: value x 255",
            "The picture holds floating point values from 0 to 1; they were multiplied by 255.",
        )
    if low >= 0 and high <= 255:
        return Mapped(
            _scaled(values, 0.0, 1.0),
            "float: rounded",
            "The picture holds floating point values from 0 to 255; they were rounded.",
        )
    return _spread(values, low, high, "float")


def _spread(values: NDArray[Any], low: float, high: float, kind: str) -> Mapped:
    factor = 255.0 / (high - low) if high > low else 0.0
    span = f"{low:.6g} to {high:.6g}"
    return Mapped(
        _scaled(values, low, factor),
        f"{kind}: {span} spread over 0..255",
        f"Only values from {span} are used; they were spread over the whole range from black to white.",
    )


def _range(values: NDArray[Any]) -> tuple[float, float]:
    with np.errstate(invalid="ignore"):
        low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):  # min and max pass NaN on
        raise NotFinite("the picture holds values that are no numbers")
    return (float(low), float(high)) if values.dtype.kind == "f" else (int(low), int(high))


def _scaled(values: NDArray[Any], offset: float, factor: float) -> NDArray[np.uint8]:
    """round((value - offset) * factor), clipped to 0..255; in bands, in double precision."""
    out = np.empty(values.shape, np.uint8)
    for start in range(0, values.shape[0], _ROWS):
        band = values[start : start + _ROWS].astype(np.float64)
        band -= offset
        band *= factor
        np.rint(band, out=band)
        np.clip(band, 0, 255, out=band)
        out[start : start + _ROWS] = band
    return out
