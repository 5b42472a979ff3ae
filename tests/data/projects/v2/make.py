"""Writes survey.crackscope beside itself: `python tests/data/projects/v2/make.py` at the release of format 2.

The file is kept as it was written by the program of that day and never made again for the same
version: tests show that today's program still reads it.
"""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from crackcore.domain.change import HandEdited, MaskFrozen, Predicted, RecordChanged, Regridded
from crackcore.domain.image_record import ImageRecord, Review, Threshold
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.domain.project import Project
from crackcore.masks.patch import difference
from crackcore.masks.regridding import finer
from crackcore.projects.store import ProjectStore

HEIGHT, WIDTH = 40, 150  # finer, wider than one stored piece


def score(magnification: int) -> np.ndarray:
    y, x = np.mgrid[: HEIGHT * magnification, : WIDTH * magnification] / magnification
    return (np.clip(255 - 60 * np.abs(y - 20 - 9 * np.sin(x / 12)), 0, 255)).astype(np.uint8)


def coarse_hand() -> np.ndarray:
    plane = np.zeros((HEIGHT, WIDTH), np.uint8)
    plane[30:32, 20:140] = 2
    return plane


def fine_hand() -> np.ndarray:
    plane = finer(coarse_hand(), 4)
    plane[5, :500] = 2  # a quarter of a photo pixel
    plane[100:110, 300:400] = 1
    plane[:6, :6] = 255
    return plane


def main() -> None:
    os.environ["CRACKSCOPE_STATE"] = tempfile.mkdtemp()
    target = Path(__file__).with_name("survey.crackscope")
    records = tuple(
        ImageRecord(letter * 32, f"photos/{letter}.jpg", number * 64, HEIGHT, WIDTH)
        for letter, number in zip("abc", "123", strict=True)
    )
    project = Project("Low-resolution wall", "22345678-1234-4234-8234-123456789abc", records)
    made_at = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    settings = PredictSettings("auto", 128, 16, "bfloat16", 4)
    fine = Prediction(score(4), "cssr", "e" * 64, "cpu", settings, 2.5, made_at)
    coarse = Prediction(score(1), "cgnet", "f" * 64, "cpu", PredictSettings("auto", 512, 64), 1.5, made_at)
    untouched = np.zeros((HEIGHT, WIDTH), np.uint8)
    with ProjectStore.create(target, project) as store:
        store.append(HandEdited("a" * 32, difference(untouched, coarse_hand()), "Brush"))
        drawn = difference(finer(untouched, 4), finer(coarse_hand(), 4))
        store.append(Regridded("a" * 32, 4, drawn, fine))
        store.append(HandEdited("a" * 32, difference(finer(coarse_hand(), 4), fine_hand()), "Brush"))
        store.append(Regridded("b" * 32, 4, difference(finer(untouched, 4), finer(untouched, 4)), fine))
        store.append(
            RecordChanged(
                ImageRecord(
                    "b" * 32, "photos/b.jpg", "2" * 64, HEIGHT, WIDTH,
                    review=Review.APPROVED, threshold=Threshold(90, 220), magnification=4,
                )
            )
        )  # fmt: skip
        store.append(MaskFrozen("b" * 32, store.read_shown("b" * 32)))
        store.append(Predicted("c" * 32, coarse))
    with ProjectStore.open(target) as store:
        assert store.generation == 2


if __name__ == "__main__":
    main()
