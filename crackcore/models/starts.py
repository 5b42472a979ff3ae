"""Starts from ImageNet: VGG-16 and ResNet-34 taken from a weight file that the user has.

Nothing is downloaded. A file is one in the names of the common ImageNet files (`features.0.weight`
for VGG-16, `layer1.0.conv1.weight` for ResNet-34; classifiers are ignored), .safetensors, .pth or
.pt, which is read by the rules for foreign files. It is named by the caller, or lies in the folder
`starts` beside the user's models as `vgg16*` or `resnet34*`.

Without one the network keeps the start it was made with, and the log says so: Kaiming's rule by
fan-out with biases 0 for VGG-16 and ResNet-34, as where the ImageNet files themselves started (in KBPN
by fan-in, as its code has it).

Which parts of the networks start so: `encoder` of the U-Net, `feats` of PSPNet, `feat` of KBPN (the
first four convs of VGG-16, which the published code means to load and then overwrites), and the
same parts within CSSR and CSBSR.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from crackcore import resources
from crackcore.errors import WeightsDoNotFit
from crackcore.models.importing.plain_weights import plain_weights
from crackcore.models.kbpn import Kbpn
from crackcore.models.resnet34 import ResNet34
from crackcore.models.unet16 import UNet16
from crackcore.models.vgg16 import CONV_NUMBERS
from crackcore.names import shown_name
from crackcore.progress import Progress, unheard

log = logging.getLogger(__name__)

VGG16, RESNET34 = "VGG-16", "ResNet-34"
_FILE_NAMES = {VGG16: "vgg16", RESNET34: "resnet34"}
_MARKS = {VGG16: "features.0.weight", RESNET34: "layer1.0.conv1.weight"}
_BEGINNINGS = ("features.", "conv1.", "bn1.", "layer")  # what is asked of a file: no classifiers
_FIRST_CHANNELS = 64  # of either encoder's first conv, at width 1
_ENDINGS = (".safetensors", ".pth", ".pt")
_COUNTER = "num_batches_tracked"  # older files have none; it plays no part in what is computed


@dataclass(frozen=True)
class Start:
    """How one part of a network starts.

    `encoder` is "VGG-16" or "ResNet-34", `place` the part's name in the network. `file` is where its
    weights come from, None for the fall-back.
    """

    encoder: str
    place: str
    file: Path | None


@dataclass(frozen=True)
class _Part:
    """A part of a network: its own names of tensors -> those in an ImageNet file."""

    encoder: str
    place: str
    module: nn.Module
    names: Mapping[str, str]


def starts_folder() -> Path:
    """Where the user can lay ImageNet files, to be found without being named."""
    return resources.state_folder() / "models" / "starts"


def load_start(network: nn.Module, path: Path | None = None, progress: Progress = unheard) -> list[Start]:
    """Load ImageNet weights into those parts of a fresh network that start from them.

    `path` is a file of VGG-16 or ResNet-34; parts of the other kind, or all where it is None, are
    looked for in `starts_folder()`. Returns one row per part; nothing for a network without such
    parts. All files are read and checked before anything is changed in the network.

    Raises CheckpointRefused for a file that is not taken, WeightsDoNotFit where it holds other
    layers, or where `path` is given for a network that has no such part.
    """
    parts = _parts(network)
    files: dict[str, Path] = {}
    read: dict[Path, dict[str, Tensor]] = {}
    if path is not None:
        read[path] = plain_weights(path, _BEGINNINGS, progress)
        files[_encoder_in(path, read[path], parts)] = path
    for part in parts:
        if part.encoder not in files and (found := _found_file(part.encoder)):
            files[part.encoder] = found
            read[found] = plain_weights(found, _BEGINNINGS, progress)
    chosen = [(part, files.get(part.encoder)) for part in parts]
    fitting = [None if file is None else _fitted(part, file, read[file]) for part, file in chosen]
    for (part, file), weights in zip(chosen, fitting, strict=True):
        if file is None or weights is None:
            log.warning(
                "no ImageNet weights of %s are there: %s starts from random numbers (Kaiming's rule)",
                part.encoder,
                part.place or "the network",
            )
            continue
        part.module.load_state_dict(weights, strict=False)
        log.info("%s starts from ImageNet weights: %s", part.place or "the network", shown_name(file))
    return [Start(part.encoder, part.place, file) for part, file in chosen]


def _parts(network: nn.Module) -> list[_Part]:
    found: list[_Part] = []
    for name, module in network.named_modules():
        prefix = f"{name}." if name else ""
        if isinstance(module, UNet16):
            numbers = [n for stage in CONV_NUMBERS for n in stage]
            found.append(_vgg_part(f"{prefix}encoder", module.encoder, numbers, numbers))
        elif isinstance(module, Kbpn):
            own = [n for n, layer in enumerate(module.feat) if isinstance(layer, nn.Conv2d)]
            published = [n for stage in CONV_NUMBERS for n in stage][: len(own)]
            found.append(_vgg_part(f"{prefix}feat", module.feat, own, published))
        elif isinstance(module, ResNet34):
            names = {key: key for key in module.state_dict()}
            found.append(_Part(RESNET34, name, module, names))
    return found


def _vgg_part(place: str, module: nn.Module, own: list[int], published: list[int]) -> _Part:
    names = {
        f"{ours}.{kind}": f"features.{theirs}.{kind}"
        for ours, theirs in zip(own, published, strict=True)
        for kind in ("weight", "bias")
    }
    return _Part(VGG16, place, module, names)


def _encoder_in(path: Path, weights: Mapping[str, Tensor], parts: list[_Part]) -> str:
    """Which of the two a file holds; it must be one that the network starts from."""
    shown = shown_name(path)
    wanted = list(dict.fromkeys(part.encoder for part in parts))
    if not wanted:
        raise WeightsDoNotFit(
            "This network has no part that starts from ImageNet weights.", hint="Leave the file out."
        )
    held = next((encoder for encoder, mark in _MARKS.items() if mark in weights), None)
    if held in wanted:
        return held
    both = " or ".join(wanted)
    if held is not None:
        raise WeightsDoNotFit(f"{shown} holds {held}; this network starts from {both}.")
    marks = " and no ".join(_MARKS[encoder] for encoder in wanted)
    raise WeightsDoNotFit(
        f"{shown} does not hold ImageNet weights of {both}: there is no {marks} in it.",
        hint="Give a file of the whole network with torchvision's names.",
    )


def _found_file(encoder: str) -> Path | None:
    folder, name = starts_folder(), _FILE_NAMES[encoder]
    if not folder.is_dir():
        return None
    fitting = (
        path
        for path in sorted(folder.iterdir())
        if path.name.lower().startswith(name)
        and not path.name.lower().startswith(f"{name}_bn")  # VGG-16 with batch norm is another network
        and path.suffix.lower() in _ENDINGS
    )
    return next(fitting, None)


def _fitted(part: _Part, file: Path, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The part's own names with the file's tensors; raises WeightsDoNotFit."""
    shown = shown_name(file)
    wanted = part.module.state_dict()
    fitted: dict[str, Tensor] = {}
    for own, published in part.names.items():
        if published not in weights:
            if own.endswith(_COUNTER):
                continue
            raise WeightsDoNotFit(
                f"{shown} does not hold all of {part.encoder}: {published} is missing.",
                hint="Download it again.",
            )
        tensor, right = weights[published], wanted[own]
        if tensor.shape != right.shape:
            raise WeightsDoNotFit(
                f"{shown} does not fit: {published} is {list(tensor.shape)}, "
                f"this network has {list(right.shape)} there.",
                hint="ImageNet weights fit networks of width 1 only." if _is_narrowed(wanted) else "",
            )
        fitted[own] = tensor.to(right.dtype)
    return fitted


def _is_narrowed(state: Mapping[str, Tensor]) -> bool:
    return next(iter(state.values())).shape[0] != _FIRST_CHANNELS
