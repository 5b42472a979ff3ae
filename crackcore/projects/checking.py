"""Is everything there and whole: digest, every stored part, the journal, every photo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import h5py

from crackcore import storage
from crackcore.domain.image_record import ImageRecord
from crackcore.errors import CrackError, PhotoMissing
from crackcore.names import shown_name, unescaped
from crackcore.progress import Progress
from crackcore.projects import inspection, layout, reading


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be. `kind`: file, content, photo."""

    kind: str
    sentence: str
    image_id: str = ""


@dataclass(frozen=True)
class CheckReport:
    """What a check found; `photos` counts those that are there and unchanged."""

    findings: tuple[Finding, ...]
    images: int
    photos: int
    generation: int
    pending: int

    @property
    def ok(self) -> bool:
        return not self.findings


def check_file(path: Path, progress: Progress) -> list[Finding]:
    """The project file as it lies on the disk now: length, digest, rules, every stored pixel."""
    try:
        snapshot = reading.Snapshot(path, progress=progress)
    except CrackError as error:
        return [Finding("file", error.message)]
    findings: list[Finding] = []
    try:
        with snapshot.body() as h5:
            try:
                inspection.walk(h5)
            except inspection.Broken as error:
                return [Finding("content", f"{shown_name(path)}: {error}.")]
            images = h5[layout.IMAGES]
            for done, image_id in enumerate(images):
                progress(done, len(images), "Reading every mask")
                findings += _unreadable(images[image_id], image_id)
    except CrackError as error:
        findings.append(Finding("content", error.message))
    finally:
        snapshot.close()
    return findings


def _unreadable(group: h5py.Group, image_id: str) -> list[Finding]:
    """Reading decodes every piece, and the library compares each with its checksum."""
    for name in layout.PLANES:
        dataset = group.get(name)
        if dataset is not None:
            try:
                for piece in dataset.iter_chunks():
                    dataset[piece]
            except OSError:
                return [Finding("content", f"The stored {name} of an image cannot be read.", image_id)]
    return []


def check_photos(
    records: Iterable[tuple[ImageRecord, Path | PhotoMissing]], total: int, progress: Progress
) -> list[Finding]:
    """Whether every photo is there and has the digest it had when it was added."""
    findings = []
    for done, (record, path) in enumerate(records):
        progress(done, total, "Checking photos")
        name = shown_name(unescaped(record.file))
        if isinstance(path, PhotoMissing):
            findings.append(Finding("photo", path.message, record.id))
            continue
        try:
            digest, _ = storage.file_digest(path)
        except FileNotFoundError:
            findings.append(Finding("photo", f"{name} is not where it was.", record.id))
        except OSError:
            findings.append(Finding("photo", f"{name} cannot be read.", record.id))
        else:
            if record.sha256 and digest != record.sha256:
                findings.append(Finding("photo", f"{name} was changed since it was added.", record.id))
    progress(total, total, "Checking photos")
    return findings
