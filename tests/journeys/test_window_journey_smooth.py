"""How long the window stands still while a large picture loads and all are predicted: reported.

See the figures with `-o log_cli=true --log-cli-level=INFO`; CRACKSCOPE_NIGHTLY=1 takes 12 megapixels.
"""

from __future__ import annotations

import itertools
import logging
import os
import time

import pytest
from PySide6.QtCore import QTimer
from window_program import pictures, running

NIGHTLY = os.environ.get("CRACKSCOPE_NIGHTLY") == "1"
SIZE = (3000, 4000) if NIGHTLY else (750, 1000)
STANDS_STILL_S = 2.0  # not the target (10 ms): what a busy machine must not exceed either


@pytest.mark.slow
def test_the_window_keeps_answering(qtbot, own_state, tmp_path, tiny_model):
    pictures(tmp_path / "wall", 3, size=SIZE)
    with running(qtbot, own_state) as app:
        app.until_models()
        app.session.models.choose("tiny")
        beats = [time.perf_counter()]
        probe = QTimer()
        probe.setInterval(1)
        probe.timeout.connect(lambda: beats.append(time.perf_counter()))
        longest = {}

        def note(what: str) -> None:
            longest[what] = max(b - a for a, b in itertools.pairwise(beats))
            del beats[:-1]

        probe.start()
        app.session.intake.open_paths([tmp_path / "wall"])
        app.until_shown()
        app.settle()
        note("open")
        app.run("predict.all")
        app.settle()
        note("predict all")
        app.run("review.approve-next")
        app.until_shown()
        app.settle()
        note("approve and next")
        app.run("file.save")
        app.settle()
        note("save")
        probe.stop()
    for what, seconds in longest.items():
        logging.getLogger(__name__).info("longest gap, %s: %.1f ms", what, seconds * 1000)
    assert max(longest.values()) < STANDS_STILL_S, longest
    assert len(longest) == 4
