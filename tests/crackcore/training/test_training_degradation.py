"""Low-resolution pictures and CGNet's losses against the values of the published implementations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from crackcore.arrays import UNDECIDED
from crackcore.models.blur import blurred
from crackcore.training.degradation import blurred_and_reduced, gaussian_kernel, random_kernel, reduced
from crackcore.training.losses import weighted_cross_entropy

if TYPE_CHECKING:
    from golden_networks import Golden

EXACT = {"atol": 1e-6, "rtol": 0}


def test_kernels_blur_and_reduction_are_those_of_csbsr(golden: Golden) -> None:
    _, values = golden.case("csbsr_degrade.64x48")
    kernels = torch.stack([gaussian_kernel(*row) for row in values["params"]])[:, None]
    np.testing.assert_allclose(kernels[:, 0].numpy(), values["kernels"], **EXACT)
    pictures = torch.from_numpy(values["hr"]).expand(4, -1, -1, -1)
    np.testing.assert_allclose(blurred(pictures, kernels).numpy(), values["blurred"], **EXACT)
    np.testing.assert_allclose(blurred_and_reduced(pictures, kernels).numpy(), values["lr"], **EXACT)


def test_training_inputs_are_those_of_the_joint_networks(golden: Golden) -> None:
    _, cssr = golden.case("cssr_joint_loss.64x48")
    ours = reduced(torch.from_numpy(cssr["hr"]), method="bilinear")
    np.testing.assert_allclose(ours.numpy(), cssr["lr"], **EXACT)
    _, csbsr = golden.case("csbsr_joint_loss.64x48")
    kernels = torch.from_numpy(csbsr["kernel_target"])
    ours = blurred_and_reduced(torch.from_numpy(csbsr["hr"]), kernels)
    np.testing.assert_allclose(ours.numpy(), csbsr["lr"], **EXACT)


def test_a_stride_takes_every_such_pixel_of_the_blurred_picture() -> None:
    pictures, kernels = torch.rand(2, 3, 12, 9), torch.rand(2, 1, 5, 5)
    whole = blurred(pictures, kernels)
    torch.testing.assert_close(blurred(pictures, kernels, stride=4), whole[:, :, ::4, ::4])
    # the second picture has its own kernel
    torch.testing.assert_close(blurred(pictures[1:], kernels[1:]), whole[1:])


def test_a_kernel_lies_as_it_is_turned() -> None:
    flat = gaussian_kernel(3.0, 0.5, 0.0)
    assert flat[10, 14] > 10 * flat[14, 10]
    upwards = gaussian_kernel(3.0, 0.5, 45.0)
    assert upwards[7, 13] > 10 * upwards[13, 13]  # earlier rows, later columns
    torch.testing.assert_close(gaussian_kernel(3.0, 0.5, 90.0), flat.T)


def test_random_kernels_cover_the_published_range_and_repeat_with_their_seed() -> None:
    made = [random_kernel(np.random.default_rng(5)) for _ in range(2)]
    assert torch.equal(*made)
    generator = np.random.default_rng(6)
    many = torch.stack([random_kernel(generator) for _ in range(200)])
    torch.testing.assert_close(many.sum((1, 2)), torch.ones(200))
    peaks = many.amax((1, 2))
    assert peaks.max() > 0.5  # hardly any blur
    assert peaks.min() < 0.02  # strong blur


@pytest.mark.parametrize(("sigma", "side"), [((0.0, 1.0), 21), ((1.0, float("nan")), 21), ((1.0, 1.0), 20)])
def test_impossible_kernels_are_refused(sigma: tuple[float, float], side: int) -> None:
    with pytest.raises(ValueError, match="a kernel has"):
        gaussian_kernel(*sigma, 0.0, side_px=side)


@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
def test_reduction_leaves_no_picture_empty(method: str) -> None:
    assert reduced(torch.rand(1, 3, 2, 11), method=method).shape == (1, 3, 1, 2)  # type: ignore[arg-type]


def test_class_weighted_losses_are_those_of_both_library_versions(golden: Golden) -> None:
    described, values = golden.case("losses_cgnet")
    logits = torch.from_numpy(values["logits"]).requires_grad_()
    labels = torch.from_numpy(values["label"])
    decided = torch.where(labels == UNDECIDED, 0, labels)
    assert bool((labels == UNDECIDED).any())

    earlier = weighted_cross_entropy(logits, labels, weights=(5.0, 10.0), divided_by="pixels")
    assert earlier.item() == pytest.approx(described["loss_class_weight_5_10"], rel=1e-6)
    earlier.backward()
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad.numpy(), values["grad"], atol=1e-8, rtol=0)

    doubled = weighted_cross_entropy(logits, labels, weights=(10.0, 20.0), divided_by="pixels")
    assert doubled.item() == pytest.approx(described["loss_class_weight_10_20"], rel=1e-6)
    for divided_by, key in (
        ("pixels", "loss_class_weight_5_10_no_ignored_pixels"),
        ("weights", "loss_class_weight_5_10_no_ignored_pixels_newer_library"),
    ):
        ours = weighted_cross_entropy(logits, decided, weights=(5.0, 10.0), divided_by=divided_by)  # type: ignore[arg-type]
        assert ours.item() == pytest.approx(described[key], rel=1e-6)


def test_undecided_pixels_leave_the_later_version_as_if_they_were_not_there(golden: Golden) -> None:
    _, values = golden.case("losses_cgnet")
    logits, labels = torch.from_numpy(values["logits"]), torch.from_numpy(values["label"])
    known = labels != UNDECIDED
    columns = logits.permute(1, 0, 2, 3)[:, known][None, :, None]
    without = weighted_cross_entropy(columns, labels[known][None, None], weights=(5.0, 10.0))
    torch.testing.assert_close(weighted_cross_entropy(logits, labels, weights=(5.0, 10.0)), without)
