"""The side of the program: asks the child, puts its file in place. Never touches the weights itself."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crackcore import resources, storage
from crackcore.children import ChildEnded, ask_child
from crackcore.errors import CheckpointRefused, ModelFileDamaged, NetworkNotRecognised, TargetExists
from crackcore.models.catalogue import InstalledModel, known_architecture, read_spec
from crackcore.models.importing.conversion import convert
from crackcore.names import shown_name
from crackcore.progress import Progress, unheard

UNKNOWN_LICENCE = "unknown, ask the authors"
_PATIENCE_S = 180.0
_SLOWEST_BYTES_PER_S = 5 << 20
_LONGEST_NAME = 60
_RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))}


@dataclass(frozen=True)
class ImportReport:
    """What came of an import.

    `installed` is the new model. `architecture` and `arguments` say which network it is, `guessed`
    whether that was found out from the layers. `warnings` are sentences for the person. `trial`
    holds the shapes of the outputs and the range of the score on a fixed small picture. `known` is
    everything found out about the file, as plain values (format, number of tensors, where the
    weights lay in it, what was stripped from their names).
    """

    installed: InstalledModel
    architecture: str
    arguments: dict[str, Any]
    guessed: bool
    warnings: tuple[str, ...] = ()
    trial: dict[str, Any] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)


def import_model(
    file: Path | str,
    *,
    architecture: str = "",
    name: str = "",
    out: Path | str | None = None,
    licence: str = "",
    replace: bool = False,
    progress: Progress = unheard,
) -> ImportReport:
    """Turn a checkpoint from elsewhere (.pth, .pt, .ckpt, bare .safetensors) into an installed model.

    `architecture` is one of our names or a published one; empty: found out from the layers. `name`
    is what the model will be called; empty: after the file. `out` is where the model file goes;
    None: the user's models folder. `licence` is what the person states. An existing file is only
    replaced with `replace`. `progress` is called every 50 ms at least and may raise Cancelled; the
    child ends at once then, and nothing is left behind.

    Raises CheckpointRefused (NetworkNotRecognised where the file itself is sound), UnknownModel for
    an unknown architecture, TargetExists, other FileProblems when the disk refuses.
    """
    source = Path(file)
    if architecture:
        known_architecture(architecture)
    called = safe_model_name(name or (Path(out).stem if out else source.name))
    target = Path(out) if out else resources.state_folder() / "models" / f"{called}.safetensors"
    _refuse_taken(target, called, replace, in_user_folder=out is None)
    wishes = {
        "architecture": architecture,
        "name": called,
        "licence": licence.strip()[:500] or UNKNOWN_LICENCE,
    }
    with storage.folder_beside(target) as folder:
        made = folder / "model.safetensors"
        known = _ask(source, wishes, str(made), progress)
        # from here on it is like any model file: only its header is looked at in this process
        try:
            spec = read_spec(made)
            sha256, size = storage.file_digest(made, progress=progress)
        except (ModelFileDamaged, OSError) as error:
            raise CheckpointRefused(source, "it could not be turned into a model file.") from error
        _refuse_taken(target, called, replace, in_user_folder=out is None)
        storage.put_in_place(made, target)
    return ImportReport(
        installed=InstalledModel(spec, target, size, sha256),
        architecture=known["architecture"],
        arguments=known["arguments"],
        guessed=known["guessed"],
        warnings=tuple(known["warnings"]),
        trial=known["trial"],
        known=known,
    )


def inspect_checkpoint(
    file: Path | str, *, architecture: str = "", progress: Progress = unheard
) -> dict[str, Any]:
    """Look at a checkpoint by the same rules and write nothing: what it holds, which network it is.

    `architecture` in the answer is None where no network known here has these layers. Raises
    CheckpointRefused for a file that would not be read.
    """
    if architecture:
        known_architecture(architecture)
    return _ask(Path(file), {"architecture": architecture, "look_only": True}, "", progress)


def safe_model_name(text: str) -> str:
    """A model's name that is a file name on every system: letters, digits, dot, dash, underscore."""
    text = re.sub(r"(\.(pth|pt|ckpt|bin|tar|safetensors|model))+$", "", text.strip(), flags=re.IGNORECASE)
    text = re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:_LONGEST_NAME].strip("-._")
    if not text or text.lower().split(".")[0] in _RESERVED:
        text = f"model-{text}".rstrip("-")
    return text


def _ask(source: Path, wishes: dict[str, Any], made: str, progress: Progress) -> dict[str, Any]:
    size = 0
    with contextlib.suppress(OSError, ValueError):
        size = os.path.getsize(source)
    try:
        answer: dict[str, Any] = ask_child(
            convert,
            os.fsdecode(source),
            wishes,
            made,
            about=source,
            patience_s=_PATIENCE_S + size / _SLOWEST_BYTES_PER_S,
            note="Reading the checkpoint",
            progress=progress,
        )
    except ChildEnded as end:
        reasons = {
            "time": "looking through it took too long.",
            "memory": "it asks for more memory than its size explains.",
        }
        raise CheckpointRefused(source, reasons.get(end.how, "looking through it ended in a crash.")) from end
    if answer["status"] == "ok":
        return dict(answer["known"])
    kind = NetworkNotRecognised if answer["status"] == "not recognised" else CheckpointRefused
    raise kind(source, answer["reason"], hint=answer["hint"], known=answer["known"])


def _refuse_taken(target: Path, called: str, replace: bool, *, in_user_folder: bool) -> None:
    hint = "Give it another name, or ask for it to be replaced."
    if target.is_dir() or (target.exists() and not replace):
        raise TargetExists(f"{shown_name(target)} exists already.", hint=hint, path=target)
    if not in_user_folder:
        return
    for path in (p for folder in resources.model_folders() for p in folder.glob("*.safetensors")):
        with contextlib.suppress(ModelFileDamaged):
            if read_spec(path).name == called and not (replace and path == target):
                raise TargetExists(f'A model called "{called}" is installed already.', hint=hint, path=target)
