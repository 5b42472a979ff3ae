"""Model: predict, and the threshold by keys."""

from __future__ import annotations

from collections.abc import Callable

from app.actions.action import Action, Scope, with_image, with_writable_image
from crackcore.domain.image_record import Threshold


def can_predict_this(scope: Scope) -> bool:
    return with_image(scope) and scope.session.predicting.can_predict


def can_predict_all(scope: Scope) -> bool:
    return scope.session.predicting.can_predict and bool(scope.session.project.images)


def is_predicting_all(scope: Scope) -> bool:
    return scope.session.predicting.batch is not None


def predict_this(scope: Scope) -> None:
    scope.session.predicting.predict_this()


def predict_all(scope: Scope) -> None:
    scope.session.predicting.predict_all()


def stop_all(scope: Scope) -> None:
    scope.session.predicting.stop_batch()


def move_threshold(by: int) -> Callable[[Scope], object]:
    """Both handles move, keeping their distance."""

    def run(scope: Scope) -> None:
        document = scope.document
        if document is not None:
            low, high = document.threshold.low, document.threshold.high
            step = max(1 - low, min(255 - high, by))
            document.set_threshold(Threshold(low + step, high + step), final=True)

    return run


ACTIONS = (
    Action("predict.this", "Predict this picture", predict_this, ("Ctrl+R",), "predict", can_predict_this),
    Action("predict.all", "Predict all", predict_all, ("Ctrl+Shift+R",), "predict-all", can_predict_all),
    Action("predict.stop", "Stop predicting all", stop_all, (), "cancel", is_predicting_all),
    Action(
        "threshold.down", "Threshold down", move_threshold(-5), (",",), "", with_writable_image, repeats=True
    ),
    Action("threshold.up", "Threshold up", move_threshold(5), (".",), "", with_writable_image, repeats=True),
    Action(
        "threshold.down-fine",
        "Threshold down, fine",
        move_threshold(-1),
        ("Shift+,",),
        "",
        with_writable_image,
        repeats=True,
    ),
    Action(
        "threshold.up-fine",
        "Threshold up, fine",
        move_threshold(1),
        ("Shift+.",),
        "",
        with_writable_image,
        repeats=True,
    ),
)
