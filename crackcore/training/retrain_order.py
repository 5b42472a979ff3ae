"""What a retraining was asked for and what came of it, as values that a file can hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crackcore.errors import ModelProblem
from crackcore.evaluation.intervals import Difference, Interval
from crackcore.imaging.mask_rules import MaskRule, SpaceRule
from crackcore.models.catalogue import InstalledModel, installed_models, read_installed
from crackcore.names import escaped, shown_name, unescaped
from crackcore.training.retrain_report import HoldOutScore, RetrainReport
from crackcore.training.settings import TrainSource

CORRECTED = "corrected pictures"
"""What the pictures of the project are called among the sets of a retraining."""


@dataclass(frozen=True)
class RetrainOrder:
    """Learn from the approved pictures of `project`, starting from `base`; the result is called `name`.

    `iterations`, or with 0 as many as fit into `seconds` of learning on this machine. `also_edited` takes
    pictures along that were corrected and not approved yet. Of each folder of `old` samples at most
    `old_at_most` pictures are read.
    """

    project: Path
    base: InstalledModel
    name: str
    iterations: int = 0
    seconds: float = 180.0
    also_edited: bool = False
    old: tuple[TrainSource, ...] = ()
    old_at_most: int = 200
    device: str = "auto"
    seed: int = 0


def row_of_order(order: RetrainOrder) -> dict[str, Any]:
    """The order as JSON can hold it; names of files as `crackcore.names.escaped` writes them."""
    return {
        "project": escaped(str(order.project)),
        "base": {
            "name": order.base.name,
            "file": escaped(str(order.base.path)),
            "sha256": order.base.sha256,
        },
        "name": order.name,
        "iterations": order.iterations,
        "seconds": order.seconds,
        "also_edited": order.also_edited,
        "old": [_row_of_source(source) for source in order.old],
        "old_at_most": order.old_at_most,
        "device": order.device,
        "seed": order.seed,
    }


def order_of(row: dict[str, Any]) -> RetrainOrder:
    """The order of a row. Raises ModelProblem when the model that it starts from is gone or another one;
    ValueError, KeyError or TypeError for a row that is none."""
    return RetrainOrder(
        Path(unescaped(row["project"])),
        _same_model(row["base"]),
        str(row["name"]),
        int(row["iterations"]),
        float(row["seconds"]),
        bool(row["also_edited"]),
        tuple(map(_source_of, row["old"])),
        int(row["old_at_most"]),
        str(row["device"]),
        int(row["seed"]),
    )


def _same_model(row: dict[str, Any]) -> InstalledModel:
    path = Path(unescaped(row["file"]))
    if path.is_file() and (model := read_installed(path)).sha256 == row["sha256"]:
        return model
    for model in installed_models():  # the program was moved, or the file was
        if model.sha256 == row["sha256"]:
            return model
    raise ModelProblem(
        f"The model {shown_name(str(row['name']))}, from which the retraining began, is not there any more.",
        hint="Install it again, or throw the retraining away.",
    )


def _row_of_source(source: TrainSource) -> dict[str, Any]:
    rule = source.rule
    return {
        "folder": escaped(str(source.folder)),
        "kind": source.kind,
        "prefix": source.prefix,
        "side": source.side,
        "rule": None
        if rule is None
        else {
            "stated": rule.stated,
            "spaces": {space: _row_of_space(one) for space, one in rule.spaces.items()},
        },
    }


def _row_of_space(rule: SpaceRule) -> dict[str, Any]:
    return {key: sorted(v) if isinstance(v, frozenset) else v for key, v in asdict(rule).items()}


def _source_of(row: dict[str, Any]) -> TrainSource:
    rule = row["rule"]
    return TrainSource(
        Path(unescaped(row["folder"])),
        row["kind"],
        row["prefix"],
        None
        if rule is None
        else MaskRule({space: _space_of(one) for space, one in rule["spaces"].items()}, bool(rule["stated"])),
        row["side"],
    )


def _space_of(row: dict[str, Any]) -> SpaceRule:
    fields: dict[str, Any] = {key: frozenset(v) if isinstance(v, list) else v for key, v in row.items()}
    return SpaceRule(**fields)


def row_of_report(report: RetrainReport) -> dict[str, Any]:
    """The report as JSON can hold it; the model is the file beside it."""
    return {
        "sha256": report.model.sha256,
        "corrected": asdict(report.corrected),
        "old": None if report.old is None else asdict(report.old),
        "better": report.better,
        "held_out": sorted(report.held_out),
        "seconds": report.seconds,
        "stopped": report.stopped,
    }


def report_of(out: Path, row: dict[str, Any]) -> RetrainReport:
    """The report of a row on the candidate `out`.

    Raises ModelFileDamaged when the candidate is gone or damaged; ValueError, KeyError or TypeError for a
    row that is none.
    """
    old = row["old"]
    return RetrainReport(
        read_installed(out),
        _score_of(row["corrected"]),
        None if old is None else _score_of(old),
        bool(row["better"]),
        frozenset(map(str, row["held_out"])),
        float(row["seconds"]),
        str(row["stopped"]),
    )


def _score_of(row: dict[str, Any]) -> HoldOutScore:
    difference = row["difference"]
    return HoldOutScore(
        float(row["before"]),
        float(row["after"]),
        int(row["pictures"]),
        Difference(Interval(**difference["difference"]), float(difference["second_better"])),
    )
