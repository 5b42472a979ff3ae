"""The project file: opening large ones, committing strokes, saving."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from crackcore.arrays import HAND_CRACK
from crackcore.domain.change import HandEdited, Predicted
from crackcore.domain.image_record import ImageRecord
from crackcore.domain.prediction import Prediction
from crackcore.domain.project import Project
from crackcore.masks import strokes
from crackcore.masks.patch import Patch, PatchRecorder
from crackcore.projects.store import ProjectStore
from tests.benchmarks.figures import ROOT, Figure, from_seconds, timed

HEIGHT_PX, WIDTH_PX = 3000, 4000  # 12 MP


def records(count: int, height_px: int = HEIGHT_PX, width_px: int = WIDTH_PX) -> tuple[ImageRecord, ...]:
    """Records as a large inspection has them; no photograph is read when a project is opened."""
    return tuple(
        ImageRecord(
            id=uuid.UUID(int=number + 1).hex,
            file=f"photos/span {number // 100:02d}/DSC_{number:05d}.JPG",
            sha256=f"{number:064x}",
            height_px=height_px,
            width_px=width_px,
            bytes=5_000_000 + number,
            taken_at="2024-05-01T10:00:00",
        )
        for number in range(count)
    )


def stroke(plane: np.ndarray, rng: np.random.Generator) -> Patch:
    """A wavy brush stroke of some 300 px, 9 px wide, somewhere on the plane."""
    recorder = PatchRecorder(plane)
    y, x = rng.uniform(300, HEIGHT_PX - 300), rng.uniform(300, WIDTH_PX - 400)
    for step in range(30):
        start = (y + 20 * np.sin(step / 5), x + 10 * step)
        end = (y + 20 * np.sin((step + 1) / 5), x + 10 * step + 10)
        recorder.will_touch(strokes.line_box(start, end, 9))
        strokes.line(plane, start, end, diameter_px=9, code=HAND_CRACK)
    return recorder.finish()


def measure() -> Iterator[Figure]:
    # On the disk that holds the source: a temporary folder is often in memory, where a sync costs nothing.
    (ROOT / "out").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=ROOT / "out") as folder:
        yield from opening(Path(folder), 1_000, at_most=None)
        yield from opening(Path(folder), 10_000, at_most=2.0)
        yield from working(Path(folder))


def opening(folder: Path, count: int, *, at_most: float | None) -> Iterator[Figure]:
    path = folder / f"{count}.crackscope"
    project = Project("Benchmark", uuid.UUID(int=7).hex, records(count))
    making = timed(lambda: ProjectStore.create(path, project).close(), repeats=1)
    yield from_seconds("make a project", f"{count:,} pictures", making, unit="s")
    opened: list[ProjectStore] = []

    def close() -> None:
        while opened:
            opened.pop().close(save=False)

    seconds = timed(lambda: opened.append(ProjectStore.open(path)), repeats=5, before=close)
    assert len(opened[0].project.images) == count
    close()
    yield from_seconds("open a project", f"{count:,} pictures", seconds, unit="s", at_most=at_most)


def working(folder: Path) -> Iterator[Figure]:
    """300 pictures of 12 MP, 20 of them with predictions and strokes."""
    images = records(300)
    store = ProjectStore.create(folder / "work.crackscope", Project("Work", uuid.UUID(int=8).hex, images))
    rng = np.random.default_rng(3)
    planes = {record.id: np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8) for record in images[:4]}
    changes = []
    for number in range(200):
        record = images[number % len(planes)]
        changes.append(HandEdited(record.id, stroke(planes[record.id], rng), "Brush"))
    waiting = iter(changes)
    seconds = timed(lambda: store.append(next(waiting)), repeats=len(changes))
    yield from_seconds("stroke durable", "12 MP", seconds, at_most=5.0)

    score = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    score[1400:1420] = rng.integers(0, 255, (20, WIDTH_PX), dtype=np.uint8)
    predictions = iter(
        [Predicted(record.id, Prediction(score, "benchmark", "0" * 64)) for record in images[:20]]
    )
    seconds = timed(lambda: store.append(next(predictions)), repeats=20)
    yield from_seconds("prediction durable", "12 MP", seconds)

    yield from_seconds("save", "200 strokes, 20 predictions", timed(store.save, repeats=1), unit="s")
    more = iter([HandEdited(images[0].id, stroke(planes[images[0].id], rng)) for _ in range(5)])
    seconds = timed(store.save, repeats=5, before=lambda: store.append(next(more)))
    yield from_seconds("save after one stroke", "300 pictures", seconds, unit="s")
    seconds = timed(lambda: store.read_hand(images[0].id), repeats=10)
    yield from_seconds("read a hand plane", "12 MP", seconds)
    store.close()
