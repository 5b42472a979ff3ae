"""What must not be found in the source: dangerous calls, swallowed errors, empty names, the network."""

from __future__ import annotations

import ast
import re

import pytest
from source_files import (
    ROOT,
    SourceFile,
    all_files,
    calls,
    dotted,
    engine_files,
    imported_modules,
    program_files,
)

FORBIDDEN_CALLS = (
    "pickle.load",
    "pickle.loads",
    "pickle.Unpickler",
    "joblib.load",
    "torch.jit.load",
    "torch.hub.load",
    "shutil.unpack_archive",
    "cv2.imread",
    "cv2.imreadmulti",
    "cv2.imwrite",
    "cv2.putText",
    "os.system",
    "socket.socket",
    "socket.create_connection",
    "eval",
    "exec",
)
FORBIDDEN_ENDINGS = ("extractall",)
FORBIDDEN_KEYWORDS = {"weights_only": False, "allow_pickle": True, "shell": True}
NETWORK_MODULES = (
    "aiohttp",
    "ftplib",
    "http.client",
    "http.server",
    "httpx",
    "huggingface_hub",
    "requests",
    "smtplib",
    "torch.hub",
    "urllib.request",
    "urllib3",
    "webbrowser",
    "PySide6.QtNetwork.QNetworkAccessManager",
    "PySide6.QtNetwork.QTcpSocket",
    "PySide6.QtNetwork.QTcpServer",
)
EMPTY_WORDS = {"base", "common", "data2", "handler", "helper", "helpers", "manager", "misc", "processor"} | {
    "stuff",
    "util",
    "utils",
}
LONGEST_FILE = 550  # lines; about 400 is meant, and a file that grows past this has two reasons to change
EXPLAINED_FROM = 10  # lines from which a method's name is not explanation enough


def dangerous(source: SourceFile) -> list[str]:
    found = []
    for call in calls(source.tree):
        name = dotted(call.func)
        at = f"{source.name}:{call.lineno}"
        method = isinstance(call.func, ast.Attribute) and name in ("eval", "exec")  # a network's, say
        if (name in FORBIDDEN_CALLS and not method) or name.split(".")[-1] in FORBIDDEN_ENDINGS:
            found.append(f"{at} calls {name}")
        for keyword in call.keywords:
            value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
            if keyword.arg in FORBIDDEN_KEYWORDS and value is FORBIDDEN_KEYWORDS[keyword.arg]:
                found.append(f"{at} passes {keyword.arg}={value}")
        if name.endswith("h5py.File") and writes_to_a_path(call):
            found.append(f"{at} opens an HDF5 file for writing in its place")
    return found


def writes_to_a_path(call: ast.Call) -> bool:
    """Whether an h5py.File call could change a file on disk: snapshots are built in memory and swapped in."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    mode = call.args[1] if len(call.args) > 1 else keywords.get("mode")
    if mode is None or (isinstance(mode, ast.Constant) and mode.value == "r"):
        return False
    backing = keywords.get("backing_store")
    in_memory = isinstance(backing, ast.Constant) and backing.value is False
    target = dotted(call.args[0]) if call.args else ""
    return not in_memory and "buffer" not in target and "BytesIO" not in ast.dump(call.args[0])


def test_nothing_dangerous_is_called() -> None:
    faults = [line for source in program_files() for line in dangerous(source)]
    assert not faults, "\n" + "\n".join(faults)


@pytest.mark.parametrize(
    "text",
    [
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "pickle.load(file)",
        "archive.extractall(folder)",
        "cv2.imread(name)",
        "h5py.File(path, 'w')",
        "h5py.File(path, mode='r+')",
        "h5py.File(path, chosen_mode)",
    ],
)
def test_the_check_finds_what_it_looks_for(text: str) -> None:
    assert dangerous(SourceFile("planted.py", text, ast.parse(text)))


@pytest.mark.parametrize(
    "text",
    [
        "h5py.File(path, 'r')",
        "h5py.File(path)",
        "h5py.File(buffer, 'w')",
        "h5py.File(io.BytesIO(), 'w')",
        "h5py.File('x', 'w', driver='core', backing_store=False)",
        "np.load(path, allow_pickle=False)",
    ],
)
def test_the_check_leaves_the_allowed_forms_alone(text: str) -> None:
    assert dangerous(SourceFile("planted.py", text, ast.parse(text))) == []


def test_no_error_is_swallowed() -> None:
    faults = []
    for source in program_files():
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            broad = node.type is None or dotted(node.type) in {"Exception", "BaseException"}
            silent = all(
                isinstance(line, ast.Pass | ast.Continue)
                or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
                for line in node.body
            )
            if node.type is None or (broad and silent):
                faults.append(f"{source.name}:{node.lineno}")
    assert not faults, "\n" + "\n".join(faults)


def test_the_program_never_reaches_for_the_network() -> None:
    faults = [
        f"{source.name}:{line} imports {module}"
        for source in program_files()
        for line, module in imported_modules(source.tree)
        if any(module == banned or module.startswith(f"{banned}.") for banned in NETWORK_MODULES)
    ]
    assert not faults, "\n" + "\n".join(faults)


def test_files_are_named_for_what_they_hold() -> None:
    faults = [
        source.name
        for source in all_files()
        if EMPTY_WORDS & set(re.split(r"[/_.]", source.name.removesuffix(".py")))
    ]
    assert not faults, "\n" + "\n".join(faults)


def test_classes_and_functions_are_named_for_what_they_do() -> None:
    faults = []
    for source in program_files():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                words = {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+", node.name)}
                if words & (EMPTY_WORDS - {"base"}):
                    faults.append(f"{source.name}:{node.lineno} {node.name}")
    assert not faults, "\n" + "\n".join(faults)


def test_files_stay_small() -> None:
    long = {source.name: source.lines for source in program_files() if source.lines > LONGEST_FILE}
    assert long == {}, "these files have more than one reason to change"


def test_every_module_says_what_lives_there() -> None:
    assert [source.name for source in all_files() if not ast.get_docstring(source.tree)] == []


def test_every_public_name_of_the_engine_is_explained() -> None:
    """Functions and classes at the top of a module, and the longer public methods of public classes."""
    silent = []
    for source in engine_files():
        for node in source.tree.body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            inner = node.body if isinstance(node, ast.ClassDef) else []
            methods = [
                method
                for method in inner
                if isinstance(method, ast.FunctionDef)
                and not method.name.startswith("_")
                and (method.end_lineno or 0) - method.lineno >= EXPLAINED_FROM
            ]
            silent += [
                f"{source.name}:{item.lineno} {item.name}"
                for item in (node, *methods)
                if not ast.get_docstring(item)
            ]
    assert not silent, "\n" + "\n".join(silent)


def test_no_place_of_one_machine_is_written_down() -> None:
    pattern = re.compile("|".join(("/" + "work/", "/" + "root/", "/home/" + r"\w")))
    texts = [*ROOT.glob("*.md"), *ROOT.glob("packaging/*"), *ROOT.glob("resources/**/*.md"), ROOT / ".ci/run"]
    faults = [source.name for source in all_files() if pattern.search(source.text)]
    faults += [
        str(path.relative_to(ROOT))
        for path in texts
        if path.is_file() and pattern.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert not faults, "\n" + "\n".join(faults)
