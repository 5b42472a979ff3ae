"""The door of the room: from a folder, a list or a project to a data set, and from a sample to pixels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from crackcore.arrays import CRACK, read_only
from crackcore.datasets.dataset import Dataset, LoadedSample, Problem, Sample
from crackcore.datasets.index_files import is_list, read_lists
from crackcore.datasets.layouts import LAYOUTS, PHOTO_FOLDERS, Layout, Plan
from crackcore.datasets.listing import Listing, look_into
from crackcore.datasets.mat_files import MatFiles
from crackcore.datasets.pairing import Found, pair, refuse_if_none
from crackcore.datasets.source_photos import side_in_name, source_photo, without_side
from crackcore.errors import InputRefused
from crackcore.imaging.mask_rules import MaskRule, ValueCounts, rule_for
from crackcore.imaging.mask_values import MaskValues, read_mask_values
from crackcore.imaging.reading import read_photo
from crackcore.names import shown_name
from crackcore.progress import Progress, unheard

OTHER_KINDS = {
    "index-files": ("lists of pairs", "text files (.txt) with a photograph and its mask on every line"),
    "training-set": ("our own training set", '"images", "masks" and the manifest.json of the export'),
    "project": ("a project of this program", "the project file; its edited and approved pictures"),
}
"""What is recognised by a file: title, and what it holds."""

KINDS = (*LAYOUTS, *OTHER_KINDS)
"""All that can be asked for by name; "auto" finds out."""

_DEEPEST = 3  # folders that hold nothing but one folder, as archives leave them
_SURVEYED = 300  # masks looked at before a rule is made; others that differ are refused, not guessed


def read_dataset(
    place: Path | str, kind: str = "auto", *, name: str = "", progress: Progress = unheard
) -> Dataset:
    """Recognise a data set and list its samples; no picture is decoded.

    `place` is a folder, a list of pairs (.txt) or a project file. `kind` is one of KINDS, or "auto".
    `name` replaces the folder's name. Crack-free photographs are never guessed at: kind "crack-free"
    must be said. Close the answer of a project (it keeps the file open to read masks from).

    Raises InputRefused when the place is not what it seems, with what was expected; ValueError for an
    unknown kind. Single files that cannot be taken are listed in the answer.
    """
    path = Path(place)
    if kind != "auto" and kind not in KINDS:
        raise ValueError(f"unknown kind of data set: {kind}")
    if path.is_file():
        found = _from_file(path, kind, progress)
    else:
        found = _from_folder(path, kind, progress)
    if not found.pairs and found.kind != "project":
        why = f" ({shown_name(found.problems[0].file)}: {found.problems[0].reason})" if found.problems else ""
        raise InputRefused(path, f"no photographs with masks in this folder{why or '.'}")
    return replace(found, name=name or os.path.basename(os.path.abspath(path)))


def _from_file(path: Path, kind: str, progress: Progress) -> Dataset:
    if kind in ("auto", "index-files") and is_list(path):
        return read_lists(path.parent, (path,), progress)
    if kind in ("auto", "project"):
        from crackcore.datasets.project_files import read_project, seems_a_project

        if kind == "project" or seems_a_project(path):
            return read_project(path, progress)
    if kind == "training-set" and path.name == "manifest.json":
        from crackcore.datasets.training_sets import read_training_set

        return read_training_set(path.parent, progress)
    wanted = LAYOUTS[kind].expects if kind in LAYOUTS else "a folder, a list of pairs (.txt) or a project"
    raise InputRefused(path, f"this file is no data set; expected {wanted}.")


def _from_folder(folder: Path, kind: str, progress: Progress) -> Dataset:
    from crackcore.datasets.training_sets import is_training_set, read_training_set

    listing = look_into(folder, progress)
    for _ in range(_DEEPEST):
        if kind in ("auto", "training-set") and is_training_set(listing):
            return read_training_set(listing.path, progress)
        if kind == "training-set":
            raise InputRefused(folder, "there is no manifest.json of an exported training set in it.")
        found = _by_layout(listing, kind)
        if found is not None:
            return _sampled(folder, listing, *found)
        lists = [p for p in listing.ending(".txt") + listing.ending(".lst") if is_list(p)]
        if kind in ("auto", "index-files") and lists:
            return read_lists(listing.path, lists, progress)
        if len(listing.folders) != 1 or listing.pictures:
            break
        listing = look_into(next(iter(listing.folders.values())), progress)
    raise _not_recognised(folder, kind)


def _by_layout(listing: Listing, kind: str) -> tuple[str, Plan] | None:
    if kind in LAYOUTS:
        plan = LAYOUTS[kind].find(listing)
        return None if plan is None else (kind, plan)
    if kind != "auto":
        return None
    for name, layout in LAYOUTS.items():
        if name != "crack-free" and (plan := layout.find(listing)) is not None:
            return name, plan
    return None


def _not_recognised(folder: Path, kind: str) -> InputRefused:
    listing = look_into(folder)
    held = listing.described()
    if kind in LAYOUTS:
        layout = LAYOUTS[kind]
        other = _by_layout(listing, "auto")
        hint = f"It looks like {LAYOUTS[other[0]].title}." if other else ""
        return InputRefused(
            folder, f"this is not {layout.title}: expected {layout.expects}; found {held}.", hint=hint
        )
    if kind == "index-files":
        return InputRefused(
            folder,
            "there is no list in it: expected a text file with a photograph and its mask on every line; "
            f"found {held}.",
        )
    photos = listing.folder(PHOTO_FOLDERS)
    if (listing.pictures and not listing.folders) or photos:
        where = f'there is "{shown_name(photos)}"' if photos else f"it holds {held}"
        return InputRefused(
            folder,
            f'{where}, but no masks: expected "images" and "masks".',
            hint="If surely none of the photographs shows a crack, say that the folder is crack-free.",
        )
    return InputRefused(
        folder,
        'this is no data set known here: a training folder holds "images" and "masks", '
        f'or is laid out as published (such as "train_img" and "train_lab"); found {held}.',
    )


def _sampled(folder: Path, listing: Listing, kind: str, plan: Plan) -> Dataset:
    """The samples of a plan."""
    layout = LAYOUTS[kind]
    found = Found(notes=list(plan.notes))
    mats = MatFiles(tuple(m for part in plan.parts for m in part.masks if m.suffix.lower() == ".mat"))
    for part in plan.parts:
        if plan.crack_free:
            found.samples += [Sample(p.stem, p, None, group=source_photo(p.stem)) for p in part.photos]
            continue
        if not part.photos:
            found.problems.append(Problem(Path(part.where), "no photographs beside these masks."))
            continue
        added = pair(found, part.photos, part.masks, side=part.side, rois=part.rois, as_mask=mats.source)
        refuse_if_none(folder, added, part.photos, part.masks, part.where)
    _split_by_name(found)
    if listing.path != folder:
        found.notes.append(f'It was found in "{shown_name(listing.path)}" inside.')
    found.notes += _count_note(layout, len(found.samples))
    return Dataset(
        folder.resolve().name,
        kind,
        folder,
        tuple(found.samples),
        tuple(found.problems),
        tuple(found.notes),
    )


def _split_by_name(found: Found) -> None:
    """Take the side from names such as `train_11158`, when every name has one and no folder says it."""
    sides = [side_in_name(s.stem) for s in found.samples]
    if len({side for side, _ in sides}) < 2 or not all(side for side, _ in sides):
        return
    if any(s.side for s in found.samples):
        return
    found.samples = [
        replace(s, side=side, group=without_side(s.stem))
        for s, (side, _) in zip(found.samples, sides, strict=True)
    ]


def _count_note(layout: Layout, count: int) -> list[str]:
    if not layout.pictures or count == layout.pictures:
        return []
    return [f"{layout.title} was published with {layout.pictures} pictures; here are {count}."]


# ---------------------------------------------------------------- masks and pixels


def mask_values(sample: Sample) -> MaskValues | None:
    """What the mask of a sample holds, None where there is surely no crack.

    Raises PhotoMissing and InputRefused.
    """
    if sample.mask is None:
        return None
    return read_mask_values(sample.mask) if isinstance(sample.mask, Path) else sample.mask()


def mask_rule(dataset: Dataset, *, progress: Progress = unheard) -> MaskRule:
    """Which mask values of a data set are crack: what the layout fixes, else what the values suggest.

    At most some hundred masks are decoded, evenly spread; a mask with other values is refused when it
    is read. Look at `question` before using it. Broken masks are passed over here.
    """
    return dataset.rule if dataset.rule is not None else rule_for(value_counts(dataset, progress=progress))


def value_counts(dataset: Dataset, *, progress: Progress = unheard) -> ValueCounts:
    """The values of the masks that `mask_rule` looks at."""
    drawn = [s for s in dataset.pairs if s.mask is not None]
    counts = ValueCounts()
    for done, sample in enumerate(spread(drawn, _SURVEYED)):
        progress(done, min(len(drawn), _SURVEYED), shown_name(sample.photo))
        try:
            values = mask_values(sample)
        except InputRefused:
            continue
        if values is not None:
            counts.add(values)
    return counts


def spread(samples: Sequence[Sample], at_most: int) -> list[Sample]:
    """At most so many samples, evenly spread over the whole."""
    if len(samples) <= at_most:
        return list(samples)
    return [samples[int(i)] for i in np.linspace(0, len(samples) - 1, at_most).round()]


def read_sample(sample: Sample, rule: MaskRule) -> LoadedSample:
    """Photograph and mask of a sample.

    Raises PhotoMissing and InputRefused: a file is broken, or the mask has another size than the
    photograph (it is never resized), or holds values that the rule does not know.
    """
    photo = read_photo(sample.photo)
    size = photo.pixels.shape[:2]
    notes = list(photo.facts.notes)
    values = mask_values(sample)
    if values is None:
        mask = np.zeros(size, np.uint8)
    else:
        named = sample.mask if isinstance(sample.mask, Path) else sample.photo
        mask = rule.apply(values, named)
        notes += values.notes
        _same_size(sample.photo, mask.shape, size, "mask")
    roi = None
    if sample.roi is not None:
        region = read_mask_values(sample.roi)
        _same_size(sample.photo, region.values.shape, size, "surface mask")
        counts = ValueCounts()
        counts.add(region)
        roi = rule_for(counts, of_a_set=False).apply(region, sample.roi) == CRACK
        if not roi.any():
            raise InputRefused(sample.photo, "its surface mask leaves nothing of the picture.")
    return LoadedSample(
        sample, photo.pixels, read_only(np.ascontiguousarray(mask)), roi, photo.facts.sha256, tuple(notes)
    )


def _same_size(photo: Path, found: tuple[int, ...], size: tuple[int, ...], what: str) -> None:
    if tuple(found) != tuple(size):
        has = f"{found[1]} x {found[0]}"
        turned = "; it looks rotated by a quarter turn" if tuple(found) == tuple(size)[::-1] else ""
        raise InputRefused(photo, f"its {what} is {has} px, the picture {size[1]} x {size[0]} px{turned}.")
