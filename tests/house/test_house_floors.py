"""Who may import whom, and that the check of it would notice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from source_files import ROOT, imported_modules, program_files

TORCH_ROOMS = {"models", "inference", "training"}
H5PY_ROOMS = {"projects"}


def check_floors(tree: Path) -> subprocess.CompletedProcess[str]:
    """Runs import-linter on a source tree."""
    tool = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(tool), "--no-logo", "--no-cache", "--config", str(tree / "pyproject.toml")],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def copied_tree(tmp_path: Path) -> Path:
    """The program's source in a folder where faults may be planted."""
    for folder in ("app", "crackcore"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_import_goes_down() -> None:
    done = check_floors(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.slow
def test_the_check_notices_what_it_is_there_for(copied_tree: Path) -> None:
    for room in ("crackcore/cellar", "app/attic"):
        (copied_tree / room).mkdir()
        (copied_tree / room / "__init__.py").write_text('"""A room without a floor."""\n')
    plant(copied_tree / "crackcore/imaging/__init__.py", "import PySide6.QtCore")
    plant(copied_tree / "crackcore/masks/__init__.py", "import torch")
    plant(copied_tree / "crackcore/exports/__init__.py", "import h5py")

    done = check_floors(copied_tree)

    assert done.returncode != 0
    for expected in ("cellar", "attic", "PySide6", "crackcore.masks -> torch", "crackcore.exports -> h5py"):
        assert expected in done.stdout, done.stdout


def plant(file: Path, line: str) -> None:
    file.write_text(file.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")


@pytest.mark.parametrize(("library", "rooms"), [("torch", TORCH_ROOMS), ("h5py", H5PY_ROOMS)])
def test_each_heavy_library_stays_in_its_rooms(library: str, rooms: set[str]) -> None:
    """Also for rooms that nobody has added to the contract's list yet."""
    faults = []
    for source in program_files():
        room = source.name.removesuffix(".py").split("/")[1] if "/" in source.name else source.name
        faults += [
            f"{source.name}:{line}"
            for line, module in imported_modules(source.tree)
            if module.split(".")[0] == library
            and not (source.name.startswith("crackcore/") and room in rooms)
        ]
    assert not faults, "\n" + "\n".join(faults)


def test_contracts_name_every_room() -> None:
    """The two contracts on heavy libraries list their rooms; a new room must not slip past them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = {
        contract["name"].split()[0]: {module.partition(".")[2] for module in contract["source_modules"]}
        for contract in contracts["tool"]["importlinter"]["contracts"]
        if contract["name"].endswith("stays in its room") or contract["name"].endswith("stays in its rooms")
    }
    rooms = {
        path.stem
        for path in (ROOT / "crackcore").iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem != "__init__"
    }
    assert rooms - listed["torch"] == TORCH_ROOMS
    assert rooms - listed["h5py"] == H5PY_ROOMS
