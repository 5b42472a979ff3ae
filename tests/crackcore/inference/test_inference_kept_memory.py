"""Freed memory stays in the process while a network runs, and only then."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from crackcore.inference import kept_memory as module
from crackcore.inference.kept_memory import kept_memory

BLOCK = 64 * 2**20


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or module._glibc() is None, reason="only glibc keeps blocks"
)
def test_blocks_are_kept_inside_and_given_back_afterwards() -> None:
    before = resident_bytes()
    with kept_memory(), kept_memory():
        block = np.ones(BLOCK, np.uint8)
        del block
        assert resident_bytes() - before > 0.8 * BLOCK
    assert resident_bytes() - before < 0.5 * BLOCK
    block = np.ones(BLOCK, np.uint8)
    del block
    assert resident_bytes() - before < 0.5 * BLOCK


def test_an_error_inside_ends_it_too() -> None:
    with pytest.raises(RuntimeError), kept_memory():
        raise RuntimeError
    assert module._users == 0


def test_other_systems_go_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_glibc", lambda: None)
    with kept_memory():
        assert module._users == 0
