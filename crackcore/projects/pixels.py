"""Planes of an open project: what the last save holds, with the steps since on top."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from crackcore.arrays import ClassMask, HandPlane
from crackcore.domain.prediction import Prediction
from crackcore.errors import CrackError
from crackcore.projects import frames, layout, reading
from crackcore.projects.content import Content
from crackcore.projects.journal import Journal, Location
from crackcore.projects.pending import ImagePending
from crackcore.projects.planes import PackedPlane
from crackcore.projects.prediction_facts import PredictionFacts
from crackcore.projects.reading import Snapshot


class Pixels:
    """Reads planes; every array handed out is new. `migrated` replaces the body of an old format."""

    def __init__(
        self, snapshot: Snapshot, content: Content, journal: Journal, migrated: bytes | None
    ) -> None:
        self.snapshot = snapshot
        self.migrated = migrated
        self._content = content
        self._journal = journal

    def body(self) -> contextlib.AbstractContextManager[h5py.File]:
        """The body of the last save, for the length of a `with` block."""
        return reading.body_of(self.snapshot, self.migrated)

    @contextlib.contextmanager
    def _stored(self, image_id: str) -> Iterator[h5py.Group | None]:
        """What the last save holds of an image, or None."""
        entry = self._content.entry(image_id)
        if entry is not None and (entry.fresh or entry.regridded):
            yield None
            return
        with self.body() as h5:
            yield reading.image_group(h5, image_id)

    def hand(self, image_id: str) -> HandPlane:
        size = self._content.size_of(image_id)
        with self._stored(image_id) as group:
            plane = None if group is None else reading.read_plane(group, layout.BY_HAND, size)
        if plane is None:
            plane = np.zeros(size, np.uint8)
        entry = self._content.entry(image_id)
        for patch in entry.patches if entry else ():
            patch.write_after(plane)
        return plane

    def has_prediction(self, image_id: str) -> bool:
        size = self._content.size_of(image_id)
        entry = self._content.entry(image_id)
        if entry is not None and entry.prediction is not None:
            return True
        with self._stored(image_id) as group:
            return group is not None and reading.plane_dataset(group, layout.SCORE, size) is not None

    def predicted_images(self) -> set[str]:
        """Ids of all images with a prediction, in the journal or in the file."""
        pending = self._content.pending.images
        found = {i for i, entry in pending.items() if entry.prediction is not None}
        with self.body() as h5:
            for image_id in self._content.records.keys() - found:
                entry = pending.get(image_id)
                gone = entry is not None and (entry.fresh or entry.regridded)
                group = None if gone else reading.image_group(h5, image_id)
                if group is not None and reading.member(group, layout.SCORE) is not None:
                    found.add(image_id)
        return found

    def prediction(self, image_id: str) -> Prediction | None:
        size = self._content.size_of(image_id)
        entry = self._content.entry(image_id)
        if entry is not None and entry.prediction is not None:
            facts, plane = self.journaled_prediction(entry)
            return facts.with_score(plane)
        with self._stored(image_id) as group:
            return None if group is None else reading.read_prediction(group, size)

    def frozen(self, image_id: str) -> ClassMask | None:
        size = self._content.size_of(image_id)
        entry = self._content.entry(image_id)
        if entry is not None and entry.frozen is not None:
            return self.journaled_mask(entry).unpacked()
        if entry is not None and entry.let_go:
            return None
        with self._stored(image_id) as group:
            return None if group is None else reading.read_plane(group, layout.FROZEN, size)

    # ------------------------------------------------------------ planes in the journal

    def journaled_prediction(self, entry: ImagePending) -> tuple[PredictionFacts, PackedPlane]:
        """Facts and packed score map of an entry that has a new prediction."""
        assert entry.prediction is not None
        return frames.prediction_in(*self._journaled(entry.prediction))

    def journaled_mask(self, entry: ImagePending) -> PackedPlane:
        """The packed mask of an entry that was approved anew."""
        assert entry.frozen is not None
        return PackedPlane.from_bytes(self._journaled(entry.frozen)[1])

    def _journaled(self, location: Location) -> tuple[dict[str, Any], bytes]:
        try:
            return frames.split(self._journal.read(location))
        except CrackError as error:
            if self._journal.read_only:  # the window that writes has saved, and emptied its journal
                raise reading.changed_elsewhere(self.snapshot.path) from error
            raise
