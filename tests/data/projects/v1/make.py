"""Writes survey.crackscope beside itself: `python tests/data/projects/v1/make.py` at the release of format 1.

The file is kept as it was written by the program of that day and never made again for the same
version: tests show that today's program still reads it.
"""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from crackcore.domain.change import HandEdited, MaskFrozen, Predicted, RecordChanged
from crackcore.domain.image_record import ImageRecord, Review, Threshold
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.domain.project import Project, ViewState
from crackcore.masks.patch import difference
from crackcore.projects.store import ProjectStore

HEIGHT, WIDTH = 96, 640  # wider than one stored piece


def score() -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return (np.clip(255 - 12 * np.abs(y - 40 - 9 * np.sin(x / 50)), 0, 255)).astype(np.uint8)


def hand() -> np.ndarray:
    plane = np.zeros((HEIGHT, WIDTH), np.uint8)
    plane[60:64, 100:600] = 2
    plane[30:50, 200:260] = 1
    plane[:8, :8] = 255
    return plane


def main() -> None:
    os.environ["CRACKSCOPE_STATE"] = tempfile.mkdtemp()
    target = Path(__file__).with_name("survey.crackscope")
    records = (
        ImageRecord(
            "a" * 32, "photos/R\\u00edo 1.jpg", "1" * 64, HEIGHT, WIDTH, 12345, "2026:05:04 10:00:00"
        ),
        ImageRecord("b" * 32, "photos/2.jpg", "2" * 64, HEIGHT, WIDTH, notes="Pier 3, east"),
        ImageRecord("c" * 32, "photos/3.jpg", "3" * 64, 20, 30, review=Review.FAILED, reason="too dark"),
    )
    project = Project(
        "Bridge 7", "12345678-1234-4234-8234-123456789abc", records, view=ViewState("b" * 32, 4.5, 6.25, 2.0)
    )
    made_at = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
    prediction = Prediction(score(), "cgnet", "f" * 64, "cpu", PredictSettings("auto", 512, 64), 1.5, made_at)
    with ProjectStore.create(target, project) as store:
        store.append(Predicted("a" * 32, prediction))
        store.append(HandEdited("a" * 32, difference(np.zeros_like(hand()), hand()), "Brush"))
        store.append(Predicted("b" * 32, prediction))
        store.append(
            RecordChanged(
                ImageRecord(
                    "b" * 32, "photos/2.jpg", "2" * 64, HEIGHT, WIDTH, notes="Pier 3, east",
                    review=Review.APPROVED, threshold=Threshold(100, 220),
                )
            )
        )  # fmt: skip
        store.append(MaskFrozen("b" * 32, store.read_shown("b" * 32)))
    with ProjectStore.open(target) as store:
        assert store.generation == 2


if __name__ == "__main__":
    main()
