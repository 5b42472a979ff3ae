"""A Change as bytes and back: what stands in one journal frame."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from crackcore.domain.change import (
    Change,
    HandEdited,
    ImageRemoved,
    MaskFrozen,
    Predicted,
    RecordChanged,
    ViewMoved,
)
from crackcore.domain.image_record import ImageRecord
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.domain.project import ViewState
from crackcore.masks.patch import Patch
from crackcore.projects.planes import PackedPlane
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


@dataclass(frozen=True)
class PredictionFacts:
    """A prediction without its score map."""

    model: str
    model_sha256: str
    device: str
    settings: PredictSettings
    seconds: float
    made_at: datetime

    @classmethod
    def of(cls, p: Prediction) -> PredictionFacts:
        return cls(p.model, p.model_sha256, p.device, p.settings, p.seconds, p.made_at)

    def to_entry(self) -> dict[str, Any]:
        s = self.settings
        return {
            "model": self.model,
            "model_sha256": self.model_sha256,
            "device": self.device,
            "settings": {"device": s.device, "tile_px": s.tile_px, "overlap_px": s.overlap_px},
            "seconds": self.seconds,
            "made_at": self.made_at.astimezone(UTC).isoformat(),
        }

    @classmethod
    def from_entry(cls, entry: Any) -> PredictionFacts:
        """Raises ValueError."""
        try:
            s = entry["settings"]
            settings = PredictSettings(str(s["device"]), int(s["tile_px"]), int(s["overlap_px"]))
            made_at = datetime.fromisoformat(entry["made_at"])
            return cls(
                str(entry["model"]),
                str(entry["model_sha256"]),
                str(entry["device"]),
                settings,
                float(entry["seconds"]),
                made_at if made_at.tzinfo else made_at.replace(tzinfo=UTC),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("a prediction lacks its facts") from error

    def with_score(self, score: PackedPlane) -> Prediction:
        return Prediction(
            score=score.unpacked(),
            model=self.model,
            model_sha256=self.model_sha256,
            device=self.device,
            settings=self.settings,
            seconds=self.seconds,
            made_at=self.made_at,
        )


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


def decode(kind: int, payload: bytes, size_of: Callable[[str], tuple[int, int]]) -> Decoded:
    """What a frame says; `size_of` gives height and width of an image id (KeyError: no such image).

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
            height, width = size_of(image_id)
            patch = Patch.from_bytes(blob, height_px=height, width_px=width)
            return Decoded(Kind.HAND, image_id, sha256, patch=patch, title=str(head.get("title", "")))
        case Kind.PREDICTED:
            plane = _plane(blob, size_of(image_id))
            facts = PredictionFacts.from_entry(head)
            return Decoded(Kind.PREDICTED, image_id, sha256, facts=facts, plane=plane)
        case Kind.FROZEN:
            plane_or_none = _plane(blob, size_of(image_id)) if blob else None
            return Decoded(Kind.FROZEN, image_id, sha256, plane=plane_or_none, gone=not blob)
        case Kind.VIEW:
            return Decoded(Kind.VIEW, view=view_from(head.get("view")))
        case _:
            raise ValueError("a frame of this kind does not stand here")


def _plane(blob: bytes, size: tuple[int, int]) -> PackedPlane:
    plane = PackedPlane.from_bytes(blob)
    if (plane.height, plane.width) != size:
        raise ValueError("a plane does not have the size of its picture")
    return plane
