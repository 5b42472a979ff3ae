"""What the published losses do not survive: nothing decided, all crack, certainty, half precision."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from torch import Tensor

from crackcore.models.joint import JointMaps
from crackcore.training import losses

Loss = Callable[[Tensor, Tensor], Tensor]

ON_PROBABILITIES: dict[str, Loss] = {
    **{kind: partial(losses.segmentation_loss, kind=kind, alpha=0.6) for kind in losses.SEGMENTATION_LOSSES},
    "boundary": losses.boundary_loss,
    "cldice": partial(losses.soft_cl_dice, rounds=3),
    "dice_and_cldice": partial(losses.dice_and_cl_dice, rounds=3),
}
ON_LOGITS: dict[str, Loss] = {
    "cross_entropy": partial(losses.weighted_cross_entropy, weights=(5.0, 10.0)),
    "cross_entropy_pixels": partial(losses.weighted_cross_entropy, weights=(5.0, 10.0), divided_by="pixels"),
    "soft_dice": losses.soft_dice,
    "crack_loss": losses.crack_loss,
    "tip": lambda z, labels: losses.tip_loss((z, z), labels),
    "liu_focal": lambda z, labels: losses.liu_loss((z,) * 6, labels),
    "liu_bce": lambda z, labels: losses.liu_loss((z,) * 6, labels, mode="bce"),
}
ALL = {**ON_PROBABILITIES, **ON_LOGITS}

LABELS = {
    "sound": np.zeros((6, 9), np.uint8),
    "all crack": np.ones((6, 9), np.uint8),
    "all undecided": np.full((6, 9), 255, np.uint8),
    "crack and undecided": np.where(np.arange(54).reshape(6, 9) % 3 == 0, 1, 255).astype(np.uint8),
    "one pixel": np.eye(6, 9, dtype=np.uint8) * (np.arange(9) == 4),
}


def _given(name: str, value: str) -> Tensor:
    scale = {"certain": 60.0, "wrong": -60.0, "middling": 0.0, "mixed": None}[value]
    generator = torch.Generator().manual_seed(3)
    logits = (
        torch.randn(2, 1, 6, 9, generator=generator) * 4
        if scale is None
        else torch.full((2, 1, 6, 9), float(scale))
    )
    return torch.sigmoid(logits) if name in ON_PROBABILITIES else logits


@pytest.mark.parametrize("value", ["certain", "wrong", "middling", "mixed"])
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("name", ALL)
def test_values_and_slopes_are_numbers(name: str, labels: str, value: str) -> None:
    maps = _given(name, value).requires_grad_()
    # the second sample is an ordinary one
    planes = torch.from_numpy(np.stack([LABELS[labels], LABELS["one pixel"]]))
    found = ALL[name](maps, planes).sum()
    assert bool(torch.isfinite(found))
    found.backward()
    assert maps.grad is not None
    assert bool(torch.isfinite(maps.grad).all())


@pytest.mark.parametrize("name", ALL)
def test_a_batch_without_anything_decided_is_0_and_teaches_nothing(name: str) -> None:
    maps = _given(name, "mixed").requires_grad_()
    found = ALL[name](maps, torch.full((2, 6, 9), 255, dtype=torch.uint8)).sum()
    assert found.item() == pytest.approx(0, abs=1e-6)
    found.backward()
    assert maps.grad is not None
    assert not maps.grad.any()


planes = arrays(np.uint8, (2, 7, 8), elements=st.sampled_from([0, 0, 1, 2, 255]))


@given(planes, st.integers(0, 2**31))
@pytest.mark.parametrize("name", [n for n in ALL if n != "cross_entropy_pixels"])
def test_what_is_predicted_where_nothing_is_known_does_not_matter(
    name: str, labels: NDArray[np.uint8], seed: int
) -> None:
    known = torch.from_numpy(labels != 255)[:, None]
    generator = torch.Generator().manual_seed(seed)
    a, b = (torch.rand(2, 1, 7, 8, generator=generator, dtype=torch.float64) for _ in range(2))
    other = torch.where(known, a, b)
    truth = torch.from_numpy(labels)
    torch.testing.assert_close(ALL[name](a, truth), ALL[name](other, truth), rtol=1e-6, atol=1e-7)


@given(planes)
def test_undecided_pixels_of_the_pointwise_losses_are_as_if_cut_out(labels: NDArray[np.uint8]) -> None:
    labels[1] = labels[0]  # the same pixels are cut from both samples
    kept = labels[0] != 255
    if not kept.any():
        return
    prob = torch.rand(2, 1, 7, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    cut = prob[:, :, torch.from_numpy(kept)][:, :, None]
    truth, cut_truth = torch.from_numpy(labels), torch.from_numpy(labels[:, kept][:, None])
    for name in ("wbce", "dice", "gdice", "combo"):
        loss = ON_PROBABILITIES[name]
        torch.testing.assert_close(loss(prob, truth), loss(cut, cut_truth), msg=name)
    for name in ("cross_entropy", "soft_dice", "tip", "liu_focal", "liu_bce"):
        torch.testing.assert_close(ON_LOGITS[name](prob, truth), ON_LOGITS[name](cut, cut_truth), msg=name)


@pytest.mark.parametrize("name", ALL)
def test_half_precision_gives_what_single_gives(name: str) -> None:
    maps = _given(name, "mixed").bfloat16()
    labels = torch.from_numpy(np.stack([LABELS["one pixel"], LABELS["sound"]]))
    found = ALL[name](maps, labels)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, ALL[name](maps.float(), labels))


@pytest.mark.parametrize("name", ALL)
def test_learning_lowers_it(name: str) -> None:
    logits = torch.zeros(2, 1, 6, 9, requires_grad=True)
    labels = torch.from_numpy(np.stack([LABELS["one pixel"]] * 2))
    labels[:, 1:5, 3:6] = 1
    optimiser = torch.optim.Adam([logits], lr=0.3)

    def loss() -> Tensor:
        return ALL[name](torch.sigmoid(logits) if name in ON_PROBABILITIES else logits, labels).sum()

    first = loss().item()
    for _ in range(40):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
    assert loss().item() < first - 0.02 * abs(first)


def test_maps_that_are_larger_than_their_labels_are_cut_and_smaller_ones_refused() -> None:
    labels = torch.zeros(1, 7, 5, dtype=torch.uint8)
    larger = torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(losses.dice(larger, labels), losses.dice(larger[..., :7, :5], labels))
    with pytest.raises(ValueError, match="do not fit"):
        losses.dice(torch.rand(1, 1, 6, 5), labels)
    with pytest.raises(ValueError, match="no segmentation loss"):
        losses.segmentation_loss(larger, labels, kind="bc3")


def test_auxiliary_branches_count_two_fifths() -> None:
    generator = torch.Generator().manual_seed(5)
    main, auxiliary = (torch.rand(2, 1, 6, 9, generator=generator) for _ in range(2))
    labels = torch.from_numpy(np.stack([LABELS["one pixel"], LABELS["all crack"]]))
    for kind in losses.SEGMENTATION_LOSSES:
        loss = partial(losses.segmentation_loss, kind=kind, alpha=0.3)
        both = loss(main, labels, auxiliary=auxiliary)
        torch.testing.assert_close(both, loss(main, labels) + 0.4 * loss(auxiliary, labels))


# ---------------------------------------------------------------- distances


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.sampled_from([0, 1, 255]))
)
def test_signed_distances_equal_a_slow_rewrite(mask: NDArray[np.uint8]) -> None:
    crack, sound = np.argwhere(mask == 1), np.argwhere(mask == 0)
    wanted = np.zeros(mask.shape)
    for y, x in np.ndindex(mask.shape):
        if mask[y, x] == 0 and len(crack):
            wanted[y, x] = np.hypot(*(crack - (y, x)).T).min()
        elif mask[y, x] == 1 and len(sound):
            beside = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
            edge = any(
                0 <= r < mask.shape[0] and 0 <= c < mask.shape[1] and mask[r, c] == 0 for r, c in beside
            )
            wanted[y, x] = 0 if edge else -np.hypot(*(sound - (y, x)).T).min()
    np.testing.assert_allclose(losses.signed_distances(mask, normalised=False), wanted, atol=1e-5)


def test_normalised_distances_of_each_side_end_at_1() -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[10:21, 5:50] = 1
    found = losses.signed_distances(mask)
    assert found.max() == 1.0
    assert found.min() == -1.0
    assert not losses.signed_distances(np.ones((5, 5), np.uint8)).any()
    mask[:] = 255
    mask[3, 3] = 1
    assert not losses.signed_distances(mask).any()


def test_crack_weights_fall_with_the_distance() -> None:
    mask = torch.zeros(1, 5, 9, dtype=torch.uint8)
    assert bool((losses.crack_weights(mask) == 2).all())
    mask[:, :, 2] = 1
    found = losses.crack_weights(mask, amplitude=0.5)[0, 0, 2]
    torch.testing.assert_close(found, 2 * torch.exp(-0.5 * (torch.arange(9) - 2).abs().float()))


# ---------------------------------------------------------------- centre lines, joint networks


def test_soft_centre_lines_are_thin_and_inside() -> None:
    plane = torch.zeros(1, 1, 15, 40)
    plane[..., 4:11, 5:35] = 1
    line = losses.soft_skeleton(plane)
    assert bool((line <= plane).all())
    assert 0 < float(line[0, 0, :, 20].sum()) <= 2
    assert float(line[0, 0, 7, 20]) == 1


def test_a_gap_costs_more_along_the_line_than_thinner_edges() -> None:
    labels = torch.zeros(1, 15, 40, dtype=torch.uint8)
    labels[:, 5:10, 2:38] = 1
    whole = labels[:, None].float()
    gap, thinner = whole.clone(), whole.clone()
    gap[..., 18:23] = 0
    thinner[..., 5, :] = 0
    thinner[..., 9, :] = 0
    assert losses.soft_cl_dice(whole, labels).item() == pytest.approx(0, abs=1e-6)
    assert losses.soft_cl_dice(gap, labels).item() > 3 * losses.soft_cl_dice(thinner, labels).item()
    assert losses.dice(gap, labels).item() < losses.dice(thinner, labels).item()


def _maps(*, kernel: bool) -> tuple[JointMaps, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(9)
    sr, hr = (torch.rand(2, 3, 24, 16, generator=generator) for _ in range(2))
    prob = torch.rand(2, 1, 24, 16, generator=generator)
    labels = (torch.rand(2, 24, 16, generator=generator) > 0.8).to(torch.uint8)
    found = torch.rand(2, 1, 21, 21, generator=generator) / 220 if kernel else None
    return JointMaps(sr, sr, prob, torch.logit(prob), {}, found), hr, labels


def test_beta_moves_from_the_picture_to_the_cracks() -> None:
    maps, hr, labels = _maps(kernel=False)
    picture = losses.cssr_joint_loss(maps, hr, labels, alpha=0.5, beta=0.0)
    cracks = losses.cssr_joint_loss(maps, hr, labels, alpha=0.5, beta=1.0)
    torch.testing.assert_close(picture.total, (maps.sr - hr).abs().mean())
    torch.testing.assert_close(cracks.total, cracks.segmentation.mean())
    with pytest.raises(ValueError, match="differ in size"):
        losses.cssr_joint_loss(maps, hr[..., :-1], labels, alpha=0.5)


def test_failures_weigh_more_and_the_kernel_counts_where_it_is_asked_to() -> None:
    maps, hr, labels = _maps(kernel=True)
    lr = torch.rand(2, 3, 6, 4, generator=torch.Generator().manual_seed(2))
    kernels = torch.full((2, 1, 21, 21), 1 / 441)
    loss = partial(losses.csbsr_joint_loss, maps, hr, labels, lr=lr, kernels=kernels, alpha=0.5)
    plain, weighed = loss(), loss(failure_amplitude=1.0)
    weights = losses.failure_weights(maps.prob, labels)
    first, second, third = losses.blind_enlargement_parts(maps.sr, maps.kernel, hr, lr, kernels, weights)  # type: ignore[arg-type]
    torch.testing.assert_close(first, ((maps.sr - hr).abs() * weights).mean((1, 2, 3)))
    torch.testing.assert_close(weighed.enlargement, 0.4 * first + 0.4 * second)
    assert bool((weighed.enlargement > plain.enlargement).all())
    torch.testing.assert_close(weighed.segmentation, plain.segmentation)
    torch.testing.assert_close(loss(weights=(0.0, 0.0, 1.0)).enlargement, third)
    with pytest.raises(ValueError, match="estimates the blur"):
        losses.csbsr_joint_loss(_maps(kernel=False)[0], hr, labels, lr=lr, kernels=kernels, alpha=1.0)
