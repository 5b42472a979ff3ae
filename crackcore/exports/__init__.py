"""Values in, files out; nothing is computed here that another room could compute.

An export is one new folder: it is written beside its target under a temporary name and gets its name
when complete, so a cancelled or failed export leaves nothing, and nothing is mixed with what was
there. Every format says in a manifest which file belongs to which picture, and lists who was left
out and why.

Why a picture can be left out: an empty mask says "no cracks". A picture that no model has analysed
and no person has touched has no such answer, so it is listed instead.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from crackcore.domain.project import Project
from crackcore.errors import UnknownModel
from crackcore.exports.grids import in_photo_pixels
from crackcore.exports.report import ExportReport
from crackcore.exports.source import ExportImage, Store, images_of
from crackcore.progress import Progress, unheard

__all__ = ["FORMATS", "ExportImage", "ExportReport", "Store", "export", "images_of"]

FORMATS = {
    "png": "crackcore.exports.png_folders:write_masks",
    "score": "crackcore.exports.png_folders:write_scores",
    "overlay": "crackcore.exports.png_folders:write_overlays",
    "coco": "crackcore.exports.coco:write_coco",
    "training-set": "crackcore.exports.training_set:write_training_set",
    "csv": "crackcore.exports.summary:write_summary",
}


def export(
    format: str,
    source: Iterable[ExportImage],
    out: Path,
    *,
    project: Project,
    progress: Progress = unheard,
    only_approved: bool = False,
    photo_pixels: bool = False,
    **options: Any,
) -> ExportReport:
    """Write pictures of a project to the new folder `out` in one of `FORMATS`.

    `only_approved` leaves out what nobody has approved; `photo_pixels` brings masks that are finer than
    their photo back to its pixels (else a photo that goes along is enlarged to match, and the report says
    so); further options are those of the format.
    Pictures whose photo is missing or refused, or that nobody has looked at, are in the report's
    `skipped`. Raises UnknownModel for an unknown format, TargetExists when `out` is not empty,
    NoSpace, PlaceReadOnly or Cancelled; `out` is then as it was.
    """
    if format not in FORMATS:
        nearest = tuple(difflib.get_close_matches(format, FORMATS, n=2, cutoff=0.4))
        raise UnknownModel(format, nearest, what="export format")
    module, _, name = FORMATS[format].partition(":")
    write: Callable[..., ExportReport] = getattr(import_module(module), name)
    if photo_pixels:
        source = map(in_photo_pixels, source)
    return write(
        source, Path(out), project=project, progress=progress, only_approved=only_approved, **options
    )
