"""Evaluate: how good a model is on the approved pictures."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from app.actions.action import Action, Scope, with_project
from app.actions.view import show_panel


def open_panel(scope: Scope) -> None:
    """Show the panel; the measuring begins there, once a model was chosen."""
    show_panel(scope, "Evaluation")


def has_result(scope: Scope) -> bool:
    return scope.session.evaluating.result is not None


def save_figures(scope: Scope) -> None:
    session = scope.session
    if session.path is None or not has_result(scope):
        return
    moment = datetime.now().strftime("%Y-%m-%d %H%M")
    suggestion = session.path.parent.with_name(f"{session.path.stem} evaluation {moment}.csv")
    target = scope.ask.figures("Save the figures of the evaluation", suggestion)
    if target is not None:
        session.evaluating.save(Path(target))


ACTIONS: tuple[Action, ...] = (
    Action("evaluate.open", "Evaluate…", open_panel, ("Ctrl+Shift+E",), "", with_project),
    Action("evaluate.save", "Save the figures of the evaluation…", save_figures, (), "", has_result),
)
