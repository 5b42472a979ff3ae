"""Look up what can predict: model files, architectures, the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.jobs.job import Job
from app.jobs.torch_libraries import preload_torch_libraries
from crackcore.progress import Progress

if TYPE_CHECKING:
    from crackcore.models.architectures import Architecture
    from crackcore.models.catalogue import InstalledModel
    from crackcore.refinement import Refinement


@dataclass(frozen=True)
class KnownModels:
    """What lies in the model folders, every architecture, and what can be done to a score afterwards."""

    installed: tuple[InstalledModel, ...]
    architectures: tuple[Architecture, ...]
    refinements: tuple[Refinement, ...]


def models_job() -> Job:
    """Reads headers only (and the files' digests); runs on the cpu lane, without torch."""

    def work(progress: Progress) -> KnownModels:
        from crackcore.models.catalogue import architectures, installed_models, known_architecture
        from crackcore.refinement import REFINEMENTS

        rows = tuple(known_architecture(name)[0] for name in architectures())
        return KnownModels(tuple(installed_models()), rows, tuple(REFINEMENTS.values()))

    return Job("Looking for models", work, shown=False)


def device_job() -> Job:
    """Which device there is. The first call imports torch, a second or two on the device lane."""

    def work(progress: Progress) -> str:
        preload_torch_libraries()
        from crackcore.models.devices import describe_device

        return describe_device()

    return Job("Looking for a graphics card", work, shown=False)
