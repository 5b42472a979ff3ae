"""What correcting a picture is worth, one picture at a time, and the order that follows from all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.jobs.job import Job
from app.jobs.predict import WarmPredictor
from app.jobs.torch_libraries import preload_torch_libraries
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.names import shown_name
from crackcore.progress import Progress, unheard

if TYPE_CHECKING:
    from crackcore.arrays import RgbImage
    from crackcore.datasets.near_duplicates import Likeness
    from crackcore.evaluation.review_order import QueueRow
    from crackcore.models.catalogue import InstalledModel


@dataclass(frozen=True)
class PictureWorth:
    """`worth_px` is None for a picture that is corrected already: it only tells what looks like it."""

    worth_px: float | None
    likeness: Likeness


@dataclass(frozen=True)
class _Asked:
    """The network that is kept ready, asked as a predictor is."""

    warm: WarmPredictor
    model: InstalledModel
    progress: Progress

    def predict(
        self, pixels: RgbImage, settings: PredictSettings, progress: Progress = unheard
    ) -> Prediction:
        return self.warm.predict(self.model, pixels, settings, self.progress)


def worth_job(path: Path, model: InstalledModel, settings: PredictSettings, warm: WarmPredictor) -> Job:
    """Runs on the device lane: reads a picture and asks the model about it and its mirror images."""

    def work(progress: Progress) -> PictureWorth:
        preload_torch_libraries()
        from crackcore.datasets.near_duplicates import likeness
        from crackcore.evaluation.review_order import review_worth
        from crackcore.imaging.reading import read_photo
        from crackcore.masks.threshold import score_step
        from crackcore.training.review_queue import views

        pixels = read_photo(path).pixels
        found = views(_Asked(warm, model, progress), pixels, settings)
        progress(0, 0)
        worth = review_worth(found, score_step(model.spec.threshold))
        return PictureWorth(worth.worth_px, likeness(pixels))

    return Job(f"Looking at {shown_name(path)}", work, shown=False)


def likeness_job(path: Path) -> Job:
    """For a picture that is corrected already; runs on the cpu lane."""

    def work(progress: Progress) -> PictureWorth:
        from crackcore.datasets.near_duplicates import likeness
        from crackcore.imaging.reading import read_photo

        return PictureWorth(None, likeness(read_photo(path).pixels))

    return Job(f"Looking at {shown_name(path)}", work, shown=False)


def order_job(worths: Sequence[PictureWorth]) -> Job:
    """Runs on the cpu lane; answers rows of `crackcore.evaluation.review_order`, by places in the list."""

    def work(progress: Progress) -> list[QueueRow]:
        from crackcore.datasets.near_duplicates import near_duplicates
        from crackcore.evaluation.review_order import review_order

        alike = near_duplicates([one.likeness for one in worths], progress=progress)
        corrected = [place for place, one in enumerate(worths) if one.worth_px is None]
        return review_order([one.worth_px or 0.0 for one in worths], [(m.a, m.b) for m in alike], corrected)

    return Job("Putting the pictures in order", work, shown=False)
