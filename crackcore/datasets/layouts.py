"""The layouts in which crack data sets are published, and how each is recognised.

A layout looks at a folder and answers with its parts (photographs, masks, side), or None when it is
something else. Facts from the sets' own pages and from programs that read them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from crackcore.datasets.listing import Listing, look_into
from crackcore.datasets.source_photos import SIDES, collection_of
from crackcore.errors import InputRefused
from crackcore.names import shown_name

PHOTO_FOLDERS = ("images", "image", "img", "imgs", "photos", "jpegimages", "origin", "input", "rgb")
MASK_FOLDERS = (
    *("masks", "mask", "labels", "label", "lab", "gt", "groundtruth", "ground_truth", "ground truth"),
    *("annotations", "annotation", "segmentationclass", "seg", "target"),
)
_ROI_FOLDERS = ("roi", "rois", "surface", "surface_mask", "surface_masks", "mask", "masks")


@dataclass(frozen=True)
class Part:
    """Photographs with the files that hold their masks; `where` names the masks' place for errors."""

    photos: tuple[Path, ...]
    masks: tuple[Path, ...]
    where: str
    side: str = ""
    rois: tuple[Path, ...] = ()


@dataclass
class Plan:
    """What a layout found in a folder."""

    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    crack_free: bool = False


@dataclass(frozen=True)
class Layout:
    """One way to lay out a data set.

    `find` answers with a plan, or None; it raises InputRefused when the folder is clearly of this
    layout, but a part is missing. `expects` completes "expected ...". `pictures` is how many the
    published set has (0: not fixed).
    """

    title: str
    expects: str
    find: Callable[[Listing], Plan | None]
    pictures: int = 0


# ---------------------------------------------------------------- single layouts


def _deepcrack(listing: Listing) -> Plan | None:
    plan = Plan()
    for side in ("train", "val", "test"):
        photos, masks = listing.folder((f"{side}_img",)), listing.folder((f"{side}_lab",))
        if photos is None and masks is None:
            continue
        if photos is None or masks is None:
            there, missing = ("img", "lab") if photos else ("lab", "img")
            raise InputRefused(
                listing.path, f'there is "{side}_{there}", but "{side}_{missing}" is missing beside it.'
            )
        plan.parts.append(_part(photos, masks, side))
    return plan if plan.parts else None


def _cfd(listing: Listing) -> Plan | None:
    photos = listing.folder(("cfd_image",))
    masks = listing.folder(("cfd_gt",))
    if photos and masks:  # as packed by others: PNG masks, inside one more folder
        deeper = look_into(masks).folder(("seg_gt",))
        return Plan([_part(photos, deeper or masks)])
    photos, masks = listing.folder(("image", "images")), listing.folder(("groundTruth", "ground_truth"))
    if not photos or not masks:
        return None
    files = look_into(masks).ending(".mat")
    return Plan([Part(look_into(photos).pictures, files, f'"{shown_name(masks)}"')]) if files else None


def _crack500(listing: Listing) -> Plan | None:
    plan = Plan()
    for kind in ("crop", "data"):
        for side in ("train", "val", "test"):
            folder = listing.folder((f"{side}{kind}",))
            if folder is None:
                continue
            inner = look_into(folder)
            if not inner.pictures and len(inner.folders) == 1:  # traincrop/traincrop
                inner = look_into(next(iter(inner.folders.values())))
            photos = tuple(p for p in inner.pictures if p.suffix.lower() in (".jpg", ".jpeg"))
            masks = tuple(p for p in inner.pictures if p.suffix.lower() not in (".jpg", ".jpeg"))
            plan.parts.append(Part(photos, masks, f'"{folder.name}"', side))
        if plan.parts:
            if kind == "crop" and listing.folder(("traindata", "valdata", "testdata")):
                plan.notes.append("The whole photos (traindata, ...) are left out: the crops are of them.")
            return plan
    return None


def _gaps(listing: Listing) -> Plan | None:
    photos, masks = listing.folder(("croppedimg",)), listing.folder(("croppedgt",))
    return Plan([_part(photos, masks)]) if photos and masks else None


def _cracktree200(listing: Listing) -> Plan | None:
    photos, masks = listing.folder(("cracktree200rgb",)), listing.folder(("cracktree200_gt",))
    return Plan([_part(photos, masks)]) if photos and masks else None


def _khanhha(listing: Listing) -> Plan | None:
    plan = _plain(listing)
    if plan is None:
        return None
    photos = [p for part in plan.parts for p in part.photos]
    masks = [p for part in plan.parts for p in part.masks]
    known = sum(bool(collection_of(p.stem)) for p in photos)
    jpeg = sum(p.suffix.lower() in (".jpg", ".jpeg") for p in masks)
    if not photos or known < 0.9 * len(photos) or jpeg < 0.9 * len(masks):
        return None
    if any(collection_of(p.stem) == "DeepCrack" for p in photos):
        plan.notes.append(
            "Its DeepCrack pictures are the published test half of DeepCrack-537: do not test there."
        )
    return plan


def _plain(listing: Listing) -> Plan | None:
    """`images` + `masks`; the same inside `train`, `val`, `test`; or those inside the two folders."""
    plan = Plan()
    for name, folder in listing.folders.items():
        if name not in SIDES:
            continue
        inner = look_into(folder)
        photos, masks = inner.folder(PHOTO_FOLDERS), inner.folder(MASK_FOLDERS)
        if photos and masks:
            plan.parts.append(_part(photos, masks, SIDES[name]))
    photos, masks = listing.folder(PHOTO_FOLDERS), listing.folder(MASK_FOLDERS)
    if plan.parts:
        if photos and masks:
            plan.notes.append(
                f'"{photos.name}" and "{masks.name}" beside the split are left out: they hold the same again.'
            )
        return plan
    if not photos or not masks:
        return None
    inside, marks = look_into(photos), look_into(masks)
    if inside.pictures or not inside.folders:
        return Plan([Part(inside.pictures, marks.pictures + marks.ending(".mat"), f'"{masks.name}"')])
    for name, folder in inside.folders.items():
        other = marks.folders.get(name)
        if name in SIDES and other:
            plan.parts.append(_part(folder, other, SIDES[name]))
    return plan if plan.parts else None


def _crack_free(listing: Listing) -> Plan | None:
    inside = listing.folder(PHOTO_FOLDERS)
    photos = look_into(inside).pictures if inside else listing.pictures
    return Plan([Part(photos, (), "")], crack_free=True) if photos else None


def _tip(name: str) -> Callable[[Listing], Plan | None]:
    """One of the four sets of the TIP paper: photographs, curves in another folder, for Stone331 also
    the surface. They are handed out as separate archives, so that folders lie in each other or beside."""

    def find(listing: Listing) -> Plan | None:
        named = {_plainly(n): p for n, p in listing.folders.items() if name in _plainly(n)}
        ours = name in _plainly(listing.path.name)
        if not named and not ours:
            return None
        inner = look_into(named[name]) if name in named else listing
        photos = inner.pictures or (
            look_into(folder).pictures if (folder := inner.folder(PHOTO_FOLDERS)) else ()
        )
        labels = _first(named, name, ("gt", "groundtruth", "label", "labels")) or _inside(
            (inner, listing), tuple(m for m in MASK_FOLDERS if name != "stone331" or m not in _ROI_FOLDERS)
        )
        surface = None
        if name == "stone331":
            surface = _first(named, name, ("mask", "masks", "roi", "surface")) or _inside(
                (inner, listing), _ROI_FOLDERS
            )
        if not photos:
            return None
        if labels is None:
            said = "the surface masks are not labels" if surface else "the drawn curves are another archive"
            raise InputRefused(
                listing.path, f'the folder with the labels ("{name}_gt" or "gt") is missing; {said}.'
            )
        marks = look_into(labels)
        rois = look_into(surface).pictures if surface else ()
        plan = Plan([Part(photos, marks.pictures + marks.ending(".mat"), f'"{labels.name}"', rois=rois)])
        if name == "stone331" and not rois:
            plan.notes.append("There are no surface masks: all of each picture counts, unlike in the paper.")
        return plan

    return find


def _plainly(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _first(named: dict[str, Path], name: str, words: Iterable[str]) -> Path | None:
    return next((named[name + w] for w in words if name + w in named), None)


def _inside(listings: Iterable[Listing], names: Iterable[str]) -> Path | None:
    wanted = tuple(names)
    return next((f for listing in listings if (f := listing.folder(wanted))), None)


def _part(photos: Path, masks: Path, side: str = "") -> Part:
    marks = look_into(masks)
    return Part(look_into(photos).pictures, marks.pictures + marks.ending(".mat"), f'"{masks.name}"', side)


# ---------------------------------------------------------------- the table


def _tip_layout(title: str, pictures: int, more: str = "") -> Layout:
    name = title.casefold()
    return Layout(
        title,
        f'photographs in "{title}" (or "image") and their labels in "{title}_gt" (or "gt"){more}',
        _tip(name),
        pictures,
    )


LAYOUTS: dict[str, Layout] = {
    "deepcrack537": Layout(
        "DeepCrack-537", '"train_img" with "train_lab", and "test_img" with "test_lab"', _deepcrack, 537
    ),
    "cfd": Layout(
        "CrackForest (CFD)",
        '"image" with photographs and "groundTruth" with .mat files (or "cfd_image" and "cfd_gt")',
        _cfd,
        118,
    ),
    "crack500": Layout(
        "Crack500",
        '"traincrop", "valcrop", "testcrop" (or "traindata", ...), each with .jpg photographs and .png masks',
        _crack500,
    ),
    "gaps384": Layout("GAPs384", '"croppedimg" with photographs and "croppedgt" with masks', _gaps),
    "cracktree200": Layout("CrackTree200", '"cracktree200rgb" and "cracktree200_gt"', _cracktree200, 206),
    "cracktree260": _tip_layout("CrackTree260", 260),
    "crkwh100": _tip_layout("CRKWH100", 100),
    "crackls315": _tip_layout("CrackLS315", 315),
    "stone331": _tip_layout("Stone331", 331, ', and the surface in "Stone331_mask" (or "mask")'),
    "khanhha": Layout(
        "the merged set of khanhha",
        '"train" and "test", each with "images" and "masks", pictures and masks under one .jpg name',
        _khanhha,
    ),
    "plain": Layout(
        "a plain folder",
        '"images" with photographs and "masks" with masks of the same names, or both inside "train", "test"',
        _plain,
    ),
    "crack-free": Layout(
        "a folder of crack-free photographs", 'photographs, in the folder itself or in "images"', _crack_free
    ),
}
"""Folder layouts by kind, in the order in which they are tried. Lists of pairs, our training sets and
projects are recognised by a file (`reading`)."""
