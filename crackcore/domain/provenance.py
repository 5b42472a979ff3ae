"""Who and what made a number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Provenance:
    """Program, version, moment (UTC, ISO 8601) and model behind a result."""

    program: str
    version: str
    made_at: str
    model: str = ""
    model_sha256: str = ""
