"""Adapt the chosen model to corrected pictures. torch lives on the device lane: imported inside the work."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.jobs.job import Job
from app.jobs.predict import refined
from app.jobs.torch_libraries import preload_torch_libraries
from crackcore.arrays import CRACK, UNDECIDED, ClassMask, HandPlane, RgbImage
from crackcore.domain.image_record import ImageRecord
from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.names import shown_name, unescaped
from crackcore.progress import Progress

if TYPE_CHECKING:
    from crackcore.models.catalogue import InstalledModel
    from crackcore.projects.store import ProjectStore

MOST_BYTES = 768 << 20
"""Memory for what the network saw of the pictures; more pictures than fit are left out, and it is said."""


@dataclass(frozen=True)
class CorrectedMask:
    """What a person decided in one picture: uint8 (H, W) in photo pixels; 255 undecided.

    `by_hand` is false where an approved mask is just what a model had found. `revision` is that of the
    document it was taken from, -1 for one that is not in memory.
    """

    image_id: str
    mask: ClassMask = field(repr=False)
    digest: str
    by_hand: bool
    shows_crack: bool
    is_decided: bool
    revision: int


@dataclass(frozen=True)
class LookRequest:
    """One corrected picture for the network to look at. `pixels` are read from `path` when absent."""

    model: InstalledModel = field(repr=False)
    record: ImageRecord
    group: str
    path: Path
    mask: ClassMask = field(repr=False)
    pixels: RgbImage | None = field(repr=False, default=None)


@dataclass(frozen=True)
class AdaptedFacts:
    """What came out of adapting `base`: figures at `tolerance_px`, on `pictures` of `photos` photos.

    `before` and `after` are F1 in 0..1, each at its own threshold; `after` by cross-validation.
    `low` and `high` are the limits of their difference. `better` is None, and so are the limits, when
    nothing could be held out. `threshold` is a share, 0..1; `refinement` what the model says is done to
    its scores.
    """

    base: InstalledModel
    name: str  # what predictions are signed with until it is kept
    before: float
    after: float
    low: float | None
    high: float | None
    better: bool | None
    tolerance_px: float
    pictures: int
    photos: int
    threshold: float
    refinement: str
    only_threshold: bool
    seconds: float
    known_before: int


class WarmAdapter:
    """What the network saw of the corrected pictures, kept. Touched by the device lane only."""

    def __init__(self) -> None:
        self._adapter: Any = None
        self._adapted: Any = None
        self._predictor: Any = None
        self._device = ""

    def look(self, request: LookRequest, progress: Progress) -> bool:
        """Take in one picture; False when there is no memory left for it."""
        adapter = self._ready(request.model, progress)
        record = request.record
        if record.sha256 not in adapter.digests and adapter.bytes > MOST_BYTES:
            return False
        from crackcore.training.pairs import TrainingPair

        pixels = _pixels(request) if request.pixels is None else request.pixels
        pair = TrainingPair(
            Path(shown_name(unescaped(record.file))).stem,
            "corrected pictures",
            "pairs",
            request.path,
            record.sha256,
            pixels,
            request.mask,
            request.group,
        )
        adapter.add(pair, progress)
        return True

    def adapt(
        self, model: InstalledModel, digests: Iterable[str], before_s: float, progress: Progress
    ) -> AdaptedFacts:
        """Learn from the pictures of these digests, of those that were taken in; the others are let go.

        `before_s` is when the clock started (`time.monotonic`).
        """
        adapter = self._ready(model, progress)
        for digest in adapter.digests.difference(digests):
            adapter.remove(digest)
        self._predictor, self._device = None, ""
        self._adapted = adapted = adapter.adapt(progress)
        limits = None if adapted.difference is None else adapted.difference.difference
        from crackcore.training.going_on import trained_on

        return AdaptedFacts(
            base=model,
            name=adapted.spec.name,
            before=adapted.before.f1,
            after=adapted.after.f1,
            low=None if limits is None else limits.low,
            high=None if limits is None else limits.high,
            better=adapted.better,
            tolerance_px=adapter.settings.tolerance_px,
            pictures=adapted.pictures,
            photos=adapted.photos,
            threshold=adapted.spec.threshold,
            refinement=adapted.spec.refinement,
            only_threshold=adapted.strength is None,
            seconds=time.monotonic() - before_s,
            known_before=len(trained_on(model) & adapter.digests),
        )

    def predict(
        self, pixels: RgbImage, settings: PredictSettings, refinement: str, progress: Progress
    ) -> Prediction:
        """What the adapted model says. Its digest is empty: it is no file yet."""
        if self._predictor is None or self._device != settings.device:
            self._predictor = self._adapted.predictor(settings.device)
            self._device = settings.device
        spec = self._adapted.spec
        made: Prediction = self._predictor.predict(pixels, settings, progress)
        if not refinement:
            return made
        from crackcore.inference.refining import guide_map

        name = guide_map(refinement, spec.architecture)
        guide = self._predictor.maps(pixels, (name,), settings, progress)[name] if name else None
        return refined(made, refinement, pixels, progress, guide=guide, threshold=spec.threshold)

    def save(self, name: str, taken: Sequence[str]) -> InstalledModel:
        """Write the adapted model into the user's folder, under `name` or the next free one like it."""
        from crackcore.resources import state_folder

        folder = state_folder() / "models"
        folder.mkdir(parents=True, exist_ok=True)
        free = free_name(name, lambda n: n in taken or (folder / f"{n}.safetensors").exists())
        saved: InstalledModel = self._adapted.save(folder / f"{free}.safetensors", free, insist=True)
        return saved

    def forget_adapted(self) -> None:
        """The adapted model is not wanted; what was seen of the pictures stays."""
        self._adapted = self._predictor = None

    def forget(self) -> None:
        self._adapter = self._adapted = self._predictor = None

    def _ready(self, model: InstalledModel, progress: Progress) -> Any:
        preload_torch_libraries()
        from crackcore.training.adapting import Adapter

        if self._adapter is None or self._adapter.model.sha256 != model.sha256:
            self.forget()
            progress(0, 1, "Loading the model")
            self._adapter = Adapter(model)
        return self._adapter


def free_name(wish: str, is_taken: Callable[[str], bool]) -> str:
    """`wish`, or with the first number behind it that is free."""
    number, name = 1, wish
    while is_taken(name):
        number += 1
        name = f"{wish}-{number}"
    return name


def adapted_name(base: str) -> str:
    """What an adapted model is called: an adapted one of an adapted one gets no second ending."""
    return f"{re.sub(r'-adapted(-[0-9]+)?$', '', base)}-adapted"


def _pixels(request: LookRequest) -> RgbImage:
    from crackcore.errors import InputRefused
    from crackcore.exports.source import CHANGED
    from crackcore.imaging.reading import read_photo

    photo = read_photo(request.path)
    if request.record.sha256 and photo.facts.sha256 != request.record.sha256:
        raise InputRefused(request.path, f"{CHANGED}.")
    return photo.pixels


# ------------------------------------------------------------------ jobs


def groups_job(records: Sequence[ImageRecord]) -> Job:
    """Image id -> name of the photo that its picture was cut from, as far as names tell; any lane."""

    def work(progress: Progress) -> dict[str, str]:
        from crackcore.exports.split import groups_of

        stems = [Path(shown_name(unescaped(record.file))).stem for record in records]
        groups = groups_of(stems, [record.sha256 for record in records])
        return {record.id: group for record, group in zip(records, groups, strict=True)}

    return Job("Comparing names", work, shown=False)


def shown_mask_job(
    image_id: str, revision: int, shown: Callable[[], ClassMask], hand: HandPlane, factor: int
) -> Job:
    """The mask of a picture in memory; `factor` mask pixels lie along one of the photo. Any lane."""

    def work(progress: Progress) -> CorrectedMask:
        return _corrected(image_id, shown(), bool(hand.any()), factor, revision)

    return Job("Reading a mask", work, shown=False)


def stored_mask_job(store: ProjectStore, record: ImageRecord) -> Job:
    """The mask of a picture as the project keeps it; runs on the disk lane."""

    def work(progress: Progress) -> CorrectedMask:
        by_hand = bool(store.read_hand(record.id).any())
        progress(1, 2)
        return _corrected(record.id, store.read_shown(record.id), by_hand, record.magnification, -1)

    return Job("Reading a mask", work, shown=False)


def _corrected(image_id: str, mask: ClassMask, by_hand: bool, factor: int, revision: int) -> CorrectedMask:
    from crackcore.masks.regridding import coarser_mask

    mask = np.array(mask, np.uint8) if factor == 1 else coarser_mask(mask, factor)
    crack, decided = bool((mask == CRACK).any()), bool((mask != UNDECIDED).any())
    digest = hashlib.blake2b(np.ascontiguousarray(mask).data, digest_size=16).hexdigest()
    return CorrectedMask(image_id, mask, digest, by_hand, crack, decided, revision)


def look_job(request: LookRequest, warm: WarmAdapter) -> Job:
    """Runs on the device lane; answers whether there was memory for it."""
    name = shown_name(unescaped(request.record.file))
    return Job(f"Looking at {name}", lambda progress: warm.look(request, progress), shown=False)


def adapt_job(model: InstalledModel, digests: frozenset[str], started_at: float, warm: WarmAdapter) -> Job:
    def work(progress: Progress) -> AdaptedFacts:
        return warm.adapt(model, digests, started_at, progress)

    return Job(f"Adapting {model.name}", work, shown=False)


def adapted_prediction_job(
    pixels: RgbImage, settings: PredictSettings, refinement: str, warm: WarmAdapter
) -> Job:
    def work(progress: Progress) -> Prediction:
        return warm.predict(pixels, settings, refinement, progress)

    return Job("Predicting with the adapted model", work, shown=False)


def keep_job(name: str, taken: Sequence[str], warm: WarmAdapter) -> Job:
    """Not cancellable: somebody has asked for it to be kept."""
    return Job("Keeping the adapted model", lambda progress: warm.save(name, taken), can_cancel=False)


def forget_job(forget: Callable[[], object]) -> Job:
    """Let go of memory on the lane that owns it."""

    return Job("Letting go", lambda progress: forget(), shown=False, can_cancel=False)


def under_saved_name(prediction: Prediction, made_by: str, saved: InstalledModel) -> Prediction:
    """A prediction of the adapted model, now that it is a file: what was added to its name stays."""
    return replace(
        prediction, model=saved.name + prediction.model.removeprefix(made_by), model_sha256=saved.sha256
    )
