"""Retrain: a model learns from the corrected pictures for minutes, in a process of its own."""

from __future__ import annotations

from app.actions.action import Action

ACTIONS: tuple[Action, ...] = ()
