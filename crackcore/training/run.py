"""One training: folders in, a model file and a log out.

The best weights so far (by hold-out F1) are on disk at any moment; a loss that is not a number ends
the run with them. Every figure in the model's description was measured on held-out source photos.
"""

from __future__ import annotations

import contextlib
import json
import logging
import platform
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crackcore import __version__
from crackcore.arrays import RgbImage
from crackcore.domain.model_spec import ModelSpec, Preprocessing
from crackcore.domain.prediction import PredictSettings
from crackcore.errors import InputRefused, NotAnalysed, TrainingStopped
from crackcore.evaluation.sweep import SweepCounts, sweep
from crackcore.inference.predictor import Predictor
from crackcore.models import devices
from crackcore.models.catalogue import InstalledModel, create_network, known_architecture
from crackcore.models.model_files import load_network, save_model
from crackcore.models.starts import load_start
from crackcore.progress import Progress, unheard
from crackcore.training.augmentation import AugmentSettings, random_crop
from crackcore.training.criteria import ModernCriterion
from crackcore.training.degradation import reduced
from crackcore.training.losses import crack_loss
from crackcore.training.pairs import TrainingPair
from crackcore.training.splits import hold_out, photo_groups

log = logging.getLogger(__name__)

TOLERANCES_PX = (0, 2, 5)
CGNET_PREPROCESSING = Preprocessing(mean=(72.39239876, 82.90891754, 73.15835921))
"""CGNet's normalisation on DeepCrack-537: RGB on the 0..255 scale, means subtracted, divided by 1."""


@dataclass(frozen=True)
class TrainSettings:
    """The recipe. Learning rate: floor + (lr - floor) (1 - i / n)^0.9, as in CGNet's configuration.

    `criterion` is "softmax" (class-weighted cross entropy and Dice on two channels, CGNet) or
    "modern" (see `criteria`; any architecture). With `warm_up` the rate rises linearly over the
    first iterations. `mixed` computes forward passes in bfloat16, on the GPU always.
    """

    iterations: int = 2500
    batch: int = 8
    learning_rate: float = 1e-3
    floor: float = 1e-5
    weight_decay: float = 5e-4
    optimiser: str = "adam"  # or adamw
    warm_up: int = 0
    criterion: str = "softmax"
    crack_weight: float = 2.0  # of the modern criterion
    mixed: bool = False
    weights: tuple[float, float] = (5.0, 10.0)
    dice: float = 1.0
    average: float = 0.998  # running mean of the weights; that mean is what is kept
    validate_every: int = 250
    hold_out_share: float = 0.2
    crack_free_share: float = 0.10  # of the crops
    weak_share: float = 0.05
    seed: int = 0
    augment: AugmentSettings = AugmentSettings()


@dataclass(frozen=True)
class TrainRequest:
    """What to train on, how, and where the model goes."""

    pairs: Sequence[TrainingPair]
    out: Path
    name: str
    architecture: str = "cgnet_m3n21"
    arguments: dict[str, Any] = field(default_factory=dict)
    preprocessing: Preprocessing | None = None  # None: that of the architecture's origin
    settings: TrainSettings = TrainSettings()
    name_gaps: dict[str, int] = field(default_factory=dict)
    held_out_stems: frozenset[str] = frozenset()
    licence: str = ""
    source: str = ""
    summary: str = ""
    training_data: tuple[dict[str, Any], ...] = ()
    start_from: InstalledModel | None = None
    imagenet_weights: Path | None = None  # for encoders that start from them; None: the user's folder
    device: str = "auto"
    input_scale: float = 1.0


@dataclass(frozen=True)
class TrainReport:
    """What came out."""

    model: InstalledModel
    best_f1: float
    seconds: float
    log_file: Path
    held_out: tuple[str, ...]


def split(request: TrainRequest, progress: Progress = unheard) -> list[bool]:
    """True per pair that is held out: by source photo, per set; stems asked for take their group along."""
    out = [False] * len(request.pairs)
    for name in dict.fromkeys(p.set_name for p in request.pairs):
        at = [i for i, p in enumerate(request.pairs) if p.set_name == name and p.kind != "weak"]
        if len(at) < 2:
            continue
        chosen = [request.pairs[i] for i in at]
        groups = photo_groups(
            [p.pixels for p in chosen],
            [p.stem for p in chosen],
            name_gap=request.name_gaps.get(name, 0),
            progress=progress,
        )
        wished = {g for g, p in zip(groups, chosen, strict=True) if p.stem in request.held_out_stems}
        first = [g in wished for g in groups]
        share = max(0.0, request.settings.hold_out_share - sum(first) / len(at))
        more = hold_out([p.sha256 for p in chosen], groups, fraction=share, seed=request.settings.seed)
        for i, a, b in zip(at, first, more, strict=True):
            out[i] = a or b
    return out


def train(request: TrainRequest, progress: Progress = unheard) -> TrainReport:
    """Train and return the best model on the hold-out, saved at `request.out`.

    `progress` counts iterations; Cancelled leaves the best model so far on disk. Raises
    TrainingStopped when the loss is not a number (the last good weights are kept, if there are
    any), InputRefused when there is nothing to train on or nothing to check on, ModelProblem for a
    start that does not fit.
    """
    started = time.monotonic()
    s = request.settings
    held = split(request)
    learn = [p for p, h in zip(request.pairs, held, strict=True) if not h]
    check = [p for p, h in zip(request.pairs, held, strict=True) if h and p.kind != "weak"]
    if not any(p.kind == "pairs" for p in learn) or not any(p.kind == "pairs" for p in check):
        raise InputRefused(
            request.out.name, "too few pictures: some must train and some, from other photos, must check."
        )
    torch.manual_seed(s.seed)
    device = devices.choose_device(request.device)
    network = _fresh(request) if request.start_from is None else load_network(request.start_from)
    network = network.to(device.torch_device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = deepcopy(network)
    optimiser = _optimiser(network, s)
    spec = _first_spec(request, learn, check)
    lines = _Log(request.out.with_suffix(".log.jsonl"))
    lines.write(
        event="start",
        program=__version__,
        machine=platform.machine(),
        device=device.label,
        settings=asdict(s),
        learn=_counts(learn),
        check=_counts(check),
        held_out=sorted(f"{p.set_name}/{p.stem}" for p in check),
    )
    best: InstalledModel | None = None
    best_f1 = -1.0
    recent: list[float] = []
    with ThreadPoolExecutor(1, "augment") as ahead:
        coming = ahead.submit(_batch, learn, s, 0)
        for i in range(s.iterations):
            progress(i, s.iterations, f"F1 {best_f1:.3f}" if best_f1 >= 0 else "")
            pixels, labels = coming.result()
            if i + 1 < s.iterations:
                coming = ahead.submit(_batch, learn, s, i + 1)
            rate = s.floor + (s.learning_rate - s.floor) * (1 - i / s.iterations) ** 0.9
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1.0, (i + 1) / s.warm_up) if s.warm_up else rate
            loss = _step(network, optimiser, pixels, labels, request, device)
            if not np.isfinite(loss):
                lines.write(event="not a number", iteration=i)
                kept = " The best model so far was kept." if best else ""
                raise TrainingStopped(f"The training error stopped being a number at step {i}.{kept}")
            recent.append(loss)
            _average(averaged, network, min(s.average, (1 + i) / (10 + i)))
            if (i + 1) % s.validate_every == 0 or i + 1 == s.iterations:
                scores, threshold = evaluate_network(averaged, spec, check, device)
                f1 = _ranking(scores)
                lines.write(
                    event="check",
                    iteration=i + 1,
                    loss=round(float(np.mean(recent)), 5),
                    seconds=round(time.monotonic() - started, 1),
                    f1=round(f1, 5),
                    threshold=threshold,
                    scores=scores,
                )
                recent.clear()
                if f1 > best_f1:
                    best_f1 = f1
                    measured = replace(
                        spec,
                        threshold=threshold / 255,
                        scores={**scores, "iteration": i + 1, "settings": asdict(s)},
                    )
                    best = save_model(request.out, averaged, measured)
    progress(s.iterations, s.iterations)
    assert best is not None
    seconds = time.monotonic() - started
    lines.write(event="end", f1=round(best_f1, 5), seconds=round(seconds, 1), sha256=best.sha256)
    return TrainReport(best, best_f1, seconds, lines.path, tuple(f"{p.set_name}/{p.stem}" for p in check))


def _fresh(request: TrainRequest) -> nn.Module:
    network: nn.Module = create_network(request.architecture, **request.arguments)
    load_start(network, request.imagenet_weights)
    return network


def _optimiser(network: nn.Module, s: TrainSettings) -> torch.optim.Optimizer:
    kind: type[torch.optim.Adam] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[s.optimiser]
    return kind(network.parameters(), lr=s.learning_rate, eps=1e-8, weight_decay=s.weight_decay)


def _preprocessing(request: TrainRequest) -> Preprocessing:
    if request.preprocessing is not None:
        return request.preprocessing
    return known_architecture(request.architecture)[0].preprocessing


def evaluate_network(
    network: nn.Module, spec: ModelSpec, pairs: Sequence[TrainingPair], device: devices.Device | None = None
) -> tuple[dict[str, Any], int]:
    """Scores per set on these pairs, and the score step 1..255 with the best mean F1 at 2 px.

    Per crack set and tolerance 0, 2 and 5 px: F1, precision, recall at that step and the best F1 of
    all steps (ODS); crack IoU and mIoU; for crack-free sets the share of pixels called crack.
    A network that enlarges sees the picture reduced by its factor and is compared at full size.
    """
    predictor = Predictor(network, spec, device=device)
    factor = known_architecture(spec.architecture)[0].output_scale
    settings = PredictSettings(precision="float32", result_scale=factor)
    counts: dict[tuple[str, int], SweepCounts] = {}
    for pair in pairs:
        pixels = pair.pixels if factor == 1 else reduced_picture(pair.pixels, factor)
        mask = pair.mask[: pixels.shape[0] * factor, : pixels.shape[1] * factor]
        try:
            score = predictor.predict(pixels, settings).score
        except NotAnalysed:
            score = np.zeros(mask.shape, np.uint8)
        for tolerance in TOLERANCES_PX:
            key = (pair.set_name, tolerance)
            counts[key] = counts.get(key, SweepCounts.nothing(tolerance)) + sweep(score, mask, tolerance)
    kinds = {p.set_name: p.kind for p in pairs}
    cracked = [name for name, kind in kinds.items() if kind == "pairs"]
    mean_f1 = np.mean([counts[name, 2].f1s() for name in cracked], axis=0)
    threshold = int(np.argmax(mean_f1[1:]) + 1)
    scores: dict[str, Any] = {}
    for name, kind in kinds.items():
        row: dict[str, Any] = {"pictures": counts[name, 0].images}
        if kind == "pairs":
            for tolerance in TOLERANCES_PX:
                at = counts[name, tolerance]
                row[f"f1_{tolerance}px"] = round(at.f1(threshold), 4)
                row[f"precision_{tolerance}px"] = round(at.precision(threshold), 4)
                row[f"recall_{tolerance}px"] = round(at.recall(threshold), 4)
                row[f"ods_{tolerance}px"] = round(at.best().f1, 4)
            row["iou_crack"] = round(counts[name, 0].iou(threshold), 4)
            row["miou"] = round(counts[name, 0].mean_iou(threshold), 4)
        else:
            row["false_share"] = round(counts[name, 0].false_share(threshold), 6)
        scores[name] = row
    return {"threshold": round(threshold / 255, 4), "sets": scores}, threshold


def _ranking(scores: dict[str, Any]) -> float:
    return float(np.mean([row["f1_2px"] for row in scores["sets"].values() if "f1_2px" in row]))


def _step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    request: TrainRequest,
    device: devices.Device,
) -> float:
    network.train()
    s = request.settings
    inputs = _normalised(pixels, _preprocessing(request)).to(device.torch_device)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    truth = torch.from_numpy(labels).to(device.torch_device)
    use_bf16 = s.mixed or device.kind == "cuda"
    with torch.autocast(device.kind, torch.bfloat16) if use_bf16 else contextlib.nullcontext():
        if s.criterion == "modern":
            loss = ModernCriterion(request.architecture, s.crack_weight, s.dice)(network, inputs, truth)
        else:
            loss = crack_loss(network(inputs).float(), truth, weights=s.weights, dice=s.dice)
    value = float(loss.detach())
    if np.isfinite(value):
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
    return value


def reduced_picture(pixels: RgbImage, factor: int) -> RgbImage:
    """A photo (H, W, 3) as a camera of lower resolution would give it: (H // factor, W // factor, 3)."""
    values = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]
    small = reduced(values, method="bilinear", factor=factor)[0].permute(1, 2, 0)
    out: RgbImage = small.round().clamp(0, 255).to(torch.uint8).numpy()
    return np.ascontiguousarray(out)


def _normalised(pixels: NDArray[np.uint8], before: Preprocessing) -> Tensor:
    values = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    if before.channel_order == "BGR":
        values = values.flip(1)
    mean = torch.tensor(before.mean).view(1, 3, 1, 1)
    return (values * before.scale - mean) / torch.tensor(before.std).view(1, 3, 1, 1)


@torch.no_grad()
def _average(averaged: nn.Module, network: nn.Module, keep: float) -> None:
    for mean, value in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - keep)
        else:
            mean.copy_(value)


def _batch(
    pairs: Sequence[TrainingPair], s: TrainSettings, iteration: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The crops of one iteration; a function of the seed and its number alone."""
    rng = np.random.default_rng([s.seed, iteration])
    chances = _chances(pairs, s)
    crops = [
        random_crop(pairs[i].pixels, pairs[i].mask, rng, s.augment)
        for i in rng.choice(len(pairs), s.batch, p=chances)
    ]
    return np.stack([c[0] for c in crops]), np.stack([c[1] for c in crops])


def _chances(pairs: Sequence[TrainingPair], s: TrainSettings) -> NDArray[np.float64]:
    """Chance of each picture: sets by the root of their size, kinds by their share."""
    sizes: dict[str, int] = {}
    for p in pairs:
        sizes[p.set_name] = sizes.get(p.set_name, 0) + 1
    shares = {"crack-free": s.crack_free_share, "weak": s.weak_share}
    raw = np.array([1 / np.sqrt(sizes[p.set_name]) for p in pairs])
    kinds = np.array([p.kind for p in pairs])
    out = np.zeros(len(pairs))
    special = 0.0
    for kind, share in shares.items():
        if (kinds == kind).any() and share > 0:
            out[kinds == kind] = share * raw[kinds == kind] / raw[kinds == kind].sum()
            special += share
    usual = kinds == "pairs"
    out[usual] = (1 - special) * raw[usual] / raw[usual].sum()
    chances: NDArray[np.float64] = out / out.sum()
    return chances


def _counts(pairs: Sequence[TrainingPair]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for p in pairs:
        counts[p.set_name] = counts.get(p.set_name, 0) + 1
    return counts


def _first_spec(
    request: TrainRequest, learn: Sequence[TrainingPair], check: Sequence[TrainingPair]
) -> ModelSpec:
    trained, checked = _counts(learn), _counts(check)
    rows = [
        {
            **row,
            "trained_on": trained.get(str(row.get("set")), 0),
            "checked_on": checked.get(str(row.get("set")), 0),
        }
        for row in request.training_data
    ] or [{"set": k, "trained_on": v, "checked_on": checked.get(k, 0)} for k, v in trained.items()]
    facts = known_architecture(request.architecture)[0]
    enlarging = facts.output_scale > 1
    return ModelSpec(
        name=request.name,
        architecture=request.architecture,
        arguments=request.arguments,
        preprocessing=replace(_preprocessing(request), input_scale=request.input_scale),
        activation=facts.activation,
        tile_px=160 if enlarging else 512,
        overlap_px=24 if enlarging else 64,
        multiple_px=max(facts.multiple_px, 8 if facts.score == "logits_full" else 1),
        minimum_px=max(facts.minimum_px, 32),
        licence=request.licence,
        source=request.source or f"trained with crackscope {__version__}, {datetime.now(UTC):%Y-%m-%d}",
        summary=request.summary,
        training_data=tuple(rows),
    )


class _Log:
    """JSON lines beside the model; flushed a line at a time, so that a killed run leaves its story."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")

    def write(self, **row: Any) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", **row}) + "\n")


def limit_opencv_threads() -> None:
    """One thread for augmentation: the cores belong to the network."""
    cv2.setNumThreads(1)
