"""Hostile, broken and harmless checkpoints: what each comes to, and that nothing in them runs."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from foreign_checkpoints import answers_in_a_child, ask_here

from crackcore.__main__ import main
from crackcore.children import ask_child
from crackcore.errors import CheckpointRefused, NetworkNotRecognised
from crackcore.models.importing import asking, conversion, import_model

pytestmark = pytest.mark.slow

# A package that brings the network of the corpus, as an extension of ours would.
NETWORK = "corpus"
PLUGIN = """
from torch import nn

def build():
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 1, 1))
"""
# What the sentence about each refused file must say.
WORDS = {
    "malicious.pth": "builtins.open",
    "malicious-legacy.pth": "builtins.open",
    "malicious.npy": "NumPy",
    "nan-weights.pth": "0.weight",
    "inf-weights.pth": "3.weight",
    "negative-variance.pth": "1.running_var",
    "wrong-shape.pth": "0.weight is [8, 1, 3, 3], should be [8, 3, 3, 3]",
    "missing-keys.pth": "3.weight is missing",
    "expand-bomb.pth": "0.bias",
    "deflate-bomb.pth": "packed",
    "whole-model.pth": "state_dict()",
    "torchscript.pth": "TorchScript",
    "quantised.pth": "quantised",
    "truncated.pth": "incomplete",
    "zero.pth": "empty",
    "html-page.pth": "web page",
    "lfs-pointer.pth": "not downloaded",
    "huge-header.safetensors": "header",
    "overlap.safetensors": "overlap",
    "lying-shape.safetensors": "shape of a",
}
MORE_BYTES = 300 << 20


@pytest.fixture(scope="module")
def corpus(shared: Path) -> Path:
    return shared / "data" / "bad-inputs"


@pytest.fixture(scope="module")
def expected(corpus: Path) -> dict[str, str]:
    rows = json.loads((corpus / "expectations.json").read_text(encoding="utf-8"))
    return {Path(r["file"]).name: r["expect"] for r in rows if r["file"].startswith("models/")}


@pytest.fixture(scope="module")
def plugin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus's network as a package, installed where the folder is on the path."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "corpus_network.py").write_text(PLUGIN)
    facts = folder / "corpus_network-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: corpus-network\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[crackcore.architectures]\n{NETWORK} = corpus_network:build\n")
    return folder


@pytest.fixture(scope="module")
def outcome(
    corpus: Path, expected: dict[str, str], plugin_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Every file of the corpus through one child that runs in a folder of its own."""
    folder = tmp_path_factory.mktemp("child")
    files = [str(corpus / "models" / name) for name in sorted(expected)]
    before = [hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(plugin_folder))
        found: dict[str, Any] = ask_child(answers_in_a_child, files, NETWORK, str(folder), patience_s=120)
    assert [hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files] == before
    assert list(folder.iterdir()) == []
    return found


def test_the_corpus_is_all_there(expected: dict[str, str], corpus: Path) -> None:
    assert set(expected) == set(os.listdir(corpus / "models"))
    assert set(WORDS) == {name for name, expect in expected.items() if expect == "refuse"}


def test_every_file_comes_to_what_is_expected(outcome: dict[str, Any], expected: dict[str, str]) -> None:
    found = {name: answer["status"] for name, answer in outcome["answers"].items()}
    assert found == {name: "ok" if e == "open-as-file" else "refused" for name, e in expected.items()}
    for name, word in WORDS.items():
        answer = outcome["answers"][name]
        said = f"{answer['reason']} {answer['hint']}"
        assert word in said, (name, said)
        assert answer["reason"].endswith("."), said
        assert "\n" not in said


def test_little_memory_is_taken(outcome: dict[str, Any]) -> None:
    """torch itself apart, which the child loads on the way: no bomb goes off."""
    assert outcome["more_bytes"] < MORE_BYTES + (250 << 20)


def test_what_was_saved_beside_the_weights_is_never_imported(outcome: dict[str, Any]) -> None:
    assert {"yacs", "yacs.config"}.isdisjoint(outcome["loaded"])


def test_nothing_in_any_file_ran(outcome: dict[str, Any], repository: Path, corpus: Path) -> None:
    found = [*corpus.rglob("*BAD-INPUT-MARKER*")]
    for place in (Path.cwd(), repository):
        found += place.glob("*BAD-INPUT-MARKER*")
    assert found == []


def test_the_command_refuses_with_a_reason_and_runs_nothing(
    corpus: Path,
    tmp_path: Path,
    own_state: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["import-model", str(corpus / "models" / "malicious.pth"), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["status"] == "refused"
    assert "builtins.open" in answer["reason"]
    assert list(tmp_path.iterdir()) == []
    assert list((own_state / "models").iterdir()) == []


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ask_child", ask_here)
    monkeypatch.setattr(conversion, "limit_memory", lambda _: None)


@pytest.mark.usefixtures("in_this_process")
def test_weights_of_an_unknown_network_are_told_apart_from_unreadable_ones(
    corpus: Path, own_state: Path
) -> None:
    with pytest.raises(NetworkNotRecognised) as caught:
        import_model(corpus / "models" / "good.pth")
    assert caught.value.known["readable"]
    assert caught.value.known["keys"][0] == "0.weight"
    assert caught.value.known["architecture"] is None
    assert list((own_state / "models").iterdir()) == []


@pytest.mark.usefixtures("in_this_process")
def test_inspecting_says_what_is_in_it_and_writes_nothing(
    corpus: Path, own_state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import-model", str(corpus / "models" / "good.pth"), "--inspect", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["status"] == "readable"
    assert (answer["place"], answer["tensors"], answer["architecture"]) == ("state_dict", 9, None)
    assert not own_state.exists()


def test_a_harmless_file_becomes_a_model_of_the_extension(
    corpus: Path, plugin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(plugin_folder))
    report = import_model(corpus / "models" / "dataparallel.pth", name="small")
    assert (report.architecture, report.guessed) == (NETWORK, True)
    assert report.known["stripped"] == "module."
    assert report.installed.spec.source == "dataparallel.pth"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(CheckpointRefused):
            import_model(path)
