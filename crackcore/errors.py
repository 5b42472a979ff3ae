"""Everything the engine refuses on purpose, as sentences a person can act on.

An error class stands for what the user can do about it, not for where it happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class CrackError(Exception):
    """A refusal with one plain sentence and, where there is one, a way out.

    Parameters
    ----------
    message : one sentence, no jargon, no path of the program's own.
    hint : what the person can do now; empty when there is nothing to add.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def sentence(self) -> str:
        """Message and hint in one line, as shown in a list or on a terminal."""
        return f"{self.message} {self.hint}".strip()


# ---------------------------------------------------------------- files and pictures


class FileProblem(CrackError):
    """Something about a file or a place on disk."""

    def __init__(self, message: str, *, hint: str = "", path: Path | str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.path = path


class InputRefused(FileProblem):
    """A file from outside is not taken: broken, lying, too large, not what it says.

    One type for all importers; the rest of a batch goes on, nothing is written.
    """

    def __init__(self, path: Path | str, reason: str, *, hint: str = "") -> None:
        from crackcore.names import shown_name

        super().__init__(f"{shown_name(path)}: {reason}", hint=hint, path=path)
        self.reason = reason


class PhotoMissing(FileProblem):
    """A photograph of the project is not where it was."""


class NoSpace(FileProblem):
    """The disk is full."""


class PlaceReadOnly(FileProblem):
    """The place cannot be written to."""


class TargetExists(FileProblem):
    """An export would mix with what lies there already."""


# ---------------------------------------------------------------- project


class ProjectProblem(FileProblem):
    """Something about a project file."""


class NotAProject(ProjectProblem):
    """The file is not a project of this program."""


class ProjectTooNew(ProjectProblem):
    """Made by a newer version of the program."""

    def __init__(self, found: int, known: int, *, path: Path | str | None = None) -> None:
        super().__init__(
            f"This project has format {found}; this program knows formats up to {known}.",
            hint="Update the program, or ask for the project in an older format.",
            path=path,
        )
        self.found = found
        self.known = known


class ProjectDamaged(ProjectProblem):
    """The content does not match its digest, or breaks the rules of the format."""


class ProjectChangedElsewhere(ProjectProblem):
    """Somebody else saved this project since it was opened here."""


class ProjectReadOnly(ProjectProblem):
    """The project is open elsewhere, or its place cannot be written to."""


class UnknownPicture(ProjectProblem):
    """A picture id that the project does not hold."""


# ---------------------------------------------------------------- models, devices


class ModelProblem(CrackError):
    """Something about a model or its file."""


class UnknownModel(ModelProblem):
    """No model of this name; carries the nearest known names."""

    def __init__(self, name: str, nearest: tuple[str, ...], *, what: str = "model") -> None:
        hint = f"Did you mean {' or '.join(nearest)}?" if nearest else ""
        super().__init__(f'There is no {what} called "{name}".', hint=hint)
        self.name = name
        self.nearest = nearest


class ModelFileDamaged(ModelProblem):
    """The file is not a model file, or is broken."""


class WeightsDoNotFit(ModelProblem):
    """Names or shapes of the weights differ from the architecture's."""


class CheckpointRefused(ModelProblem):
    """A weight file from elsewhere is not taken: unsafe, broken, not weights, or of another network.

    `known` holds what was found out about it before (the keys of `ImportReport.known`).
    """

    def __init__(
        self, path: Path | str, reason: str, *, hint: str = "", known: Mapping[str, Any] | None = None
    ) -> None:
        from crackcore.names import shown_name

        super().__init__(f"{shown_name(path)} is not taken: {reason}", hint=hint)
        self.path = path
        self.reason = reason
        self.known: dict[str, Any] = dict(known or {})


class NetworkNotRecognised(CheckpointRefused):
    """The weights can be read, but none of the networks known here has exactly these layers."""


class NotExported(ModelProblem):
    """A model could not be written in the format of other programs."""


class NotAnalysed(ModelProblem):
    """The network gave NaN or Inf: there is no answer, which is not the answer "no cracks"."""


class TrainingStopped(ModelProblem):
    """Training ended early because going on made no sense (for example a NaN loss)."""


class DeviceProblem(CrackError):
    """Something about the GPU or memory."""


class OutOfDeviceMemory(DeviceProblem):
    """Even the smallest tile did not fit."""


class DeviceLost(DeviceProblem):
    """The device does not answer any more."""


class PluginProblem(CrackError):
    """Something about an extension."""


class Cancelled(Exception):
    """The asker no longer wants the result. Nothing failed, so nothing is shown."""
