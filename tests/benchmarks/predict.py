"""Seconds per megapixel and peak memory of a prediction with the shipped model, on the processor."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.figures import Figure, in_a_child

SIZES = {"0.25 MP": (512, 512), "4 MP": (2000, 2000), "16 MP": (4000, 4000), "100 MP": (10_000, 10_000)}
REPEATS = {"0.25 MP": 5, "4 MP": 3, "16 MP": 1, "100 MP": 1}

# The program is what is there before the picture: libraries, model, one small prediction. The picture
# (3 bytes a pixel) and its score map (1 byte) are the caller's and are shown apart from the working memory.
ONE_SIZE = """
import json, sys, time
import numpy as np
from crackcore.inference.predictor import Predictor
from crackcore.models.catalogue import DEFAULT_MODEL, find_model
from tests.benchmarks.figures import PeakMemory, large_picture

height, width, repeats = map(int, sys.argv[1:])
started = time.perf_counter()
predictor = Predictor.for_model(find_model(DEFAULT_MODEL), "cpu")
load = time.perf_counter() - started
predictor.predict(large_picture(256, 256))
memory = PeakMemory()
pixels = large_picture(height, width)
seconds = []
for _ in range(repeats):
    started = time.perf_counter()
    answer = predictor.predict(pixels)
    seconds.append(time.perf_counter() - started)
assert answer.score.shape == (height, width) and answer.score.any()
above = memory.above_mib()
print(json.dumps([float(np.median(seconds)), above, above - 4 * height * width / 2**20, load]))
"""

FIRST_SCORE = """
import json, time
started = time.perf_counter()
from crackcore.inference.predictor import Predictor
from crackcore.models.catalogue import DEFAULT_MODEL, find_model
from tests.benchmarks.figures import large_picture
pixels = large_picture(2000, 2000)
answer = Predictor.for_model(find_model(DEFAULT_MODEL), "cpu").predict(pixels)
print(json.dumps(time.perf_counter() - started))
"""


def measure() -> Iterator[Figure]:
    for case, (height, width) in SIZES.items():
        repeats = REPEATS[case]
        seconds, above, working, _load = in_a_child(ONE_SIZE, height, width, repeats)
        megapixels = height * width / 1e6
        # Under 3 s for 12 megapixels.
        limit = 0.25 if case == "16 MP" else None
        yield Figure("time per megapixel", case, seconds / megapixels, "s/MP", None, repeats, limit)
        yield Figure("peak memory above the program", case, above, "MiB")
        yield Figure("of it working memory", case, working, "MiB", at_most=800.0)
    seconds = in_a_child(FIRST_SCORE)
    yield Figure("first score, cold program", "4 MP", seconds, "s", at_most=2.0)
