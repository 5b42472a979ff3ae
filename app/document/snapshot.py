"""What is shown of a document at one moment, to be computed with on a lane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.document.planes import MaxLevels, PeakPlanes, frozen_levels
from crackcore.arrays import ClassMask, HandPlane, ScoreMap, read_only
from crackcore.domain.box import Box
from crackcore.domain.image_record import Threshold
from crackcore.masks.cleaning import cleaning_patch
from crackcore.masks.patch import Patch
from crackcore.masks.threshold import hand_classes, shown_mask, thresholded


@dataclass(frozen=True)
class Approval:
    """What approving would freeze, computed from the hand plane at `revision`."""

    image_id: str
    revision: int
    mask: ClassMask
    levels: MaxLevels


@dataclass(frozen=True)
class ShownSnapshot:
    """The arrays behind what is shown, and the revision they belong to.

    Why so: the hand plane is the document's own, not a copy (a copy of 100 megapixels would hold up
    the window). It is only read here, and the document refuses every answer whose `revision` is no
    longer its own, so an answer from a plane that was painted on meanwhile never counts.
    """

    image_id: str
    revision: int
    hand: HandPlane
    score: ScoreMap | None
    peaks: PeakPlanes | None
    threshold: Threshold
    frozen: ClassMask | None

    def mask(self, box: Box | None = None) -> ClassMask:
        """The mask that is shown, uint8 (H, W); with `box`, that part of it.

        With hysteresis and no peaks map at hand, a part is computed from the whole score map.
        """
        if self.frozen is None and self.score is not None and self._hysteresis:
            base = self._through_peaks(box)
        elif self.frozen is None and self.score is not None:
            return shown_mask(_part(self.hand, box), score=_part(self.score, box), threshold=self.threshold)
        elif self.frozen is not None:
            base = _part(self.frozen, box)
        else:
            return hand_classes(_part(self.hand, box))
        return shown_mask(_part(self.hand, box), frozen=base)

    def approval(self) -> Approval:
        """For `Document.approve`."""
        mask = self.mask()
        levels = frozen_levels(mask, self.hand, revision=self.revision)
        return Approval(self.image_id, self.revision, read_only(mask), levels)

    def cleaned(self, *, min_speck_px: int = 0, max_hole_px: int = 0) -> Patch:
        """For `Document.apply_patch`: drops specks and fills holes where nobody touched."""
        return cleaning_patch(self.hand, self.mask(), min_speck_px=min_speck_px, max_hole_px=max_hole_px)

    @property
    def _hysteresis(self) -> bool:
        return self.threshold.low < self.threshold.high

    def _through_peaks(self, box: Box | None) -> ClassMask:
        if self.peaks is not None and self.peaks.low == self.threshold.low:
            return (_part(self.peaks.levels.base, box) >= self.threshold.high).astype(np.uint8)
        assert self.score is not None
        return _part(thresholded(self.score, self.threshold), box)


def _part(plane: ClassMask, box: Box | None) -> ClassMask:
    return plane if box is None else plane[box.slices]
