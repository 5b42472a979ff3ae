"""Pictures of a project without a project file: the part of a store that exports need."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crackcore.arrays import ClassMask, HandPlane, RgbImage
from crackcore.domain.image_record import ImageRecord, Review
from crackcore.domain.prediction import Prediction
from crackcore.domain.project import Project
from crackcore.exports import ExportImage, images_of
from crackcore.masks.threshold import shown_mask
from crackcore.names import escaped, unescaped


@dataclass
class OpenProject:
    """A store in memory. `folder` holds the photographs."""

    folder: Path
    project: Project = field(default_factory=lambda: Project("Bridge 7", "0" * 32))
    hands: dict[str, HandPlane] = field(default_factory=dict)
    predictions: dict[str, Prediction] = field(default_factory=dict)

    def add(
        self,
        name: str,
        *,
        size: tuple[int, int] = (40, 60),
        score: np.ndarray | None = None,
        hand: np.ndarray | None = None,
        review: Review = Review.NEW,
        data: bytes | None = None,
        **facts: object,
    ) -> ImageRecord:
        """One more picture; without `data` a lossless photo of noise is written."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        number = len(self.project.images)
        if data is None:
            with path.open("wb") as file:
                Image.fromarray(noise(size, seed=number)).save(file, "PNG")
        else:
            path.write_bytes(data)
        record = ImageRecord(
            id=f"{number:032x}",
            file=escaped(name),
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            height_px=size[0],
            width_px=size[1],
            review=review,
        )
        record = replace(record, **facts)  # type: ignore[arg-type]
        self.project = self.project.with_image(record)
        if score is not None:
            self.predictions[record.id] = Prediction(score, "tiny", "ab" * 32)
        self.hands[record.id] = np.zeros(size, np.uint8) if hand is None else hand
        return record

    def images(self) -> list[ExportImage]:
        return list(images_of(self))

    def photo_path(self, record: ImageRecord) -> Path:
        return self.folder / unescaped(record.file)

    def has_prediction(self, image_id: str) -> bool:
        return image_id in self.predictions

    def read_prediction(self, image_id: str) -> Prediction | None:
        return self.predictions.get(image_id)

    def read_hand(self, image_id: str) -> HandPlane:
        return self.hands[image_id]

    def read_shown(self, image_id: str) -> ClassMask:
        prediction = self.predictions.get(image_id)
        threshold = self.project.image(image_id).threshold
        return shown_mask(
            self.hands[image_id], score=prediction.score if prediction else None, threshold=threshold
        )


def noise(size: tuple[int, int], *, seed: int = 0) -> RgbImage:
    """uint8 (H, W, 3), different for every seed."""
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.fixture
def open_project(tmp_path: Path) -> OpenProject:
    folder = tmp_path / "photos"
    folder.mkdir()
    return OpenProject(folder)
