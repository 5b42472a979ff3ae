"""The published ways to cut and colour training pictures: geometry, ranges, and chance by seed."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from crackcore.arrays import ClassMask, RgbImage
from crackcore.training.augmentation import AugmentSettings
from crackcore.training.degradation import BlurAndNoise
from crackcore.training.photometric import blurred_by_chance, distorted, jittered
from crackcore.training.published_augmentation import (
    AUGMENTATIONS,
    CgnetCrop,
    CssrCrop,
    DegradedCrop,
    LiuCrop,
    TipCrop,
)
from crackcore.training.rotated_crops import all_variants, variant


def scene(height: int = 120, width: int = 180) -> tuple[RgbImage, ClassMask]:
    """A picture that is bright where the mask says crack, and otherwise tells its places by colour."""
    mask = np.zeros((height, width), np.uint8)
    cv2.line(mask, (8, 10), (width - 12, height - 20), 1, 7)
    ramp = np.linspace(10, 90, width, dtype=np.float32)[None].repeat(height, 0)
    pixels = np.stack([ramp, ramp[:, ::-1], np.full_like(ramp, 40)], 2).astype(np.uint8)
    pixels[mask == 1] = 230
    return pixels, mask


def test_260_photos_have_35100_forms() -> None:
    pixels, mask = scene()
    names = [v.name for v in all_variants(pixels, mask, crop_px=64)]
    assert len(set(names)) == 135
    assert 260 * len(names) == 35_100
    assert names[0] == "rot0_crop1_mirror0"
    assert names[-1] == "rot8_crop5_mirror2"


def test_forms_without_rotation_are_pixels_of_the_photo() -> None:
    pixels, mask = scene()
    places = {1: (0, 0), 2: (0, 180 - 64), 3: (120 - 64, 0), 4: (120 - 64, 180 - 64), 5: (28, 58)}
    for crop, (top, left) in places.items():
        box = slice(top, top + 64), slice(left, left + 64)
        _, plain, label = variant(pixels, mask, 0, crop, 0, crop_px=64)
        assert np.array_equal(plain, pixels[box])
        assert np.array_equal(label, mask[box])
        for mirror, axis in ((1, 1), (2, 0)):
            _, turned, turned_label = variant(pixels, mask, 0, crop, mirror, crop_px=64)
            assert np.array_equal(turned, np.flip(plain, axis))
            assert np.array_equal(turned_label, np.flip(label, axis))


def test_rotation_turns_picture_and_mask_about_the_middle() -> None:
    mask = np.zeros((101, 101), np.uint8)
    mask[50, 50:90] = 1  # from the middle to the right
    pixels = np.repeat((mask * 255)[:, :, None], 3, 2)
    for rotation in range(9):
        _, out, label = variant(pixels, mask, rotation, 5, 0, crop_px=101)
        ys, xs = np.nonzero(label)
        assert len(ys) > 20
        angle = np.degrees(np.arctan2(50 - ys.mean(), xs.mean() - 50))
        assert angle == pytest.approx(10 * rotation, abs=1.5)
        assert out[label == 1].mean() > 90 > 3 * out[label == 0].mean()


def test_small_photos_and_undecided_pixels() -> None:
    pixels, mask = scene(40, 50)
    mask[:, :10] = 255
    _, out, label = variant(pixels, mask, 3, 2, 1, crop_px=96)
    assert out.shape == (96, 96, 3)
    assert {0, 255} <= set(np.unique(label)) <= {0, 1, 255}
    with pytest.raises(ValueError, match="rotation 9"):
        variant(pixels, mask, 9, 1, 0)


@pytest.mark.parametrize("name", list(AUGMENTATIONS))
def test_every_augmentation_keeps_picture_and_mask_together(name: str) -> None:
    made = AUGMENTATIONS[name](crop_px=96)
    if name == "modern":
        made = replace(made, invert=0, joint=0, shadow=0)
    if name == "degraded":
        made = replace(made, base=replace(made.base, invert=0, joint=0, shadow=0))
    pixels, mask = scene()
    seen = 0
    for seed in range(12):
        out, label = made.crop(pixels, mask, np.random.default_rng(seed))
        again, same_label = made.crop(pixels, mask, np.random.default_rng(seed))
        assert np.array_equal(out, again)
        assert np.array_equal(label, same_label)
        assert out.shape == (96, 96, 3)
        assert out.dtype == label.dtype == np.uint8
        assert out.flags.c_contiguous
        assert set(np.unique(label)) <= {0, 1, 255}
        if (label == 1).sum() > 20 and (label == 0).any():
            seen += 1
            assert out[label == 1].mean() > out[label == 0].mean()
    assert seen >= 4


def test_beyond_a_picture_cgnet_sees_its_mean_and_learns_nothing() -> None:
    pixels, mask = scene(60, 80)
    for seed in range(6):
        out, label = CgnetCrop(256, largest=0.6).crop(pixels, mask, np.random.default_rng(seed))
        beyond = label == 255
        assert beyond.any()
        assert (out[beyond] == (72, 83, 73)).all()
        inside = np.argwhere(~beyond).max(0) + 1
        assert inside[1] / inside[0] == pytest.approx(80 / 60, abs=0.03)  # its aspect is kept


def test_liu_squeezes_the_whole_picture() -> None:
    mask = np.zeros((120, 200), np.uint8)
    mask[:, 40:50] = 1
    pixels = np.repeat((mask * 200)[:, :, None], 3, 2)
    widths = set()
    for seed in range(8):
        _, label = LiuCrop(96).crop(pixels, mask, np.random.default_rng(seed))
        widths.add(int(label[48].sum()))
    assert widths <= {4, 5, 6}  # 10 of 200 columns become 4.8 of 96


def test_cssr_takes_at_least_six_tenths_of_the_area() -> None:
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[::10] = 255  # ten lines: their distance tells the enlargement
    for seed in range(10):
        out, _ = CssrCrop(100).crop(pixels, np.zeros((100, 100), np.uint8), np.random.default_rng(seed))
        profile = out.astype(np.float32).mean((1, 2))
        tops = [y for y in range(1, 99) if profile[y] >= profile[y - 1] and profile[y] > profile[y + 1]]
        gaps = np.diff([y for y in tops if profile[y] > profile.mean()])
        assert 9 <= np.median(gaps) <= 10 / np.sqrt(0.6) + 1


def test_distortion_stays_within_its_ranges() -> None:
    grey = np.full((4, 4, 3), 120, np.uint8)
    means = []
    for seed in range(200):
        out = distorted(grey, np.random.default_rng(seed))
        assert out.std() < 1  # a grey picture stays grey: hue and saturation find nothing to turn
        means.append(float(out.mean()))
    assert min(means) >= (120 - 32) * 0.5 - 1
    assert max(means) <= (120 + 32) * 1.5 + 1
    assert 0.15 < np.mean([m == 120 for m in means]) < 0.35  # neither brightness nor contrast: a quarter


def test_hue_turns_by_at_most_what_it_says() -> None:
    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 200
    for limit in (18.0, 36.0):
        turned = []
        for seed in range(150):
            options = {"brightness": 0.0, "contrast": (1.0, 1.0), "saturation": (1.0, 1.0)}
            out = distorted(red, np.random.default_rng(seed), hue_deg=limit, swap_channels=False, **options)
            hue = cv2.cvtColor(out.astype(np.float32), cv2.COLOR_RGB2HSV)[0, 0, 0]
            turned.append(min(hue, 360 - hue))
        assert limit * 0.8 < max(turned) <= limit + 0.5
        assert 0.35 < np.mean([t == 0 for t in turned]) < 0.65


def test_channels_change_places_half_the_time() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 2] = 10, 20, 30
    plain = {"brightness": 0.0, "contrast": (1.0, 1.0), "saturation": (1.0, 1.0), "hue_deg": 0.0}
    kept = 0
    for seed in range(300):
        out = distorted(pixels, np.random.default_rng(seed), **plain)
        assert sorted(out[0, 0]) == [10, 20, 30]
        kept += list(out[0, 0]) == [10, 20, 30]
    assert 0.5 < kept / 300 < 0.67  # half, and a sixth of the other half


def test_jitter_and_blur_happen_as_often_as_released() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    still = sum(np.array_equal(jittered(pixels, np.random.default_rng(s)), pixels) for s in range(300))
    assert still / 300 == pytest.approx(0.5**4, abs=0.05)
    sharp = sum(
        np.array_equal(blurred_by_chance(pixels, np.random.default_rng(s)), pixels) for s in range(300)
    )
    assert sharp / 300 == pytest.approx(0.8 * 0.85 * 0.9, abs=0.07)


def test_tip_forms_are_the_generators_own() -> None:
    pixels, mask = scene()
    forms = {v.pixels.tobytes() for v in all_variants(pixels, mask, crop_px=64)}
    for seed in range(20):
        out, _ = TipCrop(64, online=False).crop(pixels, mask, np.random.default_rng(seed))
        assert out.tobytes() in forms
    assert TipCrop().variants == 135
    assert AugmentSettings().variants == 1


def test_degraded_crops_are_blurred_and_noisy_as_often_as_asked() -> None:
    pixels, mask = scene()
    always, never = DegradedCrop(96, chance=1.0, noise=(8.0, 8.0)), DegradedCrop(96, chance=0.0)
    for seed in range(8):
        plain, label = never.crop(pixels, mask, np.random.default_rng(seed))
        worse, same = always.crop(pixels, mask, np.random.default_rng(seed))
        base, _ = replace(never.base, crop_px=96).crop(pixels, mask, np.random.default_rng(seed))
        assert np.array_equal(plain, base)
        assert np.array_equal(label, same)  # light, not geometry
        assert 2 < np.abs(worse.astype(float) - plain).mean() < 40


def test_blur_and_noise_make_a_small_picture_with_its_kernel() -> None:
    pictures = torch.full((3, 3, 64, 64), 0.5)
    low, kernels = BlurAndNoise()(pictures, np.random.default_rng(1))
    assert low.shape == (3, 3, 16, 16)
    assert kernels.shape == (3, 1, 21, 21)
    assert torch.allclose(kernels.sum((2, 3)), torch.ones(3, 1), atol=1e-5)
    assert torch.allclose(low[:, :, 5:11, 5:11], torch.tensor(0.5), atol=1e-3)
    noisy, same = BlurAndNoise(noise=(0.05, 0.05))(pictures, np.random.default_rng(1))
    assert torch.equal(kernels, same)
    assert float((noisy - low).std()) == pytest.approx(0.05, rel=0.1)
