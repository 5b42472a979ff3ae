"""File: open, add, find, save, export."""

from __future__ import annotations

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from app.actions.action import Action, Scope, with_project, with_writable_project
from app.dialogs.export import ExportDialog
from app.jobs.export import ExportRequest, export_job
from app.messages import Kind, Message, Way, message_for
from crackcore.names import shown_name


def open_folder(scope: Scope) -> None:
    folder = scope.ask.folder("Open a folder of pictures")
    if folder is not None:
        scope.session.intake.open_paths([folder])


def open_pictures(scope: Scope) -> None:
    pictures = scope.ask.pictures("Open pictures")
    if pictures:
        scope.session.intake.open_paths(pictures)


def open_project(scope: Scope) -> None:
    place = scope.ask.project("Open a project")
    if place is not None:
        scope.session.open_project(place)


def open_samples(scope: Scope) -> None:
    scope.session.intake.open_samples()


def add_pictures(scope: Scope) -> None:
    pictures = scope.ask.pictures("Add pictures")
    if pictures:
        scope.session.intake.add_paths(pictures)


def add_folder(scope: Scope) -> None:
    folder = scope.ask.folder("Add a folder of pictures")
    if folder is not None:
        scope.session.intake.add_paths([folder])


def find_pictures(scope: Scope) -> None:
    folder = scope.ask.folder("Where are the pictures now?")
    if folder is not None:
        scope.session.intake.find_moved(folder)


def save(scope: Scope) -> None:
    session, work = scope.session, scope.session.work
    if work is None:
        return
    place = session.path

    def over(error: BaseException | None) -> None:
        if error is None:  # else the session has said so
            name = shown_name(place) if place is not None else "the project"
            session.tell(Message(f"Saved in {name}.", Kind.DONE, key="save"))

    session.save(over)


def save_copy(scope: Scope) -> None:
    path = scope.session.path
    if path is None:
        return
    place = scope.ask.new_project("Save a copy", path.with_name(f"{path.stem} copy{path.suffix}"))
    if place is not None:
        scope.session.save_copy(place)


def export(scope: Scope) -> None:
    """Ask for a format and a folder; the export itself runs beside the work, after a save."""
    session = scope.session
    path, work = session.path, session.work
    if path is None or work is None:
        return
    has_finer = any(record.magnification > 1 for record in session.project.images)
    dialog = ExportDialog(path, scope.ask, scope.window, has_finer=has_finer)
    dialog.accepted_request.connect(lambda request: start_export(scope, request))
    dialog.open()


def start_export(scope: Scope, request: ExportRequest) -> None:
    session = scope.session

    def written(report: object) -> None:
        skipped = tuple(f"{shown_name(name)}: {why}" for name, why in getattr(report, "skipped", ()))
        count = getattr(report, "written", 0)
        text = "1 picture was" if count == 1 else f"{count} pictures were"
        text = f"{text} exported to {shown_name(request.out, whole=True)}."
        if skipped:
            text += f" {len(skipped)} had nothing to export."
        text = " ".join((text, *getattr(report, "notes", ())))
        show = Way("Show folder", lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(request.out))))
        session.tell(Message(text, Kind.DONE, (show,), key="export", stays=True, details=skipped[:12]))

    def begin() -> None:
        job = export_job(request)
        job.succeeded.connect(written)
        job.failed.connect(session.tell_error)
        scope.lanes.cpu.submit(job)

    def saved(error: BaseException | None) -> None:
        if error is None:
            begin()
        else:
            about = "Nothing was exported, because the project could not be saved first."
            session.tell(message_for(error, about=about, key="export"))

    if session.work is None or session.read_only:
        begin()
    else:
        session.work.save(saved)


def close_window(scope: Scope) -> None:
    scope.window.close()


ACTIONS = (
    Action("file.open-folder", "Open folder…", open_folder, ("Ctrl+O",), "open-folder"),
    Action("file.open-pictures", "Open pictures…", open_pictures, ("Ctrl+Alt+O",), "pictures"),
    Action("file.open-project", "Open project…", open_project, ("Ctrl+Shift+O",), "open-project"),
    Action("file.open-samples", "Open the samples", open_samples, (), "crackscope"),
    Action("file.add-pictures", "Add pictures…", add_pictures, ("Ctrl+N",), "add", with_writable_project),
    Action("file.add-folder", "Add folder…", add_folder, ("Ctrl+Shift+N",), "", with_writable_project),
    Action("file.find-pictures", "Find moved pictures…", find_pictures, (), "search", with_writable_project),
    Action("file.save", "Save", save, ("Ctrl+S",), "save", with_writable_project),
    Action("file.save-copy", "Save a copy…", save_copy, ("Ctrl+Shift+S",), "", with_project),
    Action("file.export", "Export…", export, ("Ctrl+E",), "export", with_project),
    Action("file.close", "Close", close_window, ("Ctrl+Q",)),
)
