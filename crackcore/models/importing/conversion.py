"""What the child does with a foreign checkpoint, from its first byte to the finished model file.

torch is imported only after the cheap checks, so that most bad files are answered at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crackcore.children import limit_memory
from crackcore.domain.model_spec import ModelSpec
from crackcore.errors import CrackError
from crackcore.models.importing.file_checks import Refused, check_safetensors, digest_of, kind_of, opened
from crackcore.names import escaped, shown_name
from crackcore.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor

    from crackcore.models.importing.recognising import Match

_ROOM_BYTES = 3 << 30  # for the libraries' own work and the trial run
_TIMES_THE_FILE = 8  # the file, its tensors, the network, the new file, half precision made single
_LISTED = 20
_LONGEST = 100
_MOST_PLACES = 6


def convert(report: Progress, source: str, wishes: Mapping[str, Any], made: str) -> dict[str, Any]:
    """Check, read, recognise and try a checkpoint; write it as a model file at `made`.

    `wishes`: `architecture` ("" to find out), `look_only` (write nothing), else `name` and
    `licence`. Answers {"status": "ok" | "refused" | "not recognised", "reason", "hint", "known"}.
    """
    known: dict[str, Any] = {"file": escaped(os.path.basename(source)), "readable": False, "warnings": []}
    status, refusal = "ok", Refused("")
    try:
        _convert(report, Path(source), wishes, made, known)
    except _NotRecognised as error:
        status, refusal = "not recognised", error
    except Refused as error:
        status, refusal = "refused", error
    except CrackError as error:  # the disk, or the trial
        status, refusal = "refused", Refused(error.message, error.hint)
    return {"status": status, "reason": refusal.reason, "hint": refusal.hint, "known": known}


class _NotRecognised(Refused):
    """The file is sound, its network is not one of ours."""


def _convert(
    report: Progress, path: Path, wishes: Mapping[str, Any], made: str, known: dict[str, Any]
) -> None:
    with opened(path) as (file, size):
        known["bytes"] = size
        known["format"] = kind = kind_of(file, size, path.name)
        own_spec = _own_spec(check_safetensors(file, size)) if kind == "safetensors" else None
        known["sha256"] = digest_of(file, report)

        limit_memory(None)  # torch maps gigabytes of its own files where it knows GPUs
        from crackcore.models.importing import reading

        limit_memory(_ROOM_BYTES + _TIMES_THE_FILE * size)
        report(1, 4, "Reading the weights")
        content = getattr(reading, f"read_{kind}")(file)
    places = reading.state_dicts(content)
    del content
    if not places:
        raise Refused("there are no weights in it.", "Ask for the state dict of the network.")
    report(2, 4, "Looking for the network")
    weights, match = _recognised(places, size, wishes["architecture"], own_spec, known)
    known["readable"] = True
    if match is None or not match.exact:
        _say_what_differs(match, wishes["architecture"], bool(wishes.get("look_only")))
        return
    report(3, 4, "Trying the network")
    _try_and_write(weights, match, wishes, made, known, own_spec)


def _own_spec(texts: Mapping[str, str]) -> ModelSpec | None:
    """The description of a model file of ours; None where there is none."""
    try:
        return ModelSpec.from_json(texts["spec"]) if "spec" in texts else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _recognised(
    places: list[tuple[str, dict[Any, Any]]],
    size: int,
    architecture: str,
    own_spec: ModelSpec | None,
    known: dict[str, Any],
) -> tuple[dict[str, Tensor], Match | None]:
    """The weights and their network: the first place and reading of the names that fits exactly."""
    from crackcore.models.importing import reading, recognising

    wished = architecture or (own_spec.architecture if own_spec else "")
    first: tuple[dict[str, Tensor], Match | None] | None = None
    facts: dict[str, Any] = {}
    for place, found in places[:_MOST_PLACES]:
        try:
            tensors, ignored = reading.checked_tensors(found, size)
        except Refused:
            if first is None:
                raise
            continue
        for prefix, weights in reading.prefix_variants(tensors):
            shapes = {k: tuple(v.shape) for k, v in weights.items()}
            match = recognising.best_match(shapes, wished)
            if first is None or _is_nearer(match, first[1]):
                first = (weights, match)
                facts = _facts(place, prefix, weights, ignored, match, guessed=not wished)
            if match is not None and match.exact:
                known.update(facts)
                return first
    assert first is not None  # there is at least one place, and its first reading was kept
    known.update(facts)
    return first


def _is_nearer(match: Match | None, other: Match | None) -> bool:
    if match is None or other is None:
        return match is not None
    return (match.exact, match.shared) > (other.exact, other.shared)


def _facts(
    place: str,
    prefix: str,
    weights: Mapping[str, Tensor],
    ignored: list[str],
    match: Match | None,
    *,
    guessed: bool,
) -> dict[str, Any]:
    """What a report says of the weights, as plain values."""
    facts: dict[str, Any] = {
        "place": place,
        "stripped": shown_name(prefix[:100], whole=True),
        "tensors": len(weights),
        "numbers": sum(v.numel() for v in weights.values()),
        "keys": _shown(weights),
        "ignored": ignored[:_LISTED],
        "guessed": guessed,
        "architecture": match.architecture if match and match.exact else None,
        "arguments": match.arguments if match and match.exact else {},
        "nearest": match.architecture if match else None,
        "differences": None,
    }
    if match and not match.exact:
        found = match.differences
        facts["differences"] = {
            "missing": _shown(found.missing),
            "extra": _shown(found.extra),
            "shapes": [
                {"name": shown_name(name[:_LONGEST], whole=True), "found": list(is_), "wanted": list(should)}
                for name, is_, should in found.shapes[:_LISTED]
            ],
            "count": found.count,
        }
    return facts


def _shown(names: Iterable[str]) -> list[str]:
    """The first names of layers, which a file may have filled with anything, fit to be shown."""
    return [shown_name(name[:_LONGEST], whole=True) for name in islice(names, _LISTED)]


def _say_what_differs(match: Match | None, wished: str, look_only: bool) -> None:
    if look_only:
        return
    if match is None:
        raise _NotRecognised(
            "its weights can be read, but they belong to none of the networks known here.",
            "If you know which network it is, name it.",
        )
    found = match.differences
    parts = [f"{name} is {list(is_)}, should be {list(should)}" for name, is_, should in found.shapes[:2]]
    parts += [f"{name} is missing" for name in _shown(found.missing)[:2]]
    parts += [f"{name} is not known there" for name in _shown(found.extra)[:2]]
    more = found.count - len(parts)
    listed = "; ".join(parts) + (f"; and {more} more" if more > 0 else "")
    raise (Refused if wished else _NotRecognised)(
        f"its weights do not fit {match.architecture}: {listed}.",
        "" if wished else "That was the nearest of the networks known here.",
    )


def _try_and_write(
    weights: dict[str, Tensor],
    match: Match,
    wishes: Mapping[str, Any],
    made: str,
    known: dict[str, Any],
    own_spec: ModelSpec | None,
) -> None:
    from crackcore.models.blank import blank_network
    from crackcore.models.catalogue import known_architecture
    from crackcore.models.importing.fitting import loaded_strictly
    from crackcore.models.importing.origins import origin_spec
    from crackcore.models.model_files import save_model
    from crackcore.models.trial import try_network

    architecture, _ = known_architecture(match.architecture)
    network, notes = loaded_strictly(blank_network(match.architecture, **match.arguments), weights)
    weights.clear()
    naming = {
        "name": wishes.get("name", ""),
        "source": known["file"],
        "source_sha256": known["sha256"],
    }
    if own_spec is not None and own_spec.architecture == match.architecture:
        spec = replace(own_spec, **naming, arguments=match.arguments)
    else:
        spec = origin_spec(architecture, match.arguments, licence=wishes.get("licence", ""), **naming)
    trial = try_network(network, spec, architecture)
    if trial.constant:
        notes.append("On a trial picture it gives the same value everywhere.")
    if known["ignored"]:
        notes.append(f"Left out, since they are no weights: {', '.join(known['ignored'][:3])}.")
    known["trial"] = asdict(trial)
    known["warnings"] = notes
    if not wishes.get("look_only"):
        save_model(Path(made), network, spec)
