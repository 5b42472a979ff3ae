"""Our own exported training sets: `images`, `masks` and a manifest that says what each rests on."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NoReturn

from crackcore.datasets.dataset import Dataset, Problem, Sample
from crackcore.datasets.listing import Listing, look_into
from crackcore.datasets.source_photos import SIDES
from crackcore.errors import FileProblem, InputRefused
from crackcore.imaging.file_bytes import read_file
from crackcore.imaging.mask_rules import MaskRule, SpaceRule
from crackcore.names import shown_name
from crackcore.progress import Progress

FORMAT = "crackscope-training-set"
_LARGEST = 256 << 20
RULE = MaskRule(
    {"grey": SpaceRule(frozenset({255}), frozenset({127}), known=frozenset({0, 127, 255}), words="255")},
    stated=True,
)


def is_training_set(listing: Listing) -> bool:
    """Whether a folder has the manifest of an exported training set."""
    manifest = next((p for p in listing.others if p.name == "manifest.json"), None)
    if manifest is None:
        return False
    try:
        with open(manifest, "rb") as file:
            return FORMAT.encode() in file.read(512)
    except OSError:
        return False


def read_training_set(folder: Path, progress: Progress) -> Dataset:
    """The pictures that the manifest lists, with the side and group it gives them.

    Raises InputRefused when there is no manifest, or it is not one of ours.
    """
    manifest = folder / "manifest.json"
    try:
        content = _content(manifest)
    except FileProblem as error:
        if isinstance(error, InputRefused):
            raise
        raise InputRefused(folder, "there is no manifest.json of an exported training set in it.") from error
    rows = content.get("pictures")
    if content.get("format") != FORMAT or not isinstance(rows, list):
        raise InputRefused(manifest, "this is not the manifest of an exported training set.")
    version = content.get("format_version")
    if version != 1:
        raise InputRefused(
            manifest,
            f"this training set has format {shown_name(str(version))[:20]}; known is 1.",
            hint="Update the program.",
        )
    images, masks = look_into(folder / "images"), look_into(folder / "masks")
    there = {f"images/{p.name}": p for p in images.pictures} | {f"masks/{p.name}": p for p in masks.pictures}
    samples: dict[str, Sample] = {}
    problems = []
    for number, row in enumerate(rows):
        progress(number, len(rows), "Listing")
        names = [_inside(row, key) for key in ("image", "mask")] if isinstance(row, dict) else ["", ""]
        photo, mask = there.get(names[0]), there.get(names[1])
        if photo is None or mask is None:
            lost = names[0] if photo is None else names[1]
            said = (
                f'"{shown_name(lost, whole=True)}" is not there' if lost else "a name in it leads elsewhere"
            )
            problems.append(Problem(manifest, f"picture {number + 1}: {said}."))
            continue
        side = SIDES.get(str(row.get("split", "")), "")
        sample = Sample(photo.stem, photo, mask, group=str(row.get("group", ""))[:64], side=side)
        if sample.key in samples:
            problems.append(Problem(photo, "the manifest lists it twice."))
            continue
        samples[sample.key] = sample
    listed = {s.photo for s in samples.values()}
    problems += [Problem(p, "the manifest does not list it.") for p in images.pictures if p not in listed]
    ordered = sorted(samples.values(), key=lambda s: ("train", "val", "test", "").index(s.side))
    return Dataset(folder.resolve().name, "training-set", folder, tuple(ordered), tuple(problems), rule=RULE)


def _inside(row: dict[str, Any], key: str) -> str:
    """A name that stays in the folder, or nothing; looked up in a listing, never on the disk."""
    name = row.get(key)
    if not isinstance(name, str) or ":" in name or "\0" in name:
        return ""
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if posix.is_absolute() or windows.drive or windows.root or ".." in posix.parts or ".." in windows.parts:
        return ""
    return posix.as_posix()


def _content(manifest: Path) -> dict[str, Any]:
    data = read_file(manifest, max_bytes=_LARGEST).data
    try:
        content = json.loads(
            data.decode("utf-8-sig"), parse_constant=_no_constant, object_pairs_hook=_each_key_once
        )
    except (ValueError, RecursionError) as error:
        raise InputRefused(manifest, "this manifest is damaged.") from error
    if not isinstance(content, dict):
        raise InputRefused(manifest, "this manifest is damaged.")
    return content


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is repeated")
    return found
