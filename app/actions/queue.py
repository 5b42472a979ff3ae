"""Review queue: the pictures in the order in which correcting them is worth most."""

from __future__ import annotations

from app.actions.action import Action

ACTIONS: tuple[Action, ...] = ()
