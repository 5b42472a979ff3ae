"""A project as a data set: the pictures that a person has edited or approved."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from crackcore.datasets.dataset import Dataset, Problem, Sample
from crackcore.errors import ProjectProblem
from crackcore.exports.grids import in_photo_pixels
from crackcore.exports.source import ExportImage, images_of, why_not
from crackcore.exports.split import groups_of
from crackcore.exports.stems import safe_stems
from crackcore.imaging.mask_values import MaskValues
from crackcore.progress import Progress
from crackcore.projects.header import HEADER_BYTES, Header


def seems_a_project(path: Path) -> bool:
    """Whether a file begins like a project."""
    try:
        with open(path, "rb") as file:
            Header.from_bytes(file.read(HEADER_BYTES), path)
    except (OSError, ProjectProblem):
        return False
    return True


def read_project(path: Path, progress: Progress) -> Dataset:
    """The reviewed pictures of a project, with masks in photo pixels; the file is only read.

    Masks that only a model made teach a network its own mistakes: they are left out and listed. The
    project stays open until the data set is closed. Raises what `ProjectStore.open` raises.
    """
    from crackcore.projects.store import ProjectStore

    store = ProjectStore.open(path, read_only=True, progress=progress)
    lock = threading.Lock()  # the store is used by one thread at a time
    try:
        images = [in_photo_pixels(image) for image in images_of(store)]
        stems = safe_stems([image.name for image in images])
        groups = groups_of([Path(i.name).stem for i in images], [i.record.sha256 for i in images])
        samples, problems = [], []
        for number, (image, stem, group) in enumerate(zip(images, stems, groups, strict=True)):
            progress(number, len(images), stem)
            reason = image.refused.message if image.refused else why_not(image, only_reviewed=True)
            if reason:
                problems.append(Problem(image.photo, reason if reason.endswith(".") else f"{reason}."))
                continue
            samples.append(Sample(stem, image.photo, _mask_of(image, lock), group=group))
    except BaseException:
        store.close(save=False)
        raise
    return Dataset(
        path.stem,
        "project",
        path,
        tuple(samples),
        tuple(problems),
        _close=lambda: store.close(save=False),
    )


def _mask_of(image: ExportImage, lock: threading.Lock) -> Callable[[], MaskValues]:
    def read() -> MaskValues:
        with lock:
            return MaskValues(image.shown(), "classes")

    return read
