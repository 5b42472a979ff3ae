"""A prediction without its score map, as it stands in frames and in the project file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.projects.planes import PackedPlane

EARLIER = PredictSettings()
"""What is assumed of settings that earlier programs did not write."""

_LARGEST_SCALE = 64
_LONGEST_WORD = 32


@dataclass(frozen=True)
class PredictionFacts:
    """A prediction without its score map."""

    model: str
    model_sha256: str
    device: str
    settings: PredictSettings
    seconds: float
    made_at: datetime
    family: str = ""

    @classmethod
    def of(cls, p: Prediction) -> PredictionFacts:
        return cls(p.model, p.model_sha256, p.device, p.settings, p.seconds, p.made_at, p.family)

    def to_entry(self) -> dict[str, Any]:
        """The JSON object of FORMAT.md, section 3.3; `from_entry` reads it back."""
        s = self.settings
        return {
            "model": self.model,
            "model_sha256": self.model_sha256,
            "device": self.device,
            "settings": {
                "device": s.device,
                "tile_px": s.tile_px,
                "overlap_px": s.overlap_px,
                "precision": s.precision,
                "result_scale": s.result_scale,
            },
            "seconds": self.seconds,
            "made_at": self.made_at.astimezone(UTC).isoformat(),
            **({"family": self.family} if self.family else {}),
        }

    @classmethod
    def from_entry(cls, entry: Any) -> PredictionFacts:
        """Raises ValueError."""
        try:
            s = entry["settings"]
            settings = PredictSettings(
                str(s["device"]),
                int(s["tile_px"]),
                int(s["overlap_px"]),
                str(s.get("precision", EARLIER.precision))[:_LONGEST_WORD],
                _scale(s.get("result_scale", EARLIER.result_scale)),
            )
            made_at = datetime.fromisoformat(entry["made_at"])
            return cls(
                str(entry["model"]),
                str(entry["model_sha256"]),
                str(entry["device"]),
                settings,
                float(entry["seconds"]),
                made_at if made_at.tzinfo else made_at.replace(tzinfo=UTC),
                str(entry.get("family", ""))[:_LONGEST_WORD],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("a prediction lacks its facts") from error

    def with_score(self, score: PackedPlane) -> Prediction:
        """The prediction of these facts; `score` is unpacked to uint8 (H, W)."""
        return Prediction(
            score=score.unpacked(),
            model=self.model,
            model_sha256=self.model_sha256,
            device=self.device,
            settings=self.settings,
            seconds=self.seconds,
            made_at=self.made_at,
            family=self.family,
        )


def _scale(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= _LARGEST_SCALE:
        raise ValueError("a result scale must be a whole number from 1 on")
    return value
