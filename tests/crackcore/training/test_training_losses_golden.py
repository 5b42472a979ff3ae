"""Every loss against the value and the gradient of the published implementation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from crackcore.models.joint import JointMaps
from crackcore.training import losses

if TYPE_CHECKING:
    from golden_networks import Golden

CLOSE = 1e-5  # relative, of values
STEEP = 2e-7  # absolute, of gradients that reach 1e-2; float32 throughout

Case = tuple[dict[str, Any], dict[str, NDArray[Any]]]


@pytest.fixture(scope="module")
def cssr(golden: Golden) -> Case:
    return golden.case("losses_cssr")


@pytest.fixture(scope="module")
def csbsr(golden: Golden) -> Case:
    return golden.case("losses_csbsr")


@pytest.fixture(scope="module")
def deepcrack(golden: Golden) -> Case:
    return golden.case("losses_deepcrack")


def _labels(values: dict[str, NDArray[Any]]) -> Tensor:
    return torch.from_numpy(values["mask"][:, 0])


def _boundary_family() -> dict[str, Any]:
    found: dict[str, Any] = {
        "wbce_1_1": losses.weighted_bce,
        "wbce_20_1": partial(losses.weighted_bce, weights=(20.0, 1.0)),
        "dice": losses.dice,
        "gdice": losses.generalised_dice,
        "boundary": losses.boundary_loss,
        "bce_dice_w1_1_l1_1": losses.combo,
        "bce_dice_w20_1_l6_1": partial(losses.combo, weights=(20.0, 1.0), shares=(6.0, 1.0)),
    }
    for alpha in (1.0, 0.75, 0.5, 0.01):
        for name, loss in {
            "boundary_combo_w1_1": losses.boundary_combo,
            "boundary_combo_w20_1": partial(losses.boundary_combo, weights=(20.0, 1.0)),
            "generalized_boundary_combo_w1_1": losses.generalised_boundary_combo,
            "boundary_gdice": losses.boundary_generalised_dice,
        }.items():
            found[f"{name}_alpha{alpha:g}"] = partial(loss, alpha=alpha)
    return found


BOUNDARY_FAMILY = _boundary_family()


def test_no_value_is_left_out(cssr: Case) -> None:
    assert set(BOUNDARY_FAMILY) == set(cssr[0]["values"])
    assert {f"grad_{name}" for name in BOUNDARY_FAMILY} == {k for k in cssr[1] if k.startswith("grad_")}


@pytest.mark.parametrize("name", BOUNDARY_FAMILY)
def test_values_and_gradients_of_cssr(name: str, cssr: Case) -> None:
    described, values = cssr
    prob = torch.from_numpy(values["pred"]).requires_grad_()
    found = BOUNDARY_FAMILY[name](prob, _labels(values))
    np.testing.assert_allclose(found.detach().numpy(), described["values"][name], rtol=CLOSE, atol=1e-9)
    found.sum().backward()
    assert prob.grad is not None
    np.testing.assert_allclose(prob.grad.numpy(), values[f"grad_{name}"], rtol=CLOSE, atol=STEEP)


def test_signed_distances_of_cssr(cssr: Case) -> None:
    _, values = cssr
    for normalised, key in ((True, "sdf_normalised"), (False, "sdf_pixels")):
        ours = losses.batch_distances(_labels(values), normalised=normalised)
        np.testing.assert_allclose(ours.numpy(), values[key], rtol=CLOSE, atol=1e-6, err_msg=key)


@pytest.mark.parametrize(("key", "alpha"), [("0", 1.0), ("2500", 0.98), ("10000000", 0.01)])
def test_values_of_csbsr(key: str, alpha: float, csbsr: Case) -> None:
    described, values = csbsr
    found = losses.boundary_combo(torch.from_numpy(values["pred"]), _labels(values), alpha=alpha)
    wanted = described["values"][f"boundary_combo_resume{key}"]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=CLOSE)


def test_weights_of_failures(csbsr: Case) -> None:
    _, values = csbsr
    prob = torch.from_numpy(values["pred"]).requires_grad_()
    found = losses.failure_weights(prob, _labels(values))
    assert not found.requires_grad
    np.testing.assert_allclose(found.numpy(), values["fail_oriented_weight_amp1"], rtol=1e-6)


@pytest.mark.parametrize("pos_weight", [1, 10])
def test_values_of_zous_deepcrack(pos_weight: int, deepcrack: Case) -> None:
    described, values = deepcrack
    wanted = described["tip"]["values"][f"pos_weight_{pos_weight}"]
    outputs = tuple(torch.from_numpy(values["logits"]).requires_grad_())
    options = {"pos_weight": pos_weight, "again_divided_by": described["tip"]["train_batch_size"]}
    each = losses.tip_map_losses(outputs, _labels(values), **options)
    for name, one in zip(described["tip"]["map_order"], each, strict=True):
        assert one.item() == pytest.approx(wanted[f"{name}_loss"], rel=CLOSE), name
    total = losses.tip_loss(outputs, _labels(values), **options)
    assert total.item() == pytest.approx(wanted["total_loss"], rel=CLOSE)
    undivided = losses.tip_loss(outputs, _labels(values), pos_weight=pos_weight)
    assert undivided.item() == pytest.approx(8 * wanted["total_loss"], rel=CLOSE)
    if pos_weight == 1:
        (gradient,) = torch.autograd.grad(total, outputs[0])
        np.testing.assert_allclose(gradient.numpy(), values["tip_grad_output"], rtol=CLOSE, atol=1e-9)


@pytest.mark.parametrize("mode", ["focal", "bce"])
def test_values_of_lius_deepcrack(mode: Any, deepcrack: Case) -> None:
    described, values = deepcrack
    wanted = described["liu"]["values"][mode]
    outputs = tuple(torch.from_numpy(values["logits"]).requires_grad_())
    each = losses.liu_map_losses(outputs, _labels(values), mode=mode)
    np.testing.assert_allclose(each.detach().numpy(), wanted["per_map"], rtol=CLOSE)
    total = losses.liu_loss(outputs, _labels(values), mode=mode)
    assert total.item() == pytest.approx(wanted["total"], rel=CLOSE)
    side = losses.liu_loss(outputs, _labels(values), mode=mode, lambda_fused=0)
    assert side.item() == pytest.approx(wanted["side"], rel=CLOSE)
    if mode == "focal":
        (gradient,) = torch.autograd.grad(total, outputs[5])
        np.testing.assert_allclose(gradient.numpy(), values["liu_focal_grad_fused"], rtol=CLOSE, atol=1e-9)
    else:
        assert pytest.approx(wanted["pos_weight"], rel=1e-15) == losses.LIU_CRACK_WEIGHT


# ---------------------------------------------------------------- joint networks


def _joint_maps(values: dict[str, NDArray[Any]]) -> JointMaps:
    sr, prob = torch.from_numpy(values["sr"]), torch.from_numpy(values["prob"])
    kernel = torch.from_numpy(values["kernel_pred"]) if "kernel_pred" in values else None
    return JointMaps(sr, sr, prob, torch.logit(prob), {}, kernel)


@pytest.mark.parametrize("alpha", [1.0, 0.6, 0.01])
def test_joint_loss_of_cssr(alpha: float, golden: Golden) -> None:
    described, values = golden.case("cssr_joint_loss.64x48")
    wanted = described["losses"][f"alpha{alpha:g}"]
    found = losses.cssr_joint_loss(
        _joint_maps(values), torch.from_numpy(values["hr"]), _labels(values), alpha=alpha
    )
    assert found.total.item() == pytest.approx(wanted["total"], rel=CLOSE)
    np.testing.assert_allclose(found.enlargement.numpy(), wanted["sr_loss"], rtol=CLOSE)
    np.testing.assert_allclose(found.segmentation.numpy(), wanted["segment_loss"], rtol=CLOSE)


def test_parts_of_the_blind_enlargement_of_csbsr(golden: Golden) -> None:
    described, values = golden.case("csbsr_joint_loss.64x48")
    parts = losses.blind_enlargement_parts(
        *(torch.from_numpy(values[k]) for k in ("sr", "kernel_pred", "hr", "lr", "kernel_target"))
    )
    for ours, key in zip(parts, ("hr_l1", "lr_l1", "kernel_mse"), strict=True):
        np.testing.assert_allclose(ours.numpy(), described["parts"][key], rtol=CLOSE, err_msg=key)
