"""What refining does to the scores of the shipped model, and how long it takes.

F1 needs the sets of annotated pictures beside the source tree; without them only times are measured. The
pictures are the last quarter of each set: the first ones served to choose the parameters. F1 is pooled
over a set, at the model's own threshold, at 0 and 2 px.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.figures import ROOT, Figure, from_seconds, large_picture

SETS = ("cfd", "concrete_rissbilder_volker", "crack500_scenes", "cracksc", "deepcrack537", "uav_concrete")
WITHOUT_CRACKS = "negatives"
PICTURES = 16
FORMS = ("", "guided-filter", "crf")


def measure() -> Iterator[Figure]:
    yield from times()
    shared = Path(os.environ.get("CRACKSCOPE_SHARED") or ROOT.parent / "shared")
    if (shared / "data").is_dir():
        yield from gains(shared / "data")


def times() -> Iterator[Figure]:
    """On one core: the filters and the CRF use no other."""
    from crackcore.refinement import REFINEMENTS, refine

    for case, size, repeats in (("544 x 384", (384, 544), 5), ("12 MP", (3000, 4000), 1)):
        pixels = large_picture(*size)
        score = 255 - pixels.min(axis=2)
        for name in REFINEMENTS:
            seconds = []
            for _ in range(repeats):
                started = time.perf_counter()
                refine(name, score, pixels, score if "published" in name else None)
                seconds.append(time.perf_counter() - started)
            limit = 4000.0 if size == (384, 544) else None
            yield from_seconds(name, case, np.array(seconds), at_most=limit)


def gains(data: Path) -> Iterator[Figure]:
    """Change of F1, and of the share of false crack on surfaces without any."""
    from crackcore.evaluation import compare
    from crackcore.imaging.reading import read_mask, read_photo
    from crackcore.inference.predictor import Predictor
    from crackcore.masks.threshold import score_step
    from crackcore.models.catalogue import DEFAULT_MODEL, find_model
    from crackcore.refinement import refine

    model = find_model(DEFAULT_MODEL)
    predictor, threshold = Predictor.for_model(model, "cpu"), model.spec.threshold
    for name in (*SETS, WITHOUT_CRACKS):
        photos = sorted((data / name / "images").iterdir())
        if name != WITHOUT_CRACKS:
            photos = photos[-(len(photos) // 4) :]
        photos = photos[:: max(1, len(photos) // PICTURES)][:PICTURES]
        counts: dict[tuple[str, int], list[Any]] = {}
        for path in photos:
            photo = read_photo(path).pixels
            mask = data / name / "masks" / f"{path.stem}.png"
            truth = read_mask(mask) if mask.is_file() else np.zeros(photo.shape[:2], np.uint8)
            score = predictor.predict(photo).score
            for form in FORMS:
                made = refine(form, score, photo, threshold=threshold) if form else score
                for tolerance in (0, 2):
                    one = compare(made >= score_step(threshold), truth, tolerance)
                    counts.setdefault((form, tolerance), []).append(one)
        for (form, tolerance), ones in counts.items():
            total = sum(ones[1:], start=ones[0])
            label = form or "as it is"
            if name == WITHOUT_CRACKS:
                if tolerance == 0:
                    share = 100 * total.predicted / total.pixels
                    yield Figure(f"false crack, {label}", name, share, "%", repeats=len(ones))
            else:
                yield Figure(f"F1 at {tolerance} px, {label}", name, 100 * total.f1, "%", repeats=len(ones))
