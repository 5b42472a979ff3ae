"""Which network a state dict belongs to, and with which arguments, told from names and shapes.

Candidates are built without start weights and compared. Only an exact match counts; the nearest one
is kept for the report.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

from crackcore.models.architectures import OWN, Architecture
from crackcore.models.blank import blank_network
from crackcore.models.catalogue import architectures, known_architecture
from crackcore.models.model_files import second_names

log = logging.getLogger(__name__)

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
"""Names and shapes of a state dict."""
_COUNTER = ".num_batches_tracked"
_MULTIPLE = 8  # channel counts of narrower networks are multiples of this (crackcore.models.width)


@dataclass(frozen=True)
class Differences:
    """What a state dict lacks, has too much, or has in another shape (name, found, wanted)."""

    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    shapes: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = ()

    @property
    def count(self) -> int:
        return len(self.missing) + len(self.extra) + len(self.shapes)


@dataclass(frozen=True)
class Match:
    """A network and how far a state dict is from it; `shared` is how many names and shapes agree."""

    architecture: str
    arguments: dict[str, Any] = field(default_factory=dict)
    differences: Differences = field(default_factory=Differences)
    shared: int = 0

    @property
    def exact(self) -> bool:
        return self.differences.count == 0


def best_match(weights: Shapes, architecture: str = "") -> Match | None:
    """The network with exactly these names and shapes, or the nearest one.

    With `architecture` only that one is looked at, its arguments still told from the shapes. None
    when nothing is known that has even half of its names here (never with an explicit name).
    """
    if architecture:
        known, brought = known_architecture(architecture)
        matches = list(_matches(weights, known, brought))
        return max(matches, key=lambda m: (m.exact, m.shared - m.differences.count))
    nearest: Match | None = None
    for name in architectures():
        known, _ = known_architecture(name)
        if name in _TELLTALES and weights.keys().isdisjoint(_TELLTALES[name]):
            continue
        for match in _matches(weights, known, {}):
            if match.exact:
                return match
            if nearest is None or match.shared > nearest.shared:
                nearest = match
    if nearest is not None and 2 * nearest.shared >= len(weights):
        return nearest
    return None


@dataclass(frozen=True)
class Wanted:
    """What a network's state dict looks like; `second` are further names of a tensor -> its first."""

    shapes: Shapes
    second: Mapping[str, str]


def differences(weights: Shapes, network: Wanted) -> Differences:
    """What must change for `weights` to load strictly.

    Missing counters of batch norm do not count: checkpoints from before they existed lack them, and
    inference does not use them. Nor do further names of a tensor whose first name is there.
    """
    wanted = network.shapes
    return Differences(
        tuple(
            k
            for k in wanted
            if k not in weights and not k.endswith(_COUNTER) and network.second.get(k) not in weights
        ),
        tuple(k for k in weights if k not in wanted),
        tuple((k, weights[k], wanted[k]) for k in wanted if k in weights and weights[k] != wanted[k]),
    )


def _matches(weights: Shapes, known: Architecture, brought: Mapping[str, Any]) -> Iterator[Match]:
    for guessed in _candidates(known.name, weights):
        arguments = {**guessed, **brought}
        wanted = built(known.name, arguments)
        if wanted is None:
            continue
        match = _compared(known.name, arguments, weights, wanted)
        yield match
        if match.exact:
            continue
        for width in possible_widths(weights, wanted.shapes):
            narrow = {**arguments, "width": width}
            narrowed = built(known.name, narrow)
            if narrowed is not None:
                yield _compared(known.name, narrow, weights, narrowed)


def _compared(name: str, arguments: dict[str, Any], weights: Shapes, wanted: Wanted) -> Match:
    shared = sum(weights.get(k) == shape for k, shape in wanted.shapes.items())
    return Match(name, arguments, differences(weights, wanted), shared)


def built(name: str, arguments: Mapping[str, Any]) -> Wanted | None:
    """What the state dict of this network looks like; None where it cannot be built like this."""
    return _built(name, tuple(sorted(arguments.items())))


@cache
def _built(name: str, arguments: tuple[tuple[str, Any], ...]) -> Wanted | None:
    try:
        network = blank_network(name, **dict(arguments))
    except Exception as error:  # noqa: BLE001 - a candidate that cannot be built is simply not it
        log.debug("%s %s cannot be built: %s", name, arguments, error)
        return None
    state = network.state_dict()
    return Wanted({k: tuple(v.shape) for k, v in state.items()}, second_names(state))


# Layers of which at least one must be there before a network is built for comparison.
_TELLTALES: dict[str, tuple[str, ...]] = {
    "cgnet_m3n21": ("backbone.stem.0.conv.weight", "decode_head.conv_seg.weight"),
    "deepcrack_tip": ("down1.nn.0.conv.weight", "final.weight"),
    "deepcrack_tip_paper": ("down1.0.weight", "up1.0.weight"),
    "deepcrack_liu": ("conv1.0.weight", "side_conv5.weight", "fuse_conv.weight"),
    "unet16": ("encoder.0.weight", "conv1.0.weight", "final.weight"),
    "pspnet": ("feats.conv1.weight", "aux.4.weight"),
    "dbpn": ("feat0.conv.weight", "output_conv.conv.weight"),
    "kbpn": ("feat.0.weight", "output_conv.layer.weight"),
    "cssr": ("sr_model.feat0.conv.weight", "sr_model.output_conv.conv.weight"),
    "csbsr": ("sr_model.feat.0.weight", "sr_model.output_conv.layer.weight"),
}


# ---------------------------------------------------------------- width


def possible_widths(weights: Shapes, full: Shapes) -> list[float]:
    """Widths with which the full network's channels may have become those found, simplest first.

    Channels are rounded to multiples of 8, so that every layer leaves an interval; the intervals
    of all layers whose count of outputs changed are intersected.
    """
    low, high = 0.0, 4.0
    seen = 0
    for name, wanted in full.items():
        found = weights.get(name)
        if not found or len(found) != len(wanted) or wanted[0] < 32 or found[0] == wanted[0]:
            continue
        if wanted[0] % _MULTIPLE or found[0] % _MULTIPLE:  # something else is counted in
            continue
        seen += 1
        steps = found[0] / _MULTIPLE
        low = max(low, (steps - 0.5) * _MULTIPLE / wanted[0])
        high = min(high, (steps + 0.5) * _MULTIPLE / wanted[0])
    if not seen or low > high:
        return []
    simple = (n / d for d in (1, 2, 4, 8, 16, 32, 5, 10, 20, 3, 6, 64, 50, 100, 128) for n in range(1, 4 * d))
    widths = [w for w in simple if low <= w <= high][:4]
    return [*dict.fromkeys([*widths, round((low + high) / 2, 6)])]


# ---------------------------------------------------------------- arguments


def _candidates(name: str, weights: Shapes) -> list[dict[str, Any]]:
    return _GUESSES[name](weights) if name in _GUESSES else [{}]


def _dbpn(weights: Shapes) -> list[dict[str, Any]]:
    """Stages are counted, the scale follows from the kernel of the first enlarging layer."""
    stages = max((int(m[1]) for k in weights if (m := re.match(r"up(\d{1,2})\.", k))), default=0)
    kernel = weights.get("up1.up_conv1.deconv.weight", (0, 0, 0, 0))[-1]
    if not stages:
        return [{}]
    return [{"scale": {6: 2, 8: 4, 12: 8}.get(kernel, 4), "stages": stages}]


def _unet16(weights: Shapes) -> list[dict[str, Any]]:
    return [{"decoder": decoder} for decoder in ("pixel_shuffle", "deconv", "bilinear")]


def _part(weights: Shapes, prefix: str) -> Shapes:
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def _segmentation(weights: Shapes) -> list[dict[str, Any]]:
    """Segmentation networks that have at least half of the names found in the joint model's part."""
    part = _part(weights, "segmentation_model.")
    found: list[dict[str, Any]] = []
    for known in OWN:
        if not known.finds_cracks or known.output_scale != 1 or not part:
            continue
        for arguments in _candidates(known.name, part):
            wanted = built(known.name, arguments)
            if wanted is not None and 2 * len(wanted.shapes.keys() & part.keys()) > len(part):
                found.append({"segmentation": known.name, **arguments})
    return found or [{}]


def _kbpn(weights: Shapes) -> list[dict[str, Any]]:
    stages = {int(m[1]) for k in weights if (m := re.match(r"back_projection_stages\.(\d{1,2})\.", k))}
    return [{"stages": len(stages)}] if len(stages) > 1 else [{}]


def _csbsr(weights: Shapes) -> list[dict[str, Any]]:
    (enlarging,) = _kbpn(_part(weights, "sr_model."))
    return [{**enlarging, **segmentation} for segmentation in _segmentation(weights)]


def _cssr(weights: Shapes) -> list[dict[str, Any]]:
    (enlarging,) = _dbpn(_part(weights, "sr_model."))
    return [{**enlarging, **segmentation} for segmentation in _segmentation(weights)]


_GUESSES: dict[str, Callable[[Shapes], list[dict[str, Any]]]] = {
    "dbpn": _dbpn,
    "unet16": _unet16,
    "cssr": _cssr,
    "kbpn": _kbpn,
    "csbsr": _csbsr,
}
