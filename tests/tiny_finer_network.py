"""A real network of a few kB that works like CSSR: enlarges a photo four times, then finds thin lines."""

from __future__ import annotations

import pytest
import tiny_network
from torch import nn

from crackcore.domain.model_spec import ModelSpec, Preprocessing
from crackcore.models import architectures, catalogue
from crackcore.models.architectures import Architecture, Map
from crackcore.models.catalogue import InstalledModel
from crackcore.models.model_files import save_model

ROW = Architecture(
    "tiny_finer",
    "tiny_finer_network:build",
    title="Tiny, four times finer",
    outputs=("output",),  # what a deploy form calls the one output of a network from outside
    score="output",
    activation="softmax",
    maps=(Map("output", "Result"),),
    output_scale=4,
)


def build() -> nn.Sequential:
    """Bilinear enlargement, then the network of `tiny_network`."""
    enlarge = nn.Upsample(scale_factor=4, mode="bilinear", align_corners=False)
    return nn.Sequential(enlarge, *tiny_network.build()).eval()


def install(folder, monkeypatch: pytest.MonkeyPatch) -> InstalledModel:
    """Make the architecture known and put a model file of it into `folder`."""
    monkeypatch.setattr(catalogue, "OWN", (*architectures.OWN, ROW))
    monkeypatch.setitem(catalogue.ARCHITECTURES, ROW.name, ROW.entry)
    spec = ModelSpec(
        name="tiny finer",
        architecture=ROW.name,
        preprocessing=Preprocessing(scale=1 / 255),
        overlap_px=32,
        multiple_px=1,
        licence="Apache-2.0",
        source="tests/tiny_finer_network.py",
        summary="Enlarges four times and finds thin dark lines; for tests.",
    )
    folder.mkdir(parents=True, exist_ok=True)
    return save_model(folder / "tiny-finer.safetensors", build(), spec)
