"""One picture that shows a data set at a glance: photographs with their masks drawn on them."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from crackcore.arrays import CRACK, UNDECIDED, ClassMask, RgbImage
from crackcore.datasets.dataset import BoolPlane, Dataset, LoadedSample
from crackcore.datasets.reading import read_sample, spread
from crackcore.errors import FileProblem, InputRefused
from crackcore.imaging.mask_rules import MaskRule
from crackcore.names import shown_name
from crackcore.progress import Progress, unheard
from crackcore.storage import write_durably

CELL_PX = 240
_LABEL_PX = 18
_GAP_PX = 6
_MOST = 48
_LONGEST_LABEL = 34
# Told apart also by people who see no red or no green: orange lines, blue veil.
_CRACK_COLOUR = np.array((255, 150, 0), np.float32)
_UNDECIDED_COLOUR = np.array((0, 90, 200), np.float32)
_PAPER = (245, 245, 245)


def contact_sheet(
    dataset: Dataset, rule: MaskRule, *, at_most: int = _MOST, progress: Progress = unheard
) -> RgbImage:
    """uint8 (H, W, 3): at most so many pictures, evenly spread over the set, six in a row.

    Cracks are orange, undecided parts blue, and what lies outside the region of interest is dark.
    Pictures that cannot be read are left out with their name.
    """
    chosen = spread(dataset.pairs, at_most)
    columns = min(6, max(1, len(chosen)))
    rows = max(1, -(-len(chosen) // columns))
    step_x, step_y = CELL_PX + _GAP_PX, CELL_PX + _LABEL_PX + _GAP_PX
    sheet = Image.new("RGB", (columns * step_x + _GAP_PX, rows * step_y + _GAP_PX), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for number, sample in enumerate(chosen):
        progress(number, len(chosen), shown_name(sample.photo))
        left, top = _GAP_PX + (number % columns) * step_x, _GAP_PX + (number // columns) * step_y
        try:
            cell = cell_of(read_sample(sample, rule))
            sheet.paste(Image.fromarray(cell), (left, top))
        except FileProblem as error:
            said = error.reason if isinstance(error, InputRefused) else "the file is not there."
            pen.text((left + 4, top + 4), _fitting(said), fill=(120, 0, 0))
        label = f"{sample.side}/{shown_name(sample.stem)}" if sample.side else shown_name(sample.stem)
        pen.text((left, top + CELL_PX + 2), _fitting(label), fill=(30, 30, 30))
    return np.asarray(sheet)


def cell_of(loaded: LoadedSample) -> RgbImage:
    """One cell: the photograph, at most CELL_PX long, with what the mask says drawn on it.

    A crack that covers any part of a small pixel is drawn there, so that thin ones do not vanish.
    """
    height, width = loaded.mask.shape
    factor = min(1.0, CELL_PX / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    photo = cv2.resize(np.asarray(loaded.pixels), size, interpolation=cv2.INTER_AREA).astype(np.float32)
    crack = _covered(loaded.mask, CRACK, size)
    open_ = _covered(loaded.mask, UNDECIDED, size)
    photo[open_] = 0.5 * photo[open_] + 0.5 * _UNDECIDED_COLOUR
    photo[crack] = 0.15 * photo[crack] + 0.85 * _CRACK_COLOUR
    if loaded.roi is not None:
        inside = cv2.resize(loaded.roi.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        photo[~inside] *= 0.35
    cell: RgbImage = np.clip(np.rint(photo), 0, 255).astype(np.uint8)
    return cell


def _covered(mask: ClassMask, value: int, size: tuple[int, int]) -> BoolPlane:
    share = cv2.resize((mask == value).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    covered: BoolPlane = share > 0.02
    return covered


def _fitting(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 3] + "..."


def write_contact_sheet(path: Path, sheet: RgbImage) -> None:
    """Write a sheet as PNG or JPEG, by the ending; an older one of the same name is replaced.

    Raises ValueError for other endings, NoSpace, PlaceReadOnly or FileProblem.
    """
    kinds = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
    if path.suffix.lower() not in kinds:
        raise ValueError("a contact sheet is written as .png or .jpg")
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, format=kinds[path.suffix.lower()], quality=88)
    write_durably(path, buffer.getvalue())
