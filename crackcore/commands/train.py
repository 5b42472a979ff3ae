"""`crackcore train`: folders of photographs and masks in, a model file and a log out."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from crackcore.commands.output import print_json, say, show, terminal_progress

if TYPE_CHECKING:
    from crackcore.training.settings import TrainSettings


def add(subparsers: Any) -> None:
    """Declare `train`."""
    parser = subparsers.add_parser("train", help="train a model on photographs with masks")
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="DIR",
        help="data set: a folder with images/ and masks/, one laid out as published, a list, a project "
        "(repeatable)",
    )
    parser.add_argument(
        "--crack-free",
        action="append",
        default=[],
        metavar="DIR",
        help="folder of photographs without any crack; needs no masks (repeatable)",
    )
    parser.add_argument(
        "--weak",
        action="append",
        default=[],
        metavar="DIR",
        help="folder whose masks are incomplete: teaches only what is certainly no crack (repeatable)",
    )
    parser.add_argument(
        "--drawn",
        type=int,
        default=0,
        metavar="N",
        help="learn from so many drawn pictures too: bricks, tiles, form-work and others, with cracks",
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="model file to write (.safetensors)")
    parser.add_argument("--name", help="name of the model; else that of the file")
    parser.add_argument("--architecture", help="else that of --start-from, else cgnet_m3n21")
    parser.add_argument(
        "--recipe",
        default="modern",
        choices=("published", "modern"),
        help="as published, or as this program trains (see `crackcore recipes`)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on where this very training was broken off; from the start where it never began",
    )
    parser.add_argument(
        "--accumulate", type=int, default=1, metavar="N", help="work on a batch in N parts, for less memory"
    )
    parser.add_argument(
        "--width", type=float, default=None, help="share of the published channels, for networks that know it"
    )
    parser.add_argument("--mixed", action="store_true", help="forward passes in bfloat16, on a CPU too")
    parser.add_argument("--start-from", metavar="MODEL", help="installed model or file to go on from")
    parser.add_argument(
        "--imagenet-weights",
        metavar="FILE",
        help="weights of VGG-16 or ResNet-34 (.safetensors, .pth) for an encoder that starts from them",
    )
    parser.add_argument("--iterations", type=int, default=None, help="else as the recipe says")
    parser.add_argument("--batch", type=int, default=None, help="else as the recipe says, mostly 8")
    parser.add_argument("--crop", type=int, default=None, metavar="PX", help="else as the recipe says")
    parser.add_argument("--learning-rate", type=float, default=None, help="else as the recipe says")
    parser.add_argument("--validate-every", type=int, default=None, metavar="N")
    parser.add_argument("--checkpoint-every", type=int, default=0, metavar="N", help="iterations")
    parser.add_argument("--checkpoint-seconds", type=float, default=300.0, metavar="S")
    parser.add_argument("--input-scale", type=float, default=None, help="enlarge pictures before the network")
    parser.add_argument("--hold-out", type=float, default=0.2, metavar="SHARE")
    parser.add_argument(
        "--hold-out-stems",
        action="append",
        default=[],
        metavar="STEM[,STEM...]",
        help="pictures that must check and never train; their whole group goes along",
    )
    parser.add_argument(
        "--neighbours",
        action="append",
        default=[],
        metavar="SET=N",
        help="in this set, pictures whose numbers differ by at most N come from one photo",
    )
    parser.add_argument(
        "--take-only",
        action="append",
        default=[],
        metavar="SET=PREFIX",
        help="in this set, use only pictures whose name begins so",
    )
    parser.add_argument(
        "--side",
        action="append",
        default=[],
        metavar="SET=SIDE",
        help="of this set, take only the published half: train, val or test",
    )
    parser.add_argument(
        "--crack-values",
        action="append",
        default=[],
        metavar="SET=VALUES",
        help="in this set, the mask values that are crack: numbers, #rrggbb or a limit such as >127",
    )
    parser.add_argument(
        "--terms", action="append", default=[], metavar="SET=TEXT", help="licence of a set, for the record"
    )
    parser.add_argument("--licence", default="", help="licence of the model")
    parser.add_argument("--summary", default="", help="one sentence: what the model is good for")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the training; 0 done, 1 some pictures were refused, 2 usage."""
    from crackcore.imaging.mask_rules import stated_rule
    from crackcore.models.catalogue import find_model, known_architecture
    from crackcore.training.pairs import Kind, TrainingPair, read_pairs
    from crackcore.training.recipes import recipe
    from crackcore.training.run import TrainRequest, limit_opencv_threads, train
    from crackcore.training.workers import place

    if not options.out.endswith(".safetensors"):
        say("The model file's name must end in .safetensors.")
        return 2
    wished = (options.iterations, options.batch, options.validate_every, options.accumulate)
    if any(n is not None and n < 1 for n in wished) or (options.crop or 64) < 64:
        say("At least 1 iteration, a batch of 1 and a crop of 64 px are needed.")
        return 2
    try:
        gaps = {k: int(v) for k, v in _table(options.neighbours).items()}
        terms, only = _table(options.terms), _table(options.take_only)
        rules = {k: stated_rule(v) for k, v in _table(options.crack_values).items()}
        sides = _table(options.side)
    except ValueError:
        say("--neighbours, --take-only, --side, --crack-values and --terms take SET=VALUE.")
        return 2
    limit_opencv_threads()
    stems = frozenset(s for text in options.hold_out_stems for s in text.split(",") if s)
    pairs: list[TrainingPair] = []
    refused: list[dict[str, str]] = []
    folders: list[tuple[str, Kind]] = (
        [(d, "pairs") for d in options.data]
        + [(d, "crack-free") for d in options.crack_free]
        + [(d, "weak") for d in options.weak]
    )
    with terminal_progress("Reading") as progress:
        for folder, kind in folders:
            named = Path(folder).name
            rule, side = rules.get(named), sides.get(named, "")
            found = read_pairs(Path(folder), kind=kind, rule=rule, side=side, progress=progress)
            prefix = only.get(named, "")
            pairs += [p for p in found.pairs if p.stem.startswith(prefix)]
            refused += [{"set": Path(folder).name, "file": f, "reason": r} for f, r in found.refused]
    for row in refused:
        say(f"{row['set']}/{row['file']}: {row['reason']}")
    begun = find_model(options.start_from) if options.start_from else None
    architecture, arguments = known_architecture(
        options.architecture or (begun.spec.architecture if begun else "cgnet_m3n21")
    )
    goes_on = begun is not None and begun.spec.architecture == architecture.name
    if begun is not None and goes_on:
        arguments |= begun.spec.arguments
    if options.width is not None:
        if not architecture.has_width:
            say(f"{architecture.name} has no width to choose.")
            return 2
        arguments["width"] = options.width
    chosen = recipe(architecture.name, options.recipe)
    request = TrainRequest(
        pairs=pairs,
        out=Path(options.out),
        name=options.name or Path(options.out).stem,
        architecture=architecture.name,
        arguments=arguments,
        preprocessing=begun.spec.preprocessing if begun and goes_on else chosen.preprocessing,
        settings=_settings(chosen.settings, options),
        name_gaps=gaps,
        held_out_stems=stems,
        imagenet_weights=Path(options.imagenet_weights) if options.imagenet_weights else None,
        licence=options.licence,
        summary=options.summary,
        training_data=tuple(
            {"set": name, "terms": terms.get(name, ""), "kind": kind}
            for name, kind in dict.fromkeys((Path(d).name, k) for d, k in folders)
        ),
        start_from=begun,
        device=options.device,
        input_scale=options.input_scale or chosen.input_scale,
        resume=options.resume,
        checkpoint_every=options.checkpoint_every,
        checkpoint_every_s=options.checkpoint_seconds,
    )
    with terminal_progress("Training") as progress:
        report = train(request, progress)
    if not place().is_first:  # of several processes one speaks
        return 0
    if options.json:
        print_json(
            {
                "model": report.model.name,
                "file": options.out,
                "sha256": report.model.sha256,
                "bytes": report.model.bytes,
                "f1_2px": round(report.best_f1, 4),
                "scores": report.model.spec.scores,
                "seconds": round(report.seconds, 1),
                "held_out": list(report.held_out),
                "refused": refused,
            }
        )
    else:
        f1 = f"F1 at 2 px {report.best_f1:.3f} on held-out photos"
        show(f"{report.model.name}: {f1}, {report.seconds:.0f} s.")
    return 1 if refused else 0


def _settings(settings: TrainSettings, options: argparse.Namespace) -> TrainSettings:
    """The recipe's, with what the command line says instead."""
    wished = {
        "iterations": options.iterations,
        "batch": options.batch,
        "learning_rate": options.learning_rate,
        "validate_every": options.validate_every,
    }
    changes: dict[str, Any] = {key: value for key, value in wished.items() if value}
    if options.iterations:
        changes["epochs"] = 0
    if options.crop:
        changes["augment"] = replace(cast(Any, settings.augment), crop_px=options.crop)
    schedule = cast(Any, settings.schedule)
    if schedule is not None:
        if options.learning_rate:
            schedule = replace(schedule, lr=options.learning_rate)
        if options.iterations and hasattr(schedule, "iterations"):  # the same curve over another length
            schedule = replace(schedule, iterations=options.iterations)
        changes["schedule"] = schedule
    return replace(
        settings,
        mixed=options.mixed,
        drawn=options.drawn,
        hold_out_share=options.hold_out,
        seed=options.seed,
        accumulate=options.accumulate,
        **changes,
    )


def _table(rows: list[str]) -> dict[str, str]:
    out = {}
    for row in rows:
        name, found, value = row.partition("=")
        if not found or not name:
            raise ValueError(row)
        out[name] = value
    return out
