"""Edit: undo, redo, tools and the settings."""

from __future__ import annotations

from collections.abc import Callable

from app.actions.action import Action, Scope, with_image, with_writable_image
from app.dialogs.settings import SettingsDialog
from app.jobs import Job
from crackcore.masks.patch import Patch
from crackcore.progress import Progress

SPECK_PX = 20
HOLE_PX = 20


def undo(scope: Scope) -> None:
    if scope.document is not None:
        scope.document.undo()


def redo(scope: Scope) -> None:
    if scope.document is not None:
        scope.document.redo()


def can_undo(scope: Scope) -> bool:
    document = scope.document
    return document is not None and not document.read_only and document.undo_stack.canUndo()


def can_redo(scope: Scope) -> bool:
    document = scope.document
    return document is not None and not document.read_only and document.undo_stack.canRedo()


def _clean(scope: Scope, title: str, *, specks: int = 0, holes: int = 0) -> None:
    """Computed on the cpu lane from a snapshot; dropped if a stroke came in between."""
    document = scope.document
    if document is None:
        return
    snapshot = document.snapshot()

    def work(progress: Progress) -> Patch:
        return snapshot.cleaned(min_speck_px=specks, max_hole_px=holes)

    job = Job(title, work, shown=False)
    job.succeeded.connect(lambda patch: document.apply_patch(patch, title, revision=snapshot.revision))
    job.failed.connect(scope.session.tell_error)
    scope.lanes.cpu.submit(job, replaces=f"clean:{document.record.id}")


def drop_specks(scope: Scope) -> None:
    _clean(scope, "Drop specks", specks=SPECK_PX)


def fill_holes(scope: Scope) -> None:
    _clean(scope, "Fill holes", holes=HOLE_PX)


def settings(scope: Scope) -> None:
    SettingsDialog(scope.settings, scope.window).open()


def choose(name: str) -> Callable[[Scope], object]:
    return lambda scope: scope.tools.choose(name)


def larger(scope: Scope) -> None:
    scope.tools.resize(1)


def smaller(scope: Scope) -> None:
    scope.tools.resize(-1)


def opposite(scope: Scope) -> None:
    scope.tools.toggle_opposite()


ACTIONS = (
    Action("edit.undo", "Undo", undo, ("Ctrl+Z",), "undo", can_undo, repeats=True),
    Action("edit.redo", "Redo", redo, ("Ctrl+Shift+Z", "Ctrl+Y"), "redo", can_redo, repeats=True),
    Action("edit.drop-specks", "Drop specks (under 20 px)", drop_specks, (), "", with_writable_image),
    Action("edit.fill-holes", "Fill holes (under 20 px)", fill_holes, (), "", with_writable_image),
    Action("edit.settings", "Settings…", settings, ("Ctrl+,",), "settings"),
    Action("tool.brush", "Brush", choose("brush"), ("B",), "brush", with_writable_image),
    Action("tool.eraser", "Eraser", choose("eraser"), ("E",), "eraser", with_writable_image),
    Action("tool.fill", "Fill", choose("fill"), ("G",), "fill", with_writable_image),
    Action("tool.polygon", "Polygon", choose("polygon"), ("P",), "polygon", with_writable_image),
    Action("tool.pan", "Move", choose("pan"), ("V",), "pan", with_image),
    Action("tool.larger", "Larger stamp", larger, ("]",), "", with_image, repeats=True),
    Action("tool.smaller", "Smaller stamp", smaller, ("[",), "", with_image, repeats=True),
    Action("tool.opposite", "Opposite of the tool", opposite, ("X",), "swap", with_image),
)
