"""Runs benchmarks and prints a table: `python -m tests.benchmarks [NAME ...] [--json FILE]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import ROOT, Figure

FRAME = {"__main__", "figures"}


def names() -> list[str]:
    """All benchmarks: the files beside this one."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in FRAME)


def run_in_its_own_process(name: str) -> list[Figure]:
    """The figures of one benchmark; an empty list when it failed (its trace was printed)."""
    with tempfile.TemporaryDirectory(prefix="crackscope-benchmark-") as folder:
        answer = Path(folder) / "figures.json"
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks", "--child", str(answer), name],
            cwd=ROOT,
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "CRACKSCOPE_STATE": f"{folder}/state"},
            stdout=sys.stderr,
            check=False,
        )
        if done.returncode != 0 or not answer.exists():
            return []
        return [Figure.from_json(facts) for facts in json.loads(answer.read_text())]


def table(results: dict[str, list[Figure]]) -> str:
    """The figures as aligned text."""
    rows = [("benchmark", "what", "case", "median", "p95", "unit", "runs", "target", "")]
    for name, figures in results.items():
        for figure in figures:
            target = "" if figure.at_most is None else f"<= {number(figure.at_most)}"
            if target and figure.target_is_p95:
                target += " p95"
            if figure.at_least is not None:
                target = f">= {number(figure.at_least)}"
            met = {None: "", True: "met", False: "MISSED"}[figure.met]
            p95 = "" if figure.p95 is None else number(figure.p95)
            rows.append(
                (
                    *(name, figure.what, figure.case, number(figure.median), p95),
                    *(figure.unit, str(figure.repeats), target, met),
                )
            )
        if not figures:
            rows.append((name, "failed", "", "", "", "", "", "", "FAILED"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    right = {3, 4, 6}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def number(value: float) -> str:
    """Three significant digits, never in powers of ten."""
    if value != value:
        return "-"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}"


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = (line for line in cpuinfo.read_text().splitlines() if line.startswith("model name"))
        model = next(lines, f": {model}").partition(":")[2].strip()
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in ("numpy", "torch", "PySide6-Essentials", "h5py")},
        "program": version("crackscope") if (ROOT / "crackscope.egg-info").exists() else "",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named benchmarks, or all; exit status 1 when one could not be run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names())}; else all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args(arguments)
    unknown = sorted(set(wanted.names) - set(names()))
    if unknown:
        parser.error(f"no benchmark called {unknown[0]}; there are {', '.join(names())}")
    if wanted.child:
        measure = import_module(f"tests.benchmarks.{wanted.names[0]}").measure
        wanted.child.write_text(json.dumps([figure.to_json() for figure in measure()]))
        return 0

    facts: dict[str, Any] = {"made_at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine()}
    load, cores = facts["machine"]["load_before"], facts["machine"]["cores"]
    if load is not None and load > 0.5 * cores:
        print(f"The machine is busy (load {load} on {cores} cores): times will be too long.", file=sys.stderr)
    results: dict[str, list[Figure]] = {}
    for name in wanted.names or names():
        started = time.perf_counter()
        results[name] = run_in_its_own_process(name)
        print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    print(table(results))
    if wanted.json:
        figures = {name: [figure.to_json() for figure in found] for name, found in results.items()}
        wanted.json.write_text(json.dumps({**facts, "figures": figures}, indent=1) + "\n")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
