"""What the chooser says about each model, and about architectures that nothing is installed for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crackcore.domain.model_families import OPEN, RESEARCH, RESEARCH_TAG, research_note

if TYPE_CHECKING:
    from crackcore.domain.model_spec import ModelSpec
    from crackcore.models.architectures import Architecture
    from crackcore.models.catalogue import InstalledModel

FAMILY_TAGS = {OPEN: "Open", RESEARCH: RESEARCH_TAG}
HOW_TO_GET = "No weights yet. Get the authors' file and bring it in with “Import a model…” below."


@dataclass(frozen=True)
class ModelRow:
    """One row: an installed model (`name` is its own) or an architecture (`name` is its name)."""

    name: str
    title: str
    good_for: str
    installed: bool
    network: str = ""  # what an installed model's network is called
    paper: str = ""
    speed: str = ""
    input: str = ""
    licence: str = ""
    trained_on: str = ""
    chosen: bool = False
    family: str = ""  # "open" or "research"; a user's own model has none

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """Captions and what stands under them."""
        return (("Input", self.input), ("Licence", self.licence), ("Trained on", self.trained_on))

    @property
    def tag(self) -> str:
        """The family in a word or two; empty for a user's own model."""
        return FAMILY_TAGS.get(self.family, "")

    @property
    def more(self) -> str:
        """What a row has no room for: the paper, and all that the model was trained on."""
        parts = [
            research_note(self.family),
            self.paper,
            f"Trained on {self.trained_on}" if self.installed else "",
        ]
        return ". ".join(part.rstrip(".") for part in parts if part) + "."

    @property
    def spoken(self) -> str:
        """The whole row as sentences, for a screen reader."""
        said = [f"{self.title}, {self.network}" if self.network else self.title, self.good_for.rstrip(".")]
        if self.family:
            said.append(research_note(self.family) or "Open: trained only on sets that allow any use")
        if self.speed:
            said.append(f"Speed: {self.speed}")
        if self.installed:
            said += [f"{caption}: {text}" for caption, text in self.facts]
        else:
            said.append(HOW_TO_GET.rstrip("."))
        if self.paper:
            said.append(self.paper)
        return ". ".join(part.rstrip(".") for part in said if part) + "."


def model_rows(
    installed: Sequence[InstalledModel], architectures: Sequence[Architecture], chosen: str
) -> list[ModelRow]:
    """Installed models in their order, then the architectures without one."""
    known = {architecture.name: architecture for architecture in architectures}
    rows = [_row_of(model, known.get(model.spec.architecture), chosen) for model in installed]
    covered = {model.spec.architecture for model in installed}
    rows += [
        ModelRow(a.name, a.title or a.name, a.good_for, installed=False, paper=a.paper, speed=a.speed)
        for a in architectures
        if a.name not in covered
    ]
    return rows


def _row_of(model: InstalledModel, architecture: Architecture | None, chosen: str) -> ModelRow:
    spec = model.spec
    good_for, speed = spec.summary, ""
    if architecture is not None:
        if spec.source_sha256:  # imported: what is said about it is only that
            good_for = f"{architecture.good_for} {good_for}".strip()
        good_for = good_for or architecture.good_for
        speed = architecture.speed_with(spec)
    return ModelRow(
        name=model.name,
        title=model.name,
        good_for=good_for or "Nothing is said about what it is good for.",
        installed=True,
        network="" if architecture is None else architecture.title,
        paper="" if architecture is None else architecture.paper,
        speed=speed,
        input=input_words(spec, 1 if architecture is None else architecture.output_scale),
        licence=spec.licence or "not stated",
        trained_on=training_words(spec),
        chosen=model.name == chosen,
        family=spec.family,
    )


def input_words(spec: ModelSpec, output_scale: int) -> str:
    """How a picture goes in: "tiles of 320 px, enlarged 2 times"."""
    words = f"tiles of {spec.tile_px} px"
    scale = spec.preprocessing.input_scale
    if scale != 1:
        words += f", enlarged {scale:g} times"
    if output_scale > 1:
        words += f", result {output_scale} times finer"
    return words


def training_words(spec: ModelSpec) -> str:
    """How many photos of which sets: "302 photos: uav_concrete, cracksc, and 300 drawn"."""
    rows = [row for row in spec.training_data if row.get("kind") != "drawn"]
    names = ", ".join(str(name) for row in rows if (name := row.get("set") or row.get("name")))
    if not names:
        return "not stated"
    whole, drawn = _learned(rows), _learned(row for row in spec.training_data if row not in rows)
    beside = f", and {drawn} drawn" if drawn else ""
    return f"{whole} photos: {names}{beside}" if whole else names


def _learned(rows: Iterable[Mapping[str, Any]]) -> int:
    return sum(n for row in rows if isinstance(n := row.get("trained_on"), int))
