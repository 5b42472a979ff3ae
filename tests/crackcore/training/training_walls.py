"""Drawn walls with a crack each, and a training small enough to be run many times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from crackcore.training.augmentation import AugmentSettings
from crackcore.training.pairs import TrainingPair
from crackcore.training.settings import TrainRequest, TrainSettings

TINY = TrainSettings(
    iterations=12,
    batch=2,
    learning_rate=3e-3,
    criterion="modern",
    optimiser="adamw",
    weight_decay=1e-2,
    validate_every=4,
    average=0.9,
    augment=AugmentSettings(crop_px=64, smallest_scale=1, largest_scale=1, invert=0, joint=0, shadow=0),
)


def wall(number: int) -> TrainingPair:
    """A grey wall of 112 x 96 px with a dark crack of 6 px from left to right."""
    rng = np.random.default_rng(number)
    mask = np.zeros((96, 112), np.uint8)
    points = np.cumsum(rng.integers(-14, 30, (7, 2)), axis=0) + np.array([2, 20])
    cv2.polylines(mask, [points], False, 1, 6)
    grey = 150 + rng.normal(0, 10, mask.shape) - 110 * mask
    pixels = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, 2)
    name = f"w{number}"
    return TrainingPair(name, "walls", "pairs", Path(f"{name}.png"), f"{number:064d}", pixels, mask)


def tiny_request(out: Path, settings: TrainSettings = TINY, **more: Any) -> TrainRequest:
    """Liu's DeepCrack of an eighth of its width on ten walls."""
    return TrainRequest(
        [wall(n) for n in range(10)],
        out,
        "tiny",
        architecture="deepcrack_liu",
        arguments={"width": 0.125},
        settings=settings,
        device="cpu",
        **more,
    )
