"""One row per picture, as CSV that spreadsheets open safely."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any

import cv2
import numpy as np

from crackcore.arrays import CRACK, UNDECIDED, ClassMask
from crackcore.domain.image_record import Threshold
from crackcore.names import shown_name

Cell = str | int | float | None
Row = dict[str, Cell]

COLUMNS = (
    "picture",
    "status",
    "reason",
    "crack_share",
    "crack_px",
    "decided_px",
    "components",
    "width_px",
    "height_px",
    "magnification",
    "review",
    "model",
    "model_sha256",
    "model_family",
    "refinement",
    "threshold_low",
    "threshold_high",
    "file",
    "image_id",
    "sha256",
    "taken_at",
    "notes",
)
"""Columns of the summary. Shares are 0..1, thresholds 1..255 score steps.

All pixels are photo pixels, in every row: where a mask has `magnification` pixels along one of its photo,
`crack_px` and `decided_px` are its counts divided by the square of that, so they may have a fraction.
`components` are counted on the mask as it is.
"""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def summary_row(
    picture: str,
    mask: ClassMask | None,
    *,
    status: str = "analysed",
    reason: str = "",
    width_px: int | None = None,
    height_px: int | None = None,
    magnification: int = 1,
    review: str = "",
    model: str = "",
    model_sha256: str = "",
    model_family: str = "",
    refinement: str = "",
    threshold: Threshold | None = None,
    file: str = "",
    image_id: str = "",
    sha256: str = "",
    taken_at: str = "",
    notes: str = "",
) -> Row:
    """What is known of one picture, keyed by `COLUMNS`.

    `picture` is a name as on disk; `mask` uint8 (H, W), or None when the picture was not analysed:
    then the numbers stay empty, which is not zero. `refinement` names what was done to the score, `file`
    is the name it was exported under, `model_family` is "open", "research" or empty. Components are
    8-connected cracks; undecided pixels belong to neither share nor crack. `mask` has `magnification`
    pixels along one of the photo; all pixels in the row are photo pixels.
    """
    crack_px = decided_px = components = share = None
    if mask is not None:
        height_px, width_px = (side // magnification for side in mask.shape)
        cracks = int(np.count_nonzero(mask == CRACK))
        decided = int(np.count_nonzero(mask != UNDECIDED))
        crack_px, decided_px = _photo_px(cracks, magnification), _photo_px(decided, magnification)
        share = round(cracks / decided, 8) if decided else None
        components = count_components(mask)
    return {
        "picture": shown_name(picture),
        "status": status,
        "reason": reason,
        "crack_share": share,
        "crack_px": crack_px,
        "decided_px": decided_px,
        "components": components,
        "width_px": width_px,
        "height_px": height_px,
        "magnification": magnification,
        "review": review,
        "model": model,
        "model_sha256": model_sha256,
        "model_family": model_family,
        "refinement": refinement,
        "threshold_low": threshold.low if threshold else None,
        "threshold_high": threshold.high if threshold else None,
        "file": file,
        "image_id": image_id,
        "sha256": sha256,
        "taken_at": taken_at,
        "notes": notes,
    }


def _photo_px(count: int, magnification: int) -> int | float:
    """A count of mask pixels in photo pixels; sixteenths are exact in binary."""
    whole, rest = divmod(count, magnification**2)
    return whole if rest == 0 else whole + rest / magnification**2


def count_components(mask: ClassMask) -> int:
    """Number of 8-connected pieces of class crack in a uint8 (H, W) mask."""
    crack = (mask == CRACK).astype(np.uint8)
    count, _ = cv2.connectedComponents(crack, connectivity=8, ltype=cv2.CV_32S)
    return int(count) - 1


def summary_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = COLUMNS) -> bytes:
    """A table as CSV: UTF-8 with BOM (spreadsheets need it), CR LF, dot decimals, empty for None.

    Missing keys are empty, unknown ones are left out. Text that a spreadsheet would run as a formula
    gets an apostrophe in front; numbers stay numbers.
    """
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([safe_cell(name) for name in columns])
    for row in rows:
        writer.writerow([safe_cell(row.get(name)) for name in columns])
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "backslashreplace")


def safe_cell(value: Any) -> Cell:
    """A cell's value; text that begins, after white space, like a formula gets an apostrophe.

    >>> safe_cell("=1+1"), safe_cell(" @x"), safe_cell(-1), safe_cell("a=b"), safe_cell(None)
    ("'=1+1", "' @x", -1, 'a=b', '')
    """
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = str(value)
    return "'" + text if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text
