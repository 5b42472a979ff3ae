"""Evaluate: how good a model is on the approved pictures."""

from __future__ import annotations

from app.actions.action import Action

ACTIONS: tuple[Action, ...] = ()
