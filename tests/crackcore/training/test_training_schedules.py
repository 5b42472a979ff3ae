"""Schedules against the published sequences; each is a function of the step alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from crackcore.training.schedules import (
    BoundaryAlpha,
    Constant,
    Polynomial,
    Schedule,
    Steps,
    ThenLinear,
    WarmCosine,
    WarmUp,
    Window,
)

if TYPE_CHECKING:
    from golden_networks import Golden

PUBLISHED: dict[str, tuple[Schedule, int]] = {
    # schedule, and what the golden steps are counted from
    "cssr_config_lr1e-5_factor1": (WarmUp(1e-5, factor=1.0), 0),
    "cssr_default_lr1e-3_factor1/6_5000": (WarmUp(1e-3), 0),
    "csbsr_updown_pretrain30001_factor_at_scheduler_step": (Window(1.0), 0),
    "deepsegmentor_step40_lr_during_epoch": (Steps(1e-4), 1),
    "deepsegmentor_linear_400_300_lr_during_epoch": (ThenLinear(1e-4), 1),
}


@pytest.fixture(scope="module")
def sequences(golden: Golden) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((golden.folder / "schedules.json").read_text())
    return found


def test_no_sequence_is_left_out(sequences: dict[str, Any]) -> None:
    assert set(sequences) == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sequences(name: str, sequences: dict[str, Any]) -> None:
    schedule, first = PUBLISHED[name]
    for step, wanted in sequences[name].items():
        assert schedule.at(int(step) - first) == pytest.approx(wanted, rel=1e-12), step
    assert schedule.unit == ("epoch" if first else "iteration")


def test_polynomial_of_cgnet(golden: Golden) -> None:
    described, _ = golden.case("losses_cgnet")
    schedule = Polynomial(1e-3, 20_000, floor=1e-4)
    for step, wanted in described["poly_lr_at_iteration"].items():
        assert schedule.at(int(step)) == pytest.approx(wanted, rel=1e-10), step


def test_alpha_of_cssr(golden: Golden) -> None:
    described, _ = golden.case("losses_cssr")
    wanted = described["alpha_at_each_call_per_epoch5"]
    assert [BoundaryAlpha(5).at(i) for i in range(len(wanted))] == pytest.approx(wanted, abs=1e-12)
    assert BoundaryAlpha(1).at(140) == pytest.approx(
        described["alpha_floor_after_140_calls_per_epoch1"], abs=1e-12
    )


def test_alpha_of_csbsr(golden: Golden) -> None:
    described, _ = golden.case("losses_csbsr")
    wanted = described["alpha_after_update_calls_per_epoch5"]
    early = BoundaryAlpha(5, early=True)
    assert [early.at(i) for i in range(len(wanted))] == pytest.approx(wanted, abs=1e-12)
    for done, state in described["alpha_on_resume_per_epoch1000"].items():
        assert BoundaryAlpha(1000).at(int(done)) == pytest.approx(state["alpha"], abs=1e-12)
        # nothing needs restoring but the count: the place within the epoch follows from it
        assert int(done) % 1000 == state["iter"]


def test_alpha_waits_for_the_pretraining_and_reaches_its_floor_as_published() -> None:
    # 9,122 pictures in batches of 6: 1,521 iterations an epoch; 100,000 of them end at about 0.35
    alpha = BoundaryAlpha.for_set(9122, 6, waits=30_000)
    assert alpha.per_epoch == 1521
    assert alpha.at(0) == alpha.at(31_520) == 1.0
    assert alpha.at(31_521) == 0.99
    assert BoundaryAlpha.for_set(9122, 6).at(100_000) == pytest.approx(0.35)
    assert alpha.at(30_000 + 98 * 1521) == pytest.approx(0.02)
    assert alpha.at(30_000 + 99 * 1521) == pytest.approx(0.01)
    assert alpha.at(10**7) == 0.01


def test_a_cosine_begins_and_ends_where_it_should() -> None:
    schedule = WarmCosine(1e-3, 1000, warm=100, floor=1e-6)
    assert schedule.at(0) == pytest.approx(1e-5)
    assert schedule.at(100) == 1e-3
    assert schedule.at(550) == pytest.approx((1e-3 + 1e-6) / 2)
    assert schedule.at(1000) == schedule.at(5000) == pytest.approx(1e-6)
    rates = [schedule.at(i) for i in range(1001)]
    assert rates[:101] == sorted(rates[:101])
    assert rates[100:] == sorted(rates[100:], reverse=True)
    assert Constant(2e-5).at(7) == 2e-5
