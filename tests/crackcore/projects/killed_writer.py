"""A program that draws strokes as fast as it can until it is killed; run by test_projects_kill.py.

Now and then a step moves the picture to the finer grid, or back, instead of drawing.

Reads lines from standard input. `run PROJECT SEED PACE_MS n0,n1,…` forks a child that opens the
project, goes on with stroke n_i of image i, and writes `a I N` once stroke N of image I is
acknowledged; the parent writes `pid P` before and `dead P` after it. Forking from a process that
has everything imported makes hundreds of kills a minute possible.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crackcore.domain.box import Box
from crackcore.domain.change import HandEdited, Regridded
from crackcore.masks.patch import PatchRecorder, difference
from crackcore.masks.regridding import finer
from crackcore.projects.store import ProjectStore

HEIGHT, WIDTH, IMAGES = 260, 300, 3  # a stroke across the picture touches three or six tiles
BAND = 5
REGRID_EVERY = 23


def draw(plane: NDArray[np.uint8], number: int) -> Box:
    """Stroke `number`: a band over the whole width, never the value that is there already."""
    bands = HEIGHT // BAND
    top = (number * 7 % bands) * BAND
    plane[top : top + BAND] = (2, 1, 255)[(number // bands) % 3]
    return Box(top, top + BAND, 0, plane.shape[1])


def after(plane: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
    """The hand plane after step `number`: a stroke, or another grid."""
    if number % REGRID_EVERY == REGRID_EVERY - 1:
        is_coarse = plane.shape == (HEIGHT, WIDTH)
        return finer(plane, 4) if is_coarse else plane[::4, ::4].copy()
    plane = plane.copy()
    draw(plane, number)
    return plane


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def work(path: Path, seed: int, pace_ms: float, counts: list[int]) -> None:
    rng = random.Random(seed)
    store = ProjectStore.open(path)
    if store.read_only:
        say(f"error read-only: {store.read_only_reason}")
        return
    ids = [record.id for record in store.project.images]
    planes = [store.read_hand(image_id) for image_id in ids]
    until_save = rng.randint(1, 25)
    while True:
        which = rng.randrange(IMAGES)
        wanted = after(planes[which], counts[which])
        if wanted.shape != planes[which].shape:
            whole = difference(np.zeros_like(wanted), wanted)
            store.append(Regridded(ids[which], wanted.shape[0] // HEIGHT, whole, None))
            planes[which] = wanted
        else:
            recorder = PatchRecorder(planes[which])
            recorder.will_touch(draw(wanted, counts[which]))
            planes[which][...] = wanted
            store.append(HandEdited(ids[which], recorder.finish(), "Brush"))
        counts[which] += 1
        say(f"a {which} {counts[which]}")
        until_save -= 1
        if until_save == 0:
            store.save()
            say("saved")
            until_save = rng.randint(1, 25)
        if pace_ms:
            time.sleep(pace_ms / 1000)


def main() -> None:
    for line in sys.stdin:
        _, path, seed, pace_ms, counts = line.rstrip("\n").split("\t")
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            try:
                work(Path(path), int(seed), float(pace_ms), [int(n) for n in counts.split(",")])
            except BaseException as error:
                say(f"error {type(error).__name__}: {error}")
            os._exit(1)
        say(f"pid {child}")
        os.waitpid(child, 0)
        say(f"dead {child}")


if __name__ == "__main__":
    main()
