"""What comes out of a retraining; no torch, for the window reads it too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crackcore import storage
from crackcore.errors import InputRefused
from crackcore.evaluation.intervals import Difference
from crackcore.models.catalogue import InstalledModel, read_installed
from crackcore.training.going_on import forgets


@dataclass(frozen=True)
class HoldOutScore:
    """Pooled at 2 px on the same held-out pictures, each model at its own threshold."""

    before: float
    after: float
    pictures: int
    difference: Difference


@dataclass(frozen=True)
class RetrainReport:
    """What came out: a candidate at `model.path`, judged on held-out `corrected` pictures.

    `old` is the same for old samples, None when there were none to check: what was forgotten.
    `better` says that it may replace the old model. `stopped` is why the training ended before its time,
    in a sentence, when that was nobody's wish.
    """

    model: InstalledModel
    corrected: HoldOutScore
    old: HoldOutScore | None
    better: bool
    held_out: frozenset[str]
    seconds: float
    stopped: str = ""

    @property
    def forgets(self) -> bool:
        """Whether more was lost on old samples than is forgiven: then it is not called better."""
        return forgets(self.corrected.difference, self.old.difference if self.old else None)

    def install(self, path: Path, *, insist: bool = False) -> InstalledModel:
        """Copy the candidate to where models are found, beside the old one.

        Raises InputRefused when it is not known to be better and nobody insists, or when there is a
        file already; FileProblem when it cannot be written.
        """
        if not self.better and not insist:
            raise InputRefused(
                path, "the retrained model is not known to be better.", hint="Correct more, or insist."
            )
        if path.exists():
            raise InputRefused(path, "there is a model of this name already.", hint="Choose another name.")
        path.parent.mkdir(parents=True, exist_ok=True)
        storage.write_durably(path, self.model.path.read_bytes())
        return read_installed(path)


def learning_file(out: Path) -> Path:
    """Where a retraining keeps its best weights, checkpoints and log until the candidate `out` is judged."""
    return out.with_name(f"{out.stem}.learning.safetensors")
