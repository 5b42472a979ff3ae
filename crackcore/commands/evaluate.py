"""`crackcore evaluate`: a folder of predictions against a folder of truth.

All pixels of the set are pooled for precision, recall, F1, IoU, mIoU, ODS and AP; OIS pools each picture
at its own best threshold; clDice is the mean over pictures. A hit within n px is a hit at tolerance n;
IoU and mIoU (the mean of crack and of everything else) are exact. ODS, OIS and AP look at the
thresholds 0.01, 0.02, ... 0.99 of the literature, where crack is score / 255 > t; `--threshold T` is the
program's own, crack where score >= ceil(255 T). "best" is the threshold of the best exact F1.
The definitions stand in `crackcore.evaluation`.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crackcore.commands.output import print_json, say, show, terminal_progress

if TYPE_CHECKING:
    from crackcore.evaluation.folders import FoldersRead
    from crackcore.evaluation.intervals import Interval
    from crackcore.evaluation.sets import PictureAt, PictureScores, SetScores

SHOWN_PROBLEMS = 20


def add(subparsers: Any) -> None:
    """Declare `evaluate`."""
    parser = subparsers.add_parser("evaluate", help="score predictions in a folder against truth in another")
    parser.add_argument(
        "--pred",
        required=True,
        metavar="DIR",
        help="score pictures (0 to 255) or masks, or what predict wrote",
    )
    parser.add_argument("--truth", required=True, metavar="DIR", help="masks of the same names")
    parser.add_argument("--roi", metavar="DIR", help="masks of what counts; else everything does")
    parser.add_argument("--tolerance", default="0,2,5", metavar="PX[,PX...]", help="a hit so near is a hit")
    parser.add_argument("--threshold", type=float, default=0.5, metavar="T", help="above 0, up to 1")
    parser.add_argument("--outlines", action="store_true", help="also the distance of outlines (HD95)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """0 all scored, 1 some pictures were left out and are listed, 2 usage or nothing to score."""
    try:
        tolerances = tuple(dict.fromkeys(float(text) for text in options.tolerance.split(",")))
    except ValueError:
        tolerances = ()
    if not tolerances or not all(math.isfinite(t) and 0 <= t <= 100 for t in tolerances):
        say("--tolerance takes numbers of pixels from 0 to 100, with commas between.")
        return 2
    if not 0 < options.threshold <= 1:
        say("--threshold takes a number above 0, up to 1.")
        return 2
    from crackcore.evaluation.folders import read_folders
    from crackcore.evaluation.sets import SetSettings, evaluate_set
    from crackcore.masks.threshold import score_step

    with terminal_progress("Reading") as progress:
        roi = Path(options.roi) if options.roi else None
        read = read_folders(Path(options.pred), Path(options.truth), roi, progress=progress)
    scores: SetScores | None = None
    if read.pictures:
        settings = SetSettings(tolerances, score_step(options.threshold), outlines=options.outlines)
        with terminal_progress("Measuring") as progress:
            scores = evaluate_set(read.pictures, settings, progress)
    if options.json:
        print_json(answer(read, scores, options.threshold))
    elif scores is not None:
        for line in table(read, scores, options.threshold):
            show(line)
    listed = read.problems if options.json else read.problems[:SHOWN_PROBLEMS]
    for problem in listed:
        say(problem.sentence)
    if len(listed) < len(read.problems):
        say(f"And {len(read.problems) - len(listed)} more; --json lists all.")
    if scores is None:
        say("There is no picture to measure: no prediction has a usable mask of the same name.")
        return 2
    return 1 if read.problems else 0


def answer(read: FoldersRead, scores: SetScores | None, threshold: float) -> dict[str, Any]:
    """The JSON object. Shares are 0..1; what is not known is null; intervals are [low, high] of 95 %.

    `tolerance` has one entry per tolerance in px ("2": ods, ois, ap, f1 ...). `miou`, `iou_crack`, `f1`
    (exact) and `cldice` hold `best` and `given`, the two thresholds of `thresholds`.
    """
    from crackcore.names import escaped

    problems = [{"file": escaped(p.file.name), "reason": p.sentence} for p in read.problems]
    if scores is None:
        return {"n_images": 0, "problems": problems}
    both = {"best": scores.best, "given": scores.given}

    def of_both(value: Any) -> dict[str, Any]:
        return {name: _number(value(at)) for name, at in both.items()}

    by_tolerance: dict[str, Any] = {}
    for t, best in scores.ods.items():
        by_tolerance[_px(t)] = {
            "ods": {
                "f1": _number(best.f1),
                "precision": _number(best.precision),
                "recall": _number(best.recall),
                "threshold": share_of(best.threshold),
                "interval": _limits(scores.ods_interval[t]),
            },
            "ois": {
                "f1": _number(scores.ois[t].f1),
                "precision": _number(scores.ois[t].precision),
                "recall": _number(scores.ois[t].recall),
            },
            "ap": _number(scores.ap[t]),
            "f1": {n: _number(at.f1[t]) for n, at in both.items()},
            "f1_interval": {n: _limits(at.f1_interval[t]) for n, at in both.items()},
            "precision": {n: _number(at.precision[t]) for n, at in both.items()},
            "recall": {n: _number(at.recall[t]) for n, at in both.items()},
        }
    return {
        "n_images": len(scores.pictures),
        "predictions_are_masks": read.masks,
        "thresholds": {"best": share_of(scores.best.threshold), "given": threshold},
        "tolerance": by_tolerance,
        "miou": of_both(lambda at: at.classes.mean_iou),
        "iou_crack": of_both(lambda at: at.classes.crack_iou),
        "iou_crack_interval": {n: _limits(at.iou_interval) for n, at in both.items()},
        "f1": of_both(lambda at: at.f1[0.0]),
        "cldice": of_both(lambda at: at.cl_dice),
        "cldice_interval": {n: _limits(at.cl_dice_interval) for n, at in both.items()},
        "global_accuracy": of_both(lambda at: at.classes.accuracy),
        "class_accuracy": of_both(lambda at: at.classes.class_accuracy),
        "length_completeness": of_both(lambda at: at.lines.completeness),
        "length_correctness": of_both(lambda at: at.lines.correctness),
        "line_tolerance_px": scores.settings.line_tolerance_px,
        "width_bias_px": of_both(lambda at: at.widths.bias_px),
        "false_length_px_per_megapixel": of_both(lambda at: at.false_length),
        "hd95_px": of_both(lambda at: at.hd95_px),
        "aiu": _number(scores.iou.mean),
        "iou_max": _number(scores.iou.best),
        "per_image": [_row(picture) for picture in scores.pictures],
        "problems": problems,
    }


def share_of(step: int) -> float:
    """A score step as a threshold of 0..1: that of the literature where it is one, else step / 255."""
    from crackcore.evaluation.sweep import PAPER_STEPS

    return (PAPER_STEPS.index(step) + 1) / 100 if step in PAPER_STEPS else round(step / 255, 4)


def table(read: FoldersRead, scores: SetScores, threshold: float) -> list[str]:
    """Lines for a person."""
    best, given = scores.best, scores.given
    pictures = "1 picture" if len(scores.pictures) == 1 else f"{len(scores.pictures)} pictures"
    level = round(100 * next(iter(scores.ods_interval.values())).level)
    lines = [f"{pictures}. In brackets: where {level} of 100 draws of such pictures would lie.", ""]
    rows: list[tuple[str, ...]] = [
        ("tolerance", f"F1 at {threshold:g}", "best F1 (ODS)", "at", "precision", "recall", "OIS", "AP")
    ]
    for t, ods in scores.ods.items():
        rows.append(
            (
                f"{_px(t)} px",
                _with_limits(given.f1_interval[t]),
                _with_limits(scores.ods_interval[t]),
                f"{share_of(ods.threshold):.2f}",
                *(f"{value:.3f}" for value in (ods.precision, ods.recall, scores.ois[t].f1, scores.ap[t])),
            )
        )
    lines += [*_aligned(rows), ""]
    rows = [("", f"at {threshold:g}", f"at {share_of(best.threshold):g} (best)")]
    rows += [(title, show_at(given), show_at(best)) for title, show_at in _FIGURES]
    lines += _aligned(rows)
    lines += ["", f"AIU {scores.iou.mean:.3f}, highest mean IoU {scores.iou.best:.3f}."]
    if read.masks:
        lines.append("The predictions are masks without scores: thresholds change nothing.")
    return lines


def _figures() -> list[tuple[str, Any]]:
    def plain(value: Any) -> Any:
        return lambda at: "-" if math.isnan(value(at)) else f"{value(at):.3f}"

    return [
        ("IoU of crack", lambda at: _with_limits(at.iou_interval)),
        ("mIoU", plain(lambda at: at.classes.mean_iou)),
        ("clDice", lambda at: _with_limits(at.cl_dice_interval)),
        ("length found", plain(lambda at: at.lines.completeness)),
        ("length correct", plain(lambda at: at.lines.correctness)),
        ("width error, px", plain(lambda at: at.widths.bias_px)),
        ("false length, px per MP", plain(lambda at: at.false_length)),
        ("HD95, px", plain(lambda at: at.hd95_px)),
    ]


_FIGURES = _figures()


def _row(picture: PictureScores) -> dict[str, Any]:
    from crackcore.names import escaped

    return {
        "name": escaped(picture.name),
        "crack_pixels": picture.sweeps[0.0].truth,
        "pixels": picture.sweeps[0.0].pixels,
        "own_best": {
            _px(t): {"f1": _number(best.f1), "threshold": share_of(best.threshold)}
            for t, best in picture.own_best.items()
        },
        "best": _at(picture.best),
        "given": _at(picture.given),
    }


def _at(at: PictureAt) -> dict[str, Any]:
    return {
        "f1": {_px(t): _number(value) for t, value in at.f1.items()},
        "iou_crack": _number(at.classes.crack_iou),
        "miou": _number(at.classes.mean_iou),
        "cldice": _number(at.cl_dice),
        "length_completeness": _number(at.lines.completeness),
        "length_correctness": _number(at.lines.correctness),
        "hd95_px": _number(at.hd95_px),
    }


def _px(tolerance: float) -> str:
    return f"{tolerance:g}"


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _limits(interval: Interval) -> list[float | None]:
    return [_number(interval.low), _number(interval.high)]


def _with_limits(interval: Interval) -> str:
    return f"{interval.estimate:.3f} ({interval.low:.3f}-{interval.high:.3f})"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
