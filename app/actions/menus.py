"""The table of all actions, the menus as lists of ids, and QActions made from both."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar

from app.actions import (
    adapt,
    data_sets,
    edit,
    evaluate,
    help,
    models,
    predict,
    project,
    queue,
    retrain,
    review,
    view,
)
from app.actions.action import Action, Scope
from app.dialogs.palette import Command, CommandPalette
from app.dialogs.shortcuts import ShortcutRow, ShortcutSheet
from app.theme.icons import icon

PEEK_KEY = "H"  # handled by the window: a tap toggles the mask, holding looks under it
HELD = (
    ShortcutRow("Hide the mask (tap), peek under it (hold)", (PEEK_KEY,)),
    ShortcutRow("Opposite of the tool while held", ("Alt",)),
    ShortcutRow("Move the picture while held", ("Space", "Middle button")),
    ShortcutRow("Zoom at the cursor", ("Wheel",)),
    ShortcutRow("Size of the stamp", ("Shift+Wheel",)),
)


def show_shortcuts(scope: Scope) -> None:
    sections = [(title, [_row(a) for a in actions_of(ids) if a.shortcuts]) for title, ids in MENUS]
    sections.insert(2, ("Tools", [_row(a) for a in ALL if a.id.startswith("tool.")]))
    sections.append(("With the mouse", list(HELD)))
    ShortcutSheet([s for s in sections if s[1]], scope.window).open()


def show_palette(scope: Scope) -> None:
    commands = [
        Command(a.title.rstrip("…"), _keys(a), lambda a=a: a.run(scope))  # type: ignore[misc]
        for a in ALL
        if a.id != "help.commands" and a.enabled(scope)
    ]
    CommandPalette(commands, scope.window).open()


ALL: tuple[Action, ...] = (
    *project.ACTIONS,
    *edit.ACTIONS,
    *view.ACTIONS,
    *models.ACTIONS,
    *predict.ACTIONS,
    *review.ACTIONS,
    *queue.ACTIONS,
    *evaluate.ACTIONS,
    *adapt.ACTIONS,
    *retrain.ACTIONS,
    *data_sets.ACTIONS,
    Action("help.shortcuts", "Keyboard shortcuts", show_shortcuts, ("F1", "?"), "keyboard"),
    Action("help.commands", "All commands…", show_palette, ("Ctrl+K", "Ctrl+Shift+P"), "command"),
    *help.ACTIONS,
)
BY_ID = {action.id: action for action in ALL}

LINE = "-"
RECENT = "recent"  # the window fills this one
MENUS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "&File",
        (
            "file.open-folder",
            "file.open-pictures",
            "file.open-project",
            RECENT,
            "file.open-samples",
            LINE,
            "file.add-pictures",
            "file.add-folder",
            "file.find-pictures",
            LINE,
            "file.save",
            "file.save-copy",
            "file.export",
            LINE,
            "file.close",
        ),
    ),
    (
        "&Edit",
        (
            "edit.undo",
            "edit.redo",
            LINE,
            "tool.brush",
            "tool.eraser",
            "tool.fill",
            "tool.polygon",
            "tool.pan",
            LINE,
            "tool.larger",
            "tool.smaller",
            "tool.opposite",
            LINE,
            "edit.drop-specks",
            "edit.fill-holes",
            LINE,
            "edit.settings",
        ),
    ),
    (
        "&View",
        (
            "view.fit",
            "view.actual-size",
            "view.zoom-in",
            "view.zoom-out",
            LINE,
            "view.overlay",
            "view.outline",
            "view.score",
            LINE,
            "view.look-next",
            "view.look-result",
            LINE,
            "view.panels",
            "view.next-area",
            "view.full-screen",
        ),
    ),
    (
        "&Model",
        (
            "model.choose",
            "model.import",
            LINE,
            "predict.this",
            "predict.all",
            "predict.stop",
            LINE,
            "threshold.up",
            "threshold.down",
            "threshold.up-fine",
            "threshold.down-fine",
        ),
    ),
    (
        "&Review",
        (
            "review.approve-next",
            "review.approve",
            "review.reopen",
            LINE,
            "review.next",
            "review.previous",
            "review.next-open",
            "review.previous-open",
            LINE,
            *(a.id for a in queue.ACTIONS),
        ),
    ),
    (
        "&Learn",
        (
            *(a.id for a in evaluate.ACTIONS),
            LINE,
            *(a.id for a in adapt.ACTIONS),
            LINE,
            *(a.id for a in retrain.ACTIONS),
            LINE,
            *(a.id for a in data_sets.ACTIONS),
        ),
    ),
    ("&Help", ("help.shortcuts", "help.commands", LINE, "help.log")),
)


def actions_of(ids: tuple[str, ...]) -> Iterator[Action]:
    for action_id in ids:
        if action_id in BY_ID and not action_id.startswith("tool."):
            yield BY_ID[action_id]


class ActionSet(QObject):
    """The rows as QActions of one window."""

    def __init__(self, scope: Scope, parent: QObject) -> None:
        super().__init__(parent)
        self._scope = scope
        self.by_id: dict[str, QAction] = {}
        for row in ALL:
            made = QAction(row.title, self)
            made.setObjectName(row.id)
            made.setShortcuts([QKeySequence(keys) for keys in row.shortcuts])
            made.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            made.setAutoRepeat(row.repeats)
            made.setMenuRole(QAction.MenuRole.NoRole)
            if row.shortcuts:
                made.setToolTip(f"{row.title} ({_keys(row)})")
            if row.checked is not None:
                made.setCheckable(True)
            made.triggered.connect(lambda checked=False, row=row: self.run(row.id))
            self.by_id[row.id] = made
        self.dress()
        self.refresh()

    def run(self, action_id: str) -> None:
        """Run an action by its id, if it is possible now."""
        row = BY_ID[action_id]
        if row.enabled(self._scope):
            row.run(self._scope)
        self.refresh()

    def refresh(self) -> None:
        """Bring what is possible and what is ticked up to date."""
        for row in ALL:
            made = self.by_id[row.id]
            made.setEnabled(row.enabled(self._scope))
            if row.checked is not None:
                made.setChecked(row.checked(self._scope))

    def dress(self) -> None:
        for row in ALL:
            if row.icon:
                self.by_id[row.id].setIcon(icon(row.icon, self._scope.theme.scheme))

    def fill_menu_bar(self, bar: QMenuBar) -> QMenu:
        """Make the menus; answers the empty one for recent projects."""
        recent = QMenu("Recent projects", bar)
        for title, ids in MENUS:
            menu = bar.addMenu(title)
            menu.setToolTipsVisible(False)
            menu.aboutToShow.connect(self.refresh)
            for action_id in ids:
                if action_id == LINE:
                    menu.addSeparator()
                elif action_id == RECENT:
                    menu.addMenu(recent)
                else:
                    menu.addAction(self.by_id[action_id])
        return recent


def _keys(action: Action) -> str:
    return ", ".join(
        QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText) for keys in action.shortcuts
    )


def _row(action: Action) -> ShortcutRow:
    keys = tuple(QKeySequence(k).toString(QKeySequence.SequenceFormat.NativeText) for k in action.shortcuts)
    return ShortcutRow(action.title.rstrip("…"), keys)
