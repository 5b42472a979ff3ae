"""`crackcore project`: make a project from pictures, add to it, list it, check it, find moved photos."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crackcore.commands.output import print_json, say, show, terminal_progress
from crackcore.domain.image_record import ImageRecord
from crackcore.names import escaped, shown_name, unescaped


def add(subparsers: Any) -> None:
    """Declare the command's options."""
    parser = subparsers.add_parser("project", help="make, extend, list and check project files")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, text: str) -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
        sub.add_argument("project", metavar="PROJECT", type=Path, help="the project file")
        sub.add_argument("--json", action="store_true", help="print one JSON object on standard output")
        return sub

    new = action("new", "make a project from pictures and folders")
    new.add_argument("paths", nargs="*", metavar="PATH", help="pictures or folders")
    new.add_argument(
        "--from", dest="more", nargs="+", action="extend", default=[], metavar="PATH", help="the same"
    )
    new.add_argument("--title", default="", help="else the file's name")
    new.set_defaults(run=_new)
    more = action("add", "add pictures and folders to a project; those already in it are passed over")
    more.add_argument("paths", nargs="*", metavar="PATH", help="pictures or folders")
    more.add_argument(
        "--from", dest="more", nargs="+", action="extend", default=[], metavar="PATH", help="the same"
    )
    more.set_defaults(run=_add)
    action("info", "list what a project holds").set_defaults(run=_info)
    action("check", "verify digest, content, journal and photos").set_defaults(run=_check)
    moved = action("relocate", "find photos again that were moved, by their content")
    moved.add_argument("folder", type=Path, metavar="FOLDER", help="where to look, with all folders inside")
    moved.set_defaults(run=_relocate)


# ---------------------------------------------------------------- new and add


def _new(options: argparse.Namespace) -> int:
    """0 all taken, 1 some refused and listed, 2 nothing usable (then no file is made)."""
    import uuid

    from crackcore.domain.project import Project
    from crackcore.projects.store import ProjectStore

    if options.project.exists() or options.project.is_symlink():
        say(f"{shown_name(options.project)} exists already. Choose another name, or use `project add`.")
        return 2
    records, refused = _records(options, options.project, {})
    if records is None:
        return 2
    if not records and refused:
        _answer(options, options.project, [], refused, 0, 0)
        say("No project was made: none of the pictures could be taken.")
        return 1
    title = options.title or options.project.stem
    with terminal_progress("Saving") as progress:
        store = ProjectStore.create(
            options.project, Project(title, str(uuid.uuid4()), tuple(records)), progress=progress
        )
    store.close()
    _answer(options, store.path, records, refused, 0, len(records))
    return 1 if refused else 0


def _add(options: argparse.Namespace) -> int:
    """0 all taken, 1 some refused and listed, 2 used wrongly or the project cannot be written."""
    from crackcore.domain.change import RecordChanged
    from crackcore.projects.store import ProjectStore

    store = ProjectStore.open(options.project)
    try:
        if store.read_only:
            say(store.read_only_reason)
            return 2
        known = {record.sha256: record for record in store.project.images}
        records, refused = _records(options, store.path, known)
        if records is None:
            return 2
        fresh = [record for record in records if record.sha256 not in known]
        store.append_many([RecordChanged(record) for record in fresh])
        with terminal_progress("Saving") as progress:
            store.save(progress)
        _answer(options, store.path, fresh, refused, len(records) - len(fresh), len(store.project.images))
    finally:
        store.close(save=False)
    return 1 if refused else 0


def _records(
    options: argparse.Namespace, project: Path, known: dict[str, ImageRecord]
) -> tuple[list[ImageRecord] | None, list[tuple[str, str]]]:
    """Records of all pictures, one for each content, and what was refused; None: nothing was given."""
    from crackcore.errors import InputRefused, PhotoMissing
    from crackcore.imaging.scanning import record_for, scan

    paths: Sequence[str] = [*options.paths, *options.more]
    if not paths:
        say("Say which pictures or folders to take.")
        return None, []
    with terminal_progress("Looking") as progress:
        found = scan(paths, progress)
    if not found.pictures and not found.skipped:
        say("There is no picture in what was given.")
        return None, []
    refused = [(str(path), reason) for path, reason in found.skipped]
    records: dict[str, ImageRecord] = {}
    with terminal_progress("Reading") as progress:
        for done, path in enumerate(found.pictures):
            progress(done, len(found.pictures))
            try:
                record = record_for(path, project.parent)
            except (InputRefused, PhotoMissing) as error:
                refused.append((str(path), error.message))
            else:
                if record.sha256 in records:
                    first = shown_name(unescaped(records[record.sha256].file))
                    say(f"{shown_name(path)} is the same picture as {first}; it is taken once.")
                records.setdefault(record.sha256, known.get(record.sha256, record))
    return list(records.values()), refused


def _answer(
    options: argparse.Namespace,
    project: Path,
    added: Sequence[ImageRecord],
    refused: Sequence[tuple[str, str]],
    known: int,
    images: int,
) -> None:
    for _, reason in refused:
        say(f"Refused: {reason}")
    if options.json:
        print_json(
            {
                "project": escaped(str(project)),
                "images": images,
                "added": [{"id": r.id, "file": r.file} for r in added],
                "already_there": known,
                "refused": [{"path": escaped(path), "reason": reason} for path, reason in refused],
            }
        )
    else:
        passed = f", {known} already there" if known else ""
        show(f"{shown_name(project)}: {len(added)} added{passed}, {len(refused)} refused, {images} in all")


# ---------------------------------------------------------------- info


def _info(options: argparse.Namespace) -> int:
    """What the project holds; the file is only read."""
    from collections import Counter

    from crackcore.projects.backups import backups_of
    from crackcore.projects.store import ProjectStore

    store = ProjectStore.open(options.project, read_only=True)
    try:
        project = store.project
        counts = Counter(record.review.value for record in project.images)
        predicted = store.predicted_images()
        if options.json:
            print_json(
                {
                    "project": escaped(str(store.path)),
                    "title": project.title,
                    "uuid": project.uuid,
                    "generation": store.generation,
                    "unsaved_changes": store.pending,
                    "backups": len(backups_of(store.path)),
                    "images": [_image_entry(record, record.id in predicted) for record in project.images],
                }
            )
            return 0
        title = shown_name(project.title, whole=True)
        show(f"{title}: {len(project.images)} pictures, save {store.generation}")
        for state, count in sorted(counts.items()):
            show(f"  {count:6d} {state}")
        for record in project.images:
            name = shown_name(unescaped(record.file), whole=True)
            finer = f" x{record.magnification}" if record.magnification != 1 else ""
            show(f"{record.review.value:10s} {record.width_px:6d} x {record.height_px:<6d}{finer} {name}")
        if store.pending:
            say(f"{store.pending} changes are in the journal and not yet in the file.")
    finally:
        store.close(save=False)
    return 0


def _image_entry(record: ImageRecord, has_prediction: bool) -> dict[str, Any]:
    return {
        "id": record.id,
        "file": record.file,
        "sha256": record.sha256,
        "width_px": record.width_px,
        "height_px": record.height_px,
        "magnification": record.magnification,
        "review": record.review.value,
        "reason": record.reason,
        "has_prediction": has_prediction,
        "threshold": [record.threshold.low, record.threshold.high],
        "notes": record.notes,
    }


# ---------------------------------------------------------------- check and relocate


def _check(options: argparse.Namespace) -> int:
    """0 all well, 1 something was found and is listed, 2 it cannot be opened at all."""
    from crackcore.errors import ProjectDamaged
    from crackcore.projects.backups import backups_of
    from crackcore.projects.store import ProjectStore

    try:
        store = ProjectStore.open(options.project, read_only=True)
    except ProjectDamaged as error:
        if options.json:
            backups = [{"path": escaped(str(b.path)), "title": b.title} for b in backups_of(options.project)]
            damage = {"kind": "file", "image": "", "sentence": error.message}
            print_json({"ok": False, "findings": [damage], "backups": backups})
        say(error.sentence())
        return 1
    try:
        with terminal_progress("Checking") as progress:
            report = store.check(progress)
    finally:
        store.close(save=False)
    if options.json:
        findings = [{"kind": f.kind, "image": f.image_id, "sentence": f.sentence} for f in report.findings]
        print_json(
            {
                "ok": report.ok,
                "images": report.images,
                "photos_unchanged": report.photos,
                "generation": report.generation,
                "unsaved_changes": report.pending,
                "findings": findings,
            }
        )
    for finding in report.findings:
        say(finding.sentence)
    if not options.json:
        show(f"{report.images} pictures, {report.photos} photos unchanged, {len(report.findings)} findings")
    return 0 if report.ok else 1


def _relocate(options: argparse.Namespace) -> int:
    """0 every photo is there again, 1 some are still missing and listed, 2 not possible."""
    from crackcore.imaging.fingerprint import find_moved
    from crackcore.projects.relocating import missing_photos, relocated
    from crackcore.projects.store import ProjectStore

    store = ProjectStore.open(options.project)
    try:
        if store.read_only:
            say(store.read_only_reason)
            return 2
        with terminal_progress("Looking") as progress:
            changes = relocated(store, options.folder, find_moved, progress)
        store.append_many(changes)
        with terminal_progress("Saving") as progress:
            store.save(progress)
        missing = missing_photos(store)
    finally:
        store.close(save=False)
    for record in missing:
        say(f"Still missing: {shown_name(unescaped(record.file), whole=True)}")
    found = [{"id": c.record.id, "file": c.record.file} for c in changes]
    if options.json:
        print_json({"found": found, "missing": [{"id": r.id, "file": r.file} for r in missing]})
    else:
        show(f"{len(found)} found again, {len(missing)} still missing")
    return 1 if missing else 0
