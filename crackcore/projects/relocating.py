"""Photos that were moved or renamed, found again by their content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from crackcore.domain.change import RecordChanged
from crackcore.domain.image_record import ImageRecord
from crackcore.errors import PhotoMissing
from crackcore.progress import Progress, unheard
from crackcore.projects.photo_paths import stored_path
from crackcore.projects.store import ProjectStore


class Finder(Protocol):
    """Looks through a folder for files of known digest (and size); `imaging.find_moved` does."""

    def __call__(
        self, wanted: Mapping[str, int], folder: Path, progress: Progress = unheard
    ) -> Mapping[str, Path]: ...


def missing_photos(store: ProjectStore) -> list[ImageRecord]:
    """Records whose photo is not where it should be; nothing is read but the folder."""
    missing = []
    for record in store.project.images:
        try:
            there = store.photo_path(record).is_file()
        except (PhotoMissing, OSError, ValueError):
            there = False
        if not there:
            missing.append(record)
    return missing


def relocated(
    store: ProjectStore, folder: Path, find: Finder, progress: Progress = unheard
) -> list[RecordChanged]:
    """What would have to change so that missing photos found in `folder` are known again.

    Nothing is written: show it to the person and `append_many` what is accepted. A photo is taken
    only when its content is the same byte for byte.
    """
    missing = missing_photos(store)
    wanted = {record.sha256: record.bytes for record in missing if record.sha256}
    if not wanted:
        return []
    found = find(wanted, folder, progress)
    return [
        RecordChanged(replace(record, file=stored_path(found[record.sha256], store.path.parent)))
        for record in missing
        if record.sha256 in found
    ]
