"""Where shipped files lie, in the source tree or in a frozen program; where the user's own lie."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import platformdirs


def resources_folder() -> Path:
    """The folder `resources/`."""
    bundled = getattr(sys, "_MEIPASS", None)  # set by the freezer
    root = Path(bundled) if bundled else Path(__file__).resolve().parent.parent
    return root / "resources"


def state_folder() -> Path:
    """The user's local state: journals, list of own projects, log. CRACKSCOPE_STATE overrides it."""
    override = os.environ.get("CRACKSCOPE_STATE")
    return Path(override) if override else Path(platformdirs.user_state_dir("crackscope", appauthor=False))


def cache_folder() -> Path:
    """What may be thrown away at any time and is made again. Inside CRACKSCOPE_STATE where that is set."""
    if os.environ.get("CRACKSCOPE_STATE"):
        return state_folder() / "cache"
    return Path(platformdirs.user_cache_dir("crackscope", appauthor=False))


def model_folders() -> tuple[Path, ...]:
    """Where model files are looked for: shipped ones first, then the user's."""
    return (resources_folder() / "models", state_folder() / "models")
