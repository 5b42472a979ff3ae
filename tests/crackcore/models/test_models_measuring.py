"""The figures that are shown for networks are those of the networks."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from crackcore.models.architectures import OWN, Architecture
from crackcore.models.measuring import gflop, parameter_count, weightless


@pytest.mark.parametrize("architecture", OWN, ids=lambda a: a.name)
def test_the_figures_of_every_architecture_are_right(architecture: Architecture) -> None:
    network = weightless(architecture.name)
    assert architecture.parameters == parameter_count(network)
    assert architecture.gflop_512 == pytest.approx(gflop(network), abs=0.06)


def test_work_is_counted_as_one_does_by_hand() -> None:
    with torch.device("meta"):
        network = nn.Conv2d(3, 8, 3, padding=1)
    assert gflop(network) == pytest.approx(2 * 9 * 3 * 8 * 512 * 512 / 1e9)
    assert gflop(network, height_px=16, width_px=32) == pytest.approx(2 * 9 * 3 * 8 * 512 / 1e9)
    assert parameter_count(network) == 9 * 3 * 8 + 8


def test_words_for_speed_follow_the_work() -> None:
    words = {own.name: own.speed for own in OWN}
    assert words["cgnet_m3n21"] == "light"
    assert words["deepcrack_tip"] == words["csbsr"] == "heavy"
    assert all(words.values())
