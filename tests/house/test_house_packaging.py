"""The commands that are promised exist, what ships may ship, and the tested versions are pinned."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from source_files import ROOT, imported_modules, program_files

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
README = (ROOT / "README.md").read_text(encoding="utf-8") if (ROOT / "README.md").exists() else ""
RUN, DEV = PROJECT["dependencies"], PROJECT["optional-dependencies"]["dev"]
IMPORT_NAMES = {
    "opencv-contrib-python-headless": "cv2",
    "scikit-image": "skimage",
    "pillow": "PIL",
    "pyside6-essentials": "PySide6",
}
# Used only by a library we use: tifffile loads its codecs from it by itself.
LOADED_BY_OTHERS = {"imagecodecs"}
COPYLEFT = re.compile(r"\bA?GPL|General Public|\bSSPL|non.?commercial", re.IGNORECASE)


def name_of(requirement: str) -> str:
    return re.split(r"[<>=!~\[; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def pins() -> dict[str, str]:
    lines = (ROOT / "packaging" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {name.lower(): version for name, version in pairs}


# ------------------------------------------------------------------ commands


@pytest.mark.parametrize("kind", ["scripts", "gui-scripts"])
def test_entry_points_lead_to_functions(kind: str) -> None:
    for entry in PROJECT[kind].values():
        module, _, function = entry.partition(":")
        assert callable(getattr(import_module(module), function))


def test_both_commands_are_declared() -> None:
    assert set(PROJECT["scripts"]) | set(PROJECT["gui-scripts"]) == {"crackcore", "crackscope"}


def test_the_readme_names_both_commands_and_automation_runs_the_same() -> None:
    for command in ("bash packaging/start.sh", "bash packaging/test.sh"):
        assert f"\n{command}\n" in README
        assert (ROOT / command.split()[1]).is_file()
    automation = ROOT / ".ci" / "run"
    assert os.access(automation, os.X_OK)
    assert "exec bash packaging/test.sh\n" in automation.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "script", ["packaging/start.sh", "packaging/test.sh", "packaging/setup.sh", ".ci/run"]
)
def test_shell_scripts_parse(script: str) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash on this machine")
    done = subprocess.run([bash, "-n", str(ROOT / script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_command_in_the_readme_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    from crackcore.__main__ import COMMANDS, main

    named = set(re.findall(r"^`?(?:\| `)?crackcore ([a-z-]+)", README, re.MULTILINE))
    assert named == set(COMMANDS)
    for command in COMMANDS:
        assert main([command, "--help"]) == 0
    assert "usage: crackcore" in capsys.readouterr().out


def test_every_file_the_readme_links_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_no_library_that_qt_needs_is_missing_from_the_list() -> None:
    """What the platform plugins link to and do not bring along is checked for before the window starts."""
    readelf = shutil.which("readelf")
    if readelf is None or not sys.platform.startswith("linux"):
        pytest.skip("no readelf on this machine")
    listed = set(runpy.run_path(str(ROOT / "packaging" / "system_libraries.py"))["PACKAGES"])
    qt = Path(import_module("PySide6").__file__ or "").parent
    files = [
        *qt.glob("Qt/plugins/platforms/libq[xo]*.so"),
        *(qt / "Qt" / "lib" / f"libQt6{part}.so.6" for part in ("Core", "Gui", "Widgets", "Svg", "XcbQpa")),
    ]
    done = subprocess.run([readelf, "-d", *map(str, files)], capture_output=True, text=True, check=True)
    needed = set(re.findall(r"NEEDED.*\[(.+)\]", done.stdout))
    brought = {path.name for folder in (qt, qt / "Qt" / "lib") for path in folder.iterdir()}
    # A Python of any kind stands on these already.
    everywhere = {"libc.so.6", "libm.so.6", "libz.so.1", "libgcc_s.so.1", "libstdc++.so.6"}
    everywhere |= {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libdl.so.2", "libpthread.so.0"}
    assert len(files) >= 7
    # glib's thread library comes in one package with glib itself.
    assert needed - brought - everywhere - {"libgthread-2.0.so.0"} <= listed


# ------------------------------------------------------------------ dependencies


def test_every_dependency_is_pinned_within_its_range() -> None:
    pinned = pins()
    assert {name_of(requirement) for requirement in (*RUN, *DEV)} <= set(pinned)
    assert pinned["torch"] == "2.13.0"
    assert tuple(map(int, pinned["pyside6-essentials"].split(".")[:2])) < (6, 12)
    assert "PySide6-Essentials>=6.8,<6.12" in RUN


def test_what_is_optional_for_users_is_there_for_the_checks() -> None:
    extras = {k: v for k, v in PROJECT["optional-dependencies"].items() if k != "dev"}
    assert set(extras) == {"onnx"}
    assert {item for items in extras.values() for item in items} <= set(DEV)


def test_no_dependency_is_carried_along_unused() -> None:
    used = {module.split(".")[0] for source in program_files() for _, module in imported_modules(source.tree)}
    wanted = {IMPORT_NAMES.get(name_of(item), name_of(item)) for item in RUN}
    assert wanted - used - LOADED_BY_OTHERS == set()


def test_the_table_of_licences_is_complete() -> None:
    table = (ROOT / "packaging" / "dependencies.md").read_text(encoding="utf-8")
    run, _, dev = table.partition("## For checks only")
    for part, requirements in ((run, RUN), (dev, DEV)):
        rows = {row.lower() for row in re.findall(r"^\| ([\w-]+) \| ", part, re.MULTILINE)} - {"name"}
        assert rows == {name_of(requirement) for requirement in requirements}


def test_nothing_installed_with_the_program_is_under_a_strong_copyleft() -> None:
    seen: set[str] = set()
    waiting = [name_of(requirement) for requirement in RUN]
    faults = []
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:  # wanted on other systems only
            continue
        facts = found.metadata
        terms = [facts.get("License-Expression") or "", *facts.get_all("Classifier", [])]
        stated = " ".join(term for term in terms if term and ("License" in term or term == terms[0]))
        if not stated.strip():
            stated = (facts.get("License") or "")[:200]
        # Qt for Python may be had under LGPL-3.0 as well, which is how it is used here.
        if COPYLEFT.search(stated.replace("LGPL-3.0", "")) and "LGPL-3.0" not in stated:
            faults.append(f"{name}: {stated}")
        waiting += [
            name_of(requirement) for requirement in (requires(name) or []) if "extra ==" not in requirement
        ]
    assert {"numpy", "torch", "shiboken6"} <= seen
    assert faults == []


# ------------------------------------------------------------------ samples


def test_every_sample_has_its_source_and_terms(samples: Path) -> None:
    pictures = sorted(path for path in samples.iterdir() if path.suffix == ".jpg")
    text = (samples / "README.md").read_text(encoding="utf-8")
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `(\S+)` \| (\d+) x (\d+) \|", text, re.MULTILINE)}
    assert set(rows) == {picture.name for picture in pictures}
    for picture in pictures:
        with Image.open(picture) as opened:
            assert (str(opened.width), str(opened.height)) == rows[picture.name]
            assert not opened.getexif(), f"{picture.name} carries camera data"
    assert 6 <= len(pictures) <= 8
    assert sum(picture.stat().st_size for picture in pictures) < 3_000_000
    for owner in ("2022 Feng Guo", "2020 Bianka Passos", "2023 Andrii Kompanets"):
        assert f"Copyright (c) {owner}" in text


def test_the_drawn_stone_can_be_drawn_again(samples: Path) -> None:
    drawing = runpy.run_path(str(ROOT / "packaging" / "draw_stone_sample.py"))
    picture, mask = drawing["draw"]()
    with Image.open(samples / "stone_drawn.jpg") as opened:
        shipped = np.asarray(opened.convert("RGB"))
    difference = np.abs(picture.astype(int) - shipped.astype(int))
    assert difference.mean() < 4.0  # what JPEG takes away
    assert 0.004 < (mask > 0).mean() < 0.02
    inside, outside = shipped[mask > 0].mean(), shipped[mask == 0].mean()
    assert inside < outside - 60
