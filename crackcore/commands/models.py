"""`crackcore models`: what can analyse pictures here."""

from __future__ import annotations

import argparse
from typing import Any

from crackcore.commands.output import print_json, show


def add(subparsers: Any) -> None:
    """Declare `models`."""
    parser = subparsers.add_parser("models", help="list architectures and installed models")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """List; always 0."""
    from crackcore.models.catalogue import architectures, installed_models
    from crackcore.models.devices import choose_device
    from crackcore.names import escaped

    device = choose_device()
    models = installed_models()
    if options.json:
        print_json(
            {
                "device": {"kind": device.kind, "name": device.label, "why": device.why},
                "architectures": [
                    {"name": name, "installed": [m.name for m in models if m.spec.architecture == name]}
                    for name in sorted(architectures())
                ],
                "models": [
                    {
                        "name": m.name,
                        "architecture": m.spec.architecture,
                        "file": escaped(m.path.name),
                        "bytes": m.bytes,
                        "sha256": m.sha256,
                        "licence": m.spec.licence,
                        "summary": m.spec.summary,
                        "threshold": m.spec.threshold,
                        "training_data": list(m.spec.training_data),
                        "scores": m.spec.scores.get("sets", {}),
                        "device": device.label,
                    }
                    for m in models
                ],
            }
        )
        return 0
    show(f"Device: {device.label}" + (f" ({device.why})" if device.why else ""))
    for m in models:
        size = f"{m.bytes / 1e6:6.1f} MB"
        show(f"{m.name:20} {m.spec.architecture:20} {size}  {m.spec.licence}  {m.spec.summary}")
    if not models:
        show("No model is installed.")
    without = [name for name in sorted(architectures()) if all(m.spec.architecture != name for m in models)]
    for name in without:
        show(f"{'-':20} {name:20} no weights installed")
    return 0
