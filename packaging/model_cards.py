"""The tables of measured scores in the README, and a card for every model file that ships.

Written by `model_scores.py --write` from its `scores.json`, the training logs and `bundled_models.toml`. The
README and `resources/models/README.md` are changed between their markers only; cards are written whole.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from crackcore.domain.model_families import OPEN, RESEARCH, RESEARCH_MARK
from crackcore.models.catalogue import InstalledModel, known_architecture, read_installed
from crackcore.training.training_log import log_lines

ROOT = Path(__file__).resolve().parent.parent
WORDS = Path(__file__).resolve().parent / "bundled_models.toml"
BEGIN, END = "<!-- model scores: begin -->", "<!-- model scores: end -->"
FULL = ("f1_0px", "f1_2px", "f1_5px", "miou", "cldice")
PUBLISHED = {"cgnet_m3n21": ("0.866", ""), "deepcrack_liu": ("0.8643", "0.8778")}
"""mIoU on the test pictures of DeepCrack-537: plain, with guided filter."""

WHAT_DIFFERS = """\
What differs: the published figures are of networks at full width, trained on the 300 training pictures of
DeepCrack-537 and measured on its 237 test pictures; several photos are cropped into both halves, and the
checkpoint (CGNet) or the threshold (Liu) was chosen on the test pictures. Ours are of the held-out
pictures of a split by source photo, from the part of the set that we have: at the one threshold that the
model comes with, and in brackets at the best one for these pictures. The open models have learned nothing
of this set."""


ENLARGING = """\
A CSSR saw every photo reduced to a quarter of its width and height, and its map, four times finer than what
it saw, is compared with the full-size mask: the task it was made for, harder than that of the others."""


def write_all(folder: Path, scores: Mapping[str, Any]) -> None:
    """Every card in `folder`, and both tables. Raises ValueError when a text has no markers."""
    said = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    models = [read_installed(path) for path in sorted(folder.glob("*.safetensors"))]
    for model in models:
        card = card_of(model, folder, scores, said)
        (folder / f"{model.path.stem}.md").write_text(card, encoding="utf-8")
    tables = summary_tables(scores)
    _fill(ROOT / "README.md", tables)
    _fill(folder / "README.md", tables + "\n\n" + index_of(models))


def _fill(path: Path, text: str) -> None:
    before = path.read_text(encoding="utf-8")
    if BEGIN not in before or END not in before:
        raise ValueError(f"{path.name} has no markers {BEGIN} and {END}")
    head, rest = before.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    path.write_text(f"{head}{BEGIN}\n{text.strip()}\n{END}{tail}", encoding="utf-8")


# ---------------------------------------------------------------------- tables


def summary_tables(scores: Mapping[str, Any]) -> str:
    """F1 at 2 px of every model and set by family; all figures, to unfold; beside what was published."""
    parts = []
    for family, title in ((OPEN, "Open"), (RESEARCH, "Research only")):
        models = {n: m for n, m in scores["models"].items() if m["family"] == family}
        if not models:
            continue
        parts.append(f"**{title}**: F1 at 2 px\n\n" + "\n".join(_by_set(models, scores["sets"])))
        for name, model in models.items():
            table = "\n".join(_in_full(model, scores["sets"]))
            title = f"<summary><code>{name}</code>: F1 at 0, 2, 5 px, mIoU, clDice</summary>"
            parts.append(f"<details>{title}\n\n{table}\n\n</details>")
    if any("photos_reduced_by" in row for m in scores["models"].values() for row in m["sets"].values()):
        parts.append(ENLARGING)
    published = _beside_published(scores)
    if published:
        parts.append("\n".join(published) + "\n\n" + WHAT_DIFFERS)
    return "\n\n".join(parts)


def _by_set(models: Mapping[str, Any], sets: Mapping[str, Any]) -> list[str]:
    lines = [_row(["set", "pictures", *(f"`{n}`" for n in models)]), _rule(2, len(models))]
    learned = {name for model in models.values() for name in model["trained_on"]}
    for name, facts in sets.items():
        cells = []
        for model in models.values():
            row = model["sets"].get(name)
            cells.append("" if row is None else _main_figure(row))
        lines.append(_row([name, _pictures(name, facts, learned), *cells]))
    return lines


def _main_figure(row: Mapping[str, Any]) -> str:
    if "false_share" in row:
        return f"{row['false_share']:.2%} false"
    return f"{row['f1_2px']:.2f}"


def _in_full(model: Mapping[str, Any], sets: Mapping[str, Any]) -> list[str]:
    lines = [
        _row(["set", "pictures", "F1 at 0 px", "2 px (95 %)", "5 px", "mIoU", "clDice"]),
        _rule(2, 5),
    ]
    for name, row in model["sets"].items():
        cells = [name, _pictures(name, sets[name], model["trained_on"])]
        if "false_share" in row:
            lines.append(
                _row([*cells, f"{row['false_share']:.2%} of the pixels called crack", "", "", "", ""])
            )
            continue
        low, high = row["f1_2px_interval"]
        figures = [f"{row[key]:.2f}" for key in FULL]
        figures[1] += f" ({low:.2f} to {high:.2f})"
        lines.append(_row([*cells, *figures]))
    return lines


def _pictures(name: str, facts: Mapping[str, Any], learned: Iterable[str]) -> str:
    if name in learned:
        return f"{facts['pictures']} of {facts['of']}, held out"
    return f"{facts['pictures']}, never trained on"


def _beside_published(scores: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, model in scores["models"].items():
        known = PUBLISHED.get(model["architecture"])
        row = model["sets"].get("deepcrack537")
        if known is None or row is None:
            continue
        filtered = model["refined"].get("deepcrack537 guided-filter-published")
        ours = " / ".join(f"{r['miou']:.4f} ({r['miou_best']:.4f})" for r in (row, filtered) if r)
        theirs = " / ".join(figure for figure in known if figure)
        lines.append(_row([f"`{name}`", str(row["pictures"]), ours, theirs]))
    if not lines:
        return []
    head = _row(["DeepCrack-537", "pictures", "mIoU here (/ with guided filter)", "published"])
    return [head, _rule(1, 3), *lines]


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _rule(left: int, right: int) -> str:
    return "|" + "---|" * left + "---:|" * right


# ---------------------------------------------------------------------- cards


def card_of(model: InstalledModel, folder: Path, scores: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    """The card of one file, as Markdown. Raises KeyError for a model that nothing is said about."""
    spec, words = model.spec, said["models"][model.name]
    architecture = known_architecture(spec.architecture)[0]
    width = spec.arguments.get("width", 1)
    measured = scores["models"].get(model.name)
    if measured is not None and measured["sha256"] != model.sha256:
        raise ValueError(f"{model.name} was measured with another file; measure it again")
    scale = spec.preprocessing.input_scale
    parts = [
        f"# {model.name}",
        f"{spec.summary}",
        f"**For.** {words['good_for']}",
        f"**What it is.** {architecture.title or architecture.name} ({architecture.paper}); {_width(width)}, "
        f"{model.bytes / 1e6:.1f} MB, weights in half precision. Input: tiles of {spec.tile_px} px"
        + (f", enlarged {scale:g} times" if scale != 1 else "")
        + f". Threshold {spec.threshold:.2f}. SHA-256 `{model.sha256}`.",
        f"**Licence.** {_licence(spec.family, spec.licence)}",
        "**Trained on**\n\n" + "\n".join(_trained_on(spec.training_data)),
        _how_made(model.name, folder, words, said),
        _measured(measured, scores, said),
        "**Known faults**\n\n" + "\n".join(f"- {fault}" for fault in _faults(words, measured)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _width(width: float) -> str:
    return "all of the published channels" if width == 1 else f"{width:g} of the published channels"


def _licence(family: str, licence: str) -> str:
    if family == RESEARCH:
        return f"{licence}. {RESEARCH_MARK[:-1]}: this sentence goes into every export that rests on it."
    return f"{licence}. Open: trained only on sets whose terms let a model ship in anything."


def _trained_on(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    lines = [_row(["set", "terms", "learned", "checked on"]), _rule(2, 2)]
    for row in rows:
        kind = {"weak": ", only as sound", "crack-free": ", crack-free"}.get(row.get("kind", ""), "")
        cells = [f"{row.get('set', '')}{kind}", row.get("terms", "") or "ours"]
        lines.append(_row([*cells, str(row.get("trained_on", "")), str(row.get("checked_on", ""))]))
    return lines


def _how_made(name: str, folder: Path, words: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    # an earlier training of a chain left its log as NAME.1.log.jsonl and so on
    log, options = words["log"], words["trainings"]
    logs = [*sorted(folder.glob(f"{log}.[0-9].log.jsonl")), folder / f"{log}.log.jsonl"]
    if len(logs) != len(options):
        raise ValueError(f"{name}: {len(options)} trainings are told and {len(logs)} logs are there")
    told = [_training(file, option) for file, option in zip(logs, options, strict=True)]
    commands = [_command(log, i, len(options), option, said) for i, option in enumerate(options, 1)]
    files = ", ".join(f"`{file.name}`" for file in logs)
    return (
        f"**Made by** {'; then '.join(told)}. Log: {files}. DATA holds the sets, one folder each.\n\n```\n"
        + "\n".join(commands)
        + "\n```\n\n"
        + f"Then `python packaging/finish_model.py {name} {log}.safetensors --data DATA` described it and "
        "stored it in half precision."
    )


def _command(log: str, number: int, of: int, options: str, said: Mapping[str, Any]) -> str:
    """The command of one training, in lines that can be read and run."""
    out = [log if i == of else f"{log}.{i}" for i in (number - 1, number)]
    text = re.sub(r"\b(OPEN|RESEARCH|DRAWN)\b", lambda m: " ".join(said["options"][m[1]].split()), options)
    if number > 1 and "--start-from" not in text:
        text += f" --start-from {out[0]}.safetensors"
    text += f" --name {log} --out {out[1]}.safetensors"
    lines = ["python -m crackcore train"]
    for part in re.split(r" (?=--)", " " + text)[1:]:
        if len(lines[-1]) + len(part) > 100:
            lines.append(" ")
        lines[-1] += f" {part}"
    return " \\\n".join(lines)


def _training(log: Path, options: str) -> str:
    """What a log says of its training. Raises ValueError when it is not the one that `options` tell of."""
    lines = log_lines(log)
    start = next((r for r in lines if r.get("event") == "start"), None)
    if start is None:
        raise ValueError(f"{log.name} is missing or empty")
    checks = [r for r in lines if r.get("event") == "check"]
    seconds = max((r.get("seconds", 0.0) for r in lines), default=0.0)
    settings = start.get("settings", {})
    said = re.search(r"--iterations (\d+)", options)
    if said is None or int(said[1]) != settings.get("iterations"):
        raise ValueError(
            f"{log.name} tells of {settings.get('iterations')} steps, bundled_models.toml says: {options}"
        )
    best = max(checks, key=lambda r: r.get("f1", 0.0), default={})
    device = re.sub(r"\b1 cores", "1 core", str(start.get("device", "a CPU")))
    steps = f"{said[1]} steps of {settings.get('batch', 8)} crops"
    where = f"{seconds / 60:.0f} minutes on {device}, {start.get('at', '')[:10]}"
    return f"{steps} in {where}; kept: step {best.get('iteration', '?')}"


def _measured(measured: Mapping[str, Any] | None, scores: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    if measured is None:
        return ""
    note = (
        "Only pictures that no model here has learned, at the threshold that it comes with. On sets that it "
        "learned, the held-out pictures chose threshold and checkpoint, so those rows are a little too good."
    )
    surfaces = said["surfaces"]
    lines = [f"- {name}: {surfaces[name]}" for name in measured["sets"] if name in surfaces]
    table = "\n".join(_in_full(measured, scores["sets"]))
    return f"**Measured.** {note}\n\n{table}\n\nWhat the sets show:\n\n" + "\n".join(lines)


def _faults(words: Mapping[str, Any], measured: Mapping[str, Any] | None) -> list[str]:
    faults = list(words["faults"])
    if measured is None:
        return faults
    free = [r for r in measured["sets"].values() if "false_share" in r]
    for row in free:
        faults.append(
            f"On {row['pictures']} pictures without a crack it calls {row['false_share']:.2%} of the pixels "
            f"crack; on {row['pictures_called_cracked']} of them more than 0.1 %."
        )
    poor = {n: r["f1_2px"] for n, r in measured["sets"].items() if r.get("f1_2px", 1.0) < 0.5}
    if poor:
        named = ", ".join(f"{name} ({f1:.2f})" for name, f1 in sorted(poor.items(), key=lambda kv: kv[1]))
        faults.append(f"F1 at 2 px is below one half on {named}: expect to correct much there.")
    return faults


def index_of(models: Iterable[InstalledModel]) -> str:
    """The list of files with their cards."""
    lines = [_row(["file", "network", "MB", "family", "licence"]), "|---|---|---:|---|---|"]
    for model in models:
        title = known_architecture(model.spec.architecture)[0].title or model.spec.architecture
        cells = [f"[{model.name}]({model.path.stem}.md)", title, f"{model.bytes / 1e6:.1f}"]
        lines.append(_row([*cells, model.spec.family, model.spec.licence]))
    return "\n".join(lines)
