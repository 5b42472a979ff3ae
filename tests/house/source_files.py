"""The program's own source files, read and parsed once for all checks of the house."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class SourceFile:
    """One Python file: where it lies (relative, forward slashes), its text and its syntax tree."""

    name: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return self.text.count("\n")


@cache
def program_files() -> tuple[SourceFile, ...]:
    """Everything that runs on a user's machine: main.py, app/ and crackcore/."""
    return (*map(_read, ROOT.glob("main.py")), *_below("app"), *_below("crackcore"))


@cache
def engine_files() -> tuple[SourceFile, ...]:
    return tuple(_below("crackcore"))


@cache
def all_files() -> tuple[SourceFile, ...]:
    """The program's files, its tests and the scripts of packaging/."""
    return (*program_files(), *_below("packaging"), *_below("tests"))


def _below(folder: str) -> Iterator[SourceFile]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield _read(path)


def _read(path: Path) -> SourceFile:
    text = path.read_text(encoding="utf-8")
    return SourceFile(path.relative_to(ROOT).as_posix(), text, ast.parse(text))


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a name or attribute access; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else node.attr
    return ""


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def imported_modules(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line number and full module name of every import, `from a import b` as `a` and `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)
