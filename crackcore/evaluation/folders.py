"""Folders of predictions, of truth and of regions that count, brought together by the names of the files.

Nothing is dropped in silence: a picture without its partner, one that cannot be read and one of
another size come back as `Unscored`, each with a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crackcore.arrays import CRACK, UNDECIDED, ClassMask, ScoreMap
from crackcore.errors import FileProblem, InputRefused
from crackcore.evaluation.sets import Planes, ScoredPicture
from crackcore.evaluation.sweep import histogram
from crackcore.imaging.mask_reading import read_mask
from crackcore.imaging.mask_values import read_mask_values
from crackcore.imaging.scanning import natural_key
from crackcore.names import shown_name
from crackcore.progress import Progress, unheard

INNER_PREDICTIONS, INNER_TRUTH = ("scores", "masks"), ("masks",)
"""Where a folder that holds no picture itself keeps them: what `predict` and data sets write."""

KEPT_BYTES = 256 << 20  # decoded planes that are kept for the second look; the rest is read again
_AT_ONCE = 16
_SUFFIXES = {".png", ".bmp", ".tif", ".tiff", ".gif", ".jpg", ".jpeg", ".webp"}


@dataclass(frozen=True)
class Unscored:
    """A file that does not count, and why, as a whole sentence."""

    file: Path
    sentence: str


@dataclass(frozen=True)
class Partners:
    """Files of one picture; `region` is None where everything counts."""

    stem: str
    prediction: Path
    truth: Path
    region: Path | None


@dataclass(frozen=True, eq=False)
class FoldersRead:
    """Pictures that can be scored, in the order of their names, and what cannot.

    `masks` says that the predictions are masks and no scores, so that thresholds change nothing.
    """

    pictures: tuple[ScoredPicture, ...]
    problems: tuple[Unscored, ...]
    masks: bool


def match_folders(
    predictions: Path, truth: Path, regions: Path | None = None
) -> tuple[list[Partners], list[Unscored]]:
    """Files that share a stem, and those without a partner.

    Predictions are taken from the folder itself or, when it holds no picture, from `scores` or
    `masks` inside it; truth likewise from `masks`. With `regions`, a picture without one is listed
    and not scored. Raises FileProblem when a folder is not there.
    """
    said, problems = _by_stem(_pictures(predictions, INNER_PREDICTIONS))
    true, more = _by_stem(_pictures(truth, INNER_TRUTH))
    problems += more
    inside: dict[str, Path] | None = None
    if regions is not None:
        inside, more = _by_stem(_pictures(regions, INNER_TRUTH))
        problems += more
    for stem, file in said.items():
        if stem not in true:
            problems.append(Unscored(file, f"{shown_name(file)}: there is no truth of this name."))
    matched: list[Partners] = []
    for stem, file in true.items():
        if stem not in said:
            problems.append(Unscored(file, f"{shown_name(file)}: there is no prediction of this name."))
        elif inside is not None and stem not in inside:
            problems.append(Unscored(file, f"{shown_name(file)}: there is no region of this name."))
        else:
            matched.append(Partners(stem, said[stem], file, None if inside is None else inside[stem]))
    return matched, problems


def read_folders(
    predictions: Path,
    truth: Path,
    regions: Path | None = None,
    *,
    workers: int = 2,
    kept_bytes: int = KEPT_BYTES,
    progress: Progress = unheard,
) -> FoldersRead:
    """Match, read and check everything once.

    Predictions are uint8 score pictures (or 16-bit ones, brought to 8 bits) or masks: when no
    prediction of the folder holds a value above 1, they are masks of 0 and 1; when none holds
    anything but 0, 127 and 255, they are masks too, and 127, undecided, is no crack. Colours and
    palettes are read as masks. Truth and regions are masks by the rules of `mask_rules`; truth that
    is undecided does not count, in regions crack means "counts".
    """
    matched, problems = match_folders(predictions, truth, regions)
    checked: list[_Checked] = []
    with ThreadPoolExecutor(max(1, workers), "read") as pool:
        kept = 0
        for start in range(0, len(matched), _AT_ONCE):  # few at a time: a stop is soon, memory small
            progress(start, len(matched))
            for found in pool.map(_check, matched[start : start + _AT_ONCE]):
                if isinstance(found, Unscored):
                    problems.append(found)
                    continue
                kept += found.bytes
                checked.append(found if kept <= kept_bytes else replace(found, score=None, truth=None))
    highest = max((one.highest for one in checked), default=0)
    unit = highest == 1
    own = highest == 255 and all(one.only_classes for one in checked)
    pictures = tuple(one.picture(unit=unit, own=own) for one in checked)
    return FoldersRead(
        pictures, tuple(sorted(problems, key=lambda p: natural_key(p.file))), masks=unit or own
    )


@dataclass(frozen=True, eq=False)
class _Packed:
    """Classes in an eighth of the memory, a quarter where some are undecided."""

    shape: tuple[int, ...]
    crack: NDArray[np.uint8]
    undecided: NDArray[np.uint8] | None

    @classmethod
    def of(cls, truth: ClassMask) -> _Packed:
        unknown = truth == UNDECIDED
        return cls(truth.shape, np.packbits(truth == CRACK), np.packbits(unknown) if unknown.any() else None)

    @property
    def nbytes(self) -> int:
        return self.crack.nbytes + (0 if self.undecided is None else self.undecided.nbytes)

    def classes(self) -> ClassMask:
        pixels = int(np.prod(self.shape))
        out: ClassMask = np.unpackbits(self.crack, count=pixels)  # CRACK is 1
        if self.undecided is not None:
            out[np.unpackbits(self.undecided, count=pixels).view(np.bool_)] = UNDECIDED
        return out.reshape(self.shape)


@dataclass(frozen=True, eq=False)
class _Checked:
    """A picture that was read once. Planes that are None are read again when they are needed."""

    partners: Partners
    highest: int
    only_classes: bool
    score: ScoreMap | None
    truth: _Packed | None

    @property
    def bytes(self) -> int:
        return sum(plane.nbytes for plane in (self.score, self.truth) if plane is not None)

    def picture(self, *, unit: bool, own: bool) -> ScoredPicture:
        def read() -> Planes:
            score = read_score(self.partners.prediction) if self.score is None else self.score
            truth = read_truth(self.partners) if self.truth is None else self.truth.classes()
            if unit:
                score = score * np.uint8(255)
            elif own:
                score = np.where(score == 255, score, np.uint8(0))
            return score, truth, None

        return ScoredPicture(self.partners.stem, read)


def read_score(path: Path) -> ScoreMap:
    """The values of a prediction as they stand, uint8 (H, W); of colours and palettes 0 and 255.

    Raises PhotoMissing and InputRefused.
    """
    found = read_mask_values(path)
    if found.space not in ("grey", "lossy"):
        mask: ScoreMap = np.where(read_mask(path) == CRACK, np.uint8(255), np.uint8(0))
        return mask
    if found.bits == 16:
        return np.asarray(np.rint(found.values.astype(np.float32) / 257), np.uint8)
    if found.values.size and int(found.values.max()) > 255:
        raise InputRefused(path, "the values of a score picture end at 255.")
    return np.ascontiguousarray(found.values, np.uint8)


def read_truth(partners: Partners) -> ClassMask:
    """Classes of the truth, uint8 (H, W); outside the region undecided. Raises as `read_mask` does."""
    truth = read_mask(partners.truth)
    if partners.region is None:
        return truth
    region = read_mask(partners.region)
    if region.shape != truth.shape:
        raise InputRefused(partners.region, _sizes("the region", region, "the truth", truth))
    inside: ClassMask = np.where(region == CRACK, truth, np.uint8(UNDECIDED))
    return inside


def _check(partners: Partners) -> _Checked | Unscored:
    try:
        score, truth = read_score(partners.prediction), read_truth(partners)
        if score.shape != truth.shape:
            raise InputRefused(partners.prediction, _sizes("the prediction", score, "the truth", truth))
    except FileProblem as error:
        return Unscored(Path(error.path or partners.prediction), error.sentence())
    held = np.flatnonzero(histogram(score))
    only_classes = bool(np.isin(held, (0, 127, 255)).all())
    return _Checked(partners, int(held.max()), only_classes, score, _Packed.of(truth))


def _sizes(first: str, a: NDArray[np.uint8], second: str, b: NDArray[np.uint8]) -> str:
    return f"{first} has {a.shape[1]} x {a.shape[0]} pixels, {second} {b.shape[1]} x {b.shape[0]}."


def _pictures(folder: Path, inner: Sequence[str]) -> list[Path]:
    if not folder.is_dir():
        raise FileProblem(f"{shown_name(folder)} is not a folder.", path=folder)
    here = (p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES and not p.name.startswith("."))
    pictures = sorted((p for p in here if p.is_file()), key=natural_key)
    if not pictures:
        for name in inner:
            if (folder / name).is_dir():
                return _pictures(folder / name, ())
    return pictures


def _by_stem(files: Sequence[Path]) -> tuple[dict[str, Path], list[Unscored]]:
    found: dict[str, Path] = {}
    twice: list[Unscored] = []
    for file in files:
        if file.stem in found:
            other = shown_name(found[file.stem])
            twice.append(Unscored(file, f"{shown_name(file)}: {other} has the same name; that one counts."))
        else:
            found[file.stem] = file
    return found, twice
