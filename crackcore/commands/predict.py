"""`crackcore predict`: pictures and folders in; masks, scores, overlays and a summary out."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from crackcore.commands.output import print_json, say, show, terminal_progress

KINDS = ("mask", "score", "overlay")
NO_REFINEMENT = "none"


def add(subparsers: Any) -> None:
    """Declare `predict`."""
    parser = subparsers.add_parser("predict", help="find cracks in pictures and write them to a folder")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="pictures or folders")
    parser.add_argument("--out", required=True, metavar="DIR", help="a new or empty folder")
    parser.add_argument("--model", default=None, metavar="NAME", help="an installed model, or a model file")
    parser.add_argument(
        "--threshold", type=float, default=None, metavar="T", help="0 to 1; else the model's own"
    )
    parser.add_argument(
        "--refine",
        default=None,
        metavar="NAME",
        help="what is done to the score: guided-filter, guided-filter-published, crf or none; "
        "else what the model says",
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "float32", "bfloat16"),
        help="bfloat16 is quicker where the processor has it; auto tries that with heavy networks",
    )
    parser.add_argument(
        "--save",
        default=",".join(KINDS),
        metavar="mask,score,overlay",
        help="what to write beside the summary",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Predict; 0 all done, 1 some pictures failed and are listed, 2 usage."""
    save = [kind for kind in options.save.split(",") if kind]
    unknown = [kind for kind in save if kind not in KINDS]
    if unknown:
        say(f'--save takes mask, score and overlay, not "{unknown[0]}".')
        return 2
    if options.threshold is not None and not 0 < options.threshold <= 1:
        say("--threshold takes a number above 0, up to 1.")
        return 2
    from crackcore.imaging.scanning import scan
    from crackcore.models.catalogue import DEFAULT_MODEL, find_model
    from crackcore.refinement import known_refinement

    if options.refine and options.refine != NO_REFINEMENT:
        known_refinement(options.refine)

    with terminal_progress("Looking") as progress:
        found = scan(options.paths, progress)
    if not found.pictures and not found.skipped:
        say("There is no picture in what was given.")
        return 2
    model = find_model(options.model or DEFAULT_MODEL)
    answer = _predict(options, save, model, found)
    if options.json:
        print_json(answer)
    failed = [p for p in answer["pictures"] if p["status"] == "failed"]
    if answer["terms"]:
        say(answer["terms"])
    for row in failed:
        say(f"Not analysed: {row['reason']}")
    if not options.json:
        done = len(answer["pictures"]) - len(failed)
        show(f"{done} analysed, {len(failed)} not, with {answer['model']}; written to {options.out}")
    return 1 if failed else 0


def _predict(options: argparse.Namespace, save: list[str], model: Any, found: Any) -> dict[str, Any]:
    from crackcore import storage
    from crackcore.domain.image_record import Threshold
    from crackcore.domain.model_families import research_note
    from crackcore.domain.prediction import PredictSettings
    from crackcore.errors import CrackError
    from crackcore.exports.pictures import mask_png, overlay_jpeg, score_png
    from crackcore.exports.stems import safe_stems
    from crackcore.exports.tables import summary_csv, summary_row
    from crackcore.inference.batch import predict_many
    from crackcore.inference.predictor import Predictor
    from crackcore.inference.refining import guide_map, refined_prediction
    from crackcore.masks.threshold import crack_share, score_step, thresholded
    from crackcore.names import escaped, shown_name
    from crackcore.refinement import threshold_after

    refinement = model.spec.refinement if options.refine is None else options.refine
    refinement = "" if refinement == NO_REFINEMENT else refinement
    if refinement:
        guide_map(refinement, model.spec.architecture)  # refused before the first picture, not after it
    share = options.threshold
    if share is None:
        share = threshold_after(refinement, model.spec.threshold)
    step = score_step(share)
    threshold = Threshold(step, step)
    predictor = Predictor.for_model(model, options.device)
    pictures: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []

    def failed(path: Path, reason: str) -> None:
        pictures.append(
            {
                "path": escaped(str(path)),
                "status": "failed",
                "reason": reason,
                "seconds": None,
                "crack_share": None,
            }
        )
        rows.append(summary_row(path.name, None, status="failed", reason=reason))

    with storage.new_folder(options.out) as folder, terminal_progress("Predicting") as progress:
        for path, reason in found.skipped:
            failed(path, f"{shown_name(path)}: {reason}")
        stems = dict(zip(found.pictures, safe_stems(found.pictures), strict=True))
        settings = PredictSettings(device=options.device, precision=options.precision)
        whole = 1000 * len(found.pictures)
        for number, answer in enumerate(predict_many(found.pictures, predictor, settings, progress), 1):
            if answer.photo is None or answer.prediction is None:
                failed(answer.path, answer.error.sentence() if answer.error else "not analysed")
                continue
            prediction = answer.prediction
            if refinement:

                def refining(done: int, total: int, note: str = "", *, at: int = 1000 * number) -> None:
                    progress(at, whole, note or "refining")

                try:
                    prediction = refined_prediction(
                        refinement, prediction, answer.photo.pixels, predictor, refining
                    )
                except CrackError as error:  # one picture's trouble must not cost the others
                    failed(answer.path, f"{shown_name(answer.path)}: {error.sentence()}")
                    continue
            stem, score = stems[answer.path], prediction.score
            mask = thresholded(score, threshold)
            if "mask" in save:
                storage.write_new(folder / "masks" / f"{stem}.png", mask_png(mask))
            if "score" in save:
                storage.write_new(folder / "scores" / f"{stem}.png", score_png(score))
            if "overlay" in save:
                storage.write_new(
                    folder / "overlays" / f"{stem}.jpg", overlay_jpeg(answer.photo.pixels, mask)
                )
            pictures.append(
                {
                    "path": escaped(str(answer.path)),
                    "status": "analysed",
                    "reason": "",
                    "seconds": round(prediction.seconds, 4),
                    "crack_share": round(crack_share(mask), 8),
                    "file": f"{stem}.png",
                    "device": prediction.device,
                    "precision": prediction.settings.precision,
                    "notes": list(answer.photo.facts.notes),
                }
            )
            rows.append(
                summary_row(
                    answer.path.name,
                    mask,
                    model=model.name,
                    model_sha256=model.sha256,
                    model_family=model.spec.family,
                    refinement=refinement,
                    threshold=threshold,
                    file=f"{stem}.png",
                    sha256=answer.photo.facts.sha256,
                    taken_at=answer.photo.facts.taken_at,
                    notes=" ".join(answer.photo.facts.notes),
                )
            )
        summary = {
            "model": model.name,
            "model_sha256": model.sha256,
            "model_family": model.spec.family,
            "terms": research_note(model.spec.family, model.name),
            "refinement": refinement,
            "threshold": share,
            "threshold_step": step,
            "pictures": pictures,
        }
        # Names only in what is left behind: a report tells nothing of the folders of the person who made it.
        kept = {**summary, "pictures": [{**p, "path": Path(p["path"]).name} for p in pictures]}
        storage.write_new(
            folder / "summary.json", json.dumps(kept, indent=1, allow_nan=False).encode("ascii")
        )
        storage.write_new(folder / "summary.csv", summary_csv(rows))
    return summary
