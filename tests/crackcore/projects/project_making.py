"""Small real projects for the tests of this room."""

from __future__ import annotations

import hashlib
import os
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crackcore.domain.change import HandEdited, Predicted
from crackcore.domain.image_record import ImageRecord
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.domain.project import Project
from crackcore.masks.patch import difference
from crackcore.projects.store import ProjectStore

HEIGHT, WIDTH = 40, 56


def record(number: int, *, height: int = HEIGHT, width: int = WIDTH, **more: Any) -> ImageRecord:
    """A record with an id that follows from its number."""
    return ImageRecord(
        id=uuid.uuid5(uuid.NAMESPACE_OID, str(number)).hex,
        file=f"photos/{number:04d}.jpg",
        sha256=hashlib.sha256(str(number).encode()).hexdigest(),
        height_px=height,
        width_px=width,
        bytes=1000 + number,
        **more,
    )


def project(images: int = 3, **more: Any) -> Project:
    return Project("Bridge 7", str(uuid.uuid4()), tuple(record(number, **more) for number in range(images)))


def new_store(folder: Path, images: int = 3, **more: Any) -> ProjectStore:
    return ProjectStore.create(folder / "survey.crackscope", project(images, **more))


def stroke(store: ProjectStore, image_id: str, number: int) -> HandEdited:
    """A stroke on the present plane that leaves `number` traceable: one small rectangle."""
    before = store.read_hand(image_id)
    after = before.copy()
    height, width = before.shape
    y, x = (number * 7) % (height - 4), (number * 13) % (width - 5)
    after[y : y + 3, x : x + 4] = (1, 2, 255)[number % 3]
    if np.array_equal(before, after):
        after[y : y + 3, x : x + 4] = (2, 255, 1)[number % 3]
    return HandEdited(image_id, difference(before, after), f"Brush {number}")


def score(height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)


def predicted(image_id: str, *, height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> Predicted:
    prediction = Prediction(
        score=score(height, width, seed),
        model="test net",
        model_sha256="ab" * 32,
        device="cpu",
        settings=PredictSettings("auto", 512, 64),
        seconds=0.25,
        made_at=datetime(2026, 5, 4, 12, 30, tzinfo=UTC),
    )
    return Predicted(image_id, prediction)


def everything(store: ProjectStore) -> dict[str, Any]:
    """All that can be read from a store, in a form that can be compared."""
    found: dict[str, Any] = {"project": store.project}
    for r in store.project.images:
        prediction, frozen = store.read_prediction(r.id), store.read_frozen(r.id)
        found[r.id] = (
            store.read_hand(r.id).tobytes(),
            store.read_shown(r.id).tobytes(),
            None if frozen is None else frozen.tobytes(),
            prediction
            and (
                prediction.score.tobytes(),
                prediction.model,
                prediction.settings,
                prediction.made_at,
                prediction.device,
            ),
        )
    return found


def drop(store: ProjectStore) -> None:
    """What a kill leaves: handles closed by the system, nothing tidied up."""
    if store._journal._fd >= 0:
        os.close(store._journal._fd)
        store._journal._fd = -1
    store._pixels.snapshot.close()
    assert store._lock is not None
    os.close(store._lock._fd)
    store._lock._fd = -1
    store._closed = True
