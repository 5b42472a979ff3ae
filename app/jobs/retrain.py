"""Retrain: how many pictures there are to learn from, the training itself, and what becomes of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.jobs.job import Job
from crackcore.errors import FileProblem, InputRefused
from crackcore.names import shown_name
from crackcore.progress import Progress

if TYPE_CHECKING:
    from crackcore.models.catalogue import InstalledModel
    from crackcore.training.pairs import TrainingPair
    from crackcore.training.retrain_order import RetrainOrder
    from crackcore.training.retrain_runs import RetrainProcess, RetrainRun, UnfinishedRun
    from crackcore.training.retraining import RetrainReport

HOLD_OUT_SHARE = 0.25  # as RetrainRequest has it
SEEN_PX = 640  # the longer side of a picture when it is only looked at which others it belongs to

Events = deque[dict[str, Any]]
"""What a training said and nobody has read yet; written on the lane, read in the GUI thread."""


@dataclass(frozen=True)
class PictureToLearn:
    """A picture of the project that may be learned from; `photo` is None when it may not be read."""

    name: str
    sha256: str
    photo: Path | None
    approved: bool


@dataclass(frozen=True)
class Survey:
    """How many pictures learn and check, with and without those that are not approved yet.

    `seen` are small ones, for asking again with another model. `unreadable` names what cannot be used.
    """

    seen: tuple[TrainingPair, ...]
    edited: frozenset[str]  # digests of those that are not approved
    unreadable: tuple[str, ...]
    approved_learn: int
    approved_check: int
    all_learn: int
    all_check: int


def survey_job(pictures: Sequence[PictureToLearn], base: InstalledModel, seen: Survey | None = None) -> Job:
    """Which pictures would learn and which would check; runs on the cpu lane.

    A picture that was cut from the same photo as another goes to the same side, so they are looked at,
    reduced: the training looks at all of their pixels and may differ by a picture. `seen` saves
    reading them again.
    """

    def work(progress: Progress) -> Survey:
        import crackcore.training.retrain_order  # noqa: F401 - so that the window need not wait for it
        from crackcore.training.going_on import fixed_hold_out, trained_on

        if seen is not None:
            pairs, unreadable = list(seen.seen), list(seen.unreadable)
        else:
            pairs, unreadable = _looked_at(pictures, progress)
        edited = frozenset(p.sha256 for p in pictures if not p.approved)
        never = trained_on(base)
        sides = []
        for wanted in ([p for p in pairs if p.sha256 not in edited], pairs):
            held = (
                fixed_hold_out(wanted, HOLD_OUT_SHARE, never=never, progress=progress)
                if wanted
                else frozenset()
            )
            check = sum(p.sha256 in held for p in wanted)
            sides.append((len(wanted) - check, check))
        return Survey(tuple(pairs), edited, tuple(unreadable), *sides[0], *sides[1])

    return Job("Looking at the approved pictures", work, shown=False)


def _looked_at(
    pictures: Sequence[PictureToLearn], progress: Progress
) -> tuple[list[TrainingPair], list[str]]:
    import cv2
    import numpy as np

    from crackcore.exports.split import groups_of
    from crackcore.imaging.reading import read_photo
    from crackcore.training.pairs import TrainingPair

    groups = groups_of([Path(p.name).stem for p in pictures], [p.sha256 for p in pictures])
    pairs, unreadable = [], []
    for done, (picture, group) in enumerate(zip(pictures, groups, strict=True)):
        progress(done, len(pictures), shown_name(picture.name))
        try:
            if picture.photo is None:
                raise InputRefused(picture.name, "it lies where the project may not look.")
            pixels = read_photo(picture.photo).pixels
        except FileProblem as error:
            unreadable.append(error.sentence())
            continue
        factor = SEEN_PX / max(pixels.shape[:2])
        if factor < 1:
            pixels = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        mask = np.zeros(pixels.shape[:2], np.uint8)
        stem = Path(picture.name).stem
        pairs.append(
            TrainingPair(stem, "corrected", "pairs", picture.photo, picture.sha256, pixels, mask, group=group)
        )
    return pairs, unreadable


def begin_job(order: RetrainOrder) -> Job:
    """Write the order down: the run that can be started, and gone on with after anything."""

    def work(progress: Progress) -> RetrainRun:
        from crackcore.training.retrain_runs import begin

        return begin(order)

    return Job("Preparing to retrain", work, shown=False)


def retrain_job(process: RetrainProcess, events: Events) -> Job:
    """Runs on the training lane for as long as the child process does; what that says goes to `events`."""

    def work(progress: Progress) -> RetrainReport:
        return process.run(events.append, progress)

    return Job("Retraining", work, shown=False)


def unfinished_job() -> Job:
    """Retrainings that were broken off or not decided on."""

    def work(progress: Progress) -> list[UnfinishedRun]:
        from crackcore.training.retrain_runs import unfinished

        return unfinished()

    return Job("Looking for retrainings", work, shown=False)


def throw_away_job(run: RetrainRun) -> Job:
    def work(progress: Progress) -> None:
        from crackcore.training.retrain_runs import throw_away

        throw_away(run)

    return Job("Clearing away", work, shown=False, can_cancel=False)


def install_job(run: RetrainRun, report: RetrainReport, *, insist: bool) -> Job:
    """Copy the candidate to the user's models, then clear its run away. The old model stays."""

    def work(progress: Progress) -> InstalledModel:
        from crackcore.resources import state_folder
        from crackcore.training.retrain_runs import throw_away

        folder = state_folder() / "models"
        model = report.install(_free_place(folder, report.model.name), insist=insist)
        throw_away(run)
        return model

    return Job("Installing the model", work, shown=False, can_cancel=False)


def _free_place(folder: Path, name: str) -> Path:
    """A file of the model's name that is not there yet."""
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip("-.")[:60] or "retrained"
    path, number = folder / f"{kept}.safetensors", 2
    while path.exists():
        path, number = folder / f"{kept}-{number}.safetensors", number + 1
    return path
