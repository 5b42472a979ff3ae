"""A retraining in a process of its own: it reads the project, outlives kills, and answers with a report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from retrain_walls import tiny_base, wall_project

from crackcore import storage
from crackcore.errors import Cancelled, CrackError, InputRefused, NoSpace, TrainingStopped
from crackcore.imaging.mask_rules import stated_rule
from crackcore.progress import unheard
from crackcore.projects.store import ProjectStore
from crackcore.training.child import Wishes
from crackcore.training.retrain_order import RetrainOrder, order_of, row_of_order
from crackcore.training.retrain_runs import RetrainProcess, RetrainRun, begin, perform, throw_away, unfinished
from crackcore.training.settings import TrainSource
from crackcore.training.training_log import nobody

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


@pytest.fixture
def order(own_state: Path, tmp_path: Path) -> RetrainOrder:
    project = wall_project(tmp_path / "walls", approved=5, edited=1)
    return RetrainOrder(project, tiny_base(tmp_path / "models"), "new", iterations=12, device="cpu")


class NoWish(Wishes):
    """Of somebody who just waits."""

    def stop(self) -> bool:
        return False

    def leave(self) -> bool:
        return False


def worked_on(
    run: RetrainRun, when: str, do: str, *, at: int = 1, only_judge: bool = False
) -> tuple[Any, list[dict[str, Any]]]:
    """Run it; at the n-th event of a kind do something to it. What came out, and what it said."""
    process = RetrainProcess(run, only_judge=only_judge, threads=1, niceness=0)
    said: list[dict[str, Any]] = []

    def hear(event: dict[str, Any]) -> None:
        said.append(event)
        if event["event"] == when and sum(e["event"] == when for e in said) == at:
            if do == "kill":
                os.kill(process.process_id, KILL)
            else:
                getattr(process, do)()

    try:
        return process.run(hear), said
    except (Cancelled, CrackError) as error:
        return error, said


def test_an_order_is_the_same_after_it_was_written_down(order: RetrainOrder, tmp_path: Path) -> None:
    sources = (
        TrainSource(tmp_path / "a", rule=stated_rule("2,4", "7"), side="train"),
        TrainSource(tmp_path / "b", "crack-free", rule=stated_rule("> 100")),
        TrainSource(tmp_path / "c"),
    )
    order = replace(order, old=sources, also_edited=True, seconds=60.0)
    assert order_of(json.loads(json.dumps(row_of_order(order)))) == order

    order.base.path.unlink()
    with pytest.raises(CrackError, match="base, from which the retraining began, is not there"):
        order_of(row_of_order(order))


def test_it_reads_the_project_learns_and_is_left_for_a_decision(order: RetrainOrder) -> None:
    run = begin(order)
    report, said = worked_on(run, "nothing", "stop")
    assert report.corrected.pictures == 2
    assert report.model.path == run.out
    assert report.model.spec.name == "new"
    kinds = [e["event"] for e in said]
    order_of_kinds = ["copying", "reading", "before", "sides", "start", "step", "check", "end", "comparing"]
    assert [kinds.index(k) for k in order_of_kinds] == sorted(kinds.index(k) for k in order_of_kinds)
    assert next(e for e in said if e["event"] == "sides") == {
        "event": "sides",
        "learn": 3,
        "check": 2,
        "old": 0,
    }
    assert all(0 <= e["corrected_f1"] <= 1 for e in said if e["event"] in ("before", "check"))
    learned = report.model.spec.training_data[-1]["sha256"]
    with ProjectStore.open(order.project, read_only=True) as store:
        photos = {r.sha256 for r in store.project.images}
    assert len(learned) == 3
    assert photos > set(learned)
    assert not set(learned) & report.held_out

    # as the program finds it after a restart
    (found,) = unfinished()
    assert found.report == report
    assert [e["event"] for e in found.events] == ["before", "sides", *["earlier"] * kinds.count("check")]
    throw_away(run)
    assert unfinished() == []


def test_corrected_ones_that_are_not_approved_learn_only_when_asked(order: RetrainOrder) -> None:
    def hear(event: dict[str, Any]) -> None:
        said.append(event)
        if event["event"] == "sides":
            raise Cancelled

    for also_edited, count in ((False, 5), (True, 6)):
        said: list[dict[str, Any]] = []
        with pytest.raises(Cancelled):
            perform(begin(replace(order, also_edited=also_edited)).folder, False, unheard, hear, NoWish())
        assert said[-1]["learn"] + said[-1]["check"] == count


@pytest.mark.skipif(os.name != "posix", reason="no kill -9")
def test_killed_it_goes_on_with_the_same_pictures(order: RetrainOrder, tmp_path: Path) -> None:
    run = begin(replace(order, iterations=40))
    error, said = worked_on(run, "check", "kill", at=2)  # the first one is told before it is written
    assert isinstance(error, TrainingStopped)
    assert "ended unexpectedly" in error.message
    (found,) = unfinished()
    assert found.has_learned
    assert found.report is None
    assert not found.trouble

    # what happens to the project meanwhile changes nothing
    (tmp_path / "walls" / "wall 0.png").unlink()
    order.project.unlink()
    judged, said = worked_on(run, "step", "kill", only_judge=True)
    assert "step" not in [e["event"] for e in said]
    assert judged.corrected.pictures == 2
    assert unfinished()[0].report == judged


def test_left_it_goes_on_where_it_was_and_may_be_stopped(order: RetrainOrder) -> None:
    run = begin(order)
    left, said = worked_on(run, "step", "leave", at=5)
    assert isinstance(left, Cancelled)
    (found,) = unfinished()
    last = max(e["iteration"] for e in said if e["event"] == "step")
    assert 5 <= found.step == last
    assert found.steps == 12
    report, said = worked_on(run, "check", "stop")  # and stopped, the best so far is judged
    steps = [e["iteration"] for e in said if e["event"] == "step"]
    assert steps[0] == last + 1
    assert steps[-1] < 12
    assert report.corrected.pictures == 2


def test_too_few_pictures_and_another_window_are_refused(order: RetrainOrder, tmp_path: Path) -> None:
    single = wall_project(tmp_path / "single", approved=1)
    with pytest.raises(InputRefused, match="too few"):
        perform(begin(replace(order, project=single)).folder, False, unheard, nobody, NoWish())
    none = wall_project(tmp_path / "none", approved=0, edited=2)
    with pytest.raises(InputRefused, match=r"no picture to learn from \(not approved\)"):
        perform(begin(replace(order, project=none)).folder, False, unheard, nobody, NoWish())

    run = begin(order)
    script = (
        "import sys, time; from crackcore.storage import Lock; Lock(sys.argv[1]).take(); "
        "print('taken', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(run.folder / "lock")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "taken"
        assert run.folder not in [u.run.folder for u in unfinished()]
        with pytest.raises(InputRefused, match="another window"):
            perform(run.folder, False, unheard, nobody, NoWish())
    finally:
        other.kill()
        other.communicate()


def test_a_full_disk_is_one_sentence_and_nothing_is_lost(order: RetrainOrder) -> None:
    run = begin(order)

    class Full(storage.Disk):
        def write(self, *args: Any, **named: Any) -> int:
            raise OSError(28, "No space left on device")

    with storage.using_disk(Full()), pytest.raises(NoSpace) as caught:
        perform(run.folder, False, unheard, nobody, NoWish())
    assert "\n" not in caught.value.sentence()
    (found,) = unfinished()  # it can be gone on with once there is room
    assert found.run == run
    assert not found.trouble


def test_the_window_reads_all_of_it_without_torch() -> None:
    script = (
        "import sys, crackcore.training.retrain_runs, crackcore.training.retrain_report;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
