"""Review: approve, go on, reopen."""

from __future__ import annotations

from app.actions.action import Action, Scope, with_project, with_writable_image, with_writable_project
from app.messages import Kind, Message
from crackcore.domain.image_record import Review


def _go(scope: Scope, image_id: str) -> None:
    if image_id:
        scope.session.show(image_id)


def next_image(scope: Scope) -> None:
    _go(scope, scope.session.neighbour(1))


def previous_image(scope: Scope) -> None:
    _go(scope, scope.session.neighbour(-1))


def next_open(scope: Scope) -> None:
    _go(scope, scope.session.neighbour(1, only_open=True))


def previous_open(scope: Scope) -> None:
    _go(scope, scope.session.neighbour(-1, only_open=True))


def approve(scope: Scope) -> None:
    scope.session.approve()


def approve_and_next(scope: Scope) -> None:
    session = scope.session
    if session.is_loading:
        # The picture on its way was not seen yet, so it is neither approved nor skipped.
        session.tell(Message("The next picture is just being opened.", Kind.INFO, key="review"))
        return
    target = session.neighbour(1, only_open=True)
    session.approve()
    if target:
        session.show(target)
    else:
        session.tell(Message("That was the last picture that was not approved.", Kind.DONE, key="review"))


def reopen(scope: Scope) -> None:
    if scope.document is not None:
        scope.document.reopen()


def is_approved(scope: Scope) -> bool:
    document = scope.document
    return with_writable_image(scope) and document is not None and document.frozen is not None


def can_approve(scope: Scope) -> bool:
    document = scope.document
    return (
        with_writable_image(scope) and document is not None and document.record.review is not Review.APPROVED
    )


def can_go_on(scope: Scope) -> bool:
    """Also while the next picture is being opened: then it is said that it is."""
    return with_writable_image(scope) or (with_writable_project(scope) and scope.session.is_loading)


ACTIONS = (
    Action(
        "review.approve-next",
        "Approve and next",
        approve_and_next,
        ("Return", "Enter"),
        "approve",
        can_go_on,
    ),
    Action("review.approve", "Approve", approve, ("Ctrl+Return",), "", can_approve),
    Action("review.reopen", "Reopen", reopen, ("Ctrl+Backspace",), "reopen", is_approved),
    Action("review.next", "Next picture", next_image, ("D", "PgDown"), "next", with_project, repeats=True),
    Action(
        "review.previous",
        "Previous picture",
        previous_image,
        ("A", "PgUp"),
        "previous",
        with_project,
        repeats=True,
    ),
    Action("review.next-open", "Next not approved", next_open, ("N",), "next-open", with_project),
    Action("review.previous-open", "Previous not approved", previous_open, ("Shift+N",), "", with_project),
)
