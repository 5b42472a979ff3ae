"""What the bar over the picture says of an adapted model: figures with what they rest on, in plain words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.jobs.adapt import AdaptedFacts
from app.panels.adapted_notice import offer_details, offer_texts, run_part, run_text
from app.session.adapting import Offer
from app.session.corrected_pictures import Round
from crackcore.domain.model_spec import ModelSpec, Preprocessing
from crackcore.models.catalogue import InstalledModel

BASE = InstalledModel(
    ModelSpec("cgnet", "cgnet_m3n21", {}, Preprocessing()), Path("cgnet.safetensors"), 1, "a"
)
FACTS = AdaptedFacts(
    base=BASE,
    name="cgnet-adapted",
    before=0.521,
    after=0.614,
    low=0.02,
    high=0.15,
    better=True,
    tolerance_px=2.0,
    pictures=7,
    photos=5,
    threshold=0.4,
    refinement="",
    only_threshold=False,
    seconds=8.6,
    known_before=0,
)


def offer(**changes: object) -> Offer:
    return Offer(replace(FACTS, **changes), by_hand=5, more=0, left_out=())


def test_a_better_model_is_called_so_with_what_that_rests_on() -> None:
    headline, basis = offer_texts(offer())
    assert headline == "Better: F1 0.52 → 0.61"
    assert basis == "At 2 px, on 7 pictures of 5 photos, each held out in turn. Took 9 s."
    assert "+0.02 to +0.15" in offer_details(offer())
    assert "2 pictures of these approved as a model had found them" in offer_details(offer())


def test_what_is_not_known_is_not_claimed() -> None:
    assert offer_texts(offer(better=False))[0] == "Not clearly better: F1 0.52 → 0.61"
    headline, basis = offer_texts(offer(better=None, low=None, high=None, pictures=1, photos=1))
    assert headline == "Cannot be judged yet: only one photo was corrected"
    assert basis.startswith("F1 0.52 → 0.61 at 2 px, on 1 picture that it has learned itself.")
    assert "of one photo" in offer_texts(offer(better=None, pictures=3, photos=1))[0]
    assert "flattered" in offer_details(offer(known_before=2))
    assert "flattered" not in offer_details(offer())
    told = Offer(FACTS, 7, 12, ("wall.png: it is damaged.",))
    assert "12 pictures more will be looked at" in offer_details(told)
    assert "wall.png: it is damaged." in offer_details(told)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_how_far_it_is_only_goes_on(at: int) -> None:
    work = Round(BASE, ("a", "b", "c"), 0, lambda _: None, lambda _: None, at=at, part=0.5)
    assert run_text(work) == f"Looking at corrected picture {at + 1} of 3…"
    earlier = run_part(work)
    work.at, work.part = at + 1, 0.0
    assert run_part(work) > earlier
    work.at, work.learning, work.part, work.digests = 3, True, 1.0, {"x", "y"}
    assert run_text(work) == "Learning from 2 pictures…"
    assert run_part(work) == 1.0
