"""One door to all refinements: names, what they need, what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crackcore.errors import Cancelled, ModelProblem, UnknownModel
from crackcore.refinement import REFINEMENTS, known_refinement, refine, threshold_after
from crackcore.refinement.dense_crf import dense_crf
from crackcore.refinement.guided_filter import guided, guided_as_published, guided_by_photo

RNG = np.random.default_rng(2)
SCORE = RNG.integers(0, 256, (40, 56), dtype=np.uint8)
PHOTO = RNG.integers(0, 256, (40, 56, 3), dtype=np.uint8)
SIDE = RNG.integers(0, 256, (40, 56), dtype=np.uint8)


def test_the_names_are_those_of_the_command_line_and_every_one_is_explained() -> None:
    assert set(REFINEMENTS) == {"guided-filter", "guided-filter-published", "crf"}
    for name, row in REFINEMENTS.items():
        assert row.name == name
        assert str(row) == row.title
        assert row.summary.endswith(".")
    assert len({row.title for row in REFINEMENTS.values()}) == len(REFINEMENTS)


def test_every_name_does_what_it_says() -> None:
    source = np.where(SCORE >= 80, np.uint8(255), np.uint8(0))  # above 0.31 of 255 = 79.05
    wanted: dict[tuple[str, bool], Any] = {
        ("guided-filter", True): guided(SCORE, SIDE),
        ("guided-filter", False): guided_by_photo(SCORE, PHOTO),
        ("guided-filter-published", True): guided_as_published(source, SIDE),
        ("crf", True): dense_crf(SCORE, PHOTO, threshold=0.3),
        ("crf", False): dense_crf(SCORE, PHOTO, threshold=0.3),
    }
    for (name, with_guide), value in wanted.items():
        found = refine(name, SCORE, PHOTO, SIDE if with_guide else None, threshold=0.3)
        assert np.array_equal(found, value), (name, with_guide)
        assert not np.array_equal(found, SCORE)


def test_the_published_filter_is_never_made_up_without_its_side_map() -> None:
    with pytest.raises(ModelProblem, match="side map") as refused:
        refine("guided-filter-published", SCORE, PHOTO)
    assert refused.value.hint.endswith(".")


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownModel, match="guided-filtre") as refused:
        refine("guided-filtre", SCORE, PHOTO)
    assert refused.value.nearest[0] == "guided-filter"
    with pytest.raises(UnknownModel):
        known_refinement("")


def test_only_the_published_filter_brings_a_threshold_of_its_own() -> None:
    assert threshold_after("guided-filter-published", 0.31) == 0.48
    assert [threshold_after(name, 0.31) for name in ("", "guided-filter", "crf")] == [0.31] * 3


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1), (3, 2), (16, 16)])
@pytest.mark.parametrize("name", ["guided-filter", "guided-filter-published", "crf"])
def test_any_size_from_one_pixel(name: str, size: tuple[int, int]) -> None:
    score, photo = SCORE[: size[0], : size[1]], PHOTO[: size[0], : size[1]]
    found = refine(name, score, photo, SIDE[: size[0], : size[1]])
    assert found.shape == size
    assert found.dtype == np.uint8


def test_read_only_arrays_are_taken_and_left_as_they_are() -> None:
    score, photo = SCORE.copy(), PHOTO.copy()
    score.flags.writeable = photo.flags.writeable = False
    for name in ("guided-filter", "crf"):
        found = refine(name, score, photo)
        assert found is not score
        assert np.array_equal(score, SCORE)
        assert np.array_equal(photo, PHOTO)


@pytest.mark.parametrize("name", ["guided-filter", "crf"])
def test_a_score_four_times_finer_than_the_photo(name: str) -> None:
    score = np.kron(SCORE, np.ones((4, 4), np.uint8))
    assert refine(name, score, PHOTO).shape == (160, 224)


@pytest.mark.parametrize(
    ("score", "photo", "guide"),
    [
        (SCORE.astype(np.float32), PHOTO, None),
        (SCORE[..., None], PHOTO, None),
        (SCORE[:0], PHOTO, None),
        (SCORE, PHOTO[..., 0], None),
        (SCORE, PHOTO / 255, None),
        (SCORE, PHOTO, SIDE[:-1]),
        (SCORE, PHOTO, PHOTO),
    ],
)
def test_what_does_not_fit_is_refused(score: Any, photo: Any, guide: Any) -> None:
    with pytest.raises(ValueError, match="must be uint8|does not fit"):  # noqa: RUF043
        refine("guided-filter", score, photo, guide)


@pytest.mark.parametrize("name", ["guided-filter", "guided-filter-published", "crf"])
def test_each_can_be_stopped(name: str) -> None:
    def stopping(done: int, total: int, note: str = "") -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        refine(name, SCORE, PHOTO, SIDE, stopping)
