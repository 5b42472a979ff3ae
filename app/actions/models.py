"""Model: choose one, bring one in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.actions.action import Action, Scope
from app.dialogs.choose_model import ModelChooser
from app.dialogs.import_model import ImportDialog
from app.dialogs.model_rows import model_rows
from app.jobs import Job
from app.jobs.import_model import ImportRequest, import_model_job
from app.messages import sentence
from crackcore.errors import TargetExists
from crackcore.names import shown_name

if TYPE_CHECKING:
    from crackcore.models.importing import ImportReport

WEIGHT_SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")


def are_known(scope: Scope) -> bool:
    return scope.session.models.known


def choose_model(scope: Scope) -> None:
    models = scope.session.models
    now = models.chosen
    rows = model_rows(models.installed, models.architectures, "" if now is None else now.name)
    dialog = ModelChooser(rows, scope.theme, scope.window)
    dialog.chosen.connect(models.choose)
    dialog.import_wanted.connect(lambda architecture: open_import(scope, architecture=architecture))
    dialog.open()


def import_model(scope: Scope) -> None:
    open_import(scope)


def open_import(scope: Scope, *, file: Path | None = None, architecture: str = "") -> ImportDialog:
    """The dialog, and the job that does what it asks for."""
    models = scope.session.models
    networks = [(a.name, a.title or a.name) for a in models.architectures]
    dialog = ImportDialog(
        networks, scope.ask, scope.theme, scope.window, file=file, architecture=architecture
    )
    running: list[Job] = []

    def start(request: ImportRequest) -> None:
        job = import_model_job(request)
        running[:] = [job]
        # The dialog may be gone when the answer comes; then the job was cancelled, and says nothing.
        job.progressed.connect(dialog.show_progress)
        job.succeeded.connect(arrived)
        job.failed.connect(refused)
        scope.lanes.cpu.submit(job)

    def arrived(report: ImportReport) -> None:
        models.look_for()
        titles = dict(networks)
        title = titles.get(report.architecture, report.architecture)
        name = report.installed.name
        dialog.show_report(
            name, f"{name} is installed.", report_facts(report, title), known_lines(report.known)
        )

    def refused(error: BaseException) -> None:
        known = getattr(error, "known", {})
        replaceable = isinstance(error, TargetExists)
        dialog.show_refusal(sentence(error), known_lines(known), may_replace=replaceable)

    def stop() -> None:
        for job in running:
            scope.lanes.cancel(job)

    dialog.wanted.connect(start)
    dialog.stopped.connect(stop)
    dialog.finished.connect(lambda code: stop())
    dialog.chosen.connect(lambda name: models.look_for(then_choose=name))
    dialog.open()
    return dialog


def report_facts(report: ImportReport, title: str) -> list[tuple[str, str]]:
    """What a person wants to know of an import, caption and text."""
    found = "recognised from its layers" if report.guessed else "as you said; its layers fit"
    facts = [
        ("Network", f"{title}, {found}"),
        ("Checked", "every layer's name, shape and numbers, and a trial on a small picture"),
        ("Licence", report.installed.spec.licence or "not stated"),
        ("Kept in", shown_name(report.installed.path, whole=True)),
    ]
    facts += [("Note", warning) for warning in report.warnings]
    return facts


KNOWN_CAPTIONS = {
    "format": "Format of the file",
    "bytes": "Bytes",
    "sha256": "SHA-256",
    "place": "Weights found in",
    "stripped": "Taken off the names",
    "tensors": "Tensors",
    "numbers": "Numbers",
    "ignored": "Left out",
    "nearest": "Nearest network",
    "arguments": "Its arguments",
    "missing": "Missing",
    "extra": "Not known there",
    "shapes": "Other shapes",
    "keys": "First names",
}
_LONGEST = 5  # names of a list; the file on the disk has the others


def known_lines(known: Mapping[str, Any]) -> list[str]:
    """What was found out about a file, for who wants to know more than the sentence says."""
    differences = known.get("differences") or {}
    facts = {**known, **differences, "nearest": known.get("nearest") if differences else ""}
    return [
        shown_name(f"{caption}: {_as_text(facts[key])}", whole=True)
        for key, caption in KNOWN_CAPTIONS.items()
        if facts.get(key) not in (None, "", 0, [], {})
    ]


def _as_text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        listed = ", ".join(_as_part(part) for part in value[:_LONGEST])
        return f"{listed} …" if len(value) > _LONGEST else listed
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else str(value)


def _as_part(part: Any) -> str:
    """One entry of a list; a shape that differs comes as its name and both shapes."""
    if not isinstance(part, Mapping):
        return str(part)
    found, wanted = ("×".join(map(str, part.get(key, ()))) for key in ("found", "wanted"))
    return f"{part.get('name')} is {found}, should be {wanted}"


ACTIONS = (
    Action("model.choose", "Choose a model…", choose_model, ("Ctrl+M",), "model", are_known),
    Action("model.import", "Import a model…", import_model, (), "import", are_known),
)
