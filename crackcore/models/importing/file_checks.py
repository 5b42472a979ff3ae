"""What can be told of a foreign file before anything reads its content: cheap, without torch.

Saved web pages, pointers of Git LFS, archives with packed parts and lying headers end here.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

from crackcore.names import shown_name

LARGEST_BYTES = 8 << 30
_LARGEST_HEADER = 16 << 20
_MOST_ENTRIES = 100_000
_LEGACY_MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
_SAFETENSORS_BYTES = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("BOOL", "I8", "U8", "F8_E4M3", "F8_E5M2"), 1),
}


class Refused(Exception):
    """Why a file is not taken, as the end of the sentence "… is not taken: "; and what to do."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


@contextlib.contextmanager
def opened(path: Path) -> Any:
    """A regular file open for reading (never a pipe or device, which could block), and its size."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise Refused("this is not a file." if os.path.isdir(path) else "this is not a regular file.")
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        file = os.fdopen(os.open(path, flags), "rb")
    except FileNotFoundError:
        raise Refused("it is not there.") from None
    except (OSError, ValueError) as error:
        raise Refused(f"it cannot be read ({getattr(error, 'strerror', None) or 'bad name'}).") from error
    with file:
        yield file, os.fstat(file.fileno()).st_size


def kind_of(file: BinaryIO, size: int, name: str) -> str:
    """ "zip", "legacy" or "safetensors"; raises Refused for everything else and for what looks wrong."""
    if size == 0:
        raise Refused("it is empty.", "Download it again.")
    if size > LARGEST_BYTES:
        raise Refused(f"it is larger than {LARGEST_BYTES >> 30} GB.")
    file.seek(0)
    head = file.read(4096)
    file.seek(0)
    text = head.lstrip()[:200].lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise Refused("it is a web page, not a checkpoint.", "Open it to see why; then download it again.")
    if text.startswith(b"version https://git-lfs"):
        raise Refused(
            "it only points to the real file, which was not downloaded (Git LFS).",
            'Run "git lfs pull" there, or download the file itself.',
        )
    if head.startswith(b"\x93NUMPY"):
        raise Refused("it is a NumPy array, not a checkpoint.")
    if head.startswith(b"PK\x03\x04"):
        _check_archive(file, size)
        return "zip"
    if head.startswith(_LEGACY_MAGIC):
        if _is_tar(file):
            raise Refused("it is two kinds of file at once.")
        return "legacy"
    if name.lower().endswith(".safetensors") or _looks_like_safetensors(head, size):
        check_safetensors(file, size)
        return "safetensors"
    raise Refused("it is not a checkpoint of PyTorch and not a .safetensors file.")


def _is_tar(file: BinaryIO) -> bool:
    try:
        with tarfile.open(fileobj=file, mode="r:"):
            return True
    except (tarfile.TarError, OSError, ValueError):
        return False
    finally:
        file.seek(0)


def _check_archive(file: BinaryIO, size: int) -> None:
    """Nothing packed, nothing twice, no more declared than the file holds."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Refused("it is incomplete or damaged.", "Download it again.") from error
    finally:
        file.seek(0)
    names = [entry.filename for entry in entries]
    if any("/code/" in name or name.endswith("/constants.pkl") for name in names):
        raise Refused(
            "it is a TorchScript program, not weights.",
            "Ask for the state dict, as torch.save(model.state_dict(), file) writes it.",
        )
    if not any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        raise Refused("it is an archive, but not a checkpoint of PyTorch.")
    if len(names) > _MOST_ENTRIES or len(set(names)) != len(names):
        raise Refused("it has too many parts, or two of the same name.")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise Refused("parts of it are packed, as PyTorch never does; unpacked they may fill the memory.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise Refused("parts of it are encrypted.")
    if any(entry.file_size != entry.compress_size for entry in entries) or (
        sum(entry.file_size for entry in entries) > size
    ):
        raise Refused("it declares more than it holds.")


def _looks_like_safetensors(head: bytes, size: int) -> bool:
    return len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size


def check_safetensors(file: BinaryIO, size: int) -> dict[str, str]:
    """Every declared size and place in the header is right; returns its map of texts. Raises Refused."""
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if size < 10 or not 2 <= length <= min(_LARGEST_HEADER, size - 8):
        raise Refused("its header is longer than the file, or than any header has to be.")
    try:
        header = json.loads(file.read(length), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise Refused("its header cannot be read.") from error
    finally:
        file.seek(0)
    if not isinstance(header, dict):
        raise Refused("its header cannot be read.")
    texts = header.pop("__metadata__", {})
    spans = sorted(_span(name, entry) for name, entry in header.items())
    at = 0
    for start, end, name in spans:
        if start < at:
            raise Refused(f"the data of {_shown(name)} overlaps with another's.")
        if start > at:
            raise Refused(f"there is a gap before the data of {_shown(name)}.")
        at = end
    if at != size - 8 - length:
        raise Refused("its header does not fit its length.", "Download it again.")
    return texts if isinstance(texts, dict) else {}


def _span(name: str, entry: Any) -> tuple[int, int, str]:
    if not isinstance(entry, dict):
        raise Refused("its header cannot be read.")
    shape, offsets = _counts(entry.get("shape")), _counts(entry.get("data_offsets"))
    each = entry.get("dtype")
    if shape is None or offsets is None or len(offsets) != 2 or len(shape) > 8:
        raise Refused(f"the size of {_shown(name)} cannot be read.")
    if each not in _SAFETENSORS_BYTES:
        raise Refused(f"the numbers of {_shown(name)} are of an unknown kind.")
    if offsets[1] - offsets[0] != math.prod(shape) * _SAFETENSORS_BYTES[each]:
        raise Refused(f"the shape of {_shown(name)} does not fit its data.")
    return offsets[0], offsets[1], name


def _shown(name: str) -> str:
    return shown_name(name[:80], whole=True)


def _counts(numbers: Any) -> list[int] | None:
    if isinstance(numbers, list) and all(type(n) is int and 0 <= n < 1 << 62 for n in numbers):
        return numbers
    return None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def digest_of(file: io.BufferedReader, report: Any) -> str:
    """SHA-256 of the whole file, hexadecimal."""
    import hashlib

    digest, done = hashlib.sha256(), 0
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    while piece := file.read(8 << 20):
        digest.update(piece)
        done += len(piece)
        report(done, 4 * size, "Reading the checkpoint")
    file.seek(0)
    return digest.hexdigest()
