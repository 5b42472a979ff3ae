"""Curves: dressed like the window, told apart without colour, quick."""

from __future__ import annotations

import time

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication

from app.panels.chart import ROLES, Chart, role_colour, role_pen, tick_texts, ticks
from app.theme.scheme import DARK, LIGHT, Theme, contrast


@pytest.fixture
def theme(qapp):
    made = Theme(qapp, "light")
    yield made
    qapp.setStyleSheet("")
    made.deleteLater()


def shown(qtbot, chart: Chart) -> Chart:
    qtbot.addWidget(chart)
    chart.resize(420, 260)
    chart.show()
    qtbot.waitExposed(chart)
    return chart


def pixels_of(chart: Chart) -> np.ndarray:
    image = chart.grab().toImage().convertToFormat(chart.grab().toImage().Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).astype(int)


def has_colour(chart: Chart, colour: str) -> bool:
    wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
    return bool((np.abs(pixels_of(chart) - wanted).max(axis=2) <= 6).any())


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_lines_stand_out_from_the_field_and_differ_by_more_than_colour(scheme):
    colours = [role_colour(role, scheme) for role in range(ROLES)]
    assert all(contrast(colour, scheme.raised) >= 3 for colour in colours)
    assert len(set(colours)) == len({role_pen(role, scheme).style() for role in range(ROLES)}) == ROLES


def test_lines_set_before_the_first_showing_are_drawn_and_follow_the_theme(qtbot, theme):
    chart = Chart(theme, "Recall", "Precision")
    chart.set_range_y(0, 1)
    chart.set_range_x(0, 1)
    chart.set_line("One", [0, 0.5, 1], [1, 0.8, 0.2])
    chart.set_line("Two", [0, np.nan, 1], [0.5, 0.4, np.nan], role=1, points=True)
    shown(qtbot, chart)
    for role in (0, 1):
        assert has_colour(chart, role_colour(role, LIGHT))
    theme.choose("dark")
    QCoreApplication.processEvents()
    for role in (0, 1):
        assert has_colour(chart, role_colour(role, DARK))
        assert not has_colour(chart, role_colour(role, LIGHT))


def test_a_line_can_be_changed_taken_away_and_all_cleared(qtbot, theme):
    chart = shown(qtbot, Chart(theme, "Step", "Loss"))
    chart.set_line("Loss", [1, 2], [3.0, 2.0])
    chart.set_line("Loss", [1, 2, 3], [3.0, 2.0, 1.0])
    assert chart.line("Loss")[1].tolist() == [3, 2, 1]
    chart.set_line("F1", [3], [0.5], role=2)
    assert has_colour(chart, role_colour(2, LIGHT)), "a single point is seen"
    chart.remove_line("F1")
    QCoreApplication.processEvents()
    assert not has_colour(chart, role_colour(2, LIGHT))
    chart.clear()
    assert chart.line_names == ()
    with pytest.raises(ValueError, match="2 values of x and 1 of y"):
        chart.set_line("Loss", [1, 2], [3.0])


def test_many_points_are_drawn_in_no_time_and_no_peak_is_lost(qtbot, theme):
    chart = shown(qtbot, Chart(theme, "Step", "Loss"))
    steps = np.arange(200_000)
    loss = np.full(steps.size, 1.0)
    loss[123_456] = 2.0
    chart.set_line("Loss", steps, loss)
    chart.grab()
    began = time.process_time()
    image = pixels_of(chart)
    assert time.process_time() - began < 0.5
    wanted = np.array([int(role_colour(0, LIGHT)[at : at + 2], 16) for at in (1, 3, 5)])
    rows = np.flatnonzero((np.abs(image - wanted).max(axis=2) <= 40).sum(axis=1))
    assert rows.max() - rows.min() > 150, "the one peak reaches up from the line at the bottom"


@pytest.mark.parametrize(
    ("low", "high", "count", "expected"),
    [
        (0, 1, 5, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0, 100, 4, ["0", "50", "100"]),
        (-0.013, 0.021, 4, ["\u22120.01", "0.00", "0.01", "0.02"]),
        (7, 7, 3, ["7"]),
    ],
)
def test_numbers_at_the_axes_are_round(low, high, count, expected):
    assert tick_texts(ticks(low, high, count)) == expected
