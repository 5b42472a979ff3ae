"""Adapt: the chosen model learns from the corrected pictures in seconds."""

from __future__ import annotations

from app.actions.action import Action, Scope


def can_adapt(scope: Scope) -> bool:
    return scope.session.adapting.can_adapt


def adapt(scope: Scope) -> None:
    scope.session.adapting.adapt()


def can_flip(scope: Scope) -> bool:
    preview = scope.session.adapting.preview
    return preview.can_show and preview.job is None


def flip(scope: Scope) -> None:
    scope.session.adapting.flip()


def has_offer(scope: Scope) -> bool:
    offer = scope.session.adapting.offer
    return offer is not None and not offer.is_being_kept


def can_keep(scope: Scope) -> bool:
    return has_offer(scope) and not scope.session.read_only


def keep(scope: Scope) -> None:
    scope.session.adapting.keep()


def discard(scope: Scope) -> None:
    scope.session.adapting.discard()


def can_go_back(scope: Scope) -> bool:
    return scope.session.adapting.before is not None


def go_back(scope: Scope) -> None:
    scope.session.adapting.go_back()


ACTIONS: tuple[Action, ...] = (
    Action("adapt.start", "Adapt to my corrections", adapt, ("Ctrl+L",), "adapt", can_adapt),
    Action("adapt.flip", "Before or after adapting", flip, ("Y",), "", can_flip),
    Action("adapt.keep", "Keep the adapted model", keep, (), "", can_keep),
    Action("adapt.discard", "Discard the adapted model", discard, (), "", has_offer),
    Action("adapt.back", "Go back to the model before adapting", go_back, (), "", can_go_back),
)
