"""From the HDF5 body to values. Nothing is taken on trust: links, types and sizes are looked at first."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from numpy.typing import NDArray

from crackcore import storage
from crackcore.domain.prediction import Prediction
from crackcore.errors import (
    FileProblem,
    NotAProject,
    ProjectChangedElsewhere,
    ProjectDamaged,
    ProjectTooNew,
)
from crackcore.names import shown_name
from crackcore.progress import Progress, unheard
from crackcore.projects import layout
from crackcore.projects.header import HEADER_BYTES, Header
from crackcore.projects.prediction_facts import PredictionFacts
from crackcore.projects.records import from_json

_CHUNK = 8 << 20


def open_file(path: Path) -> BinaryIO:
    """The project file for reading; raises FileProblem when it is missing, a folder or forbidden."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would block for ever
            raise NotAProject(f"{shown_name(path)} is not a file.", path=path)
        return open(path, "rb", buffering=0)
    except FileNotFoundError as error:
        hint = "It may have been moved, or its drive is not there."
        raise FileProblem(f"There is no project at {shown_name(path)}.", hint=hint, path=path) from error
    except OSError as error:
        raise storage.as_problem(error, path, "read") from error


def read_header(path: Path) -> Header:
    """The header alone; the body is not looked at."""
    with open_file(path) as file:
        try:
            return Header.from_bytes(file.read(HEADER_BYTES), path)
        except OSError as error:
            raise storage.as_problem(error, path, "read") from error


class Snapshot:
    """A project file that was checked, and reads the very bytes that were.

    On POSIX the file is kept open: when another computer swaps in a new file, the old one stays
    readable here, so that our changes can still be saved as a conflict copy. Windows would not let
    anybody replace an open file, so there the file is opened anew and recognised by its header.
    """

    def __init__(self, path: Path, *, progress: Progress = unheard) -> None:
        """Checks length and digest; raises NotAProject, ProjectTooNew, ProjectDamaged or FileProblem."""
        self.path = path
        with open_file(path) as file:
            try:
                self.header = _checked_header(file, path, progress)
                self._fd = os.dup(file.fileno()) if os.name != "nt" else -1
            except OSError as error:
                raise storage.as_problem(error, path, "read") from error

    @classmethod
    def written(cls, temporary: Path, path: Path, header: Header) -> Snapshot:
        """What was written to `temporary`, read back, and is about to be moved to `path`."""
        new = cls.__new__(cls)
        new.path, new.header, new._fd = path, header, -1
        if os.name != "nt":
            with open_file(temporary) as file:
                new._fd = os.dup(file.fileno())
        return new

    @contextlib.contextmanager
    def body(self) -> Iterator[h5py.File]:
        """The HDF5 body, read-only; raises ProjectChangedElsewhere when the file is not ours any more."""
        with self._file() as file:
            if Header.from_bytes(file.read(HEADER_BYTES), self.path).identity != self.header.identity:
                raise changed_elsewhere(self.path)
            with body(file, self.path) as h5:
                yield h5

    def body_bytes(self) -> bytes:
        """The whole body, for a migration in memory."""
        with self._file() as file:
            file.seek(HEADER_BYTES)
            return file.read()

    @contextlib.contextmanager
    def _file(self) -> Iterator[BinaryIO]:
        if self._fd < 0:
            with open_file(self.path) as file:
                yield file
        else:
            with open(self._fd, "rb", buffering=0, closefd=False) as file:
                file.seek(0)
                yield file

    def close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def changed_elsewhere(path: Path) -> ProjectChangedElsewhere:
    """The error for a reader whose project somebody else has saved meanwhile."""
    return ProjectChangedElsewhere(
        f"{shown_name(path)} was saved by another window or computer meanwhile.",
        hint="Open it again to see what is in it now.",
        path=path,
    )


def _checked_header(file: BinaryIO, path: Path, progress: Progress) -> Header:
    name = shown_name(path)
    header = Header.from_bytes(file.read(HEADER_BYTES), path)
    found = os.fstat(file.fileno()).st_size - HEADER_BYTES
    if found < header.body_bytes:
        missing = header.body_bytes - found
        raise ProjectDamaged(f"{name} is damaged: {missing:,} bytes are missing at its end.", path=path)
    if found > header.body_bytes:
        raise ProjectDamaged(f"{name} is damaged: something was appended to it.", path=path)
    digest, done = hashlib.sha256(), 0
    while piece := file.read(_CHUNK):
        digest.update(piece)
        done += len(piece)
        progress(done, header.body_bytes, "Checking the project")
    if digest.digest() != header.body_sha256:
        raise ProjectDamaged(f"{name} is damaged: its content does not match its digest.", path=path)
    return header


@contextlib.contextmanager
def body(file: BinaryIO, path: Path) -> Iterator[h5py.File]:
    """The HDF5 body behind `file`, read-only; whatever h5py raises on it becomes ProjectDamaged."""
    with damage_as_sentence(path), h5py.File(file, "r") as h5:
        version = h5.attrs.get(layout.VERSION_ATTRIBUTE, 0)
        if int(version) > layout.FORMAT_VERSION:
            raise ProjectTooNew(int(version), layout.FORMAT_VERSION, path=path)
        yield h5


@contextlib.contextmanager
def body_of(snapshot: Snapshot, migrated: bytes | None) -> Iterator[h5py.File]:
    """The body of a snapshot, or what a migration in memory made of it."""
    if migrated is None:
        with snapshot.body() as h5:
            yield h5
    else:
        with body(io.BytesIO(migrated), snapshot.path) as h5:
            yield h5


@contextlib.contextmanager
def damage_as_sentence(path: Path) -> Iterator[None]:
    """Every exception that h5py is known to raise on broken content, as ProjectDamaged."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, OverflowError) as error:
        name = shown_name(path)
        raise ProjectDamaged(f"{name} is damaged: a part of it cannot be read.", path=path) from error


# ---------------------------------------------------------------- objects


def member(group: h5py.Group, name: str) -> Any:
    """The object `name` of `group` by a hard link, or None; raises ValueError for any other link."""
    link = group.get(name, getlink=True)
    if link is None:
        return None
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"{name} is a link to somewhere else")
    return group[name]


def check_storage(dataset: h5py.Dataset) -> None:
    """Raises ValueError when bytes of the data set lie outside this file."""
    if dataset.external is not None:
        raise ValueError("a data set lies in another file")
    if dataset.is_virtual:
        raise ValueError("a data set is made of other files")


def image_group(h5: h5py.File, image_id: str) -> h5py.Group | None:
    """The group of an image, or None when nothing is stored for it."""
    images = member(h5, layout.IMAGES)
    if images is None:
        return None
    if not isinstance(images, h5py.Group):
        raise ValueError("images is not a group")
    group = member(images, image_id)
    if group is not None and not isinstance(group, h5py.Group):
        raise ValueError("an image is not a group")
    return group


def plane_dataset(group: h5py.Group, name: str, size: tuple[int, int]) -> h5py.Dataset | None:
    """The data set of a plane after all checks that must come before its pixels are read."""
    dataset = member(group, name)
    if dataset is None:
        return None
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{name} is not a data set")
    check_storage(dataset)
    if dataset.dtype != np.uint8 or dataset.shape != size:
        raise ValueError(f"{name} does not have the size of its picture")
    return dataset


def read_plane(group: h5py.Group, name: str, size: tuple[int, int]) -> NDArray[np.uint8] | None:
    """The pixels of a plane as a new (H, W) uint8 array, or None when there is none."""
    dataset = plane_dataset(group, name, size)
    return None if dataset is None else pixels_of(dataset)


def pixels_of(dataset: h5py.Dataset) -> NDArray[np.uint8]:
    """All pixels of a checked plane. Pieces that are not stored are zero and cost nothing to read."""
    if dataset.chunks is None or dataset.fillvalue != 0:
        return np.ascontiguousarray(dataset[()])
    plane = np.zeros(dataset.shape, np.uint8)
    height, width = dataset.chunks
    for number in range(dataset.id.get_num_chunks()):
        y, x = dataset.id.get_chunk_info(number).chunk_offset
        plane[y : y + height, x : x + width] = dataset[y : y + height, x : x + width]
    return plane


def read_prediction_facts(dataset: h5py.Dataset) -> PredictionFacts:
    """Who made a score map; raises ValueError."""
    return PredictionFacts.from_entry(from_json(text_of(dataset.attrs["provenance"]).encode()))


def read_prediction(group: h5py.Group, size: tuple[int, int]) -> Prediction | None:
    """Score map and who made it, or None."""
    dataset = plane_dataset(group, layout.SCORE, size)
    if dataset is None:
        return None
    facts = read_prediction_facts(dataset)
    return Prediction(
        score=pixels_of(dataset),
        model=facts.model,
        model_sha256=facts.model_sha256,
        device=facts.device,
        settings=facts.settings,
        seconds=facts.seconds,
        made_at=facts.made_at,
        family=facts.family,
    )


def text_of(value: Any) -> str:
    """A text attribute, however long its writer made it; raises ValueError."""
    if isinstance(value, bytes | np.bytes_):
        return value.decode("ascii")
    if isinstance(value, str):
        return value
    raise ValueError("an attribute is not text")


def read_json(h5: h5py.File, name: str) -> bytes:
    """The bytes of one of the JSON data sets; raises KeyError or ValueError."""
    dataset = member(h5, name)
    if not isinstance(dataset, h5py.Dataset):
        raise KeyError(name)
    check_storage(dataset)
    if dataset.dtype != np.uint8 or dataset.ndim != 1 or dataset.size > layout.MAX_JSON_BYTES:
        raise ValueError(f"{name} is not text")
    return bytes(dataset[()].tobytes())
