"""The settings file: JSON in the state folder, holding only what differs from the defaults."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.settings.schema import SETTINGS_VERSION, Settings, from_deviations
from crackcore.names import escaped, unescaped

_log = logging.getLogger(__name__)
RECENT_KEPT = 12


def settings_path(state: Path) -> Path:
    return state / "settings.json"


def read_settings(state: Path) -> Settings:
    """What the file says, or the defaults; a damaged file never keeps the program from starting."""
    try:
        raw = json.loads(settings_path(state).read_bytes())
        if not isinstance(raw, dict) or not isinstance(raw.get("settings"), dict):
            raise ValueError("not a settings file")
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError, RecursionError) as error:
        _log.warning("settings not read, using the defaults: %s", error)
        return Settings()
    return from_deviations(raw["settings"])


def write_settings(state: Path, settings: Settings) -> None:
    """Keep the deviations; runs on the disk lane."""
    from crackcore.storage import write_durably

    state.mkdir(parents=True, exist_ok=True)
    text = {"settings_version": SETTINGS_VERSION, "settings": settings.deviations()}
    write_durably(settings_path(state), json.dumps(text, indent=2, ensure_ascii=True).encode("ascii"))


class SettingsHolder(QObject):
    """The present settings; a change acts at once and is written by whoever listens."""

    changed = Signal(str)

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.value = settings

    def set(self, name: str, value: object) -> None:
        new = self.value.with_value(name, value)
        if new != self.value:
            self.value = new
            self.changed.emit(name)

    def remember_project(self, path: Path) -> None:
        """Put a project first in the list of recent ones."""
        text = escaped(str(path))
        others = [entry for entry in self.value.recent if entry != text]
        self.set("recent", (text, *others)[:RECENT_KEPT])

    def forget_project(self, path: Path) -> None:
        self.set("recent", tuple(e for e in self.value.recent if e != escaped(str(path))))

    @property
    def recent(self) -> tuple[Path, ...]:
        return tuple(Path(unescaped(entry)) for entry in self.value.recent)
