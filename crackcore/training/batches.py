"""Which crops make a batch: a function of the seed and the iteration alone, so that a training that
was killed goes on with the very same ones."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crackcore.domain.model_spec import Preprocessing
from crackcore.training.pairs import TrainingPair
from crackcore.training.settings import TrainSettings

Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def batch_of(
    pairs: Sequence[TrainingPair], s: TrainSettings, iteration: int, *, worker: int = 0, workers: int = 1
) -> Batch:
    """The crops of one iteration: pixels (N, H, W, 3) and labels (N, H, W), both uint8.

    With several workers, one's equal share of them; N is the batch over the workers.
    """
    seeds = [s.seed, iteration] if workers == 1 else [s.seed, iteration, worker]
    rng = np.random.default_rng(seeds)
    chances = _chances(pairs, s)
    crops = [
        s.augment.crop(pairs[i].pixels, pairs[i].mask, rng)
        for i in rng.choice(len(pairs), s.batch // workers, p=chances)
    ]
    return np.stack([c[0] for c in crops]), np.stack([c[1] for c in crops])


def normalised(pixels: NDArray[np.uint8], before: Preprocessing) -> Tensor:
    """Pixels (N, H, W, 3) as a network takes them: float32 (N, 3, H, W)."""
    values = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    if before.channel_order == "BGR":
        values = values.flip(1)
    mean = torch.tensor(before.mean).view(1, 3, 1, 1)
    return (values * before.scale - mean) / torch.tensor(before.std).view(1, 3, 1, 1)


def limit_opencv_threads() -> None:
    """One thread for augmentation: the cores belong to the network."""
    cv2.setNumThreads(1)


def _chances(pairs: Sequence[TrainingPair], s: TrainSettings) -> NDArray[np.float64]:
    """Chance of each picture: sets by their share or else the root of their size, kinds by their share."""
    sizes: dict[str, int] = {}
    for p in pairs:
        sizes[p.set_name] = sizes.get(p.set_name, 0) + 1
    shares = {"crack-free": s.crack_free_share, "weak": s.weak_share, "drawn": s.drawn_share}
    raw = np.array([1 / np.sqrt(sizes[p.set_name]) for p in pairs])
    kinds = np.array([p.kind for p in pairs])
    out = np.zeros(len(pairs))
    special = 0.0
    for kind, share in shares.items():
        if (kinds == kind).any() and share > 0:
            out[kinds == kind] = share * raw[kinds == kind] / raw[kinds == kind].sum()
            special += share
    usual = kinds == "pairs"
    names = np.array([p.set_name for p in pairs])
    left = 1 - special
    for name, share in s.set_shares.items():
        ours = usual & (names == name)
        if ours.any() and (usual & ~ours).any():
            out[ours] = (1 - special) * share / ours.sum()
            usual = usual & ~ours
            left -= (1 - special) * share
    out[usual] = left * raw[usual] / raw[usual].sum()
    chances: NDArray[np.float64] = out / out.sum()
    return chances
