"""Whole sets: every figure against the function that defines it, and what is left out."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import numpy as np
import pytest

from crackcore.errors import Cancelled, InputRefused
from crackcore.evaluation import (
    ap,
    cl_dice,
    class_scores,
    compare,
    compare_lines,
    error_map,
    ods,
    ois,
    outline_distances,
    pooled,
    sweep,
    width_errors,
)
from crackcore.evaluation.lines import summed_up
from crackcore.evaluation.sets import Planes, ScoredPicture, SetSettings, evaluate_set
from crackcore.evaluation.sweep import PAPER_STEPS


def _planes(seed: int, *, crack: bool = True) -> Planes:
    rng = np.random.default_rng(seed)
    truth = np.zeros((48, 64), np.uint8)
    if crack:
        for x in range(4, 60):
            y = int(24 + 8 * np.sin(x / 9 + seed))
            truth[y - 1 : y + 2, x] = 1
    said = np.roll(truth, seed % 2, axis=0) * 130.0
    score = np.clip(said + rng.normal(60, 25, truth.shape), 0, 255).astype(np.uint8)
    truth[:4] = 255
    roi = np.ones(truth.shape, np.bool_)
    roi[:, :3] = False
    return score, truth, roi


def _pictures(count: int = 5) -> list[ScoredPicture]:
    def reader(seed: int) -> Callable[[], Planes]:
        return lambda: _planes(seed, crack=seed != 3)

    return [ScoredPicture(f"p{i}", reader(i)) for i in range(count)]


SETTINGS = SetSettings(threshold=140, outlines=True, draws=50)


def test_every_figure_is_the_one_its_function_gives() -> None:
    planes = [_planes(i, crack=i != 3) for i in range(5)]
    found = evaluate_set(_pictures(), SETTINGS)
    for tolerance in (0.0, 2.0, 5.0):
        counts = [sweep(*p[:2], tolerance, p[2]) for p in planes]
        assert found.ods[tolerance] == ods(counts, PAPER_STEPS)
        assert found.ois[tolerance] == ois(counts, PAPER_STEPS)
        assert found.ap[tolerance] == ap(counts, PAPER_STEPS)
        assert found.given.f1[tolerance] == pooled(counts).f1(140)
        interval = found.given.f1_interval[tolerance]
        assert interval.estimate == pytest.approx(found.given.f1[tolerance])
        assert interval.low < interval.estimate < interval.high
    assert found.best.threshold == found.ods[0.0].threshold
    for at in (found.best, found.given):
        masks = [(score >= at.threshold, truth, roi) for score, truth, roi in planes]
        assert at.cl_dice == pytest.approx(np.mean([cl_dice(*m).cl_dice for m in masks]))
        lines = [compare_lines(m, t, 5, r) for m, t, r in masks]
        assert at.lines == sum(lines[1:], lines[0])
        assert at.widths == summed_up([width_errors(m, t, 5, r) for m, t, r in masks])
        total = compare(*masks[0][:2], 0, masks[0][2])
        for m, t, r in masks[1:]:
            total = total + compare(m, t, 0, r)
        assert at.classes == class_scores(total)
        assert at.false_length == pytest.approx(1e6 * lines[3].said_points / lines[3].pixels)
        assert at.hd95_px == pytest.approx(np.mean([outline_distances(*m).hausdorff() for m in masks]))
        row = found.pictures[1].best if at is found.best else found.pictures[1].given
        assert row.f1[2.0] == pytest.approx(compare(masks[1][0], masks[1][1], 2, masks[1][2]).f1)
        assert row.lines == lines[1]


def test_nothing_passes_a_threshold_above_all_scores() -> None:
    found = evaluate_set(_pictures(), SetSettings(threshold=256, draws=20)).given
    assert (found.f1[2.0], found.precision[2.0], found.recall[2.0]) == (0, 1, 0)
    assert found.lines.said_px == found.classes.crack_recall == 0
    assert found.f1_interval[0.0].estimate == found.f1_interval[0.0].high == 0
    assert math.isnan(found.hd95_px)  # not asked for


def test_pictures_that_cannot_be_read_are_left_out_and_listed() -> None:
    def broken() -> Planes:
        raise InputRefused("bad.png", "it is empty.")

    found = evaluate_set([*_pictures(2), ScoredPicture("bad", broken), *_pictures(1)], SetSettings(draws=10))
    assert [p.name for p in found.pictures] == ["p0", "p1", "p0"]
    assert found.refused == (("bad", "bad.png: it is empty."),)
    with pytest.raises(InputRefused, match=r"bad\.png"):
        evaluate_set([ScoredPicture("bad", broken)])
    with pytest.raises(ValueError, match="no picture"):
        evaluate_set([])


def test_a_stop_is_heard_and_leaves_no_thread() -> None:
    heard: list[tuple[int, int]] = []

    def progress(done: int, total: int, note: str = "") -> None:
        heard.append((done, total))
        if done == 7:
            raise Cancelled

    with pytest.raises(Cancelled):
        evaluate_set(_pictures(), SETTINGS, progress)
    assert heard == [(i, 10) for i in (0, 1, 2, 3, 4, 5, 5, 6, 7)]
    assert not [t for t in threading.enumerate() if t.name.startswith("evaluate")]


def test_an_error_map_has_a_colour_for_each_fate() -> None:
    truth = np.zeros((3, 9), np.uint8)
    truth[1, 1:4] = 1
    truth[2, :] = 255
    mask = np.zeros((3, 9), np.bool_)
    mask[0, 1], mask[0, 7], mask[2, 8] = True, True, True
    assert error_map(mask, truth, 1).tolist() == [
        [0, 1, 0, 0, 0, 0, 0, 3, 0],
        [0, 1, 2, 2, 0, 0, 0, 0, 0],
        [0] * 9,
    ]
    counts = compare(mask, truth, 1)
    fates = np.bincount(error_map(mask, truth, 0).ravel(), minlength=4)
    assert fates[2] == counts.truth - counts.overlap
    assert fates[3] == counts.predicted - counts.overlap
