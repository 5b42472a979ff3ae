"""A project of approved walls, and a model small enough to be retrained in a test."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from crackcore.domain.change import MaskFrozen, RecordChanged
from crackcore.domain.image_record import Review
from crackcore.domain.model_spec import ModelSpec
from crackcore.domain.project import Project
from crackcore.imaging.scanning import record_for
from crackcore.models.catalogue import InstalledModel, create_network, known_architecture
from crackcore.models.model_files import save_model
from crackcore.projects.store import ProjectStore


def tiny_base(folder: Path, name: str = "base") -> InstalledModel:
    """Liu's DeepCrack of a tenth of its width, with its first weights."""
    torch.manual_seed(0)
    facts = known_architecture("deepcrack_liu")[0]
    spec = ModelSpec(
        name=name,
        architecture="deepcrack_liu",
        arguments={"width": 0.1},
        preprocessing=facts.preprocessing,
        activation="sigmoid",
        multiple_px=1,
        licence="Apache-2.0",
    )
    folder.mkdir(parents=True, exist_ok=True)
    network = create_network("deepcrack_liu", width=0.1)
    return save_model(folder / f"{name}.safetensors", network, spec)


def wall_project(folder: Path, approved: int = 5, edited: int = 0) -> Path:
    """Walls of 96 x 96 px with a true mask each; the last `edited` ones are not approved."""
    folder.mkdir(parents=True, exist_ok=True)
    records, masks = [], []
    for number in range(approved + edited):
        rng = np.random.default_rng(number)
        grain = cv2.resize(rng.normal(0, 30, (5, 5)), (96, 96))[..., None]
        pixels = rng.normal(120, 8, (96, 96, 3)) + grain
        mask = np.zeros((96, 96), np.uint8)
        cv2.line(mask, (4, int(rng.integers(10, 86))), (92, int(rng.integers(10, 86))), 1, 6)
        pixels[mask == 1] -= 70
        path = folder / f"wall {number}.png"
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
        records.append(record_for(path, folder))
        masks.append(mask)
    place = folder / f"{folder.name}.crackscope"
    store = ProjectStore.create(place, Project(title="walls", uuid=uuid.uuid4().hex, images=tuple(records)))
    for number, (record, mask) in enumerate(zip(records, masks, strict=True)):
        store.append(MaskFrozen(record.id, mask))
        review = Review.APPROVED if number < approved else Review.EDITED
        store.append(RecordChanged(replace(record, review=review)))
    store.close()
    return place
