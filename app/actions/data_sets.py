"""Data sets: look into a folder of pictures and masks before anything is learned from it."""

from __future__ import annotations

from app.actions.action import Action

ACTIONS: tuple[Action, ...] = ()
