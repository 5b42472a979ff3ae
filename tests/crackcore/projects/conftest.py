"""These tests sync thousands of times: project and state lie in memory where there is such a disk.

A kill or a simulated power cut finds the same there; a test about a real disk asks for
`tmp_path_factory`.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def _memory_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if os.access(_MEMORY, os.W_OK):
        root = _MEMORY / f"crackscope-tests-{uuid.uuid4().hex}"
        root.mkdir()
    else:
        root = tmp_path_factory.mktemp("projects")
    yield root
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def tmp_path(_memory_root: Path) -> Iterator[Path]:
    folder = _memory_root / uuid.uuid4().hex[:8]
    folder.mkdir()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def own_state(_memory_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = _memory_root / f"state-{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("CRACKSCOPE_STATE", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
