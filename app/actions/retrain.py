"""Retrain: a model learns from the corrected pictures for minutes, in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.actions.action import Action, Scope, with_project
from app.actions.data_sets import ask_data_set
from app.actions.view import show_panel
from app.dialogs.retrain import RetrainDialog, RetrainWish
from app.jobs import Job
from app.jobs.retrain import Survey, survey_job
from app.messages import sentence
from app.session.retraining import Stage

if TYPE_CHECKING:
    from crackcore.models.catalogue import InstalledModel

OLD_PURPOSE = "Old samples are mixed into the retraining, so that the model keeps what it knew."
SECONDS_OF_STEPS = 180.0  # not used when steps are asked for


def open_retrain(scope: Scope) -> RetrainDialog | None:
    """The dialog, or the dock when one is under way or waits for a decision."""
    session = scope.session
    chosen = session.models.chosen
    if session.retraining.stage not in (Stage.NONE, Stage.DECIDED):
        session.retraining.shown.emit()
        return None
    models = [m for m in session.models.installed if session.models.finds_cracks(m)]
    if chosen is None or not models:
        return None
    start_from = chosen if chosen in models else models[0]
    dialog = RetrainDialog(models, start_from, [m.name for m in session.models.installed], scope.window)
    pictures = session.retraining.pictures()
    seen: list[Survey] = []
    running: list[Job] = []

    def count(base: InstalledModel) -> None:
        stop()
        job = survey_job(pictures, base, seen[0] if seen else None)
        job.progressed.connect(dialog.show_progress)
        job.succeeded.connect(counted)
        job.failed.connect(lambda error: dialog.show_problem(sentence(error)))
        running.append(job)
        scope.lanes.cpu.submit(job)

    def counted(survey: Survey) -> None:
        seen[:] = [survey]
        dialog.show_survey(survey)

    def stop() -> None:
        for job in running:
            scope.lanes.cancel(job)
        running.clear()

    dialog.survey_wanted.connect(count)
    dialog.old_wanted.connect(lambda: ask_data_set(scope, dialog.add_old, purpose=OLD_PURPOSE))
    dialog.wanted.connect(lambda wish: start(scope, wish))
    dialog.finished.connect(lambda code: stop())
    dialog.open()
    return dialog


def start(scope: Scope, wish: RetrainWish) -> None:
    """Begin what was asked for."""
    # Known by now: the count of the pictures has imported it, off the GUI thread.
    from crackcore.training.retrain_order import RetrainOrder
    from crackcore.training.settings import TrainSource

    path = scope.session.path
    if path is None:
        return
    scope.session.retraining.start(
        RetrainOrder(
            path,
            wish.base,
            wish.name,
            iterations=wish.steps,
            seconds=60.0 * wish.minutes or SECONDS_OF_STEPS,
            also_edited=wish.also_edited,
            old=tuple(TrainSource(one.folder, one.kind, rule=one.rule) for one in wish.old),
            device=scope.settings.value.device,
        )
    )


def show(scope: Scope) -> None:
    show_panel(scope, "Training")


def go_back(scope: Scope) -> None:
    scope.session.retraining.go_back()


def can_retrain(scope: Scope) -> bool:
    return scope.session.is_open and scope.session.models.chosen is not None


def can_go_back(scope: Scope) -> bool:
    return scope.session.retraining.model_before is not None


ACTIONS: tuple[Action, ...] = (
    Action("retrain.open", "Retrain…", open_retrain, (), "", can_retrain),
    Action("retrain.show", "Show the training", show, (), "", with_project),
    Action("retrain.go-back", "Go back to the model before retraining", go_back, (), "", can_go_back),
)
