"""Tensors out of a foreign file, without running anything in it. Only called in the child."""

from __future__ import annotations

import re
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, BinaryIO

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from crackcore.models.importing.file_checks import Refused
from crackcore.models.importing.stand_ins import not_on_the_list, spoken, stand_ins
from crackcore.names import shown_name

_SAVE_WEIGHTS = "Ask for the weights alone, as torch.save(model.state_dict(), file) writes them."
_FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
_COUNTER = "num_batches_tracked"
_MOST_TENSORS = 50_000
_SHOWN_NAMES = 4


def read_zip(file: BinaryIO) -> Any:
    """The content of a checkpoint of today's format; raises Refused."""
    try:
        unsafe = torch.serialization.get_unsafe_globals_in_checkpoint(file)
    except Exception as error:
        raise _unreadable(error) from error
    unknown = not_on_the_list(unsafe)
    if unknown:
        raise _names_refused(unknown)
    file.seek(0)
    return _loaded(file, stand_ins())


def read_legacy(file: BinaryIO) -> Any:
    """The content of a checkpoint of the format before 2020; nothing but plain weights. Raises Refused."""
    return _loaded(file, [])


def read_safetensors(file: BinaryIO) -> dict[str, Tensor]:
    """The tensors of a .safetensors file whose header was checked before; raises Refused."""
    try:
        found: dict[str, Tensor] = safetensors.torch.load(file.read())
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise _unreadable(error) from error
    return found


def _loaded(file: BinaryIO, allowed: list[Any]) -> Any:
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(allowed):
            warnings.simplefilter("ignore")  # on old storage classes, of no use to anybody here
            return torch.load(file, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        if named:
            raise _names_refused([named[1]]) from error
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> Refused:
    text = str(error)
    if isinstance(error, RuntimeError) and re.search(r"alloc|memory", text):
        return Refused("it asks for more memory than its size explains.")
    if "Unsupported operand" in text:  # another protocol of pickle than the one torch.save takes
        return Refused("it was saved in a way that cannot be read safely.", _SAVE_WEIGHTS)
    return Refused("it is damaged, or not a checkpoint of weights.", "Download it again.")


def _names_refused(names: list[str]) -> Refused:
    shown = [shown_name(spoken(name), whole=True)[:100] for name in names]
    listed = ", ".join(shown[:_SHOWN_NAMES]) + (
        f" and {len(shown) - _SHOWN_NAMES} more" if len(shown) > _SHOWN_NAMES else ""
    )
    if any(name.startswith("torch.nn.modules.") for name in names):
        return Refused(f"it is a whole pickled model, not only weights ({listed}).", _SAVE_WEIGHTS)
    return Refused(f"reading it would run parts of other programs: {listed}.", _SAVE_WEIGHTS)


# ---------------------------------------------------------------- tensors


def checked_tensors(found: dict[Any, Any], file_bytes: int) -> tuple[dict[str, Tensor], list[str]]:
    """Every tensor of a state dict, float32 (counters int64), and the names of what is no tensor.

    Kind, device and extent are checked before any value is touched: a view of four bytes may claim
    to be a terabyte. Then values: finite, variances not negative. Raises Refused, naming the tensor.
    """
    if len(found) > _MOST_TENSORS:
        raise Refused("it holds more tensors than any network has.")
    plain: dict[str, Tensor] = {}
    ignored: list[str] = []
    total = 0
    for name, value in dict.items(found):  # a file may have put something else in place of the method
        if not isinstance(name, str) or type(value) not in (Tensor, nn.Parameter):
            if isinstance(value, Tensor):
                raise Refused(f"{_shown(name)} is an unusual kind of tensor.")
            ignored.append(_shown(name))
            continue
        tensor = torch.Tensor.detach(value)  # a fresh one: attributes of the file's stay behind
        _check_storage(name, tensor)
        total += tensor.numel() * tensor.element_size()
        plain[name] = tensor
    if total > 8 * file_bytes + (1 << 20):
        raise Refused("its tensors claim more than the file holds.")
    return {name: _checked_values(name, tensor) for name, tensor in plain.items()}, ignored


def _check_storage(name: str, tensor: Tensor) -> None:
    if tensor.is_quantized:
        raise Refused(f"{_shown(name)} is quantised.", "Ask for the weights as plain numbers (float32).")
    if tensor.layout != torch.strided:
        raise Refused(f"{_shown(name)} is sparse.", "Ask for the weights as plain numbers (float32).")
    if tensor.device.type != "cpu":
        raise Refused(f"{_shown(name)} holds no numbers.")
    counter = name.rpartition(".")[2] == _COUNTER
    if tensor.dtype not in _FLOATS and not (counter and tensor.dtype in (torch.int64, torch.int32)):
        raise Refused(f"{_shown(name)} holds numbers of a kind that weights do not have ({tensor.dtype}).")
    if tensor.is_complex() or tensor.is_conj() or tensor.is_neg():
        raise Refused(f"{_shown(name)} is an unusual kind of tensor.")
    available = tensor.untyped_storage().nbytes()
    each, count = tensor.element_size(), tensor.numel()
    reach = tensor.storage_offset() + sum(
        (n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True)
    )
    if count and (count * each > available or (reach + 1) * each > available):
        raise Refused(f"{_shown(name)} claims more numbers than it holds.")


def _checked_values(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor.to(torch.int64).clone()
    copy = tensor.to(torch.float32, copy=True).contiguous()
    if not bool(torch.isfinite(copy).all()):
        raise Refused(f"{_shown(name)} holds values that are not numbers.", "Ask for a sound checkpoint.")
    if name.rpartition(".")[2] == "running_var" and bool((copy < 0).any()):
        raise Refused(f"{_shown(name)} holds a negative variance.", "Ask for a sound checkpoint.")
    return copy


def _shown(name: object) -> str:
    return shown_name(str(name)[:100], whole=True)


# ---------------------------------------------------------------- where the weights are

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "params_ema", "params", "weights")
_NEVER = ("optimizer", "optim", "schedulers", "message_hub", "ema_optimizer")
_DEPTH = 2


def state_dicts(content: Any) -> list[tuple[str, dict[Any, Any]]]:
    """Every dict with tensors, down to two levels, most likely first, with the way to it ("a/b")."""
    found: list[tuple[int, int, str, dict[Any, Any]]] = []
    seen: set[int] = set()  # the same dict may stand in it a million times

    def walk(value: Any, way: str, depth: int, rank: int) -> None:
        if type(value) not in (dict, OrderedDict) or id(value) in seen:
            return
        seen.add(id(value))
        tensors = sum(isinstance(v, Tensor) for v in dict.values(value))
        if tensors:
            found.append((rank, -tensors, way, value))
        if depth == _DEPTH:
            return
        for key, inner in list(dict.items(value))[:1000]:
            if not isinstance(key, str) or key.lower() in _NEVER:
                continue
            known = _WRAPPERS.index(key) if key in _WRAPPERS else len(_WRAPPERS)
            walk(inner, f"{way}/{_shown(key)}".strip("/"), depth + 1, known)

    walk(content, "", 0, len(_WRAPPERS))
    return [(way, value) for _, _, way, value in sorted(found, key=lambda f: f[:3])]


def prefix_variants(weights: Mapping[str, Tensor]) -> list[tuple[str, dict[str, Tensor]]]:
    """The weights with what wrappers put before (or between) their names taken off, likeliest first.

    The first is always without `module.` (DataParallel) and `_orig_mod.` (compiled) in front; more
    follow where all names share another beginning, or have `module` in between.
    """
    stripped, taken = dict(weights), ""
    while prefix := next((p for p in ("module.", "_orig_mod.") if _all_begin(stripped, p)), ""):
        stripped, taken = {k[len(prefix) :]: v for k, v in stripped.items()}, taken + prefix
    variants = [(taken, stripped)]
    inner = {".".join(part for part in k.split(".") if part != "module"): v for k, v in stripped.items()}
    if len(inner) == len(stripped) and inner.keys() != stripped.keys():
        variants.append((f"{taken}…module.", inner))
    shared = next(iter(stripped), "").partition(".")[0] + "."
    if _all_begin(stripped, shared):
        variants.append((taken + shared, {k[len(shared) :]: v for k, v in stripped.items()}))
    return variants


def _all_begin(weights: Mapping[str, Tensor], prefix: str) -> bool:
    return bool(weights) and prefix != "." and all(k.startswith(prefix) and k != prefix for k in weights)
