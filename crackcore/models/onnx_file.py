"""An installed model as an ONNX file for other programs. (No torch in this file.)

Made and compared with torch in a child process; only what agrees is put in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from crackcore import storage
from crackcore.children import ChildEnded, ask_child
from crackcore.domain.model_spec import ModelSpec
from crackcore.errors import CrackError, NotExported, TargetExists
from crackcore.models.architectures import Architecture
from crackcore.models.catalogue import InstalledModel, known_architecture, read_installed
from crackcore.names import shown_name
from crackcore.progress import Progress, unheard

_PATIENCE_S = 1800.0
_MEMORY_BYTES = 24 << 30
_NEEDED = ("onnx", "onnxruntime")


@dataclass(frozen=True)
class OnnxReport:
    """What was written.

    `any_size` says that height and width of the input are free (multiples of `multiple_px`, at
    least `minimum_px`); else only `sizes[0]` (height, width) is taken. `difference` is the largest
    one to torch over all outputs at `sizes`, relative to the output's range where that is above 1.
    """

    path: Path
    bytes: int
    outputs: tuple[str, ...]
    score: str
    any_size: bool
    multiple_px: int
    minimum_px: int
    sizes: tuple[tuple[int, int], ...]
    difference: float


def export_onnx(
    model: InstalledModel, path: Path | str, *, replace: bool = False, progress: Progress = unheard
) -> OnnxReport:
    """Write a model as ONNX: input "image" float32 (1, 3, H, W), all outputs of the network by name.

    The file's metadata says how the input is made, which output is the score and what its licence
    is. Raises NotExported when the libraries are missing or the graph does not give what torch
    gives (within 1e-4), TargetExists, other FileProblems, and Cancelled by way of `progress`.
    """
    target = Path(path)
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise NotExported(
            f"Writing ONNX needs {' and '.join(missing)}, which is not installed.",
            hint='Install it with: pip install "crackscope[onnx]".',
        )
    if target.is_dir() or (target.exists() and not replace):
        hint = "Choose another name, or ask for it to be replaced."
        raise TargetExists(f"{shown_name(target)} exists already.", hint=hint, path=target)
    with storage.folder_beside(target) as folder:
        made = folder / "model.onnx"
        try:
            answer = ask_child(
                convert_to_onnx,
                str(model.path),
                str(made),
                patience_s=_PATIENCE_S,
                memory_bytes=_MEMORY_BYTES,
                note="Writing ONNX",
                progress=progress,
            )
        except ChildEnded as end:
            why = {"time": "it took too long", "memory": "there is not enough memory"}.get(
                end.how, "it failed"
            )
            raise NotExported(f'"{model.name}" could not be written as ONNX: {why}.') from end
        if "reason" in answer:
            raise NotExported(f'"{model.name}" could not be written as ONNX: {answer["reason"]}')
        storage.put_in_place(made, target)
    return OnnxReport(
        path=target,
        bytes=target.stat().st_size,
        outputs=tuple(answer["outputs"]),
        score=answer["score"],
        any_size=answer["any_size"],
        multiple_px=answer["multiple_px"],
        minimum_px=answer["minimum_px"],
        sizes=tuple((rows, columns) for rows, columns in answer["sizes"]),
        difference=answer["difference"],
    )


# ---------------------------------------------------------------- in the child


def convert_to_onnx(report: Progress, model_file: str, made: str) -> dict[str, Any]:
    """Trace the model of this file, compare, and write it at `made`.

    Answers what `OnnxReport` holds, or {"reason": the end of a sentence}.
    """
    from crackcore.models.model_files import load_network
    from crackcore.models.onnx_tracing import TOLERANCE, traced

    try:
        model = read_installed(Path(model_file))
        architecture, _ = known_architecture(model.spec.architecture)
        report(1, 4, "Loading the model")
        network = load_network(model)
    except CrackError as error:
        return {"reason": error.sentence()}
    outputs = architecture.outputs or ("output",)
    reason = ""
    for any_size in (True, False):
        sizes = compared_sizes(architecture, model.spec, any_size=any_size)
        described = metadata(model.spec, architecture, outputs, sizes if not any_size else ())
        report(2 if any_size else 3, 4, "Tracing and comparing")
        try:
            graph = traced(
                network,
                outputs,
                model.spec.preprocessing,
                sizes=sizes,
                any_size=any_size,
                metadata=described,
            )
        except Exception as error:  # noqa: BLE001 - three libraries, each with errors of its own
            reason = f"the network cannot be traced ({type(error).__name__})."
            continue
        if graph.difference > TOLERANCE:
            reason = "what it computes differs from what it should."
            continue
        storage.write_durably(Path(made), graph.data)
        return {
            "outputs": list(outputs),
            "score": architecture.score or outputs[0],
            "any_size": any_size,
            "multiple_px": architecture.multiple_px,
            "minimum_px": smallest_side(architecture),
            "sizes": [list(size) for size in sizes],
            "difference": graph.difference,
        }
    return {"reason": reason}


def smallest_side(architecture: Architecture) -> int:
    """The smallest side, in px, that the graph is meant for: multiples of what the network accepts."""
    wanted = max(architecture.minimum_px, 16)
    return -(-wanted // architecture.multiple_px) * architecture.multiple_px


def compared_sizes(architecture: Architecture, spec: ModelSpec, *, any_size: bool) -> list[tuple[int, int]]:
    """Sizes (height, width) at which the graph is compared with torch; it is traced at the first."""
    multiple = architecture.multiple_px
    if not any_size:
        side = -(-spec.tile_px // (2 * multiple)) * multiple * (2 if architecture.output_scale == 1 else 1)
        return [(side, side)]
    least = smallest_side(architecture)
    if architecture.output_scale == 1:
        least = -(-max(least, 64) // multiple) * multiple
    other = multiple if multiple > 1 else 3  # odd sides where the network takes them
    return [(least, least + 2 * other), (least + 3 * other, least + other)]


def metadata(
    spec: ModelSpec, architecture: Architecture, outputs: tuple[str, ...], fixed: Any = ()
) -> Mapping[str, str]:
    """Texts that travel in the file: for people, and `spec` for programs that know ours."""
    before = spec.preprocessing
    return {
        "name": spec.name,
        "architecture": spec.architecture,
        "licence": spec.licence,
        "source": spec.source,
        "summary": spec.summary,
        "preprocessing": (
            f"{before.channel_order} pixels 0..255, enlarged {before.input_scale:g} times; "
            f"(pixels * {before.scale!r} - {list(before.mean)}) / {list(before.std)}; N, C, H, W"
        ),
        "sides": (
            f"exactly {fixed[0][0]} x {fixed[0][1]}"
            if fixed
            else f"multiples of {architecture.multiple_px}, at least {smallest_side(architecture)}"
        ),
        "score": architecture.score or outputs[0],
        "activation": spec.activation,
        "threshold": repr(spec.threshold),
        "spec": spec.to_json(),
    }
