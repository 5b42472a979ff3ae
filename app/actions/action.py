"""What an action is, and all that one may reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from app.canvas import CanvasView
from app.dialogs.ask import Ask
from app.editing import ToolBox
from app.jobs import Lanes
from app.panels.layers import LayersPanel
from app.session import Session
from app.settings.storage import SettingsHolder
from app.theme.scheme import Theme

if TYPE_CHECKING:
    from app.document import Document


@dataclass(frozen=True)
class Scope:
    """A record without behaviour: what actions reach. `window` is a parent for dialogs."""

    session: Session
    lanes: Lanes
    canvas: CanvasView
    tools: ToolBox
    layers: LayersPanel
    settings: SettingsHolder
    theme: Theme
    ask: Ask
    window: QWidget

    @property
    def document(self) -> Document | None:
        """The image that is shown, if its pixels are there and no other one is on its way.

        Else a key would change a picture that is covered by the next one's thumbnail.
        """
        document = None if self.session.is_loading else self.session.document
        return document if document is not None and document.is_loaded else None


def always(scope: Scope) -> bool:
    return True


def with_project(scope: Scope) -> bool:
    return scope.session.is_open


def with_writable_project(scope: Scope) -> bool:
    return scope.session.is_open and not scope.session.read_only


def with_image(scope: Scope) -> bool:
    return scope.document is not None


def with_writable_image(scope: Scope) -> bool:
    return scope.document is not None and not scope.session.read_only


@dataclass(frozen=True)
class Action:
    """Something the user can ask for, wherever the asking happens."""

    id: str  # "predict.this"; never renamed: shortcuts are stored under it
    title: str
    run: Callable[[Scope], object]
    shortcuts: tuple[str, ...] = ()
    icon: str = ""
    enabled: Callable[[Scope], bool] = always
    checked: Callable[[Scope], bool] | None = None  # for what is on or off
    repeats: bool = False  # whether holding the key goes on
