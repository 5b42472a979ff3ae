"""The fixtures that other tests stand on do what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from crackcore.arrays import RgbImage
from crackcore.models.catalogue import InstalledModel, find_model


def test_the_tiny_model_finds_the_crack_of_the_tiny_photo(
    tiny_model: InstalledModel, tiny_photo: RgbImage
) -> None:
    from crackcore.inference.predictor import Predictor

    assert find_model("tiny") == tiny_model
    assert tiny_model.bytes < 10_000
    score = Predictor.for_model(tiny_model, "cpu").predict(tiny_photo).score
    dark = tiny_photo.mean(axis=2) < 90
    found = score >= 128
    assert dark.sum() > 300
    assert (found & dark).sum() / dark.sum() > 0.95  # nearly all of it
    assert (found & dark).sum() / found.sum() > 0.8  # and little else


def test_the_tiny_photo_is_written_as_it_is(tiny_photo: RgbImage, tiny_photo_file: Path) -> None:
    with Image.open(tiny_photo_file) as opened:
        assert np.array_equal(np.asarray(opened), tiny_photo)
    assert not tiny_photo.flags.writeable
