"""What one model says about one image."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from crackcore.arrays import ScoreMap


@dataclass(frozen=True)
class PredictSettings:
    """How a prediction is made. `device` is what was asked for: auto, cpu or cuda."""

    device: str = "auto"
    tile_px: int = 0  # 0: what the model's spec says
    overlap_px: int = -1  # -1: what the model's spec says
    precision: str = "auto"  # auto | float32 | bfloat16; auto takes bfloat16 where a trial shows a gain
    result_scale: int = 1  # score pixels along one photo pixel: 1, or the architecture's output_scale


@dataclass(frozen=True)
class Prediction:
    """A score map and what made it. Thresholding it makes a mask; the prediction itself stays.

    `family` is that of the model: "research" marks what may only be used for non-commercial research.
    """

    score: ScoreMap
    model: str
    model_sha256: str
    device: str = "cpu"  # where it really ran, with a reason when that was not the wish
    settings: PredictSettings = PredictSettings()
    seconds: float = 0.0
    made_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    family: str = ""

    @property
    def scale(self) -> int:
        """Score values along one photo pixel as the model gave them: `score` is (H * scale, W * scale).

        A document that is finer than its photo holds every score on its own grid, also that of a model
        which sees photo pixels only (each value then repeated, see `masks.regridding`).
        """
        return self.settings.result_scale
