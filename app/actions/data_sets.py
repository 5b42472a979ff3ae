"""Data sets: look into a folder of pictures and masks before anything is learned from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.actions.action import Action, Scope
from app.dialogs.data_set import DataSetDialog
from app.jobs import Job
from app.jobs.data_set import (
    ChosenDataSet,
    DataSetLook,
    DataSetRequest,
    answered_job,
    figures_job,
    look_into_job,
)
from app.messages import sentence

__all__ = ["ACTIONS", "ChosenDataSet", "ask_data_set"]


def ask_data_set(
    scope: Scope,
    then: Callable[[ChosenDataSet], None],
    *,
    purpose: str = "",
    use: str = "Use these pictures",
    place: Path | None = None,
) -> DataSetDialog:
    """Let the user choose a data set and see what it is; `then` hears the choice, in the GUI thread.

    `purpose` says in a sentence what it is for, `use` is the title of the button that takes it, `place`
    what is looked into first. `then` is not called when the user leaves. What it gets asks nothing any
    more: `TrainSource(chosen.folder, chosen.kind, rule=chosen.rule)`.
    """
    dialog = _open(scope, place, purpose=purpose, use=use)
    dialog.chosen.connect(then)
    return dialog


def look_into(scope: Scope) -> None:
    _open(scope, None, purpose="", use="")


def _open(scope: Scope, place: Path | None, *, purpose: str, use: str) -> DataSetDialog:
    """The dialog, and the jobs that do what it asks for; they end with it."""
    dialog = DataSetDialog(scope.ask, scope.theme, scope.window, purpose=purpose, use=use)
    running: list[Job] = []

    def stop() -> None:
        for job in running:
            scope.lanes.cancel(job)
        running.clear()

    def submit(job: Job) -> Job:
        # The dialog may be gone when an answer comes; then the job was cancelled, and says nothing.
        stop()
        running.append(job)
        scope.lanes.cpu.submit(job)
        return job

    def start(request: DataSetRequest) -> None:
        job = look_into_job(request)
        job.progressed.connect(dialog.show_progress)
        job.succeeded.connect(dialog.show_look)
        job.failed.connect(lambda error: dialog.show_refusal(sentence(error)))
        submit(job)

    def show_answer(request: DataSetRequest) -> None:
        job = answered_job(request)
        job.succeeded.connect(dialog.show_cells)
        job.failed.connect(lambda error: dialog.show_not_measured(sentence(error)))
        submit(job)

    def measure(look: DataSetLook) -> None:
        job = figures_job(look)
        job.progressed.connect(dialog.show_progress)
        job.succeeded.connect(dialog.show_figures)
        job.failed.connect(lambda error: dialog.show_not_measured(sentence(error)))
        submit(job)

    dialog.wanted.connect(start)
    dialog.answered.connect(show_answer)
    dialog.measure_wanted.connect(measure)
    dialog.stopped.connect(stop)
    dialog.finished.connect(lambda code: stop())
    dialog.open()
    if place is not None:
        dialog.look_into(place)
    return dialog


ACTIONS: tuple[Action, ...] = (Action("data.look-into", "Look into a data set…", look_into),)
