"""One criterion for every network: it falls while a small one learns, and leaves out what is undecided."""

from __future__ import annotations

import pytest
import torch

from crackcore.models import create_network
from crackcore.training.criteria import ModernCriterion

NETWORKS = [
    ("cgnet_m3n21", {}),
    ("deepcrack_tip", {"width": 0.125}),
    ("deepcrack_tip_paper", {"width": 0.125}),
    ("deepcrack_liu", {"width": 0.125}),
    ("unet16", {"width": 0.125}),
    ("pspnet", {"width": 0.125}),
    ("cssr", {"width": 0.125, "stages": 2}),
]


def _batch() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(5)
    pictures = 0.6 + 0.05 * torch.rand(2, 3, 64, 64)
    labels = torch.zeros(2, 64, 64, dtype=torch.uint8)
    labels[:, 30:33] = 1
    pictures[:, :, 30:33] -= 0.4
    return pictures, labels


@pytest.mark.parametrize(("name", "arguments"), NETWORKS, ids=[n for n, _ in NETWORKS])
def test_a_few_steps_make_it_smaller(name: str, arguments: dict[str, object]) -> None:
    pictures, labels = _batch()
    network = create_network(name, **arguments).train()
    criterion = ModernCriterion(name)
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3)
    seen = []
    for _ in range(8):
        loss = criterion(network, pictures, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        seen.append(float(loss.detach()))
    assert all(v == v for v in seen)
    assert min(seen[-3:]) < seen[0]


def test_undecided_pixels_teach_nothing() -> None:
    pictures, labels = _batch()
    network = create_network("deepcrack_liu", width=0.125).eval()
    criterion = ModernCriterion("deepcrack_liu")
    unknown = labels.clone()
    unknown[:, :, 40:] = 255
    otherwise = unknown.clone()
    wrong = labels.clone()
    wrong[:, 5:9, 40:] = 1
    wrong[:, :, 40:] = 255
    with torch.no_grad():
        assert criterion(network, pictures, otherwise) == criterion(network, pictures, wrong)
        assert criterion(network, pictures, unknown) != criterion(network, pictures, labels)


def test_a_batch_without_any_decided_pixel_gives_a_number() -> None:
    pictures, labels = _batch()
    network = create_network("deepcrack_liu", width=0.125).eval()
    with torch.no_grad():
        loss = ModernCriterion("deepcrack_liu")(network, pictures, torch.full_like(labels, 255))
    assert torch.isfinite(loss)
