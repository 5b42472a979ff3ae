"""The description that travels with every set of weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

SPEC_VERSION = 1


@dataclass(frozen=True)
class Preprocessing:
    """From uint8 RGB pixels to the network's input: (pixels * scale - mean) / std, per channel."""

    channel_order: str = "RGB"  # or "BGR"; mean and std are given in this order
    scale: float = 1.0  # 1/255 for networks that want 0..1
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    input_scale: float = 1.0  # the picture is enlarged by this factor before the network


@dataclass(frozen=True)
class ModelSpec:
    """Everything needed to use a model file, and what its numbers rest on.

    `architecture` names an entry of the catalogue, `arguments` go to its constructor.
    `activation` says how outputs become scores: "softmax" (last of two channels), "sigmoid", or
    "none" (they are scores already). `source_sha256` is the digest of the file that the weights
    were imported from, "" for our own. `refinement` names what is done to the score afterwards
    ("" or a name of `crackcore.refinement`). `family` is "open", "research" (results only for
    non-commercial research) or "" for models of users, see `model_families`.
    `threshold` is the score (0..1) at which the model was measured. `scores` holds measured
    figures by data set, `training_data` one row per set with its licence.
    """

    name: str
    architecture: str
    arguments: dict[str, Any] = field(default_factory=dict)
    preprocessing: Preprocessing = Preprocessing()
    activation: str = "softmax"
    tile_px: int = 512
    overlap_px: int = 64
    multiple_px: int = 8
    minimum_px: int = 32
    threshold: float = 0.5
    licence: str = ""
    source: str = ""
    source_sha256: str = ""
    refinement: str = ""
    summary: str = ""
    family: str = ""
    training_data: tuple[dict[str, Any], ...] = ()
    scores: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=True, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        """Read a spec; unknown entries are ignored, missing ones take their defaults.

        Raises ValueError, KeyError or TypeError when the text is not a spec.
        """
        raw = json.loads(text)
        if not isinstance(raw, dict):
            raise TypeError("a model spec must be a JSON object")
        known = {k: v for k, v in raw.items() if k in cls.__dataclass_fields__}
        before = dict(known.get("preprocessing") or {})
        before = {k: v for k, v in before.items() if k in Preprocessing.__dataclass_fields__}
        for key in ("mean", "std"):
            if key in before:
                before[key] = tuple(float(v) for v in before[key])
        known["preprocessing"] = Preprocessing(**before)
        known["training_data"] = tuple(known.get("training_data") or ())
        spec = cls(**known)
        if not isinstance(spec.name, str) or not isinstance(spec.architecture, str):
            raise TypeError("name and architecture must be text")
        if not isinstance(spec.family, str):
            raise TypeError("family must be text")
        return spec
