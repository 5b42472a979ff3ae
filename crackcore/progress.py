"""The one contract for progress and cancelling.

Every engine function that may take longer than about 0.2 s takes `progress` last, calls it at
least that often, and lets `Cancelled` fly through. It knows no flag, no thread, no Qt.
"""

from __future__ import annotations

from typing import Protocol

from crackcore.errors import Cancelled

__all__ = ["Cancelled", "Progress", "unheard"]


class Progress(Protocol):
    """What a long function calls."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Say how far the work is; raises Cancelled if it should stop here."""


def unheard(done: int, total: int, note: str = "") -> None:
    """For scripts and tests: nobody listens and nobody cancels."""
