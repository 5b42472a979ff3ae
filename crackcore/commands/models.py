"""`crackcore models`: what can analyse pictures here, and which networks there are."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crackcore.commands.output import print_json, show

if TYPE_CHECKING:
    from crackcore.models.architectures import Architecture
    from crackcore.models.catalogue import InstalledModel

FAMILY_WORDS = {"open": "open", "research": "research only"}


def add(subparsers: Any) -> None:
    """Declare `models`."""
    parser = subparsers.add_parser("models", help="list architectures and installed models")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """List; always 0."""
    from crackcore.models.catalogue import architectures, installed_models, known_architecture
    from crackcore.models.devices import choose_device

    device = choose_device()
    models = installed_models()
    known = [known_architecture(name)[0] for name in architectures()]
    if options.json:
        print_json(
            {
                "device": {"kind": device.kind, "name": device.label, "why": device.why},
                "architectures": [_architecture_row(a, models) for a in known],
                "models": [_model_row(m, device.label) for m in models],
            }
        )
        return 0
    show(f"Device: {device.label}" + (f" ({device.why})" if device.why else ""))
    show("")
    show("Installed models")
    for m in models:
        size = f"{m.bytes / 1e6:6.1f} MB"
        family = FAMILY_WORDS.get(m.spec.family, "")
        show(
            f"  {m.name:24} {m.spec.architecture:16} {size}  {family:13}  {m.spec.licence}  {m.spec.summary}"
        )
    if not models:
        show("  None.")
    show("")
    show(f"{'Networks':24} {'parameters':>10}  {'GFLOP at 512x512':>16}  speed")
    for a in known:
        weights = "" if any(m.spec.architecture == a.name for m in models) else " (no weights installed)"
        figures = f"{a.parameters / 1e6:8.1f} M  {a.gflop_512:16.0f}" if a.parameters else " " * 28
        show(f"  {a.name:22} {figures}  {a.speed:7}  {a.good_for}{weights}")
    return 0


def _architecture_row(a: Architecture, models: Sequence[InstalledModel]) -> dict[str, Any]:
    """What is known before any weights; figures are those of the network with its default arguments."""
    from dataclasses import asdict

    from crackcore.models.catalogue import OTHER_NAMES

    return {
        "name": a.name,
        "title": a.title or a.name,
        "other_names": [other for other, (name, _) in OTHER_NAMES.items() if name == a.name],
        "good_for": a.good_for,
        "paper": a.paper,
        "finds_cracks": a.finds_cracks,
        "speed": a.speed,
        "parameters": a.parameters or None,
        "gflop_512": a.gflop_512 or None,
        "input": {**asdict(a.preprocessing), "multiple_px": a.multiple_px, "minimum_px": a.minimum_px},
        "outputs": list(a.outputs),
        "score": a.score,
        "activation": a.activation,
        "output_scale": a.output_scale,
        "has_width": a.has_width,
        "installed": [m.name for m in models if m.spec.architecture == a.name],
    }


def _model_row(m: InstalledModel, device: str) -> dict[str, Any]:
    from crackcore.domain.model_families import research_note
    from crackcore.names import escaped

    return {
        "name": m.name,
        "architecture": m.spec.architecture,
        "file": escaped(m.path.name),
        "bytes": m.bytes,
        "sha256": m.sha256,
        "licence": m.spec.licence,
        "family": m.spec.family,
        "terms": research_note(m.spec.family),
        "summary": m.spec.summary,
        "threshold": m.spec.threshold,
        "training_data": list(m.spec.training_data),
        "scores": m.spec.scores.get("sets", {}),
        "device": device,
    }
