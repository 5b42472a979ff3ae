"""Approved work for training again: photos, masks, and a manifest that says what each rests on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crackcore.arrays import UNTOUCHED
from crackcore.domain.project import Project
from crackcore.errors import InputRefused
from crackcore.exports.clean_photo import CleanPhoto, clean_photo
from crackcore.exports.grids import notes_on_grids
from crackcore.exports.pictures import mask_png, rgb_png
from crackcore.exports.png_folders import GREY_VALUES
from crackcore.exports.report import ExportReport, header, json_bytes, skipped_names, skipped_rows
from crackcore.exports.source import CHANGED, ExportImage, Walk, facts_of
from crackcore.exports.split import RULE, SHARES, groups_of, side_of
from crackcore.exports.terms import notes_on_terms
from crackcore.imaging.file_bytes import read_file
from crackcore.imaging.limits import Limits
from crackcore.masks.threshold import crack_share
from crackcore.progress import Progress, unheard
from crackcore.storage import new_folder, write_new

METADATA = "EXIF, GPS, comments, thumbnails and further pictures of a file are left out."


def write_training_set(
    source: Iterable[ExportImage],
    out: Path,
    *,
    project: Project,
    progress: Progress = unheard,
    only_approved: bool = False,
    include_unreviewed: bool = False,
    keep_metadata: bool = False,
    shares: Mapping[str, float] = SHARES,
) -> ExportReport:
    """`out/images/STEM.jpg|png`, `out/masks/STEM.png` (0 sound, 127 undecided, 255 crack) and
    `out/manifest.json`.

    A mask that only a model has made teaches a network its own mistakes, so by default pictures need
    a person's edit or approval; `include_unreviewed` takes the others along, and the manifest says
    which they are. Photos are freed from metadata without touching their pixels (`clean_photo`);
    `keep_metadata` copies JPEG and PNG files byte by byte instead. Where a mask is finer than its photo,
    the photo is enlarged to match it and written as PNG. Pictures without a crack belong
    in. `shares` are those of train, val and test by group of source photo (see `split`).
    """
    walk = Walk.of(source, progress, only_approved=only_approved, only_reviewed=not include_unreviewed)
    rows: list[dict[str, Any]] = []
    with new_folder(out) as folder:

        def write(image: ExportImage, stem: str) -> None:
            photo = image.read_photo()
            walk.breathe()
            mask, hand = image.shown(), image.hand()
            walk.breathe()
            pixels = image.on_grid(photo.pixels)
            if mask.shape != pixels.shape[:2]:
                raise InputRefused(image.photo, "its mask has another size than the photo")
            file = read_file(image.photo, max_bytes=Limits().max_bytes)
            if file.sha256 != photo.facts.sha256:  # swapped between two reads
                raise InputRefused(image.photo, CHANGED)
            upright = photo.facts.orientation == 1 and photo.facts.format in ("JPEG", "PNG")
            if pixels is not photo.pixels:
                clean = CleanPhoto(rgb_png(pixels), ".png", "enlarged four times (bicubic) to match its mask")
            elif keep_metadata and upright:
                suffix = ".jpg" if photo.facts.format == "JPEG" else ".png"
                clean = CleanPhoto(file.data, suffix, "unchanged")
            else:
                clean = clean_photo(file.data, photo.facts, photo.pixels)
            walk.breathe()
            png = mask_png(mask)
            facts = facts_of(image)
            image_name, mask_name = f"images/{stem}{clean.suffix}", f"masks/{stem}.png"
            write_new(folder / image_name, clean.data)
            write_new(folder / mask_name, png)
            rows.append(
                {
                    "image": image_name,
                    "mask": mask_name,
                    "image_sha256": hashlib.sha256(clean.data).hexdigest(),
                    "mask_sha256": hashlib.sha256(png).hexdigest(),
                    "photo": clean.done,
                    "crack_share": round(crack_share(mask), 8),
                    "by_hand_share": round(float(np.mean(hand != UNTOUCHED)), 8),
                    **facts,
                }
            )

        walk.each(write)
        # Every picture of the project takes part in the grouping, so that leaving one out does not
        # move the others to another side.
        stems = [image.photo.stem for image in walk.images]
        groups = groups_of(stems, [image.record.sha256 for image in walk.images])
        by_id = {image.record.id: group for image, group in zip(walk.images, groups, strict=True)}
        for row in rows:
            group = by_id[row["image_id"]]
            row["group"] = hashlib.sha256(group.encode("utf-8", "surrogatepass")).hexdigest()[:16]
            row["split"] = side_of(group, shares)
        counts = Counter(row["split"] for row in rows)
        terms = notes_on_terms(rows)
        manifest = {
            **header("training-set"),
            "grey_values": GREY_VALUES,
            "metadata": "Files are unchanged where possible." if keep_metadata else METADATA,
            "split_rule": RULE,
            "split_shares": dict(shares),
            "split_counts": {side: counts[side] for side in shares},
            **({"notes": list(terms)} if terms else {}),
            "pictures": rows,
            "skipped": skipped_rows(walk),
        }
        write_new(folder / "manifest.json", json_bytes(manifest))
    files = [name for row in rows for name in (row["image"], row["mask"])]
    empty = [side for side, share in shares.items() if share > 0 and rows and not counts[side]]
    notes = notes_on_grids(walk, "a photo there was enlarged (bicubic) to match its mask") + terms
    if empty:
        notes += (f"No picture fell to {' or '.join(empty)}; add more photos.",)
    return ExportReport("training-set", out, len(rows), skipped_names(walk), (*files, "manifest.json"), notes)
