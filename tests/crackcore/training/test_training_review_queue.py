"""The queue from photographs: what is in doubt first, copies last, what cannot be read is listed."""

from __future__ import annotations

import numpy as np

from crackcore.arrays import RgbImage
from crackcore.errors import InputRefused
from crackcore.inference.predictor import Predictor
from crackcore.models.catalogue import InstalledModel
from crackcore.training.review_queue import QueuePicture, review_queue, views


def surface(number: int, depth: int) -> RgbImage:
    """Patches of grey, with a line darker by `depth`."""
    rng = np.random.default_rng(number)
    grey = np.kron(rng.integers(150, 200, (4, 5)), np.ones((24, 24)))
    grey[40 + number : 43 + number, 10:110] -= depth
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def unreadable() -> RgbImage:
    raise InputRefused("broken.png", "this is not a picture.")


def test_views_lie_on_the_picture_as_it_stands(tiny_model: InstalledModel) -> None:
    predictor = Predictor.for_model(tiny_model, "cpu")
    pixels = surface(1, 120)
    found = views(predictor, pixels)
    assert len(found) == 3
    for view in found:
        assert view.shape == pixels.shape[:2]
        assert np.abs(view.astype(int) - found[0]).max() <= 1  # this network sees no direction


def test_doubt_first_copies_last_and_the_broken_one_is_listed(tiny_model: InstalledModel) -> None:
    predictor = Predictor.for_model(tiny_model, "cpu")
    scores = [int(predictor.predict(surface(1, d)).score[42, 30:90].mean()) for d in (0, 30, 120)]
    assert scores[0] < 30 < scores[1] < 225 < scores[2]  # no line, a doubtful one, a sure one
    doubtful = surface(1, 30)
    pictures = [
        QueuePicture("plain", lambda: surface(2, 0)),
        QueuePicture("broken", unreadable),
        QueuePicture("doubtful", lambda: doubtful),
        QueuePicture("mirrored", lambda: np.ascontiguousarray(doubtful[:, ::-1])),
        QueuePicture("done", lambda: surface(3, 120), corrected=True),
    ]
    queue = review_queue(pictures, predictor)
    names = [pictures[row.index].name for row in queue.rows]
    assert names[1] == "plain"
    assert {names[0], names[2]} == {"doubtful", "mirrored"}
    assert queue.rows[-1].like == queue.rows[0].index
    assert [name for name, _ in queue.failed] == ["broken"]
    assert queue.worths[1] is None
    assert queue.worths[4] is None
    assert queue.rows[0].worth_px > 30
