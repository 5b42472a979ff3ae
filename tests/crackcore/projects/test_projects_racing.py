"""Two processes at one project: one writes, the other is told; not one byte is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from project_making import new_store

from crackcore.projects.store import ProjectStore

NIGHTLY = os.environ.get("CRACKSCOPE_NIGHTLY") == "1"
ROUNDS = 200 if NIGHTLY else 20

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from project_making import stroke
from crackcore.errors import CrackError
from crackcore.projects.store import ProjectStore
for line in sys.stdin:  # one line a round, so that both begin together
    given = 0
    try:
        store = ProjectStore.open(Path(sys.argv[2]))
        if not store.read_only:
            image = store.project.images[int(sys.argv[3])].id
            for number in range(3):
                store.append(stroke(store, image, int(line) * 3 + number))
                given += 1
                if number == 1:
                    store.save()
        elif "open in another window" not in store.read_only_reason:
            print("error", store.read_only_reason, flush=True)
        store.close()
        print(given, flush=True)
    except CrackError as error:
        print("error", error.sentence(), flush=True)
"""


@pytest.mark.slow
def test_two_windows_racing_lose_nothing(tmp_path: Path) -> None:
    store = new_store(tmp_path, images=2)
    ids = [record.id for record in store.project.images]
    store.close()
    root = Path(__file__).resolve().parents[3]
    racers = [
        subprocess.Popen(
            [
                sys.executable,
                "-W",
                "error",
                "-c",
                SCRIPT,
                str(Path(__file__).parent),
                str(store.path),
                str(n),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        for n in range(2)
    ]
    won = [0, 0]
    last_round = [-1, -1]
    for number in range(ROUNDS):
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write(f"{number}\n")
            racer.stdin.flush()
        for which, racer in enumerate(racers):
            assert racer.stdout is not None
            answer = racer.stdout.readline().strip()
            assert answer in ("0", "3"), answer
            if answer == "3":
                won[which] += 1
                last_round[which] = number
    for racer in racers:
        racer.communicate()
        assert racer.returncode == 0
    assert max(won) >= ROUNDS / 2
    assert sum(won) >= ROUNDS  # in every round at least one could write, both if one after the other
    with ProjectStore.open(store.path) as again:
        assert not again.read_only
        assert again.recovered.sentence() == ""
        for which, image in enumerate(ids):
            # The last three strokes of the last round this racer won are all there.
            plane = again.read_hand(image)
            height, width = plane.shape
            for number in range(last_round[which] * 3, last_round[which] * 3 + 3) if won[which] else ():
                y, x = (number * 7) % (height - 4), (number * 13) % (width - 5)
                assert plane[y : y + 3, x : x + 4].any()
        assert not list(tmp_path.glob("*.tmp-*"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["survey.crackscope", "survey.crackscope.backups"]
