"""How good a network is on held-out pictures, with its running mean or whatever weights it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from crackcore.arrays import RgbImage
from crackcore.domain.model_spec import ModelSpec
from crackcore.domain.prediction import PredictSettings
from crackcore.errors import NotAnalysed
from crackcore.evaluation.sweep import SweepCounts, sweep
from crackcore.inference.predictor import Predictor
from crackcore.models import devices
from crackcore.models.catalogue import known_architecture
from crackcore.progress import Progress, unheard
from crackcore.training.degradation import reduced
from crackcore.training.pairs import TrainingPair

TOLERANCES_PX = (0, 2, 5)


def evaluate_network(
    network: nn.Module,
    spec: ModelSpec,
    pairs: Sequence[TrainingPair],
    device: devices.Device | None = None,
    progress: Progress = unheard,
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
    looked_at = 0

    def heard(done: int, total: int, note: str = "") -> None:  # within a picture
        progress(looked_at, len(pairs))

    for looked_at, pair in enumerate(pairs):  # noqa: B007 - `heard` reads it
        pixels = pair.pixels if factor == 1 else reduced_picture(pair.pixels, factor)
        mask = pair.mask[: pixels.shape[0] * factor, : pixels.shape[1] * factor]
        try:
            score = predictor.predict(pixels, settings, heard).score
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


def ranking(scores: dict[str, Any]) -> float:
    """What checkpoints are compared by: F1 at 2 px, mean over the sets with cracks."""
    return float(np.mean([row["f1_2px"] for row in scores["sets"].values() if "f1_2px" in row]))


def reduced_picture(pixels: RgbImage, factor: int) -> RgbImage:
    """A photo (H, W, 3) as a camera of lower resolution would give it: (H // factor, W // factor, 3)."""
    values = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]
    small = reduced(values, method="bilinear", factor=factor)[0].permute(1, 2, 0)
    out: RgbImage = small.round().clamp(0, 255).to(torch.uint8).numpy()
    return np.ascontiguousarray(out)
