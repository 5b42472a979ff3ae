"""Inert classes that take the place of what others saved beside their weights.

The list of names is ours and fixed. A name from a file never leads to the thing it names: whatever
`builtins.getattr` or `argparse.Namespace` would do, here it makes an object that does nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any


class Inert:
    """Takes any arguments and any state, and keeps none of it."""

    def __new__(cls, *args: object, **kwargs: object) -> Inert:
        return super().__new__(cls)

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


class InertDict:
    """A settings class that is a dict in its origin: a plain ordered dict is made instead."""

    def __new__(cls, *args: object, **kwargs: object) -> Any:
        return OrderedDict()


class InertList:
    """A class that is filled item by item: a plain list is made instead."""

    def __new__(cls, *args: object, **kwargs: object) -> Any:
        return []


_DICTS = (
    "yacs.config.CfgNode",
    "fvcore.common.config.CfgNode",
    "detectron2.config.config.CfgNode",
    "easydict.EasyDict",
    "addict.addict.Dict",
    "collections.defaultdict",
    "mmcv.utils.config.ConfigDict",
    "mmengine.config.config.ConfigDict",
)
_LISTS = ("collections.deque",)
_OTHERS = (
    "argparse.Namespace",
    "types.SimpleNamespace",
    *(f"pathlib.{kind}" for kind in ("Path", "PurePath", "PosixPath", "PurePosixPath", "WindowsPath")),
    "pathlib.PureWindowsPath",
    *(f"pathlib._local.{kind}" for kind in ("Path", "PosixPath", "PurePosixPath", "WindowsPath")),
    *(f"datetime.{kind}" for kind in ("date", "datetime", "time", "timedelta", "timezone")),
    *(
        f"numpy.{place}.multiarray.{made}"
        for place in ("core", "_core")
        for made in ("scalar", "_reconstruct")
    ),
    "numpy.ndarray",
    "numpy.dtype",
    "builtins.frozenset",
    # Methods and types that mmengine's log of losses and others' defaultdicts refer to:
    "builtins.getattr",
    *(f"builtins.{kind}" for kind in ("dict", "float", "int", "list", "slice", "str", "tuple", "range")),
    "mmengine.logging.history_buffer.HistoryBuffer",
    "mmcv.utils.config.Config",
    "mmengine.config.config.Config",
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.nodes.AnyNode",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "typing.Any",
)


# Also named in the rules; torch allows a harmless `_codecs.encode` of its own before it asks us.
_CODECS = ("_codecs.encode",)


def stand_ins() -> list[Any]:
    """What `torch.serialization.safe_globals` is given: a class of ours for each name of the list."""
    made: list[tuple[Any, str]] = [(InertDict, name) for name in _DICTS]
    made += [(InertList, name) for name in _LISTS]
    made += [(Inert, name) for name in (*_OTHERS, *_CODECS)]
    return made


def not_on_the_list(names: Iterable[str]) -> list[str]:
    """Those names of a checkpoint that have no stand-in, sorted."""
    listed = {*_DICTS, *_LISTS, *_OTHERS, *_CODECS}
    return sorted(name for name in names if name not in listed)


def spoken(name: str) -> str:
    """The name as a person knows it: `io.open` is `builtins.open`."""
    module, _, last = name.rpartition(".")
    if module in ("io", "_io") and last == "open":
        return f"builtins.open ({name})"
    return name
