"""Look into a data set: what it is, what its masks mean, how it looks, and its figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from app.jobs.job import Job
from crackcore.names import shown_name
from crackcore.progress import Progress

if TYPE_CHECKING:
    from crackcore.datasets.asking import Cell, PossibleAnswer
    from crackcore.datasets.dataset import Dataset
    from crackcore.datasets.inspecting import Inspection
    from crackcore.imaging.mask_rules import MaskRule

CELLS = 12
CELLS_TO_ASK = 6  # with their masks beside them
LISTED = 50  # problems and doubles that are kept to be read; their numbers are exact


@dataclass(frozen=True)
class DataSetRequest:
    """A place, and what a person said about it. `crack` and `undecided` are mask values as
    `crackcore.imaging.mask_rules.stated_rule` takes them; empty: found out."""

    place: Path
    crack_free: bool = False
    crack: str = ""
    undecided: str = ""


@dataclass(frozen=True)
class ChosenDataSet:
    """A data set that was looked into and is to be used; as `training.settings.TrainSource` takes it.

    `folder` may also be a list of pairs or a project. `kind` is "pairs" or "crack-free"; `rule` says
    which mask values are crack and asks nothing. `pictures` is how many it lists.
    """

    folder: Path
    kind: Literal["pairs", "crack-free"]
    rule: MaskRule = field(repr=False)
    name: str
    pictures: int


@dataclass(frozen=True)
class DataSetLook:
    """What a quick look told. Nothing of the data set stays open."""

    request: DataSetRequest
    name: str
    kind: str
    title: str  # of the layout
    pictures: int
    sides: dict[str, int]
    source_photos: int  # 0: the names tell nothing
    rule: MaskRule = field(repr=False)
    question: str
    answers: tuple[PossibleAnswer, ...]
    cells: tuple[Cell, ...] = field(repr=False)
    notes: tuple[str, ...]
    problems: tuple[str, ...]
    problem_count: int

    @property
    def chosen(self) -> ChosenDataSet:
        """To be used as it is; only when there is no question."""
        return ChosenDataSet(
            self.request.place,
            "crack-free" if self.kind == "crack-free" else "pairs",
            self.rule,
            self.name,
            self.pictures,
        )


@dataclass(frozen=True)
class DataSetFigures:
    """What reading every picture told; captions and texts for a person."""

    rows: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]
    problem_count: int
    doubles: tuple[str, ...]
    double_count: int


def look_into_job(request: DataSetRequest) -> Job:
    """Runs on the cpu lane; answers a DataSetLook. Some hundred masks and a dozen photographs are read."""

    def work(progress: Progress) -> DataSetLook:
        from crackcore.datasets import read_dataset
        from crackcore.datasets.asking import cells, possible_answers
        from crackcore.datasets.layouts import LAYOUTS
        from crackcore.datasets.reading import OTHER_KINDS, value_counts
        from crackcore.imaging.mask_rules import rule_for, stated_rule

        progress(0, 0, "Listing the files")
        with read_dataset(request.place, _kind(request), progress=_said(progress, "Listing")) as dataset:
            answers: tuple[PossibleAnswer, ...] = ()
            if request.crack:
                rule = stated_rule(request.crack, request.undecided)
            elif dataset.rule is not None:
                rule = dataset.rule
            else:
                counts = value_counts(dataset, progress=_said(progress, "Looking at the masks"))
                rule = rule_for(counts)
                answers = possible_answers(counts)
            made = cells(
                dataset,
                rule,
                at_most=CELLS_TO_ASK if rule.question else CELLS,
                with_masks=bool(rule.question),
                progress=_said(progress, "Drawing"),
            )
            title = LAYOUTS[dataset.kind].title if dataset.kind in LAYOUTS else OTHER_KINDS[dataset.kind][0]
            return DataSetLook(
                request,
                shown_name(dataset.name),
                dataset.kind,
                title,
                len(dataset.pairs),
                dataset.sides,
                len({s.group for s in dataset.pairs if s.group}),
                rule,
                rule.question,
                answers,
                made,
                tuple(dict.fromkeys((*dataset.notes, *(() if rule.question else rule.notes)))),
                _problems(dataset),
                len(dataset.problems),
            )

    return Job(f"Looking into {shown_name(request.place)}", work)


def answered_job(request: DataSetRequest) -> Job:
    """What an answer to the question would mark: cells with their masks. Runs on the cpu lane."""

    def work(progress: Progress) -> tuple[Cell, ...]:
        from crackcore.datasets import read_dataset
        from crackcore.datasets.asking import cells
        from crackcore.imaging.mask_rules import stated_rule

        rule = stated_rule(request.crack, request.undecided)
        with read_dataset(request.place, _kind(request)) as dataset:
            return cells(dataset, rule, at_most=CELLS_TO_ASK, with_masks=True, progress=progress)

    return Job("Drawing what would be crack", work, shown=False)


def figures_job(look: DataSetLook) -> Job:
    """Reads every picture and mask on the cpu lane; answers DataSetFigures."""

    def work(progress: Progress) -> DataSetFigures:
        from crackcore.datasets import read_dataset
        from crackcore.datasets.inspecting import inspect_dataset

        with read_dataset(look.request.place, _kind(look.request)) as dataset:
            read = _said(progress, "Reading every picture")
            return _figures(inspect_dataset(dataset, rule=look.rule, progress=read))

    return Job(f"Measuring {look.name}", work)


def _kind(request: DataSetRequest) -> str:
    return "crack-free" if request.crack_free else "auto"


def _said(progress: Progress, what: str) -> Progress:
    def report(done: int, total: int, note: str = "") -> None:
        progress(done, total, f"{what}: {note}" if note else what)

    return report


def _problems(dataset: Dataset) -> tuple[str, ...]:
    return tuple(f"{shown_name(p.file)}: {p.reason}" for p in dataset.problems[:LISTED])


def _figures(found: Inspection) -> DataSetFigures:
    sizes = list(found.sizes.items())
    shown = [f"{w} × {h} px ({n})" for (w, h), n in sizes[:3]]
    if len(sizes) > 3:
        shown.append(f"{len(sizes) - 3} more sizes")
    share, widths = found.crack_share, found.widths_px
    has_masks = found.dataset.kind != "crack-free"
    rows = [
        ("Read", f"{found.pictures} pictures" + (" with their masks" if has_masks else "")),
        ("Sizes", ", ".join(shown) or "none"),
    ]
    if has_masks:
        rows.append(("Crack share", f"mean {share.mean:.2%} of the pixels, median {share.median:.2%}"))
        rows.append(("Crack-free", f"{found.crack_free} of {found.pictures} pictures"))
    if widths.count:
        rows.append(
            (
                "Mask width",
                f"median {widths.median:.1f} px, 10 to 90 %: {widths.p10:.1f} to {widths.p90:.1f} px",
            )
        )
        rows.append(("Crack length", f"{found.line_px:,} px along the centre lines".replace(",", " ")))
    if found.undecided_share:
        rows.append(("Undecided", f"{found.undecided_share:.2%} of the pixels"))
    if found.with_roi:
        rows.append(("Region", f"{found.with_roi} pictures count only in part"))
    return DataSetFigures(
        tuple(rows),
        found.notes,
        tuple(f"{shown_name(p.file)}: {p.reason}" for p in found.problems[:LISTED]),
        len(found.problems),
        tuple(f"{shown_name(t.a.key)} and {shown_name(t.b.key)}: {t.how}" for t in found.twins[:LISTED]),
        len(found.twins),
    )
