"""Splits, crops and losses: each against what it promises."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crackcore.arrays import ClassMask, RgbImage
from crackcore.errors import InputRefused
from crackcore.storage import write_durably
from crackcore.training.augmentation import AugmentSettings, random_crop
from crackcore.training.losses import crack_loss, soft_dice, weighted_cross_entropy
from crackcore.training.pairs import read_pairs
from crackcore.training.splits import hold_out, photo_groups

STILL = AugmentSettings(
    crop_px=64,
    turn_deg=0,
    invert=0,
    shadow=0,
    joint=0,
    blur=0,
    noise=0,
    jpeg=0,
    smallest_scale=1,
    largest_scale=1,
)


def wall(seed: int, height: int = 400, width: int = 600) -> RgbImage:
    rng = np.random.default_rng(seed)
    grey = cv2.GaussianBlur(rng.normal(128, 60, (height, width)), (0, 0), 2.0) * 3 - 256
    grain = np.clip(grey + rng.normal(0, 4, grey.shape), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(grain[:, :, None], 3, 2))


def test_crops_of_one_photo_stay_together() -> None:
    a, b = wall(1), wall(2)
    crops = [
        a[:300, :300],
        a[100:400, 150:450],
        a[80:380, 300:600],
        b[:300, :300],
        b[90:390, 100:400],
        wall(3),
    ]
    groups = photo_groups(crops)
    assert groups[0] == groups[1] == groups[2]
    assert groups[3] == groups[4]
    assert len({groups[0], groups[3], groups[5]}) == 3


def test_neighbouring_numbers_stay_together_where_asked() -> None:
    pictures = [wall(i, 120, 120) for i in range(5)]
    stems = ["slide10", "slide12", "slide30", "other11", "slide14"]
    assert len(set(photo_groups(pictures, stems))) == 5
    groups = photo_groups(pictures, stems, name_gap=2)
    assert groups[0] == groups[1] == groups[4]
    assert len(set(groups)) == 3


@given(st.lists(st.integers(0, 8), min_size=4, max_size=60), st.floats(0.05, 0.5), st.integers(0, 3))
def test_a_group_is_never_on_both_sides(groups: list[int], share: float, seed: int) -> None:
    keys = [f"{i:04d}" for i in range(len(groups))]
    held = hold_out(keys, groups, fraction=share, seed=seed)
    assert held == hold_out(keys, groups, fraction=share, seed=seed)
    for group in set(groups):
        assert len({h for h, g in zip(held, groups, strict=True) if g == group}) == 1


def drawn(height: int = 160, width: int = 200) -> tuple[RgbImage, ClassMask]:
    """A picture whose brightness says where the crack is, so that crop and mask can be compared."""
    mask = np.zeros((height, width), np.uint8)
    cv2.polylines(mask, [np.array([[5, 20], [90, 80], [150, 75], [195, 150]])], False, 1, 9)
    return np.ascontiguousarray(np.repeat((mask * 200)[:, :, None], 3, 2)), mask


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.0, 1.7])
def test_picture_and_mask_go_through_the_same_geometry(scale: float) -> None:
    pixels, mask = drawn()
    settings = replace(STILL, smallest_scale=scale, largest_scale=scale, turn_deg=30)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        crop, label = random_crop(pixels, mask, rng, settings)
        assert crop.shape == (64, 64, 3)
        assert label.shape == (64, 64)
        assert set(np.unique(label)) <= {0, 1}
        # light may have changed (brightness, contrast, saturation) but never the order
        bright, dark = crop[label == 1].mean() if label.any() else 255, crop[label == 0].mean()
        assert bright > dark


def test_undecided_pixels_stay_undecided() -> None:
    pixels, mask = drawn()
    mask[:, :100] = 255
    seen = set()
    for seed in range(10):
        seen |= set(np.unique(random_crop(pixels, mask, np.random.default_rng(seed), STILL)[1]))
    assert 255 in seen


def test_the_same_seed_gives_the_same_crop() -> None:
    pixels, mask = drawn()
    first = random_crop(pixels, mask, np.random.default_rng(5), AugmentSettings(crop_px=64))
    again = random_crop(pixels, mask, np.random.default_rng(5), AugmentSettings(crop_px=64))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("size", [(20, 300), (64, 64), (9, 9)])
def test_small_and_narrow_pictures_give_full_crops(size: tuple[int, int]) -> None:
    pixels = np.zeros((*size, 3), np.uint8)
    crop, label = random_crop(
        pixels, np.zeros(size, np.uint8), np.random.default_rng(0), AugmentSettings(crop_px=96)
    )
    assert crop.shape == (96, 96, 3)
    assert label.shape == (96, 96)


def test_cross_entropy_equals_a_slow_rewrite() -> None:
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(0, 2, (2, 2, 5, 7)).astype(np.float32))
    labels = rng.integers(0, 2, (2, 5, 7)).astype(np.uint8)
    labels[0, 0, :4] = 255
    total = below = 0.0
    for n, y, x in np.ndindex(labels.shape):
        if labels[n, y, x] == 255:
            continue
        values = logits[n, :, y, x].double().numpy()
        weight = (5.0, 10.0)[labels[n, y, x]]
        total += weight * (np.log(np.exp(values).sum()) - values[labels[n, y, x]])
        below += weight
    ours = weighted_cross_entropy(logits, torch.from_numpy(labels), weights=(5.0, 10.0))
    assert float(ours) == pytest.approx(total / below, abs=1e-5)


def test_dice_is_zero_for_the_truth_and_near_one_for_its_opposite() -> None:
    labels = torch.zeros(1, 8, 8, dtype=torch.uint8)
    labels[:, 3:5] = 1
    right = torch.stack([(labels == 0) * 40.0, (labels == 1) * 40.0], 1)
    assert float(soft_dice(right, labels)) == pytest.approx(0, abs=1e-5)
    assert float(soft_dice(right.flip(1), labels)) > 0.97
    assert float(crack_loss(right, labels)) < 1e-4


def test_a_folder_lists_what_it_refuses(tmp_path: Path, tiny_photo: RgbImage) -> None:
    from crackcore.exports.pictures import mask_png, rgb_png

    mask = np.zeros(tiny_photo.shape[:2], np.uint8)
    mask[40:44] = 1
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for stem in ("good", "no-mask", "other-size"):
        write_durably(tmp_path / "images" / f"{stem}.png", rgb_png(tiny_photo))
    write_durably(tmp_path / "images" / "broken.jpg", b"broken")
    write_durably(tmp_path / "masks" / "good.png", mask_png(mask))
    write_durably(tmp_path / "masks" / "other-size.png", mask_png(mask[:50]))
    found = read_pairs(tmp_path)
    assert [p.stem for p in found.pairs] == ["good"]
    assert np.array_equal(found.pairs[0].mask, mask)
    assert sorted(name for name, _ in found.refused) == ["broken.jpg", "no-mask.png", "other-size.png"]
    assert "128 x 50 px" in dict(found.refused)["other-size.png"]

    weak = read_pairs(tmp_path, kind="weak")
    assert set(np.unique(weak.pairs[0].mask)) <= {0, 255}
    assert weak.pairs[0].mask[42, 10] == 255


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused):
        read_pairs(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    with pytest.raises(InputRefused, match="no photographs"):
        read_pairs(tmp_path)
