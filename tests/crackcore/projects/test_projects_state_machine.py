"""A store against a model: open, look, draw, undo, predict, approve, make finer, save, kill, start again."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from project_making import HEIGHT, WIDTH, drop, new_store, predicted, record, score

from crackcore.domain.change import HandEdited, ImageRemoved, MaskFrozen, RecordChanged, Regridded
from crackcore.domain.image_record import Threshold
from crackcore.masks.patch import Patch, difference
from crackcore.masks.regridding import coarser_hand, finer
from crackcore.masks.threshold import shown_mask
from crackcore.projects.store import ProjectStore

NIGHTLY = os.environ.get("CRACKSCOPE_NIGHTLY") == "1"


class Model:
    """One image, as it should be."""

    def __init__(self, number: int) -> None:
        self.record = record(number)
        self.hand = np.zeros((HEIGHT, WIDTH), np.uint8)
        self.seed: int | None = None
        self.frozen: np.ndarray | None = None
        self.done: list[Patch] = []

    def shown(self) -> np.ndarray:
        return shown_mask(
            self.hand,
            score=None if self.seed is None else score(*self.hand.shape, seed=self.seed),
            threshold=self.record.threshold,
            frozen=self.frozen,
        )


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(dir=memory))
        self.state_before = os.environ.get("CRACKSCOPE_STATE")
        os.environ["CRACKSCOPE_STATE"] = str(self.folder / "state")
        self.store = new_store(self.folder)
        self.images = {n: Model(n) for n in range(3)}
        self.at = 0

    def teardown(self) -> None:
        self.store.close(save=False)
        shutil.rmtree(self.folder)
        if self.state_before is None:
            del os.environ["CRACKSCOPE_STATE"]
        else:
            os.environ["CRACKSCOPE_STATE"] = self.state_before

    @property
    def here(self) -> Model:
        return self.images[self.at]

    @rule(to=st.integers(0, 2))
    def switch(self, to: int) -> None:
        self.at = to if to in self.images else min(self.images)

    @rule(y=st.integers(0, HEIGHT - 1), x=st.integers(0, WIDTH - 1), value=st.sampled_from([0, 1, 2, 255]))
    def draw(self, y: int, x: int, value: int) -> None:
        after = self.here.hand.copy()
        after[max(0, y - 4) : y + 4, max(0, x - 6) : x + 6] = value
        patch = difference(self.here.hand, after)
        self.store.append(HandEdited(self.here.record.id, patch, "Brush"))
        self.here.hand = after
        self.here.done.append(patch)

    @precondition(lambda self: self.here.done)
    @rule()
    def undo(self) -> None:
        patch = self.here.done.pop().reversed()
        self.store.append(HandEdited(self.here.record.id, patch, "Undo"))
        patch.write_after(self.here.hand)

    @rule(seed=st.integers(0, 5))
    def predict(self, seed: int) -> None:
        height, width = self.here.hand.shape
        self.store.append(predicted(self.here.record.id, height=height, width=width, seed=seed))
        self.here.seed = seed

    @rule(low=st.integers(1, 255), more=st.integers(0, 60))
    def slide(self, low: int, more: int) -> None:
        self.here.record = replace(self.here.record, threshold=Threshold(low, min(255, low + more)))
        self.store.append(RecordChanged(self.here.record))

    @rule()
    def approve(self) -> None:
        mask = self.here.shown()
        self.store.append(MaskFrozen(self.here.record.id, mask))
        self.here.frozen = mask

    @rule()
    def reopen(self) -> None:
        self.store.append(MaskFrozen(self.here.record.id, None))
        self.here.frozen = None

    @rule(seed=st.none() | st.integers(0, 5))
    def change_the_grid(self, seed: int | None) -> None:
        here, to = self.here, 5 - self.here.record.magnification
        hand = finer(here.hand, 4) if to == 4 else coarser_hand(here.hand, here.shown(), 4)
        height, width = hand.shape
        image_id = here.record.id
        found = None if seed is None else predicted(image_id, height=height, width=width, seed=seed)
        self.store.append(
            Regridded(
                image_id,
                to,
                difference(np.zeros_like(hand), hand),
                None if found is None else found.prediction,
            )
        )
        here.hand, here.seed, here.frozen, here.done = hand, seed, None, []
        here.record = replace(here.record, magnification=to)

    @precondition(lambda self: len(self.images) > 1)
    @rule()
    def remove(self) -> None:
        self.store.append(ImageRemoved(self.here.record.id))
        del self.images[self.at]
        self.at = min(self.images)

    @rule(number=st.integers(0, 2))
    def add(self, number: int) -> None:
        if number not in self.images:
            self.images[number] = Model(number)
            self.store.append(RecordChanged(self.images[number].record))

    @rule()
    def save(self) -> None:
        self.store.save()
        assert self.store.pending == 0

    @rule()
    def kill_and_start(self) -> None:
        pending = self.store.pending
        drop(self.store)
        self.store = ProjectStore.open(self.store.path)
        assert not self.store.read_only
        assert self.store.pending == pending

    @rule(save=st.booleans())
    def close_and_start(self, save: bool) -> None:
        self.store.close(save=save)
        self.store = ProjectStore.open(self.store.path)

    @invariant()
    def everything_is_as_in_the_model(self) -> None:
        assert {r.id: r for r in self.store.project.images} == {
            m.record.id: m.record for m in self.images.values()
        }
        image = self.here
        assert np.array_equal(self.store.read_hand(image.record.id), image.hand)
        assert np.array_equal(self.store.read_shown(image.record.id), image.shown())
        assert self.store.has_prediction(image.record.id) == (image.seed is not None)
        predicted_images = {m.record.id for m in self.images.values() if m.seed is not None}
        assert self.store.predicted_images() == predicted_images


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=2000 if NIGHTLY else 40,
    stateful_step_count=50 if NIGHTLY else 30,
    deadline=None,
    derandomize=not NIGHTLY,
)
