"""Which models and architectures there are, which one is chosen, and what they run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.jobs.models import KnownModels, device_job, models_job
from crackcore.domain.image_record import MAGNIFICATIONS

if TYPE_CHECKING:
    from app.session.session import Session
    from crackcore.models.architectures import Architecture
    from crackcore.models.catalogue import InstalledModel
    from crackcore.refinement import Refinement


class Models(QObject):
    """Belongs to the session; everything it knows was read on a lane."""

    changed = Signal()  # others are there, or another one is chosen
    device_changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._device_asked = False
        self._wish = ""  # to be chosen as soon as it is found
        self.installed: tuple[InstalledModel, ...] = ()
        self.architectures: tuple[Architecture, ...] = ()
        self.refinements: tuple[Refinement, ...] = ()
        self.known = False
        self.device_text = ""

    @property
    def chosen(self) -> InstalledModel | None:
        """The model the user chose, or the first one that finds cracks."""
        wish = self._session.settings.value.model
        for model in self.installed:
            if model.name == wish:
                return model
        return next((m for m in self.installed if self.finds_cracks(m)), None)

    def architecture_of(self, model: InstalledModel) -> Architecture | None:
        """What is known about a model's architecture; None while nothing was looked up yet."""
        for architecture in self.architectures:
            if architecture.name == model.spec.architecture:
                return architecture
        return None

    def finds_cracks(self, model: InstalledModel) -> bool:
        """False for a model that only enlarges pictures."""
        architecture = self.architecture_of(model)
        return architecture is None or architecture.finds_cracks

    def finer(self, model: InstalledModel) -> int:
        """How many times finer than the photo a result of this model can be kept; 1 for most."""
        architecture = self.architecture_of(model)
        if architecture is None or architecture.output_scale == 1 or not architecture.finds_cracks:
            return 1
        scale = model.spec.arguments.get("scale", architecture.output_scale)
        return scale if scale in MAGNIFICATIONS else 1

    def choose(self, name: str) -> None:
        self._session.settings.set("model", name)
        self.changed.emit()

    def look_for(self, *, then_choose: str = "") -> None:
        """Read the folders again, on the cpu lane."""
        self._wish = then_choose or self._wish
        job = models_job()
        job.succeeded.connect(self._came)
        job.failed.connect(self._session.tell_error)
        self._session.lanes.cpu.submit(job, replaces="models")

    def look_for_device(self) -> None:
        """Imports torch on the device lane, so only once there is something to predict."""
        if self._device_asked:
            return
        self._device_asked = True
        job = device_job()
        job.succeeded.connect(self.device_is)
        job.failed.connect(self._session.tell_error)
        self._session.lanes.device.submit(job)

    def device_is(self, text: str) -> None:
        """What runs the models, as it is told to people."""
        self._device_asked = True
        self.device_text = text
        self.device_changed.emit()

    def _came(self, found: KnownModels) -> None:
        self.installed, self.architectures = found.installed, found.architectures
        self.refinements, self.known = found.refinements, True
        wish, self._wish = self._wish, ""
        if any(model.name == wish for model in self.installed):
            self._session.settings.set("model", wish)
        self.changed.emit()
