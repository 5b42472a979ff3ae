"""A Change as bytes and back: what stands in one journal frame."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from crackcore.domain.change import (
    Change,
    HandEdited,
    ImageRemoved,
    MaskFrozen,
    Predicted,
    RecordChanged,
    Regridded,
    ViewMoved,
)
from crackcore.domain.image_record import ImageRecord
from crackcore.domain.project import ViewState
from crackcore.masks.patch import Patch
from crackcore.projects.planes import PackedPlane
from crackcore.projects.prediction_facts import PredictionFacts
from crackcore.projects.records import from_json, record_entry, record_from, to_json, view_entry, view_from

_LENGTH = struct.Struct("<I")


class Kind(IntEnum):
    """What a frame holds. Numbers are never reused."""

    BEGIN = 1
    RECORD = 2
    REMOVED = 3
    HAND = 4
    PREDICTED = 5
    FROZEN = 6
    VIEW = 7
    REGRIDDED = 8


@dataclass(frozen=True)
class Decoded:
    """A frame's content, planes still packed. Exactly what `kind` needs is set."""

    kind: Kind
    image_id: str = ""
    sha256: str = ""
    record: ImageRecord | None = None
    patch: Patch | None = None
    title: str = ""
    facts: PredictionFacts | None = None
    plane: PackedPlane | None = None
    gone: bool = False  # a MaskFrozen that lets go
    magnification: int = 1
    view: ViewState = ViewState()


def encode(change: Change, sha256: str) -> tuple[Kind, bytes]:
    """Kind and payload of a change; `sha256` is the digest of the picture it is about."""
    match change:
        case RecordChanged(record):
            return Kind.RECORD, _joined({"record": record_entry(record)})
        case ImageRemoved(image_id):
            return Kind.REMOVED, _joined({"image": image_id, "sha256": sha256})
        case HandEdited(image_id, patch, title):
            head = {"image": image_id, "sha256": sha256, "title": title}
            return Kind.HAND, _joined(head, patch.to_bytes())
        case Predicted(image_id, prediction):
            head = {"image": image_id, "sha256": sha256} | PredictionFacts.of(prediction).to_entry()
            return Kind.PREDICTED, _joined(head, PackedPlane.of(prediction.score).to_bytes())
        case MaskFrozen(image_id, mask):
            head = {"image": image_id, "sha256": sha256}
            return Kind.FROZEN, _joined(head, b"" if mask is None else PackedPlane.of(mask).to_bytes())
        case Regridded(image_id, magnification, hand, prediction):
            drawn = hand.to_bytes()
            facts = None if prediction is None else PredictionFacts.of(prediction).to_entry()
            score = b"" if prediction is None else PackedPlane.of(prediction.score).to_bytes()
            about = {"image": image_id, "sha256": sha256, "magnification": magnification, "prediction": facts}
            return Kind.REGRIDDED, _joined(about | {"hand_bytes": len(drawn)}, drawn + score)
        case ViewMoved(view):
            return Kind.VIEW, _joined({"view": view_entry(view)})


def _joined(head: dict[str, Any], blob: bytes = b"") -> bytes:
    text = to_json(head)
    return _LENGTH.pack(len(text)) + text + blob


def split(payload: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON head and the binary rest; raises ValueError."""
    if len(payload) < _LENGTH.size:
        raise ValueError("frame is too short")
    (length,) = _LENGTH.unpack_from(payload)
    end = _LENGTH.size + length
    if end > len(payload):
        raise ValueError("frame ends early")
    head = from_json(payload[_LENGTH.size : end])
    if not isinstance(head, dict):
        raise ValueError("frame head is not an object")
    return head, payload[end:]


def prediction_in(head: dict[str, Any], blob: bytes) -> tuple[PredictionFacts, PackedPlane]:
    """The prediction of a frame that holds one, whichever kind it is; raises ValueError or KeyError."""
    if "hand_bytes" in head:
        return PredictionFacts.from_entry(head["prediction"]), PackedPlane.from_bytes(
            _behind_hand(head, blob)
        )
    return PredictionFacts.from_entry(head), PackedPlane.from_bytes(blob)


def _behind_hand(head: dict[str, Any], blob: bytes) -> bytes:
    length = head["hand_bytes"]
    if type(length) is not int or not 0 <= length <= len(blob):
        raise ValueError("a frame ends within what was drawn")
    return blob[length:]


def decode(kind: int, payload: bytes, record_of: Callable[[str], ImageRecord]) -> Decoded:
    """What a frame says; `record_of` gives the present record of an image id, KeyError where there is none.

    Raises ValueError or KeyError when the frame does not fit the project.
    """
    head, blob = split(payload)
    image_id, sha256 = str(head.get("image", "")), str(head.get("sha256", ""))
    match Kind(kind):
        case Kind.RECORD:
            record, _ = record_from(head["record"])
            return Decoded(Kind.RECORD, record.id, record.sha256, record=record)
        case Kind.REMOVED:
            return Decoded(Kind.REMOVED, image_id, sha256)
        case Kind.HAND:
            height, width = record_of(image_id).grid_size
            patch = Patch.from_bytes(blob, height_px=height, width_px=width)
            return Decoded(Kind.HAND, image_id, sha256, patch=patch, title=str(head.get("title", "")))
        case Kind.PREDICTED:
            plane = _plane(blob, record_of(image_id).grid_size)
            facts = PredictionFacts.from_entry(head)
            return Decoded(Kind.PREDICTED, image_id, sha256, facts=facts, plane=plane)
        case Kind.FROZEN:
            plane_or_none = _plane(blob, record_of(image_id).grid_size) if blob else None
            return Decoded(Kind.FROZEN, image_id, sha256, plane=plane_or_none, gone=not blob)
        case Kind.REGRIDDED:
            return _regridded(head, blob, record_of(image_id), sha256)
        case Kind.VIEW:
            return Decoded(Kind.VIEW, view=view_from(head.get("view")))
        case _:
            raise ValueError("a frame of this kind does not stand here")


def _regridded(head: dict[str, Any], blob: bytes, record: ImageRecord, sha256: str) -> Decoded:
    magnification = head["magnification"]
    if type(magnification) is not int:
        raise ValueError("a magnification must be a whole number")
    size = replace(record, magnification=magnification).grid_size
    rest = _behind_hand(head, blob)
    hand = Patch.from_bytes(blob[: head["hand_bytes"]], height_px=size[0], width_px=size[1])
    facts = plane = None
    if head["prediction"] is not None:
        facts, plane = PredictionFacts.from_entry(head["prediction"]), _plane(rest, size)
    elif rest:
        raise ValueError("a frame holds a score that nobody made")
    return Decoded(
        Kind.REGRIDDED,
        record.id,
        sha256,
        patch=hand,
        facts=facts,
        plane=plane,
        gone=facts is None,
        magnification=magnification,
    )


def _plane(blob: bytes, size: tuple[int, int]) -> PackedPlane:
    plane = PackedPlane.from_bytes(blob)
    if (plane.height, plane.width) != size:
        raise ValueError("a plane does not have the size of its picture")
    return plane
