"""Review queue: the pictures in the order in which correcting them is worth most."""

from __future__ import annotations

from app.actions.action import Action, Scope


def toggle(scope: Scope) -> None:
    queue = scope.session.queue
    queue.choose(by_worth=not queue.by_worth)


def again(scope: Scope) -> None:
    scope.session.queue.start()


def stop(scope: Scope) -> None:
    scope.session.queue.stop()


def can_toggle(scope: Scope) -> bool:
    queue = scope.session.queue
    return not queue.is_running and (queue.can_rank or queue.by_worth)


def can_order_again(scope: Scope) -> bool:
    queue = scope.session.queue
    return queue.ranking is not None and queue.can_rank and not queue.is_running


def is_by_worth(scope: Scope) -> bool:
    return scope.session.queue.by_worth


def is_running(scope: Scope) -> bool:
    return scope.session.queue.is_running


ACTIONS: tuple[Action, ...] = (
    Action(
        "queue.by-worth",
        "List what needs most correcting first",
        toggle,
        (),
        "",
        can_toggle,
        checked=is_by_worth,
    ),
    Action("queue.again", "Order the pictures again", again, (), "", can_order_again),
    Action("queue.stop", "Stop ordering", stop, (), "", is_running),
)
