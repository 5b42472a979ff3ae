"""The benchmarks' table and file say what was measured, and a missed target or a failure shows."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks import __main__ as runner
from tests.benchmarks.figures import Figure, from_seconds, in_a_child, large_picture


def test_median_percentile_and_target() -> None:
    figure = from_seconds("dab", "12 MP", np.array([0.001, 0.002, 0.003, 0.004, 0.1]), at_most=5.0)
    assert (figure.median, figure.unit, figure.repeats) == (3.0, "ms", 5)
    assert figure.p95 == pytest.approx(80.8)
    assert figure.met is True
    strict = from_seconds("dab", "12 MP", np.full(5, 0.02), at_most=16.0, target_is_p95=True)
    assert strict.met is False
    assert from_seconds("dab", "12 MP", np.full(2, 0.02)).met is None


def test_figures_survive_their_file() -> None:
    figure = Figure("time", "4 MP", 1.5, "s", None, 3, 2.0)
    assert Figure.from_json(json.loads(json.dumps(figure.to_json()))) == figure


def test_the_table_shows_misses_and_failures() -> None:
    text = runner.table({"a": [Figure("time", "x", 3.25, "s", at_most=2.0)], "b": []})
    lines = text.splitlines()
    assert len(lines) == 3
    assert lines[1].split() == ["a", "time", "x", "3.25", "s", "1", "<=", "2.00", "MISSED"]
    assert lines[2].split() == ["b", "failed", "FAILED"]


def test_the_command_writes_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "run_in_its_own_process", lambda name: [Figure(name, "-", 1.0, "s")])
    out = tmp_path / "figures.json"
    assert runner.main(["start", "--json", str(out)]) == 0
    assert "start" in capsys.readouterr().out
    written = json.loads(out.read_text())
    assert written["figures"]["start"][0]["median"] == 1.0
    assert written["machine"]["cores"] >= 1
    with pytest.raises(SystemExit):
        runner.main(["nothing-of-this-name"])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_peak_memory_sees_what_came_and_went() -> None:
    # In a process of its own: here, memory that earlier tests gave back would be used again.
    script = (
        "import numpy as np\n"
        "from tests.benchmarks.figures import PeakMemory\n"
        "memory = PeakMemory()\n"
        "block = np.ones(50_000_000, np.uint8)\n"
        "del block\n"
        "print(memory.above_mib())"
    )
    assert 40 < in_a_child(script) < 120


def test_the_large_picture_has_the_wished_size_and_content() -> None:
    picture = large_picture(700, 1500)
    assert picture.shape == (700, 1500, 3)
    assert min(picture[y : y + 100, x : x + 100].std() for y in (0, 600) for x in (0, 700, 1400)) > 5
