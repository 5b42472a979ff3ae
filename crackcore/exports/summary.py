"""The summary table of a project: every picture has a row, also those that nobody has looked at."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from crackcore.domain.image_record import Threshold
from crackcore.domain.project import Project
from crackcore.exports.grids import notes_on_grids
from crackcore.exports.report import ExportReport, skipped_names
from crackcore.exports.source import NOT_ANALYSED, ExportImage, Walk, facts_of
from crackcore.exports.tables import Row, summary_csv, summary_row
from crackcore.exports.terms import notes_on_terms
from crackcore.progress import Progress, unheard
from crackcore.storage import new_folder, write_new

ANALYSED, BY_HAND, LEFT_OUT = "analysed", "by hand", "left out"


def write_summary(
    source: Iterable[ExportImage],
    out: Path,
    *,
    project: Project,
    progress: Progress = unheard,
    only_approved: bool = False,
) -> ExportReport:
    """`out/summary.csv` with the columns of `tables.COLUMNS`.

    Photos are not read: masks and facts are those of the project. The status is "analysed",
    "by hand" (no model, but a person), or for a picture without an answer "not analysed" or "left
    out", with empty numbers.
    """
    walk = Walk.of(source, progress, only_approved=only_approved)
    rows: dict[int, Row] = {}

    def count(image: ExportImage, stem: str) -> None:
        rows[id(image)] = _row(image, stem)

    with new_folder(out) as folder:
        walk.each(count)
        for image, reason in walk.skipped:
            rows[id(image)] = _row(image, "", reason)
        write_new(folder / "summary.csv", summary_csv(rows[id(image)] for image in walk.images))
    written = len(walk.images) - len(walk.skipped)
    notes = notes_on_grids(walk, "crack_px and decided_px count photo pixels, in sixteenths")
    left_out = {id(image) for image, _ in walk.skipped}
    notes += notes_on_terms(row for key, row in rows.items() if key not in left_out)
    return ExportReport("csv", out, written, skipped_names(walk), ("summary.csv",), notes)


def _row(image: ExportImage, stem: str, reason: str = "") -> Row:
    record, facts = image.record, facts_of(image)
    answered = not reason
    return summary_row(
        image.name,
        image.shown() if answered else None,
        status=_status(image, reason),
        reason=reason,
        width_px=record.width_px,
        height_px=record.height_px,
        magnification=record.magnification,
        review=record.review.value,
        model=facts["model"] if answered else "",
        model_sha256=facts["model_sha256"] if answered else "",
        model_family=facts["model_family"] if answered else "",
        threshold=Threshold(**facts["threshold"]) if answered and facts["threshold"] else None,
        file=facts["picture"],
        image_id=record.id,
        sha256=record.sha256,
        taken_at=record.taken_at,
        notes=record.notes,
    )


def _status(image: ExportImage, reason: str) -> str:
    if reason:
        return NOT_ANALYSED if reason.startswith(NOT_ANALYSED) else LEFT_OUT
    return ANALYSED if image.has_prediction else BY_HAND
