"""From values to the bytes of an HDF5 body, in memory: the library never writes to a disk."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from crackcore import __version__
from crackcore.domain.box import Box
from crackcore.domain.image_record import ImageRecord, Threshold
from crackcore.masks.threshold import shown_mask, thresholded
from crackcore.progress import Progress, unheard
from crackcore.projects import layout
from crackcore.projects.pending import ImagePending
from crackcore.projects.planes import PackedPlane
from crackcore.projects.prediction_facts import PredictionFacts
from crackcore.projects.reading import image_group, member, pixels_of, plane_dataset, read_plane, text_of
from crackcore.projects.records import (
    ProjectFacts,
    facts_to_json,
    format_version_for,
    records_to_json,
    to_json,
)

PROGRAM = "Crackscope"


@dataclass
class BodyRequest:
    """Everything a new body is made from.

    `source` is the body of the last save (None for a new project); images without an entry in
    `pending` are taken over from it as they are. `prediction_of` and `frozen_of` fetch what an
    entry points to in the journal.
    """

    project_uuid: bytes
    facts: ProjectFacts
    records: Mapping[str, ImageRecord]
    extra: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: h5py.File | None = None
    pending: Mapping[str, ImagePending] = field(default_factory=dict)
    prediction_of: Callable[[ImagePending], tuple[PredictionFacts, PackedPlane]] | None = None
    frozen_of: Callable[[ImagePending], PackedPlane] | None = None
    what: str = "saved"
    details: Mapping[str, Any] = field(default_factory=dict)


def build_body(request: BodyRequest, progress: Progress = unheard) -> bytes:
    """The HDF5 file image of a project, without header; may raise Cancelled through `progress`."""
    revision = uuid.uuid4().hex
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with h5py.File(
        revision, "w", driver="core", backing_store=False, libver=layout.LIBVER, block_size=4 << 20
    ) as h5:
        _write_root(h5, request, revision, now)
        images = h5.create_group(layout.IMAGES)
        old_images = None if request.source is None else member(request.source, layout.IMAGES)
        stored = frozenset(old_images or ())
        total = len(request.records)
        for done, record in enumerate(request.records.values()):
            # A touched picture takes up to a tenth of a second, one that is copied next to nothing.
            if done % 64 == 0 or record.id in request.pending:
                progress(done, total, "Saving")
            if record.id in request.pending:
                _write_image(images, record, request, revision, now)
            elif record.id in stored:
                _take_over(old_images, images, record.id)
        progress(total, total, "Saving")
        _write_history(h5, request, now)
        h5.flush()
        return bytes(h5.id.get_file_image())


def _write_root(h5: h5py.File, request: BodyRequest, revision: str, now: str) -> None:
    source = request.source
    created = now
    if source is not None:
        for name, value in source.attrs.items():
            h5.attrs[name] = value
        for name in source:
            if name not in layout.OWN_OBJECTS and member(source, name) is not None:
                source.copy(source[name], h5, name)
        created = text_of(source.attrs.get(layout.CREATED_ATTRIBUTE, now))
    h5.attrs[layout.VERSION_ATTRIBUTE] = format_version_for(request.records)
    _set_text(h5, layout.FORMAT_ATTRIBUTE, layout.FORMAT)
    _set_text(h5, layout.UUID_ATTRIBUTE, request.project_uuid.hex())
    _set_text(h5, layout.REVISION_ATTRIBUTE, revision)
    _set_text(h5, layout.CREATED_ATTRIBUTE, created)
    _set_text(h5, layout.MODIFIED_ATTRIBUTE, now)
    _set_text(h5, layout.PROGRAM_ATTRIBUTE, PROGRAM)
    _set_text(h5, layout.PROGRAM_VERSION_ATTRIBUTE, __version__)
    _write_bytes(h5, layout.PROJECT, facts_to_json(request.facts))
    _write_bytes(h5, layout.RECORDS, records_to_json(request.records, request.extra))


def _set_text(holder: Any, name: str, text: str) -> None:
    """Fixed-length ASCII: text of variable length lies in a heap that no checksum covers."""
    holder.attrs[name] = np.bytes_(text.encode("ascii"))


def _write_bytes(h5: h5py.File, name: str, data: bytes) -> None:
    h5.create_dataset(
        name,
        data=np.frombuffer(data, np.uint8),
        chunks=(min(len(data), 1 << 20),),
        compression="gzip",
        compression_opts=4,
        fletcher32=True,
    )


def _take_over(source: h5py.Group, target: h5py.Group, name: str) -> None:
    """Copy the group of an image as it is; with ten thousand of them, every lookup more would count."""
    key = name.encode("ascii")
    if source.id.links.get_info(key).type != h5py.h5l.TYPE_HARD:
        raise ValueError("an image is a link to somewhere else")
    h5py.h5o.copy(source.id, key, target.id, key)


def _write_image(
    images: h5py.Group, record: ImageRecord, request: BodyRequest, revision: str, now: str
) -> None:
    entry = request.pending[record.id]
    before = None
    if request.source is not None and not entry.fresh:
        before = image_group(request.source, record.id)
    if before is None and not (entry.patches or entry.prediction or entry.frozen):
        return  # another threshold, but nothing that it could apply to
    size = record.grid_size
    planes_before = None if entry.regridded else before
    hand = _hand_plane(planes_before, entry, size)
    score = _score(planes_before, entry, request, size)
    frozen = _frozen(planes_before, entry, request, size)
    if not hand.any() and score is None and frozen is None and before is None:
        return
    group = images.create_group(record.id)
    if before is not None:
        for name, value in before.attrs.items():
            group.attrs[name] = value
        for name in before:
            if name not in layout.PLANES and member(before, name) is not None:
                before.copy(before[name], group, name)
    group.attrs["height_px"], group.attrs["width_px"] = record.size_px
    if record.magnification != 1:
        group.attrs["magnification"] = record.magnification
    elif "magnification" in group.attrs:
        del group.attrs["magnification"]
    _set_text(group, "sha256", record.sha256)

    _set_text(PackedPlane.of(hand).write_into(group, layout.BY_HAND), "revision", revision)
    if isinstance(score, tuple):
        facts, packed = score
        _set_text(packed.write_into(group, layout.SCORE), "provenance", to_json(facts.to_entry()).decode())
    elif score is not None and before is not None:
        before.copy(score, group, layout.SCORE)
    if isinstance(frozen, PackedPlane):
        _set_text(frozen.write_into(group, layout.FROZEN), "revision", revision)
    elif frozen is not None and before is not None:
        before.copy(frozen, group, layout.FROZEN)
    base = frozen if frozen is not None else score[1] if isinstance(score, tuple) else score
    mask = _mask(hand, base, None if frozen is not None else record.threshold).write_into(group, layout.MASK)
    _set_text(mask, "revision", revision)
    provenance = {
        "program": PROGRAM,
        "version": __version__,
        "made_at": now,
        "review": record.review.value,
        "threshold": [record.threshold.low, record.threshold.high],
    }
    _set_text(mask, "provenance", to_json(provenance).decode())


def _mask(
    hand: NDArray[np.uint8], base: PackedPlane | h5py.Dataset | None, threshold: Threshold | None
) -> PackedPlane:
    """What is shown, packed: `base` is a score map, or without a threshold a frozen mask.

    Piece by piece, for most pieces of most planes are empty. Hysteresis needs the whole plane.
    """
    height, width = hand.shape
    if threshold is not None and threshold.low < threshold.high and base is not None:
        score = base.unpacked() if isinstance(base, PackedPlane) else pixels_of(base)
        return PackedPlane.of(shown_mask(hand, score=score, threshold=threshold))
    plane = None if base is None or isinstance(base, PackedPlane) else pixels_of(base)

    def piece_in(box: Box) -> NDArray[np.uint8] | None:
        drawn = hand[box.slices]
        below = base.piece(box) if isinstance(base, PackedPlane) else None
        if plane is not None:
            below = plane[box.slices]
        if not drawn.any():
            return below if below is None or threshold is None else thresholded(below, threshold)
        if below is None or threshold is None:
            return shown_mask(drawn, frozen=below)
        return shown_mask(drawn, score=below, threshold=threshold)

    return PackedPlane.of_pieces(height, width, piece_in)


def _hand_plane(before: h5py.Group | None, entry: ImagePending, size: tuple[int, int]) -> NDArray[np.uint8]:
    plane = None if before is None else read_plane(before, layout.BY_HAND, size)
    if plane is None:
        plane = np.zeros(size, np.uint8)
    for patch in entry.patches:
        patch.write_after(plane)
    return plane


def _score(
    before: h5py.Group | None, entry: ImagePending, request: BodyRequest, size: tuple[int, int]
) -> tuple[PredictionFacts, PackedPlane] | h5py.Dataset | None:
    if entry.prediction is not None and request.prediction_of is not None:
        return request.prediction_of(entry)
    return None if before is None else plane_dataset(before, layout.SCORE, size)


def _frozen(
    before: h5py.Group | None, entry: ImagePending, request: BodyRequest, size: tuple[int, int]
) -> PackedPlane | h5py.Dataset | None:
    if entry.frozen is not None and request.frozen_of is not None:
        return request.frozen_of(entry)
    if entry.let_go or before is None:
        return None
    return plane_dataset(before, layout.FROZEN, size)


def _write_history(h5: h5py.File, request: BodyRequest, now: str) -> None:
    """The rows of the last save and one more; the table is only ever appended to."""
    old = member(request.source, layout.HISTORY) if request.source is not None else None
    fields = np.dtype(layout.HISTORY_FIELDS)
    details = to_json(dict(request.details))
    row = np.array(
        [(now.encode(), PROGRAM.encode(), __version__.encode(), request.what.encode(), details[:256])], fields
    )
    rows = row if old is None or old.dtype != fields else np.concatenate([old[()], row])
    h5.create_dataset(
        layout.HISTORY,
        data=rows,
        chunks=(min(len(rows), 256),),
        compression="gzip",
        compression_opts=4,
        fletcher32=True,
    )
