"""View: zoom, overlay, panels."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

from app.actions.action import Action, Scope, with_image
from app.document import LayerOptions
from app.session.looking import RESULT

ZOOM_STEP = 1.4142


def set_layers(scope: Scope, options: LayerOptions) -> None:
    """The one way to change what is drawn: canvas and panel hear of it together."""
    scope.layers.set_options(options)
    scope.canvas.set_layers(options)


def fit(scope: Scope) -> None:
    scope.canvas.fit()


def actual_size(scope: Scope) -> None:
    scope.canvas.actual_size()


def zoom_in(scope: Scope) -> None:
    scope.canvas.zoom_by(ZOOM_STEP)


def zoom_out(scope: Scope) -> None:
    scope.canvas.zoom_by(1 / ZOOM_STEP)


def toggle_overlay(scope: Scope) -> None:
    options = scope.layers.options
    set_layers(scope, replace(options, overlay_visible=not options.overlay_visible))


def toggle_outline(scope: Scope) -> None:
    options = scope.layers.options
    set_layers(scope, replace(options, outline=not options.outline, overlay_visible=True))


def toggle_score(scope: Scope) -> None:
    options = scope.layers.options
    set_layers(scope, replace(options, score_visible=not options.score_visible))


def look_at_next(scope: Scope) -> None:
    scope.session.looking.look_at_next()


def look_at_result(scope: Scope) -> None:
    scope.session.looking.look_at(RESULT)


def can_look_elsewhere(scope: Scope) -> bool:
    return with_image(scope) and len(scope.session.looking.views) > 1


def is_looking_elsewhere(scope: Scope) -> bool:
    looking = scope.session.looking
    return bool(looking.key or looking.wanted)


def toggle_panels(scope: Scope) -> None:
    # Those at the side; a panel that can be closed comes and goes by itself.
    closable = QDockWidget.DockWidgetFeature.DockWidgetClosable
    docks = [d for d in scope.window.findChildren(QDockWidget) if not d.features() & closable]
    show = not any(dock.isVisible() for dock in docks)
    for dock in docks:
        dock.setVisible(show)


def show_panel(scope: Scope, title: str) -> None:
    """Bring a panel under the picture to the front and give it the keyboard."""
    dock = scope.window.findChild(QDockWidget, f"dock {title}")
    if dock is not None:
        was_hidden = dock.isHidden()
        dock.show()
        dock.raise_()
        if was_hidden and isinstance(scope.window, QMainWindow):
            window, wish = scope.window, dock.widget().sizeHint().height()
            # Only once the dock has its place can it be made higher.
            QTimer.singleShot(0, dock, lambda: window.resizeDocks([dock], [wish], Qt.Orientation.Vertical))
        target = _first_in(dock.widget())
        if target is not None:
            target.setFocus(Qt.FocusReason.TabFocusReason)


def next_area(scope: Scope) -> None:
    """Move the keyboard's focus from the picture to the first panel, on to the next, and back."""
    focus = scope.window.focusWidget()
    panels = [dock.widget() for dock in scope.window.findChildren(QDockWidget) if dock.isVisible()]
    areas: list[QWidget] = [scope.canvas, *panels]
    here = next((a for a in areas if focus is not None and (a is focus or a.isAncestorOf(focus))), areas[-1])
    at = areas.index(here)
    for area in (*areas[at + 1 :], *areas[: at + 1]):
        target = _first_in(area)
        if target is not None:
            target.setFocus(Qt.FocusReason.TabFocusReason)
            return


def _first_in(area: QWidget) -> QWidget | None:
    """What takes the focus first in an area, by keyboard."""
    candidate = area
    while True:
        takes = candidate.focusPolicy() & Qt.FocusPolicy.TabFocus == Qt.FocusPolicy.TabFocus
        inside = candidate is area or area.isAncestorOf(candidate)
        if takes and inside and candidate.isEnabled() and candidate.isVisible():
            return candidate
        following = candidate.nextInFocusChain()
        if following is None or following is area:
            return None
        candidate = following


def toggle_full_screen(scope: Scope) -> None:
    window = scope.window
    if window.isFullScreen():
        window.showNormal()
    else:
        window.showFullScreen()


ACTIONS = (
    Action("view.fit", "Fit", fit, ("F", "Ctrl+0"), "zoom-fit", with_image),
    Action("view.actual-size", "Actual size", actual_size, ("Shift+F", "Ctrl+1"), "zoom-actual", with_image),
    Action(
        "view.zoom-in", "Zoom in", zoom_in, ("+", "Ctrl++", "Ctrl+="), "zoom-in", with_image, repeats=True
    ),
    Action("view.zoom-out", "Zoom out", zoom_out, ("-", "Ctrl+-"), "zoom-out", with_image, repeats=True),
    Action(
        "view.overlay",
        "Mask (hold H to peek under it)",
        toggle_overlay,
        (),  # H belongs to the window: a tap toggles, holding peeks
        "eye",
        with_image,
        lambda scope: scope.layers.options.overlay_visible,
    ),
    Action(
        "view.outline",
        "Mask as outline",
        toggle_outline,
        ("O",),
        "outline",
        with_image,
        lambda scope: scope.layers.options.outline,
    ),
    Action(
        "view.score",
        "Score of the model",
        toggle_score,
        ("M",),
        "heat",
        with_image,
        lambda scope: scope.layers.options.score_visible,
    ),
    Action("view.look-next", "Look at the next layer", look_at_next, ("Shift+M",), "", can_look_elsewhere),
    Action("view.look-result", "Back to the result", look_at_result, (), "", is_looking_elsewhere),
    Action("view.panels", "Side panels", toggle_panels, ("Tab",), "panel"),
    Action("view.next-area", "Go to the next panel", next_area, ("F6",)),
    Action("view.full-screen", "Full screen", toggle_full_screen, ("F11",)),
)
