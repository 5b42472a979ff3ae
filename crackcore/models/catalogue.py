"""Architectures by name, and the model files found on this machine, read from their headers.

No torch in this file: the window lists models before it needs a network.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crackcore.domain.model_spec import ModelSpec
from crackcore.errors import ModelFileDamaged, UnknownModel
from crackcore.models.architectures import OWN, Architecture
from crackcore.models.digest_cache import DigestCache
from crackcore.names import shown_name
from crackcore.plugins import nearest, resolve, table
from crackcore.resources import model_folders

log = logging.getLogger(__name__)

ARCHITECTURES = {own.name: own.entry for own in OWN}
OTHER_NAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "cgnet": ("cgnet_m3n21", {}),
    "dbpn_x4_stage4": ("dbpn", {"scale": 4, "stages": 4}),
    "dbpn_x4_stage6": ("dbpn", {"scale": 4, "stages": 6}),
    "unet16_pixel_shuffle": ("unet16", {"decoder": "pixel_shuffle"}),
    "pspnet_resnet34": ("pspnet", {}),
    "kbpn_x4_stage4_k7to21": ("kbpn", {}),
    "cssr_joint_dbpn6_unet16": ("cssr", {"stages": 6, "segmentation": "unet16"}),
    "csbsr_joint_kbpn_pspnet": ("csbsr", {"segmentation": "pspnet"}),
}
"""Names that publications and other programs use: our name, and the arguments they stand for."""

DEFAULT_MODEL = "cgnet-open"
_MAX_HEADER = 16 * 1024 * 1024


@dataclass(frozen=True)
class InstalledModel:
    """One model file and what its header says. `sha256` is that of the whole file."""

    spec: ModelSpec
    path: Path
    bytes: int
    sha256: str

    @property
    def name(self) -> str:
        return self.spec.name


def architectures() -> dict[str, str]:
    """Name -> "module:function" of every known architecture."""
    return table("crackcore.architectures", ARCHITECTURES)


def known_architecture(name: str) -> tuple[Architecture, dict[str, Any]]:
    """What is known about an architecture, and the arguments that this name stands for.

    Takes our names, published ones and those of installed packages (of which only the entry is
    known). Raises UnknownModel with the nearest known names.
    """
    known = architectures()
    name, arguments = OTHER_NAMES.get(name, (name, {}))
    if name not in known:
        raise UnknownModel(name, nearest(name, [*known, *OTHER_NAMES]), what="architecture")
    for own in OWN:
        if own.name == name and own.entry == known[name]:
            return own, dict(arguments)
    return Architecture(name, known[name], title=name), dict(arguments)


def create_network(name: str, **arguments: Any) -> Any:
    """The network of this architecture, with its start weights, as a torch module.

    `name` is one of ours or a published one ("dbpn_x4_stage4"), whose arguments it then brings;
    explicit `arguments` win over those. Raises UnknownModel with the nearest known names.
    """
    architecture, brought = known_architecture(name)
    return resolve(architecture.entry)(**{**brought, **arguments})


def read_spec(path: Path) -> ModelSpec:
    """The spec in the header of a .safetensors file. Raises ModelFileDamaged."""
    shown = shown_name(path)
    try:
        with path.open("rb") as file:
            head = file.read(8)
            length = int.from_bytes(head, "little")
            if len(head) < 8 or not 2 <= length <= min(_MAX_HEADER, path.stat().st_size - 8):
                raise ModelFileDamaged(f"{shown} is not a model file of this program.")
            header = json.loads(file.read(length))
        spec = ModelSpec.from_json(header["__metadata__"]["spec"])
    except OSError as error:
        raise ModelFileDamaged(f"{shown} cannot be read.", hint=str(error.strerror or "")) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelFileDamaged(f"{shown} has no description of a model in its header.") from error
    return spec


def installed_models(folders: Iterable[Path] | None = None) -> list[InstalledModel]:
    """Every readable model file, shipped ones first; of equal names the first one counts.

    Broken files are logged and left out. A file is read whole for its digest the first time it is seen;
    after that its digest comes from `digest_cache`, so that a hundred megabytes are not read at every start.
    """
    digests = DigestCache()
    found: dict[str, InstalledModel] = {}
    for folder in model_folders() if folders is None else folders:
        if not folder.is_dir():
            continue
        for path in sorted(folder.glob("*.safetensors")):
            try:
                model = _installed(path, digests)
            except ModelFileDamaged as error:
                log.warning("model left out: %s", error)
                continue
            found.setdefault(model.name, model)
    digests.keep()
    return sorted(found.values(), key=lambda m: (m.name != DEFAULT_MODEL, m.name))


def read_installed(path: Path) -> InstalledModel:
    """One model file with its spec, size and digest. Raises ModelFileDamaged."""
    spec = read_spec(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return InstalledModel(spec, path, path.stat().st_size, digest)


def _installed(path: Path, digests: DigestCache) -> InstalledModel:
    spec = read_spec(path)
    try:
        return InstalledModel(spec, path, path.stat().st_size, digests.of(path))
    except OSError as error:
        shown = shown_name(path)
        raise ModelFileDamaged(f"{shown} cannot be read.", hint=str(error.strerror or "")) from error


def find_model(name: str, folders: Iterable[Path] | None = None) -> InstalledModel:
    """A model by name, by unique beginning of its name, or by the path of its file.

    Raises UnknownModel with the nearest installed names, ModelFileDamaged for a broken file.
    """
    if name.endswith(".safetensors"):
        path = Path(name)
        if not path.is_file():
            raise UnknownModel(shown_name(name), ())
        return read_installed(path)
    models = installed_models(folders)
    for model in models:
        if model.name == name:
            return model
    beginning = [m for m in models if m.name.startswith(name)]
    if name and len(beginning) == 1:
        return beginning[0]
    raise UnknownModel(name, nearest(name, [m.name for m in models]))
