"""How good models are on approved pictures: what is asked, the steps of the work, and what came out.

Scores and masks are kept packed (they are mostly nought), so that a whole project fits in memory and the
errors of every picture can be shown later without asking the model again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.jobs.job import Job
from app.jobs.predict import PredictRequest, WarmPredictor, refined
from crackcore.arrays import ClassMask, RgbImage, ScoreMap
from crackcore.domain.image_record import ImageRecord
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.names import escaped, shown_name, unescaped
from crackcore.progress import Progress

if TYPE_CHECKING:
    from crackcore.evaluation.intervals import Difference
    from crackcore.evaluation.sets import SetScores
    from crackcore.evaluation.sweep import SweepCounts
    from crackcore.models.catalogue import InstalledModel
    from crackcore.projects.planes import PackedPlane
    from crackcore.projects.store import ProjectStore

TOLERANCES_PX = (0.0, 2.0, 5.0)
_PARTS = 1000
FEW = 5  # pictures; an interval from fewer says nothing


@dataclass(frozen=True)
class Contestant:
    """A model as it is used here: with what is done to its score, and the threshold (step) it brings."""

    model: InstalledModel
    refinement: str
    threshold: int

    @property
    def name(self) -> str:
        """As in a recorded prediction."""
        return f"{self.model.name} + {self.refinement}" if self.refinement else self.model.name

    @property
    def key(self) -> tuple[str, str]:
        return self.model.sha256, self.refinement

    def made(self, prediction: Prediction, wished: PredictSettings) -> bool:
        """Whether a recorded prediction is what asking the model again would give."""
        precision = prediction.settings.precision
        return (
            prediction.model_sha256 == self.model.sha256
            and prediction.model == self.name
            and ("auto" in (wished.precision, precision) or wished.precision == precision)
        )


@dataclass(frozen=True, eq=False)
class Known:
    """One approved picture: its mask in photo pixels, and what is already there of each contestant.

    `scores` and `unchanged` are by contestant key; a mask is `unchanged` when it is the contestant's own
    score at the picture's threshold, to the pixel.
    """

    image_id: str
    name: str
    sha256: str
    truth: PackedPlane
    scores: Mapping[tuple[str, str], PackedPlane]
    unchanged: frozenset[tuple[str, str]]


@dataclass(frozen=True, eq=False)
class Side:
    """What one contestant reached. `learned` of the pictures it was trained on, `unchanged` see `Known`.

    `pooled` holds the counts of all pictures together by tolerance in px, for curves.
    """

    contestant: Contestant
    scores: SetScores
    pooled: Mapping[float, SweepCounts]
    planes: tuple[PackedPlane, ...]
    learned: frozenset[str]  # ids
    unchanged: frozenset[str]

    @property
    def name(self) -> str:
        return self.contestant.name


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One or two contestants on the same pictures. `differences`: second minus first.

    By tolerance in px, of F1: each at the threshold it brings, and each at the one that is best for it
    here (that of its best exact F1).
    """

    sides: tuple[Side, ...]
    pictures: tuple[Known, ...]
    failed: tuple[tuple[str, str], ...]  # name and sentence
    at_threshold: Mapping[float, Difference] = field(default_factory=dict)
    at_best: Mapping[float, Difference] = field(default_factory=dict)
    made_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def doubtful(self) -> frozenset[str]:
        """Ids of the pictures that flatter a contestant."""
        return frozenset().union(*(side.learned | side.unchanged for side in self.sides))


# ---------------------------------------------------------------- what is there already


@dataclass(frozen=True, eq=False)
class Recorded:
    """What the project keeps of an approved picture."""

    mask: ClassMask
    prediction: Prediction | None


def recorded_job(store: ProjectStore, image_id: str) -> Job:
    """Runs on the disk lane, behind every step that was taken."""

    def work(progress: Progress) -> Recorded:
        return Recorded(store.read_shown(image_id), store.read_prediction(image_id))

    return Job("Reading what is approved", work, shown=False)


def known_job(
    record: ImageRecord,
    recorded: Recorded,
    contestants: tuple[Contestant, ...],
    settings: PredictSettings,
) -> Job:
    """Runs on the cpu lane: brings everything to photo pixels and packs it."""

    def work(progress: Progress) -> Known:
        from crackcore.masks.regridding import coarser_mask, coarser_score
        from crackcore.masks.threshold import thresholded
        from crackcore.projects.planes import PackedPlane

        mask, prediction = recorded.mask, recorded.prediction
        scores, unchanged = {}, set()
        for one in contestants:
            if prediction is not None and prediction.model_sha256 == one.model.sha256:
                if np.array_equal(thresholded(prediction.score, record.threshold), mask):
                    unchanged.add(one.key)
                if one.made(prediction, settings):
                    score = prediction.score
                    if record.magnification > 1:
                        score = coarser_score(score, record.magnification)
                    scores[one.key] = PackedPlane.of(score)
        if record.magnification > 1:
            mask = coarser_mask(mask, record.magnification)
        name = Path(unescaped(record.file)).name
        return Known(record.id, name, record.sha256, PackedPlane.of(mask), scores, frozenset(unchanged))

    return Job("Looking at what is approved", work, shown=False)


# ---------------------------------------------------------------- asking the model


def score_job(request: PredictRequest, warm: WarmPredictor) -> Job:
    """Runs on the device lane; answers the packed score of one picture."""

    def work(progress: Progress) -> PackedPlane:
        from crackcore.projects.planes import PackedPlane

        model, pixels, settings = request.model, request.pixels, request.settings
        made = warm.predict(model, pixels, settings, progress)
        if request.refinement:
            guide = warm.guide(model, request.refinement, pixels, settings, progress)
            made = refined(
                made, request.refinement, pixels, progress, guide=guide, threshold=model.spec.threshold
            )
        return PackedPlane.of(made.score)

    return Job(f"Evaluating {shown_name(request.title)}", work, shown=False)


def photo_for_evaluation_job(path: Path, record: ImageRecord) -> Job:
    """Runs on the cpu lane; a photo whose size changed since it was approved is refused."""

    def work(progress: Progress) -> RgbImage:
        from crackcore.errors import InputRefused
        from crackcore.imaging.reading import read_photo

        pixels = read_photo(path).pixels
        if pixels.shape[:2] != record.size_px:
            raise InputRefused(path, "it has another size now than when it was added.")
        return pixels

    return Job(f"Reading {shown_name(path)}", work, shown=False)


# ---------------------------------------------------------------- measuring


@dataclass(frozen=True, eq=False)
class MeasureRequest:
    """Pictures that all contestants have a score of; `scores[n]` are those of contestant n."""

    contestants: tuple[Contestant, ...]
    pictures: tuple[Known, ...]
    scores: tuple[tuple[PackedPlane, ...], ...]
    failed: tuple[tuple[str, str], ...] = ()


def measure_job(request: MeasureRequest) -> Job:
    """Runs on the cpu lane; answers an `Evaluation`."""

    def work(progress: Progress) -> Evaluation:
        return measured(request, progress)

    return Job("Measuring", work)


def measured(request: MeasureRequest, progress: Progress) -> Evaluation:
    """Score every contestant on the pictures, and compare two of them."""
    from crackcore.evaluation.intervals import pooled_difference
    from crackcore.evaluation.sets import ScoredPicture, SetSettings, evaluate_set

    sides: list[Side] = []
    count = len(request.contestants)
    for number, (one, planes) in enumerate(zip(request.contestants, request.scores, strict=True)):

        def part(done: float, total: float, note: str = "", number: int = number) -> None:
            share = done / total if total else 0
            progress(round(_PARTS * (number + share)), _PARTS * count, note or "Measuring")

        pictures = [
            ScoredPicture(known.name, _reader(plane, known.truth))
            for known, plane in zip(request.pictures, planes, strict=True)
        ]
        scores = evaluate_set(pictures, SetSettings(TOLERANCES_PX, one.threshold), part)
        learned = _learned(one.model)
        sides.append(
            Side(
                one,
                scores,
                {t: scores.pooled(t) for t in TOLERANCES_PX},
                tuple(planes),
                frozenset(p.image_id for p in request.pictures if p.sha256 in learned),
                frozenset(p.image_id for p in request.pictures if one.key in p.unchanged),
            )
        )
    at_threshold: dict[float, Difference] = {}
    at_best: dict[float, Difference] = {}
    if len(sides) == 2:
        for tolerance in TOLERANCES_PX:
            first, second = ([p.sweeps[tolerance] for p in side.scores.pictures] for side in sides)
            steps = (sides[0].contestant.threshold, sides[1].contestant.threshold)
            at_threshold[tolerance] = pooled_difference(first, second, "f1", thresholds=steps)
            best = (sides[0].scores.best.threshold, sides[1].scores.best.threshold)
            at_best[tolerance] = pooled_difference(first, second, "f1", thresholds=best)
    return Evaluation(tuple(sides), request.pictures, request.failed, at_threshold, at_best)


def _reader(score: PackedPlane, truth: PackedPlane) -> Callable[[], tuple[ScoreMap, ClassMask, None]]:
    return lambda: (score.unpacked(), truth.unpacked(), None)


def _learned(model: InstalledModel) -> frozenset[str]:
    """Digests of the photos that a model says it was trained on."""
    rows = (row.get("sha256", ()) for row in model.spec.training_data)
    return frozenset(str(digest) for row in rows if isinstance(row, list | tuple) for digest in row)


def without(evaluation: Evaluation, ids: frozenset[str]) -> MeasureRequest:
    """The same once more, with some pictures left out."""
    kept = [at for at, picture in enumerate(evaluation.pictures) if picture.image_id not in ids]
    return MeasureRequest(
        tuple(side.contestant for side in evaluation.sides),
        tuple(evaluation.pictures[at] for at in kept),
        tuple(tuple(side.planes[at] for at in kept) for side in evaluation.sides),
        evaluation.failed,
    )


# ---------------------------------------------------------------- looking at errors


def errors_job(
    picture: Known,
    score: PackedPlane,
    step: int,
    tolerance_px: float,
    arrange: Callable[[NDArray[np.uint8]], object],
) -> Job:
    """Runs on the cpu lane: what was found, missed and invented, as `arrange` makes it for the canvas."""

    def work(progress: Progress) -> object:
        from crackcore.evaluation.masks import error_map

        said = score.unpacked() >= step if step < 256 else np.zeros((score.height, score.width), np.bool_)
        return arrange(error_map(said, picture.truth.unpacked(), tolerance_px))

    return Job("Showing the errors", work, shown=False)


# ---------------------------------------------------------------- keeping the figures


def save_job(evaluation: Evaluation, target: Path) -> Job:
    """Runs on the cpu lane; a table for .csv, everything for .json."""

    def work(progress: Progress) -> Path:
        from crackcore.storage import write_durably

        if target.suffix.lower() == ".csv":
            write_durably(target, as_table(evaluation))
        else:
            write_durably(target, json.dumps(as_json(evaluation), indent=1).encode())
        return target

    return Job(f"Saving {shown_name(target)}", work)


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Per model what `crackcore evaluate --json` gives, and the comparison."""
    from crackcore.commands.evaluate import answer
    from crackcore.evaluation.folders import FoldersRead, Unscored

    problems = tuple(Unscored(Path(name), text) for name, text in evaluation.failed)
    models = []
    for side in evaluation.sides:
        one = side.contestant
        found = answer(FoldersRead((), problems, masks=False), side.scores, round(one.threshold / 255, 4))
        for row, picture in zip(found["per_image"], evaluation.pictures, strict=True):
            row["sha256"] = picture.sha256
            row["learned_by_the_model"] = picture.image_id in side.learned
            row["accepted_unchanged"] = picture.image_id in side.unchanged
        models.append(
            {
                "model": escaped(one.name),
                "model_sha256": one.model.sha256,
                "threshold_step": one.threshold,
                **found,
            }
        )

    def rows(differences: Mapping[float, Difference]) -> dict[str, Any]:
        return {
            f"{tolerance:g}": {
                "difference": d.difference.estimate,
                "interval": [d.difference.low, d.difference.high],
                "level": d.difference.level,
                "share_of_draws_second_better": d.second_better,
            }
            for tolerance, d in differences.items()
        }

    return {
        "made_at": evaluation.made_at.isoformat(timespec="seconds"),
        "pixels": "of the photo",
        "models": models,
        "f1_second_minus_first": {
            "at_threshold": rows(evaluation.at_threshold),
            "at_best": rows(evaluation.at_best),
        },
    }


def as_table(evaluation: Evaluation) -> bytes:
    """One line a picture and model; pictures that failed come last, with why."""
    from crackcore.exports.tables import summary_csv

    columns = ["picture", "model", "threshold", "crack_px", "pixels"]
    for tolerance in TOLERANCES_PX:
        columns += [f"{name}_{tolerance:g}px" for name in ("f1", "precision", "recall")]
    columns += ["cldice", "iou_crack", "miou", "learned_by_the_model", "accepted_unchanged", "problem"]
    rows: list[dict[str, Any]] = []
    for at, picture in enumerate(evaluation.pictures):
        for side in evaluation.sides:
            found, step = side.scores.pictures[at], side.contestant.threshold
            row: dict[str, Any] = {
                "picture": shown_name(picture.name),
                "model": shown_name(side.name),
                "threshold": round(step / 255, 4),
                "crack_px": found.sweeps[0.0].truth,
                "pixels": found.sweeps[0.0].pixels,
                "cldice": round(found.given.cl_dice, 4),
                "iou_crack": round(found.given.classes.crack_iou, 4),
                "miou": round(found.given.classes.mean_iou, 4),
                "learned_by_the_model": int(picture.image_id in side.learned),
                "accepted_unchanged": int(picture.image_id in side.unchanged),
            }
            for tolerance in TOLERANCES_PX:
                counts = found.sweeps[tolerance]
                for name, figure in (
                    ("f1", counts.f1),
                    ("precision", counts.precision),
                    ("recall", counts.recall),
                ):
                    row[f"{name}_{tolerance:g}px"] = round(figure(step), 4)
            rows.append(row)
    rows += [{"picture": shown_name(name), "problem": text} for name, text in evaluation.failed]
    return summary_csv(rows, columns)
