"""How each origin uses its network: what goes into the description of imported weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from crackcore.domain.model_spec import ModelSpec
from crackcore.models.architectures import Architecture

# What differs from a spec's defaults, the preprocessing apart (that stands with the architecture).
_OWN_WAYS: dict[str, dict[str, Any]] = {
    # Tested on pictures enlarged twice; brought back to 1/8 and up again, hence the multiple.
    "cgnet_m3n21": {"input_scale": 2.0, "multiple_px": 8, "minimum_px": 32},
    # The fused map's best threshold on the authors' test pictures.
    "deepcrack_liu": {"threshold": 0.31},
    # Trained on squares of this side; the pyramid sees the whole tile.
    "pspnet": {"tile_px": 448},
    "unet16": {"tile_px": 448},
}


def origin_spec(
    architecture: Architecture,
    arguments: dict[str, Any],
    *,
    name: str,
    licence: str,
    source: str,
    source_sha256: str,
) -> ModelSpec:
    """The description of weights that come from the authors of `architecture`."""
    ways = dict(_OWN_WAYS.get(architecture.name, {}))
    before = replace(architecture.preprocessing, input_scale=ways.pop("input_scale", 1.0))
    own = {
        "multiple_px": architecture.multiple_px,
        "minimum_px": architecture.minimum_px,
        **ways,
    }
    title = architecture.title or architecture.name
    return ModelSpec(
        name=name,
        architecture=architecture.name,
        arguments=arguments,
        preprocessing=before,
        activation=architecture.activation,
        licence=licence,
        source=source,
        source_sha256=source_sha256,
        summary=f"{title}, imported; its accuracy was not measured here.",
        **own,
    )
