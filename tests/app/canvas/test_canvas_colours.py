"""Colours that mean something stay apart, also for people who see fewer of them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from app.theme import data_colours

# Machado, Oliveira and Fernandes 2009, full severity, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
GROUNDS = {
    "light concrete": (190, 186, 178),
    "asphalt": (70, 70, 72),
    "sandstone": (196, 170, 130),
    "crack": (25, 25, 25),
}
MARKS = {
    "predicted": data_colours.CRACK_PREDICTED,
    "by hand": data_colours.CRACK_BY_HAND,
    "undecided": data_colours.UNDECIDED,
}
ERRORS = {
    "found": data_colours.ERROR_MATCHED,
    "missed": data_colours.ERROR_MISSED,
    "invented": data_colours.ERROR_INVENTED,
}


def seen(colour: tuple[int, int, int], sight: str) -> np.ndarray:
    """CIELAB of a colour as somebody sees it."""
    c = np.array(colour) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    linear = np.clip(SIGHT[sight] @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ linear / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("marks", [MARKS, ERRORS], ids=["masks", "errors"])
def test_marks_differ_from_each_other_and_from_every_ground(sight: str, marks: dict) -> None:
    for (a, one), (b, other) in combinations(marks.items(), 2):
        assert np.linalg.norm(seen(one, sight) - seen(other, sight)) > 30, (a, b)
    for mark, colour in marks.items():
        for ground, under in GROUNDS.items():
            assert np.linalg.norm(seen(colour, sight) - seen(under, sight)) > 28, (mark, ground)


@pytest.mark.parametrize("name", data_colours.COLOUR_MAPS)
def test_score_maps_grow_lighter_for_everybody(name: str) -> None:
    table = data_colours.colour_map(name)
    assert table.shape == (256, 3)
    for sight in SIGHT:
        lightness = [seen(tuple(int(v) for v in table[i]), sight)[0] for i in range(0, 256, 15)]
        assert (np.diff(lightness) > 0).all(), sight


def test_nothing_is_drawn_for_a_score_of_nought() -> None:
    table = data_colours.score_table("viridis", 0.8)
    assert table[0] >> 24 == 0
    alphas = [entry >> 24 for entry in table]
    assert alphas == sorted(alphas)
    assert alphas[-1] == round(0.8 * 255)
    assert table[255] & 0xFFFFFF == 0xFDE725
