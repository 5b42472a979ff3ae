"""Image records, classes and view as JSON, there and back; what a newer program added is kept."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crackcore.domain.image_record import ImageRecord, Review, Threshold
from crackcore.domain.project import CLASSES, MaskClass, ViewState
from crackcore.projects import layout
from crackcore.projects.layout import IMAGE_ID, MAX_IMAGES, MAX_PIXELS, MAX_SIDE_PX

_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class ProjectFacts:
    """Everything of a project that is not an image."""

    title: str
    classes: tuple[MaskClass, ...] = CLASSES
    view: ViewState = ViewState()
    extra: Mapping[str, Any] | None = None


def to_json(value: Any) -> bytes:
    """Compact ASCII JSON; lone surrogates of file names come out as escapes and come back."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


def from_json(data: bytes) -> Any:
    """Strict JSON: no NaN, no repeated keys. Raises ValueError."""
    try:
        # Decoded here: json.loads would guess among UTF-8, 16 and 32.
        return json.loads(data.decode("ascii"), parse_constant=_refuse, object_pairs_hook=_unique)
    except UnicodeDecodeError as error:
        raise ValueError("its text is not ASCII") from error
    except json.JSONDecodeError as error:
        raise ValueError("its text is not JSON") from error
    except RecursionError as error:
        raise ValueError("its text is too deeply nested") from error


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not a number that may stand here")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


# ---------------------------------------------------------------- image records


def record_entry(record: ImageRecord, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The JSON object of a record; `extra` are entries of a newer program, carried along."""
    entry = {
        **(extra or {}),
        "id": record.id,
        "file": record.file,
        "sha256": record.sha256,
        "height_px": record.height_px,
        "width_px": record.width_px,
        "bytes": record.bytes,
        "taken_at": record.taken_at,
        "review": record.review.value,
        "reason": record.reason,
        "threshold": [record.threshold.low, record.threshold.high],
        "notes": record.notes,
    }
    if record.magnification != 1:
        entry["magnification"] = record.magnification
    return entry


_RECORD_KEYS = frozenset(ImageRecord.__dataclass_fields__)  # the format uses the same words


def record_from(entry: Any) -> tuple[ImageRecord, dict[str, Any]]:
    """A record and the entries we do not know; raises ValueError when a rule is broken."""
    if not isinstance(entry, dict):
        raise ValueError("an image record must be an object")
    low, high = _pair(entry.get("threshold", [128, 128]))
    record = ImageRecord(
        id=_text(entry, "id"),
        file=_text(entry, "file"),
        sha256=_text(entry, "sha256"),
        height_px=_count(entry, "height_px"),
        width_px=_count(entry, "width_px"),
        bytes=_count(entry, "bytes", 0),
        taken_at=_text(entry, "taken_at", ""),
        review=_review(_text(entry, "review", "new")),
        reason=_text(entry, "reason", ""),
        threshold=Threshold(low, high),
        notes=_text(entry, "notes", ""),
        magnification=_count(entry, "magnification", 1),
    )
    check_record(record)
    unknown = entry.keys() - _RECORD_KEYS
    return record, {key: entry[key] for key in unknown}


def _review(word: str) -> Review:
    """A state that a newer program knows counts as edited: looked at, not approved."""
    try:
        return Review(word)
    except ValueError:
        return Review.EDITED


def check_record(record: ImageRecord) -> None:
    """Raises ValueError unless id, digest and sizes obey the format."""
    if not IMAGE_ID.fullmatch(record.id):
        raise ValueError("an image id must be 1 to 64 letters, digits, '-' or '_'")
    if record.sha256 and (len(record.sha256) != 64 or not _HEX.issuperset(record.sha256)):
        raise ValueError("a digest must be 64 hexadecimal digits")
    height, width = record.grid_size
    if not (1 <= height <= MAX_SIDE_PX and 1 <= width <= MAX_SIDE_PX):
        raise ValueError("an image must have 1 to 65,535 pixels a side")
    if height * width > MAX_PIXELS:
        raise ValueError("an image is too large")
    if record.bytes < 0:
        raise ValueError("a file cannot have fewer than 0 bytes")


def format_version_for(records: Mapping[str, ImageRecord]) -> int:
    """The lowest format version whose readers take these records for what they are."""
    plain = all(record.magnification == 1 for record in records.values())
    return layout.PLAIN_VERSION if plain else layout.FORMAT_VERSION


def records_to_json(records: Mapping[str, ImageRecord], extra: Mapping[str, Mapping[str, Any]]) -> bytes:
    """All records in their order; `extra` as in `record_entry`, by image id."""
    return to_json({"images": [record_entry(r, extra.get(r.id)) for r in records.values()]})


def records_from_json(data: bytes) -> tuple[dict[str, ImageRecord], dict[str, dict[str, Any]]]:
    """Records by id, in order, and unknown entries by id. Raises ValueError."""
    found = from_json(data)
    entries = found.get("images") if isinstance(found, dict) else None
    if not isinstance(entries, list) or len(entries) > MAX_IMAGES:
        raise ValueError("the image records are not a list")
    records: dict[str, ImageRecord] = {}
    extra: dict[str, dict[str, Any]] = {}
    for entry in entries:
        record, unknown = record_from(entry)
        if record.id in records:
            raise ValueError("an image id stands twice")
        records[record.id] = record
        if unknown:
            extra[record.id] = unknown
    return records, extra


# ---------------------------------------------------------------- the rest


def view_entry(view: ViewState) -> dict[str, Any]:
    """The JSON object of a view; numbers that are not finite become 0."""
    return {
        "image_id": view.image_id,
        "centre_x": _finite(view.centre_x),
        "centre_y": _finite(view.centre_y),
        "px_per_screen_px": _finite(view.px_per_screen_px),
    }


def view_from(entry: Any) -> ViewState:
    """A view; anything odd becomes the view that fits the image, for nothing hangs on it."""
    if not isinstance(entry, dict):
        return ViewState()
    image_id = entry.get("image_id", "")
    numbers = [entry.get(key, 0.0) for key in ("centre_x", "centre_y", "px_per_screen_px")]
    if not isinstance(image_id, str) or not all(isinstance(n, int | float) for n in numbers):
        return ViewState()
    return ViewState(image_id, *(float(n) for n in numbers))


def facts_to_json(facts: ProjectFacts) -> bytes:
    """The JSON of FORMAT.md, section 3.1."""
    return to_json(
        {
            **(facts.extra or {}),
            "title": facts.title,
            "classes": [{"number": c.number, "name": c.name, "colour": c.colour} for c in facts.classes],
            "view": view_entry(facts.view),
        }
    )


def facts_from_json(data: bytes) -> ProjectFacts:
    """Raises ValueError."""
    found = from_json(data)
    if not isinstance(found, dict):
        raise ValueError("the project facts are not an object")
    classes = []
    entries = found.get("classes", [])
    if not isinstance(entries, list) or len(entries) > 255:
        raise ValueError("the classes are not a list")
    for entry in entries:
        if not isinstance(entry, dict):
            raise ValueError("a class must be an object")
        number = _count(entry, "number")
        if number > 254:
            raise ValueError("class numbers end at 254")
        classes.append(MaskClass(number, _text(entry, "name")[:200], _text(entry, "colour", "#ff3b30")[:9]))
    known = {"title", "classes", "view"}
    return ProjectFacts(
        title=_text(found, "title", ""),
        classes=tuple(classes) or CLASSES,
        view=view_from(found.get("view")),
        extra={key: value for key, value in found.items() if key not in known},
    )


def _text(entry: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = entry.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"{key} must be text")
    return value


def _count(entry: Mapping[str, Any], key: str, default: int | None = None) -> int:
    value = entry.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{key} must be a whole number")
    return value


def _pair(value: Any) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2 or not all(type(n) is int for n in value):
        raise ValueError("a threshold must be two whole numbers")
    return value[0], value[1]


def _finite(number: float) -> float:
    return float(number) if math.isfinite(number) else 0.0
