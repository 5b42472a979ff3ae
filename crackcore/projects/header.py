"""The 512 bytes before the HDF5 body: whose project, which save, how long, which digest."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

from crackcore.errors import NotAProject, ProjectDamaged, ProjectTooNew
from crackcore.names import shown_name
from crackcore.projects import layout

HEADER_BYTES = 512
MAGIC = b"\x89CRK\r\n\x1a\n"  # a transfer that mangles line ends or the eighth bit breaks it at once
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEADER_VERSION = 1
_FIELDS = struct.Struct("<8sHHI16sQQ32sQ16sQ")
_SEAL_AT = HEADER_BYTES - 32


@dataclass(frozen=True)
class Header:
    """What the first 512 bytes say. `generation` counts saves; clocks never decide an order.

    `last_sequence` is the last journal frame that the body holds, counted in the journal called
    `journal_id`; `saved_utc` (whole seconds) is only for people and for thinning backups.
    """

    uuid: bytes
    generation: int
    body_bytes: int
    body_sha256: bytes
    last_sequence: int = 0
    journal_id: bytes = bytes(16)
    saved_utc: int = 0
    format_version: int = layout.FORMAT_VERSION

    @property
    def identity(self) -> tuple[bytes, int, bytes]:
        """Equal exactly when two files hold the same save of the same project."""
        return self.uuid, self.generation, self.body_sha256

    def to_bytes(self) -> bytes:
        """Exactly 512 bytes, sealed with a digest of their own; see FORMAT.md, section 2."""
        fields = _FIELDS.pack(
            MAGIC,
            HEADER_VERSION,
            self.format_version,
            0,
            self.uuid,
            self.generation,
            self.body_bytes,
            self.body_sha256,
            self.last_sequence,
            self.journal_id,
            self.saved_utc,
        )
        sealed = fields.ljust(_SEAL_AT, b"\0")
        return sealed + hashlib.sha256(sealed).digest()

    @classmethod
    def from_bytes(cls, data: bytes, path: Path | str) -> Header:
        """Read a header; `path` is only for the sentence.

        Raises NotAProject, ProjectDamaged or ProjectTooNew.
        """
        name = shown_name(path)
        if not data:
            raise ProjectDamaged(f"{name} is empty.", path=path)
        if not data.startswith(MAGIC):
            if data[HEADER_BYTES : HEADER_BYTES + 8] == HDF5_SIGNATURE:
                raise ProjectDamaged(f"{name} is damaged: its header is not readable.", path=path)
            raise NotAProject(f"{name} is not a project of this program.", path=path)
        if len(data) < HEADER_BYTES:
            raise ProjectDamaged(f"{name} is damaged: it ends within its header.", path=path)
        if hashlib.sha256(data[:_SEAL_AT]).digest() != data[_SEAL_AT:HEADER_BYTES]:
            raise ProjectDamaged(f"{name} is damaged: its header does not match its digest.", path=path)
        fields = _FIELDS.unpack_from(data)
        if fields[1] > HEADER_VERSION or fields[2] > layout.FORMAT_VERSION:
            raise ProjectTooNew(max(fields[1], fields[2]), layout.FORMAT_VERSION, path=path)
        return cls(
            format_version=fields[2],
            uuid=fields[4],
            generation=fields[5],
            body_bytes=fields[6],
            body_sha256=fields[7],
            last_sequence=fields[8],
            journal_id=fields[9],
            saved_utc=fields[10],
        )
