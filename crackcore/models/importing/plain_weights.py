"""The weights of a foreign file alone, whatever network they belong to.

The same checks and refusals as for a model that is imported. A pickled file is read in a child, and
what comes back from there is a .safetensors file; one that is .safetensors already holds nothing
that could be run, and is read here.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from crackcore.children import ChildEnded, ask_child, limit_memory
from crackcore.errors import CheckpointRefused
from crackcore.models.importing.file_checks import Refused, kind_of, opened
from crackcore.progress import Progress, unheard

if TYPE_CHECKING:
    from torch import Tensor

_PATIENCE_S = 180.0
_SLOWEST_BYTES_PER_S = 5 << 20
_ROOM_BYTES = 2 << 30
_TIMES_THE_FILE = 5  # the file, its tensors, their copies, the new file twice


def plain_weights(
    file: Path, beginnings: Collection[str] = ("",), progress: Progress = unheard
) -> dict[str, Tensor]:
    """The tensors of a .pth, .pt or .safetensors file by name, float32 (counters int64), on the CPU.

    Only those whose name begins with one of `beginnings` come back, after `module.` and the like were
    taken off the names; all are checked. Raises CheckpointRefused for a file that is not
    there, is damaged or unsafe, or holds no weights.
    """
    try:
        with opened(file) as (content, size):
            archive = content.read(2) == b"PK"  # a pickled file, whatever it is called
            if file.suffix.lower() == ".safetensors" and not archive:
                kind = kind_of(content, size, file.name)
                if kind == "safetensors":
                    return _checked(content, size, kind, tuple(beginnings))
    except Refused as error:
        raise CheckpointRefused(file, error.reason, hint=error.hint) from error
    return _from_child(file, size, beginnings, progress)


def _from_child(file: Path, size: int, beginnings: Collection[str], progress: Progress) -> dict[str, Tensor]:
    import safetensors.torch

    with tempfile.TemporaryDirectory(prefix="crackscope-") as folder:
        made = Path(folder) / "weights.safetensors"
        try:
            answer = ask_child(
                write_plain_weights,
                os.fsdecode(file),
                list(beginnings),
                str(made),
                about=file,
                patience_s=_PATIENCE_S + size / _SLOWEST_BYTES_PER_S,
                note="Reading the weights",
                progress=progress,
            )
        except ChildEnded as end:
            reasons = {
                "time": "looking through it took too long.",
                "memory": "it asks for more memory than its size explains.",
            }
            raise CheckpointRefused(
                file, reasons.get(end.how, "looking through it ended in a crash.")
            ) from end
        if answer["reason"]:
            raise CheckpointRefused(file, answer["reason"], hint=answer["hint"])
        found: dict[str, Tensor] = safetensors.torch.load(made.read_bytes())
        return found


def write_plain_weights(
    report: Progress, source: str, beginnings: Collection[str], made: str
) -> dict[str, Any]:
    """In the child: check and read `source`, write its tensors to `made`. Answers reason and hint."""
    try:
        _write(report, Path(source), tuple(beginnings), made)
    except Refused as error:
        return {"reason": error.reason, "hint": error.hint}
    return {"reason": "", "hint": ""}


def _write(report: Progress, path: Path, beginnings: tuple[str, ...], made: str) -> None:
    with opened(path) as (file, size):
        limit_memory(None)  # torch maps gigabytes of its own files where it knows GPUs
        import safetensors
        import safetensors.torch

        limit_memory(_ROOM_BYTES + _TIMES_THE_FILE * size)
        report(1, 3, "Reading the weights")
        weights = _checked(file, size, kind_of(file, size, path.name), beginnings)
    report(2, 3, "Reading the weights")
    try:
        safetensors.torch.save_file(weights, made)
    except (OSError, safetensors.SafetensorError) as error:
        raise Refused("there is no room for its weights in the folder for temporary files.") from error


def _checked(file: BinaryIO, size: int, kind: str, beginnings: tuple[str, ...]) -> dict[str, Tensor]:
    from crackcore.models.importing import reading

    places = reading.state_dicts(getattr(reading, f"read_{kind}")(file))
    if not places:
        raise Refused("there are no weights in it.", "Ask for the state dict of the network.")
    tensors, _ = reading.checked_tensors(places[0][1], size)
    _, weights = reading.prefix_variants(tensors)[0]
    return {k: v for k, v in weights.items() if k.startswith(beginnings)}
