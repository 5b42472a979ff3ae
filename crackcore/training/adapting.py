"""Adapt: a model learns from a handful of corrected pictures in seconds, by its last layer alone.

The network sees each picture once; then a new last layer is a logistic regression on what was kept,
held back by how far it moves from the old one. How much it may move, whether it moves at all (a new
threshold can be all that is needed), and whether the result is better than the model it came from is
judged by cross-validation: every picture is scored by a last layer that never saw it, nor any other
picture of its source photo.

The model file that comes out has the same architecture and says what it was made from. The old one
stays; to go back, choose it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from crackcore import __version__
from crackcore.arrays import UNDECIDED
from crackcore.domain.box import Box
from crackcore.domain.model_families import family_made_from
from crackcore.domain.model_spec import ModelSpec
from crackcore.errors import InputRefused
from crackcore.evaluation.intervals import SURE, Difference, pooled_difference
from crackcore.evaluation.sweep import SweepCounts, pooled, sweep
from crackcore.inference.predictor import Predictor
from crackcore.models import devices
from crackcore.models.catalogue import InstalledModel
from crackcore.models.model_files import load_network, save_model
from crackcore.progress import Progress, unheard
from crackcore.training.last_layer import Kept, LastLayer, Weights, points
from crackcore.training.pairs import TrainingPair
from crackcore.training.regression import Points, fitted, joined
from crackcore.training.seen_pictures import (
    SeenPart,
    SeenPicture,
    SeenSight,
    mask_digest,
    small_copy,
    windows,
)
from crackcore.training.splits import photo_groups

WORTH_THE_TIME = 0.01
"""F1 that looking at an enlarged picture must gain before it is chosen."""


@dataclass(frozen=True)
class AdaptSettings:
    """`strengths`: how much the old last layer holds the new one back, strongest first; each is tried.

    `points` are the pixels per picture of each kind (crack, sound near it, taken for crack, other
    sound); a fit takes `most_points` of all. Of large pictures `windows` tiles are kept, those with
    most crack and one without. `enlargements` are tried, of what the model looks at now: 2 finds thinner
    cracks, but seeing and predicting take some three times as long.
    """

    tolerance_px: float = 2.0
    strengths: tuple[float, ...] = (1e-1, 1e-2, 1e-3)
    points: tuple[int, int, int, int] = (400, 250, 250, 200)
    crack_weight: float = 2.0
    most_points: int = 20_000
    enlargements: tuple[float, ...] = (1.0,)
    windows: int = 4
    folds: int = 5
    seed: int = 0


@dataclass(frozen=True)
class Score:
    """Pooled F1, precision and recall at the tolerance, at a score step; `best_f1` over all steps."""

    f1: float
    precision: float
    recall: float
    threshold: int
    best_f1: float


@dataclass(frozen=True, eq=False)
class Adapted:
    """A model that was adapted, not saved yet.

    `before` and `after` are on the same pictures, `after` by cross-validation. `better` is None when
    nothing could be held out (corrected pictures of one photo only). `strength` is None when the last
    layer stays and only the threshold moved, `enlarged` by how much more the picture is enlarged than
    before. `steps` tells how long each step took, in seconds.
    """

    spec: ModelSpec
    network: nn.Module
    before: Score
    after: Score
    difference: Difference | None
    better: bool | None
    strength: float | None
    enlarged: float
    pictures: int
    photos: int
    steps: dict[str, float]

    @property
    def seconds(self) -> float:
        return sum(self.steps.values())

    def predictor(self, device: str = "cpu", *, threads: int | None = None) -> Predictor:
        """To be used on the open picture at once, before anything is saved.

        `device` as in `PredictSettings`. Raises DeviceProblem when the wished one is not there.
        """
        chosen = devices.choose_device(device)
        network = self.network if chosen.kind == "cpu" else deepcopy(self.network)
        return Predictor(network, self.spec, device=chosen, threads=threads)

    def save(self, path: Path, name: str = "", *, insist: bool = False) -> InstalledModel:
        """Write the model as a file of its own, beside the old one.

        Raises InputRefused when it is not known to be better and nobody insists, or when the file
        is there already; FileProblem when it cannot be written.
        """
        if not self.better and not insist:
            raise InputRefused(
                path, "the adapted model is not known to be better.", hint="Correct more pictures, or insist."
            )
        if path.exists():
            raise InputRefused(path, "there is a model of this name already.", hint="Choose another name.")
        return save_model(path, self.network, replace(self.spec, name=name or path.stem))


class Adapter:
    """Pictures are added as they are corrected; `adapt` may be called after any of them."""

    def __init__(
        self, model: InstalledModel, settings: AdaptSettings = AdaptSettings(), *, threads: int | None = None
    ) -> None:
        """Raises ModelProblem for a bad file or a network whose last layer is not known."""
        self.model, self.settings = model, settings
        self._network = load_network(model)
        self._last = {1.0: LastLayer(self._network, model.spec)}
        for factor in settings.enlargements:
            if factor not in self._last:
                self._last[factor] = LastLayer(self._network, _enlarged(model.spec, factor))
        self._threads = threads
        self._pictures: dict[str, SeenPicture] = {}
        self._seeing = 0.0

    def __len__(self) -> int:
        return len(self._pictures)

    @property
    def bytes(self) -> int:
        """Memory held by what is kept of the pictures."""
        return sum(picture.bytes for picture in self._pictures.values())

    @property
    def digests(self) -> frozenset[str]:
        """The pictures that were taken in, by the digests of their files."""
        return frozenset(self._pictures)

    def holds(self, sha256: str, mask_digest: str) -> bool:
        """Whether this picture was taken in with this very mask (see `mask_digest`)."""
        known = self._pictures.get(sha256)
        return known is not None and known.mask_digest == mask_digest

    def add(self, pair: TrainingPair, progress: Progress = unheard) -> None:
        """Take in a corrected picture, or its newer correction (same digest); about 0.2 s per 0.25 MP,
        and four times that for an enlargement of 2. Where a newer correction leaves the same tiles to
        be looked at, what the network saw there is used again.

        Raises InputRefused when nothing of it is decided; Cancelled, which leaves all as it was.
        """
        if not (pair.mask != UNDECIDED).any():
            raise InputRefused(pair.path, "nothing is marked in this picture.")
        started = time.perf_counter()
        digest = mask_digest(pair.mask)
        if self.holds(pair.sha256, digest):
            return
        with _threads(self._threads):
            self._pictures[pair.sha256] = self._seen(pair, digest, progress)
        self._seeing += time.perf_counter() - started

    def remove(self, sha256: str) -> None:
        """Forget a picture (its correction was taken back); unknown ones are no trouble."""
        self._pictures.pop(sha256, None)

    def adapt(self, progress: Progress = unheard) -> Adapted:
        """The adapted model. Raises InputRefused without a picture that shows crack, Cancelled.

        `steps` of the answer count what was seen since the answer before it.
        """
        pictures = list(self._pictures.values())
        if not any(one.crack for one in pictures):
            raise InputRefused(self.model.path, "no corrected picture shows a crack.", hint="Correct some.")
        with _threads(self._threads):
            return self._adapted(pictures, progress)

    def _adapted(self, pictures: Sequence[SeenPicture], progress: Progress) -> Adapted:
        s = self.settings
        started = time.perf_counter()
        groups = np.array(
            photo_groups(
                [p.small for p in pictures],
                [p.stem for p in pictures],
                names=[p.group for p in pictures],
            )
        )
        folds = _folds(groups, s.folds)
        grouped = time.perf_counter()
        rounds = len(s.enlargements) * len(s.strengths)
        choices: list[_Choice] = []
        for factor in s.enlargements:
            choices.append(_Choice(factor, None, [p.sights[factor].counts for p in pictures], None))
            for strength in s.strengths:
                number = len(choices) - len(choices) // (len(s.strengths) + 1) - 1

                def heard(done: int, total: int, note: str = "", number: int = number) -> None:
                    progress(number * total + done, rounds * total, "Learning")

                choices.append(self._tried(pictures, folds, factor, strength, heard))
        progress(1, 1, "Learning")
        # nothing held out, nothing to choose by: the last layer that moves least
        chosen = max(choices, key=lambda choice: choice.worth) if folds else choices[1]
        steps = {"see": self._seeing, "compare photos": grouped - started}
        self._seeing = 0.0
        steps["learn and check"] = time.perf_counter() - grouped
        return self._answer(pictures, len(set(groups.tolist())), chosen, bool(folds), steps)

    def _tried(
        self,
        pictures: Sequence[SeenPicture],
        folds: Sequence[NDArray[np.bool_]],
        factor: float,
        strength: float,
        progress: Progress,
    ) -> _Choice:
        """Each picture scored by a last layer that never saw it; and one from all, to be used."""
        total = len(pictures) + 1
        progress(0, total)
        whole = self._fit(pictures, factor, strength)
        counts = [p.sights[factor].counts for p in pictures]
        if not folds:
            for i, picture in enumerate(pictures):
                progress(1 + i, total)
                counts[i] = self._counted(picture, factor, whole)
            return _Choice(factor, strength, counts, whole)
        done = 1
        for fold in folds:
            learn = [p for p, out in zip(pictures, fold, strict=True) if not out]
            if not any(p.crack for p in learn):
                continue  # the only crack is held out: nothing is learned for that picture
            weights = self._fit(learn, factor, strength)
            for i in np.flatnonzero(fold).tolist():
                progress(done, total)
                counts[i] = self._counted(pictures[i], factor, weights)
                done += 1
        return _Choice(factor, strength, counts, whole)

    def _answer(
        self,
        pictures: Sequence[SeenPicture],
        photos: int,
        chosen: _Choice,
        judged: bool,
        steps: dict[str, float],
    ) -> Adapted:
        own = _step(self.model.spec.threshold)
        base = [p.before for p in pictures]
        before = _score(base, own)
        after = _score(chosen.counts, pooled(chosen.counts).best().threshold)
        difference = None
        better: bool | None = None
        if judged:
            difference = pooled_difference(base, chosen.counts, "f1", thresholds=(own, after.threshold))
            better = difference.difference.estimate > 0 and difference.second_better >= SURE
        network = deepcopy(self._network)
        if chosen.weights is not None:
            self._last[chosen.factor].put(network, chosen.weights)
        spec = self._spec(pictures, before, after, chosen, better)
        return Adapted(
            spec,
            network,
            before,
            after,
            difference,
            better,
            chosen.strength,
            chosen.factor,
            len(pictures),
            photos,
            steps,
        )

    def _spec(
        self,
        pictures: Sequence[SeenPicture],
        before: Score,
        after: Score,
        chosen: _Choice,
        better: bool | None,
    ) -> ModelSpec:
        base = _enlarged(self.model.spec, chosen.factor)
        at = f"f1_{self.settings.tolerance_px:g}px"
        made: dict[str, Any] = {
            "base_model": base.name,
            "base_sha256": self.model.sha256,
            "made_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "pictures": len(pictures),
            f"{at}_before": round(before.f1, 4),
            f"{at}_after": round(after.f1, 4),
            "strength": chosen.strength,
            "enlarged": chosen.factor,
            "better": better,
        }
        row = {
            "set": "corrected pictures",
            "kind": "adapted",
            "trained_on": len(pictures),
            "sha256": sorted(p.sha256 for p in pictures),
        }
        return replace(
            base,
            name=f"{base.name}-adapted",
            threshold=after.threshold / 255,
            family=family_made_from(base.family),
            source=f"adapted from {base.name} ({self.model.sha256[:12]}) with crackscope {__version__}",
            scores={**base.scores, "adapted": made},
            training_data=(*base.training_data, row),
        )

    def _seen(self, pair: TrainingPair, digest: str, progress: Progress) -> SeenPicture:
        before = self._pictures.get(pair.sha256)
        boxes = windows(pair.mask, self.model.spec.tile_px, self.settings.windows)
        of_one = 2 * len(boxes)
        of_all, sights = len(self._last) * of_one, {}
        for number, (factor, last) in enumerate(self._last.items()):
            known = {} if before is None else {part.box: part.kept for part in before.sights[factor].parts}

            def heard(done: int, total: int, note: str = "", first: int = number * of_one) -> None:
                progress(first + done, of_all, "Looking")

            sights[factor] = self._sight(pair, last, boxes, known, heard)
        progress(of_all, of_all, "Looking")
        return SeenPicture(pair.sha256, pair.stem, pair.group, small_copy(pair.pixels), digest, sights)

    def _sight(
        self,
        pair: TrainingPair,
        last: LastLayer,
        boxes: Sequence[Box],
        known: dict[Box, Kept],
        progress: Progress,
    ) -> SeenSight:
        s = self.settings
        rng = np.random.default_rng([s.seed, int(pair.sha256[:8] or "0", 16)])
        old = last.weights
        parts: list[SeenPart] = []
        learned: list[Points] = []
        counts = SweepCounts.nothing(s.tolerance_px)
        for done, box in enumerate(boxes):
            progress(2 * done, 2 * len(boxes))
            mask = np.ascontiguousarray(pair.mask[box.slices])
            kept = known.get(box)
            if kept is None:
                kept = last.keep(np.ascontiguousarray(pair.pixels[box.slices]))
            progress(2 * done + 1, 2 * len(boxes))
            at, truth, weight = points(mask, kept.score, s.points, rng)
            parts.append(SeenPart(box, kept, mask))
            learned.append(Points.of(last.rows(kept, at), truth, weight, old.weight.numpy(), old.bias))
            counts = counts + sweep(last.score_map(kept, old), mask, s.tolerance_px)
        return SeenSight(parts, joined(learned).sharing_one(), replace(counts, images=1))

    def _fit(self, pictures: Sequence[SeenPicture], factor: float, strength: float) -> Weights:
        s, last = self.settings, self._last[factor]
        old = last.weights
        together = joined([p.sights[factor].points for p in pictures]).with_crack_weighing(s.crack_weight)
        together = together.thinned(s.most_points, s.seed)
        change, shift = fitted(together, strength, with_bias=last.has_bias)
        weight = old.weight + torch.from_numpy(change).view_as(old.weight)
        return Weights(weight, old.bias + shift)

    def _counted(self, picture: SeenPicture, factor: float, weights: Weights) -> SweepCounts:
        total = SweepCounts.nothing(self.settings.tolerance_px)
        for part in picture.sights[factor].parts:
            score = self._last[factor].score_map(part.kept, weights)
            total = total + sweep(score, part.mask, self.settings.tolerance_px)
        return replace(total, images=1)


@dataclass(frozen=True, eq=False)
class _Choice:
    """Enlargement and strength, counts of each picture by cross-validation, weights from all pictures."""

    factor: float
    strength: float | None
    counts: list[SweepCounts]
    weights: Weights | None

    @property
    def worth(self) -> float:
        """The best F1, less what a slower model must gain."""
        return pooled(self.counts).best().f1 - (WORTH_THE_TIME if self.factor > 1 else 0.0)


def _folds(groups: NDArray[np.int64], most: int) -> list[NDArray[np.bool_]]:
    """Which pictures are held out in each round: whole photos; nothing when there is one photo only."""
    names = list(dict.fromkeys(groups.tolist()))
    if len(names) < 2:
        return []
    rounds = min(most, len(names))
    place = {name: i % rounds for i, name in enumerate(names)}
    number = np.array([place[g] for g in groups.tolist()])
    return [number == r for r in range(rounds)]


def _score(counts: Sequence[SweepCounts], step: int) -> Score:
    total = pooled(counts)
    return Score(total.f1(step), total.precision(step), total.recall(step), step, total.best().f1)


def _enlarged(spec: ModelSpec, factor: float) -> ModelSpec:
    before = spec.preprocessing
    return replace(spec, preprocessing=replace(before, input_scale=factor * before.input_scale))


def _step(share: float) -> int:
    from crackcore.masks.threshold import score_step

    return score_step(share)


class _threads:
    """A number of torch threads for a while; None leaves it as it is."""

    def __init__(self, count: int | None) -> None:
        self._count = count

    def __enter__(self) -> None:
        self._before = torch.get_num_threads()
        torch.set_num_threads(self._count or self._before)

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self._before)
