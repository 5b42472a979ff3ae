"""Help: shortcuts, every command, the log."""

from __future__ import annotations

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from app.actions.action import Action, Scope
from crackcore.resources import state_folder


def open_log_folder(scope: Scope) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(state_folder() / "log")))


ACTIONS = (Action("help.log", "Open the log folder", open_log_folder),)
