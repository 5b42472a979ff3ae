"""One file per picture: masks, score maps or overlays, with a manifest beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from crackcore.domain.project import Project
from crackcore.errors import InputRefused
from crackcore.exports import pictures
from crackcore.exports.grids import notes_on_grids
from crackcore.exports.report import ExportReport, header, json_bytes, skipped_names, skipped_rows
from crackcore.exports.source import ExportImage, Walk, facts_of
from crackcore.exports.terms import notes_on_terms
from crackcore.progress import Progress, unheard
from crackcore.storage import new_folder, write_new

NO_SCORE = "no model has analysed this picture"

GREY_VALUES = {
    "sound": pictures.SOUND_GREY,
    "undecided": pictures.UNDECIDED_GREY,
    "crack": pictures.CRACK_GREY,
}

ON_GRIDS = {
    "png": "a mask there has 4 x 4 pixels for each one of its photo",
    "score": "a score map there has 4 x 4 pixels for each one of its photo",
    "overlay": "an overlay there shows the photo enlarged four times",
}


def write_masks(
    source: Iterable[ExportImage],
    out: Path,
    *,
    project: Project,
    progress: Progress = unheard,
    only_approved: bool = False,
) -> ExportReport:
    """`out/masks/STEM.png` as made by `mask_png`, and `out/manifest.json`."""

    def encoded(image: ExportImage, walk: Walk) -> bytes:
        return pictures.mask_png(image.shown())

    return _write("png", encoded, "masks", ".png", source, out, progress, only_approved)


def write_scores(
    source: Iterable[ExportImage],
    out: Path,
    *,
    project: Project,
    progress: Progress = unheard,
    only_approved: bool = False,
) -> ExportReport:
    """`out/scores/STEM.png`, the model's answer as it is, and `out/manifest.json`."""

    def encoded(image: ExportImage, walk: Walk) -> bytes:
        score = image.score()
        if score is None:
            raise InputRefused(image.photo, NO_SCORE)
        return pictures.score_png(score)

    return _write("score", encoded, "scores", ".png", source, out, progress, only_approved)


def write_overlays(
    source: Iterable[ExportImage],
    out: Path,
    *,
    project: Project,
    progress: Progress = unheard,
    only_approved: bool = False,
) -> ExportReport:
    """`out/overlays/STEM.jpg`, the photo (enlarged where its mask is finer) with what is shown drawn over
    it, and `out/manifest.json`."""

    def encoded(image: ExportImage, walk: Walk) -> bytes:
        pixels = image.read_grid_pixels()
        walk.breathe()
        mask = image.shown()
        walk.breathe()
        return pictures.overlay_jpeg(pixels, mask)

    return _write("overlay", encoded, "overlays", ".jpg", source, out, progress, only_approved)


def _write(
    format: str,
    encoded: Callable[[ExportImage, Walk], bytes],
    room: str,
    suffix: str,
    source: Iterable[ExportImage],
    out: Path,
    progress: Progress,
    only_approved: bool,
) -> ExportReport:
    walk = Walk.of(source, progress, only_approved=only_approved)
    rows = []
    with new_folder(out) as folder:

        def write(image: ExportImage, stem: str) -> None:
            name = f"{room}/{stem}{suffix}"
            data = encoded(image, walk)
            walk.breathe()
            write_new(folder / name, data)
            rows.append({"file": name, "file_sha256": hashlib.sha256(data).hexdigest(), **facts_of(image)})

        walk.each(write)
        manifest = header(format)
        if format == "png":
            manifest["grey_values"] = GREY_VALUES
        notes = notes_on_grids(walk, ON_GRIDS[format]) + notes_on_terms(rows)
        if notes:
            manifest["notes"] = list(notes)
        manifest["pictures"] = rows
        manifest["skipped"] = skipped_rows(walk)
        write_new(folder / "manifest.json", json_bytes(manifest))
    files = (*(row["file"] for row in rows), "manifest.json")
    return ExportReport(format, out, len(rows), skipped_names(walk), files, notes)
