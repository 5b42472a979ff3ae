"""A project from elsewhere is walked completely in a child process before anything of it is used.

The digest shows damage, not origin: whoever makes a file makes its digest too. So links, types,
sizes and filters are looked at by the rules below, in a process whose memory and time are bounded
and whose death is an answer.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from crackcore.children import ChildEnded, ask_child
from crackcore.errors import CrackError, ProjectDamaged, ProjectTooNew
from crackcore.names import shown_name
from crackcore.progress import Progress, unheard
from crackcore.projects import layout, reading, records
from crackcore.projects.header import HDF5_SIGNATURE, Header

_MEMORY_BYTES = 4 << 30
_PATIENCE_S = 60.0
_SLOWEST_BYTES_PER_S = 10 << 20
_MAX_DEPTH = 16
_MAX_ATTRIBUTES = 128
_MAX_ATTRIBUTE_BYTES = 1 << 16
_MAX_OTHER_BYTES = 1 << 30
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}


def looks_like_hdf5(path: Path) -> bool:
    """Whether the file is HDF5 without a header of ours."""
    with reading.open_file(path) as file:
        return file.read(8) == HDF5_SIGNATURE


def inspect(path: Path, header: Header, progress: Progress = unheard) -> None:
    """Walk the body in a child; returns when everything obeys the rules.

    Raises ProjectTooNew, or ProjectDamaged with what was found; also when the child died or took
    too long.
    """
    answer = _ask_child(path, header.body_bytes, progress)
    if answer != "ok":
        _refuse(path, answer)


def inspect_headerless(path: Path, progress: Progress = unheard) -> None:
    """Say what is wrong with an HDF5 file that has no header; returns when it is simply not ours.

    Raises ProjectTooNew or ProjectDamaged. Without a header nothing shows whether the content is
    what was written, so even a sound file is not opened.
    """
    answer = _ask_child(path, os.path.getsize(path), progress)
    if answer == "ok":
        answer = "its header with the digest is missing"
    if answer != "not ours":
        _refuse(path, answer)


def _refuse(path: Path, answer: str) -> None:
    if answer.startswith("version "):
        raise ProjectTooNew(int(answer.split()[1]), layout.FORMAT_VERSION, path=path)
    if answer == "not ours":
        answer = "its content is not that of a project"
    raise ProjectDamaged(f"{shown_name(path)} is not opened: {answer}.", path=path)


def _ask_child(path: Path, size: int, progress: Progress) -> str:
    try:
        return str(
            ask_child(
                _inspected,
                str(path),
                about=path,
                patience_s=_PATIENCE_S + size / _SLOWEST_BYTES_PER_S,
                memory_bytes=_MEMORY_BYTES,
                note="Inspecting a project from elsewhere",
                progress=progress,
            )
        )
    except ChildEnded as end:
        return {
            "time": "looking through it took too long",
            "memory": "it asks for too much memory",
        }.get(end.how, "looking through it ended in a crash")


# ---------------------------------------------------------------- in the child


def _inspected(report: Progress, path: str) -> str:
    try:
        with reading.open_file(Path(path)) as file:
            return _walk_file(file, Path(path))
    except ProjectTooNew as error:
        return f"version {error.found}"
    except CrackError as error:
        # The sentence of the boundary says nothing; what it was made from says more.
        cause = error.__cause__
        return f"{cause}" if isinstance(cause, Broken) else "a part of it cannot be read"


class Broken(ValueError):
    """A rule of the format does not hold; the text continues the sentence "… is not opened: "."""


def _walk_file(file: Any, path: Path) -> str:
    with reading.body(file, path) as h5:
        if layout.FORMAT_ATTRIBUTE not in h5.attrs or _root_text(h5) != layout.FORMAT:
            return "not ours"
        walk(h5)
    return "ok"


def _root_text(h5: h5py.File) -> str:
    try:
        return reading.text_of(h5.attrs[layout.FORMAT_ATTRIBUTE])
    except (ValueError, TypeError, OSError):
        return ""


def walk(h5: h5py.File) -> None:
    """Look at every object, link, attribute and declared size of a body; raises Broken."""
    visited: set[int] = set()
    other_bytes = 0
    stack: list[tuple[h5py.Group, str, int]] = [(h5, "", 0)]
    _visit(h5, visited)
    while stack:
        group, place, depth = stack.pop()
        if depth > _MAX_DEPTH:
            raise Broken("its groups are nested too deeply")
        _check_attributes(group)
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise Broken("it holds a link that leads out of it")
            found = group[name]
            _visit(found, visited)
            if isinstance(found, h5py.Group):
                stack.append((found, f"{place}/{name}", depth + 1))
            elif isinstance(found, h5py.Dataset):
                _check_attributes(found)
                _check_dataset(found)
                if not (place.startswith(f"/{layout.IMAGES}/") and name in layout.PLANES):
                    other_bytes += found.size * found.dtype.itemsize
                if other_bytes > _MAX_OTHER_BYTES:
                    raise Broken("the sizes it declares are too large")
            else:
                raise Broken("it holds something that is neither group nor data")
    _check_content(h5)


def _visit(thing: Any, visited: set[int]) -> None:
    address = h5py.h5o.get_info(thing.id).addr
    if address in visited:
        raise Broken("one of its parts contains itself, or stands in two places")
    visited.add(address)


def _check_dataset(dataset: h5py.Dataset) -> None:
    try:
        reading.check_storage(dataset)
    except ValueError as error:
        raise Broken(f"in it, {error}") from error
    _check_type(dataset.dtype)
    if dataset.ndim > 4:
        raise Broken("a part of it has too many dimensions")
    properties = dataset.id.get_create_plist()
    for number in range(properties.get_nfilters()):
        if properties.get_filter(number)[0] not in _FILTERS:
            raise Broken("a part of it is packed in a way that needs a plug-in")


def _check_attributes(thing: Any) -> None:
    if len(thing.attrs) > _MAX_ATTRIBUTES:
        raise Broken("a part of it has too many attributes")
    for name in thing.attrs:
        attribute = thing.attrs.get_id(name)
        if h5py.check_string_dtype(attribute.dtype) is None:
            _check_type(attribute.dtype)
        count = int(np.prod(attribute.shape, dtype=np.uint64)) if attribute.shape else 1
        if count * attribute.dtype.itemsize > _MAX_ATTRIBUTE_BYTES:
            raise Broken("an attribute is too large")


def _check_type(dtype: np.dtype[Any]) -> None:
    """Numbers and fixed text, alone or in a row: nothing that points somewhere."""
    if dtype.names:
        for name in dtype.names:
            _check_type(dtype[name])
    elif dtype.subdtype:
        _check_type(dtype.subdtype[0])
    elif dtype.kind not in "uifbSV" or dtype.hasobject:
        raise Broken("a part of it has a type that is not used here")


def _check_content(h5: h5py.File) -> None:
    """Records can be read, and every plane has the size of its picture."""
    try:
        records.facts_from_json(reading.read_json(h5, layout.PROJECT))
        found, _ = records.records_from_json(reading.read_json(h5, layout.RECORDS))
        history = reading.member(h5, layout.HISTORY)
        if history is not None and (not isinstance(history, h5py.Dataset) or history.ndim != 1):
            raise Broken("its history is not a table")
        images = reading.member(h5, layout.IMAGES)
        if images is None:
            return
        for image_id, record in found.items():
            group = reading.image_group(h5, image_id)
            if group is not None:
                for name in layout.PLANES:
                    reading.plane_dataset(group, name, record.grid_size)
    except KeyError as error:
        # An older layout, or none: planes whose size is not stated are bounded before anything else.
        _check_unlisted_planes(h5)
        raise Broken("a part that every project has is missing") from error
    except ValueError as error:
        raise Broken(str(error)) from error


def _check_unlisted_planes(h5: h5py.File) -> None:
    images = h5.get(layout.IMAGES)
    for group in images.values() if isinstance(images, h5py.Group) else ():
        for name in layout.PLANES:
            plane = group.get(name) if isinstance(group, h5py.Group) else None
            if isinstance(plane, h5py.Dataset) and plane.size > layout.MAX_PIXELS:
                raise Broken("a mask claims an impossible size")
