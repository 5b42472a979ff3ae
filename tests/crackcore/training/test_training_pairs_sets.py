"""Training on data sets as published: one half, inside the region that counts, nothing on two sides."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from crackcore.training.pairs import TrainingPair, read_pairs
from crackcore.training.run import TrainRequest, split


def picture(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    stains = rng.integers(40, 210, (9, 11, 3)).astype(np.uint8)
    return cv2.resize(stains, (96, 64), interpolation=cv2.INTER_CUBIC)


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def crack() -> np.ndarray:
    values = np.zeros((64, 96), np.uint8)
    values[20:23] = 255
    return values


def test_a_published_set_is_read_as_it_is_and_by_halves(tmp_path: Path) -> None:
    for side, stems in (("train", ("11125-1", "11125-2")), ("test", ("11125-1",))):
        for number, stem in enumerate(stems):
            save(tmp_path / f"{side}_img" / f"{stem}.png", picture(number))
            save(tmp_path / f"{side}_lab" / f"{stem}.png", crack())
    found = read_pairs(tmp_path)
    assert [p.stem for p in found.pairs] == ["train/11125-1", "11125-2", "test/11125-1"]
    assert {p.group for p in found.pairs} == {"11125"}
    assert found.crack_values == "255"
    assert [p.side for p in read_pairs(tmp_path, side="train").pairs] == ["train", "train"]


def test_outside_the_surface_nothing_is_taught(tmp_path: Path) -> None:
    surface = np.zeros((64, 96), np.uint8)
    surface[:, :40] = 255
    save(tmp_path / "Stone331" / "1.png", picture(1))
    save(tmp_path / "Stone331_gt" / "1.png", crack())
    save(tmp_path / "Stone331_mask" / "1.png", surface)
    mask = read_pairs(tmp_path).pairs[0].mask
    assert (mask[:, 40:] == 255).all()
    assert (mask[20:23, :40] == 1).all()


def pairs(set_name: str, *members: tuple[int, str]) -> list[TrainingPair]:
    mask = (crack() > 0).astype(np.uint8)
    return [
        TrainingPair(
            f"{number}", set_name, "pairs", Path("x"), f"{set_name}{number}", picture(seed), mask, group
        )
        for number, (seed, group) in enumerate(members)
    ]


def test_the_same_picture_in_two_sets_stays_on_one_side(tmp_path: Path) -> None:
    """Every picture of one set is also in the other; no draw may part the two."""
    both = [(seed, "") for seed in range(10)]
    request = TrainRequest(pairs("road", *both) + pairs("merged", *both), tmp_path / "m.safetensors", "m")
    held = split(request)
    assert held[:10] == held[10:]
    assert 1 <= sum(held[:10]) <= 4


def test_crops_of_one_photo_stay_together_by_their_names(tmp_path: Path) -> None:
    members = [(seed, f"photo{seed // 2}") for seed in range(12)]
    held = split(TrainRequest(pairs("road", *members), tmp_path / "m.safetensors", "m"))
    assert held[::2] == held[1::2]
    assert sum(held) == 4  # two photos: the first two pictures are less than the share asked for
