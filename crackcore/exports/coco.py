"""COCO instances: one annotation per connected crack, as packed run lengths.

Why `iscrowd` is 0 although run lengths are mostly seen with crowds: a crack is one object, COCO's
evaluation leaves crowds out, and its tools decode run lengths for both. An undecided area is given
as a crowd (`iscrowd` 1) of category crack, which is what crowds are for: a detection there counts
neither for nor against. Whoever wants cracks only asks for `iscrowd` 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from crackcore.arrays import CRACK, UNDECIDED, ClassMask
from crackcore.domain.project import Project
from crackcore.exports.grids import notes_on_grids
from crackcore.exports.report import (
    PROGRAM,
    ExportReport,
    header,
    json_bytes,
    skipped_names,
    skipped_rows,
)
from crackcore.exports.rle import Piece, pieces, whole
from crackcore.exports.source import ExportImage, Walk, facts_of, public_path
from crackcore.exports.terms import notes_on_terms
from crackcore.names import escaped
from crackcore.progress import Progress, unheard
from crackcore.storage import new_folder, write_new

CATEGORY = {"id": 1, "name": "crack", "supercategory": "defect"}


def write_coco(
    source: Iterable[ExportImage],
    out: Path,
    *,
    project: Project,
    progress: Progress = unheard,
    only_approved: bool = False,
) -> ExportReport:
    """`out/instances.json`. Sizes and masks are those of the upright picture; where a mask is finer than
    its photo, those of the photo enlarged `crackscope.magnification` times.

    An image without cracks is in the list of images and has no annotation. `file_name` is the path
    inside the project; where that is not valid Unicode it is escaped, and `picture_escaped` always
    gives the very name back.
    """
    walk = Walk.of(source, progress, only_approved=only_approved)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []

    def write(image: ExportImage, stem: str) -> None:
        number = len(images) + 1
        mask = image.shown()
        walk.breathe()
        height, width = mask.shape
        facts = facts_of(image)
        images.append(
            {
                "id": number,
                "file_name": _file_name(image),
                "width": width,
                "height": height,
                "license": 0,
                "date_captured": image.record.taken_at,
                "crackscope": {**facts, "stem": stem},
            }
        )
        found = annotations_of(
            mask, number, first_id=len(annotations) + 1, progress=lambda *_: walk.breathe()
        )
        annotations.extend(found)

    with new_folder(out) as folder:
        walk.each(write)
        notes = notes_on_grids(
            walk,
            "sizes and masks there are those of the photo enlarged four times; enlarge it to lay them over",
        ) + notes_on_terms(row["crackscope"] for row in images)
        made = header("coco")
        if notes:
            made["notes"] = list(notes)
        value = {
            "info": {
                "description": "Cracks. Sizes and masks are those of the upright picture.",
                "version": made["program_version"],
                "year": int(made["made_at"][:4]),
                "contributor": PROGRAM,
                "url": "",
                "date_created": made["made_at"],
            },
            "licenses": [{"id": 0, "name": "not stated", "url": ""}],
            "categories": [CATEGORY],
            "images": images,
            "annotations": annotations,
            "crackscope": {**made, "skipped": skipped_rows(walk)},
        }
        write_new(folder / "instances.json", json_bytes(value, indent=None))
    return ExportReport("coco", out, len(images), skipped_names(walk), ("instances.json",), notes)


def annotations_of(
    mask: ClassMask, image_number: int, *, first_id: int = 1, progress: Progress = unheard
) -> list[dict[str, Any]]:
    """The annotations of one uint8 (H, W) mask: each 8-connected crack, then what is undecided."""
    found: list[tuple[Piece, int]] = [(piece, 0) for piece in pieces(mask == CRACK, progress)]
    undecided = whole(mask == UNDECIDED)
    if undecided is not None:
        found.append((undecided, 1))
    return [
        {
            "id": first_id + i,
            "image_id": image_number,
            "category_id": CATEGORY["id"],
            "segmentation": {"size": list(mask.shape), "counts": piece.counts},
            "area": piece.area_px,
            "bbox": list(piece.box),
            "iscrowd": crowd,
        }
        for i, (piece, crowd) in enumerate(found)
    ]


def _file_name(image: ExportImage) -> str:
    text = public_path(image)
    try:
        text.encode()
    except UnicodeEncodeError:  # many JSON readers refuse the whole file for one lone surrogate
        return escaped(text)
    return text
