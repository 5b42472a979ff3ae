"""Adapt: the chosen model learns from the corrected pictures in seconds."""

from __future__ import annotations

from app.actions.action import Action

ACTIONS: tuple[Action, ...] = ()
