"""What an evaluation says in words, and that a thousand pictures are read another way at once."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PySide6.QtCore import Qt

from app.jobs.evaluate import TOLERANCES_PX, Contestant, Evaluation, Known, MeasureRequest, measured
from app.panels import evaluation_words as words
from app.panels.evaluation_table import EvaluationTable
from app.panels.evaluation_words import Reading
from crackcore.evaluation.intervals import Difference, Interval
from crackcore.progress import unheard
from crackcore.projects.planes import PackedPlane


def evaluation(count: int, models: int = 2) -> Evaluation:
    """Pictures with a line each; the first model draws it one pixel off, the second three."""
    truth = np.zeros((24, 32), np.uint8)
    truth[10, 4:28] = 1
    known, planes = [], [[] for _ in range(models)]
    for number in range(count):
        known.append(Known(f"p{number}", f"wall {number}.png", "", PackedPlane.of(truth), {}, frozenset()))
        for model in range(models):
            score = np.zeros(truth.shape, np.uint8)
            score[11 + 2 * model, 4 : 28 - number % 7] = 200
            planes[model].append(PackedPlane.of(score))
    spec = SimpleNamespace(training_data=())
    rivals = tuple(
        Contestant(SimpleNamespace(name=f"model {n}", sha256=str(n), spec=spec), "", 128)  # type: ignore[arg-type]
        for n in range(models)
    )
    return measured(MeasureRequest(rivals, tuple(known), tuple(map(tuple, planes))), unheard)


def with_difference(found: Evaluation, estimate: float, low: float, high: float) -> Evaluation:
    difference = Difference(Interval(estimate, low, high), 0.5)
    return replace(found, at_threshold=dict.fromkeys(TOLERANCES_PX, difference))


@pytest.fixture(scope="module")
def six() -> Evaluation:
    return evaluation(6)


def test_which_of_two_models_is_better_is_said_only_when_it_can_be_told(six):
    reading = Reading(2.0)
    assert words.comparison(with_difference(six, 0.03, 0.01, 0.05), reading) == (
        "model 1 is better by 0.030 of F1 (0.010 to 0.050) on 6 pictures."
    )
    assert words.comparison(with_difference(six, -0.03, -0.05, -0.01), reading) == (
        "model 0 is better by 0.030 of F1 (0.010 to 0.050) on 6 pictures."
    )
    assert words.comparison(with_difference(six, 0.01, -0.02, 0.04), reading) == (
        "No difference can be told on 6 pictures. F1 differs by +0.010 (\u22120.020 to +0.040)."
    )
    assert words.comparison(evaluation(1), reading).startswith("1 picture cannot tell")
    assert words.comparison(evaluation(6, models=1), reading) == ""


def test_tolerance_and_what_figures_rest_on_are_said(six):
    rows = {caption: texts for caption, texts, _ in words.summary_rows(six, Reading(2.0))}
    assert rows["F1 within 2 px"][0].startswith("0.9"), "one pixel off is a hit; ends are missing"
    assert rows["F1 within 2 px"][1].startswith("0.000")
    exact = {caption: texts for caption, texts, _ in words.summary_rows(six, Reading(0.0))}
    assert exact["F1 to the pixel"][0].startswith("0.000")
    assert words.basis(six, Reading(5.0)) == (
        "On 6 pictures as you approved them. A hit within 5 px counts, in photo pixels."
    )
    failed = replace(six, failed=(("a.png", "Not there."),) * 6)
    assert "6 not evaluated" in words.basis(failed, Reading())
    assert words.failures(failed.failed, 4).endswith("And 2 pictures more; a saved table lists all.")


def test_a_thousand_pictures_are_read_another_way_and_sorted_without_a_halt(qtbot):
    found = evaluation(1000)
    table = EvaluationTable()
    qtbot.addWidget(table)
    table.resize(500, 300)
    table.show()
    table.show_evaluation(found, Reading(2.0))
    began = time.process_time()
    for tolerance in TOLERANCES_PX:
        table.show_evaluation(found, Reading(tolerance))
        table.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    assert (time.process_time() - began) / 6 < 0.02
