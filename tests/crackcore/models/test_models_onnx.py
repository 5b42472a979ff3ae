"""Every network as ONNX: the same values at sizes it was not traced at, and what the file says."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from foreign_checkpoints import SMALL, small_network
from torch.nn import functional

from crackcore.__main__ import main
from crackcore.domain.model_spec import ModelSpec
from crackcore.errors import NotExported, TargetExists
from crackcore.models import onnx_file, onnx_tracing
from crackcore.models.catalogue import find_model, known_architecture
from crackcore.models.onnx_file import compared_sizes, convert_to_onnx, export_onnx, smallest_side
from crackcore.models.onnx_tracing import TOLERANCE, pooled_by_matrices, traced, unpooled_by_scatter

if TYPE_CHECKING:
    from crackcore.models.catalogue import InstalledModel

NIGHTLY = os.environ.get("CRACKSCOPE_NIGHTLY") == "1"
IN_CSBSR = {"kbpn"}  # the same layers, slow on their own

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def test_pooling_by_matrices_is_adaptive_pooling() -> None:
    for height, width, grid in ((8, 8, 3), (7, 13, 6), (5, 4, (2, 3)), (3, 2, 6), (60, 60, 1)):
        x = torch.randn(2, 3, height, width)
        wanted = functional.adaptive_avg_pool2d(x, grid)  # type: ignore[arg-type]
        torch.testing.assert_close(pooled_by_matrices(x, grid), wanted)


def test_unpooling_by_scatter_is_unpooling() -> None:
    for size in ((8, 8), (5, 7), (6, 3)):
        y, at = functional.max_pool2d(torch.randn(2, 3, *size), 2, return_indices=True)
        wanted = functional.max_unpool2d(y, at, [2, 2], output_size=list(size))
        assert torch.equal(unpooled_by_scatter(y, at, [2, 2], output_size=list(size)), wanted)


@pytest.mark.parametrize("name", [n for n in SMALL if NIGHTLY or n not in IN_CSBSR])
def test_every_network_gives_the_same_at_every_accepted_size(name: str) -> None:
    architecture, _ = known_architecture(name)
    spec = ModelSpec("x", name, preprocessing=architecture.preprocessing, arguments=SMALL[name])
    sizes = compared_sizes(architecture, spec, any_size=True)
    assert len({*sizes}) >= 2
    graph = traced(
        small_network(name),
        architecture.outputs,
        architecture.preprocessing,
        sizes=sizes,
        any_size=True,
        metadata={},
    )
    assert graph.difference < TOLERANCE
    assert graph.outputs == architecture.outputs


def _session(path: Path) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])


def test_the_file_says_how_it_is_used(tmp_path: Path) -> None:
    from crackcore.models.model_files import load_network
    from crackcore.models.trial import as_input, trial_picture

    model = find_model("cgnet-open")
    made = tmp_path / "cgnet.onnx"
    answer = convert_to_onnx(lambda *_: None, str(model.path), str(made))  # type: ignore[arg-type,misc]
    assert answer["any_size"]
    assert answer["difference"] < TOLERANCE
    session = _session(made)
    said = session.get_modelmeta().custom_metadata_map
    assert ModelSpec.from_json(said["spec"]) == model.spec
    assert said["licence"] == model.spec.licence
    assert said["threshold"] == repr(model.spec.threshold)
    assert said["score"] == "logits_full"
    assert "72.39" in said["preprocessing"]
    assert [i.name for i in session.get_inputs()] == ["image"]
    given = as_input(trial_picture(90)[:61], model.spec.preprocessing)
    with torch.inference_mode():
        ours = load_network(model)(given).numpy()
    (theirs,) = session.run(["logits_full"], {"image": given.numpy()})
    assert theirs.shape == ours.shape == (1, 2, 61, 90)
    assert np.abs(ours - theirs).max() < TOLERANCE * max(1.0, np.abs(ours).max())


def test_a_network_that_only_works_at_one_size_is_written_for_that_size(
    tmp_path: Path, tiny_model: InstalledModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = onnx_tracing.traced

    def refusing(*args: Any, any_size: bool, **kwargs: Any) -> Any:
        if any_size:
            raise RuntimeError("this network cannot")
        return plain(*args, any_size=any_size, **kwargs)

    monkeypatch.setattr(onnx_tracing, "traced", refusing)
    made = tmp_path / "tiny.onnx"
    answer = convert_to_onnx(lambda *_: None, str(tiny_model.path), str(made))  # type: ignore[arg-type,misc]
    assert (answer["any_size"], answer["sizes"]) == (False, [[512, 512]])
    session = _session(made)
    assert session.get_inputs()[0].shape == [1, 3, 512, 512]
    assert session.get_modelmeta().custom_metadata_map["sides"] == "exactly 512 x 512"


def test_a_graph_that_differs_is_not_written(
    tmp_path: Path, tiny_model: InstalledModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_tracing, "_difference", lambda *_: 2e-4)
    made = tmp_path / "tiny.onnx"
    answer = convert_to_onnx(lambda *_: None, str(tiny_model.path), str(made))  # type: ignore[arg-type,misc]
    assert "differs" in answer["reason"]
    assert not made.exists()


def test_sizes_are_ones_that_the_network_takes() -> None:
    for name in SMALL:
        architecture, _ = known_architecture(name)
        for any_size in (True, False):
            for size in compared_sizes(architecture, ModelSpec("x", name), any_size=any_size):
                assert all(n % architecture.multiple_px == 0 for n in size)
                assert min(size) >= smallest_side(architecture) >= architecture.minimum_px


@pytest.mark.slow
def test_the_command_writes_it_and_says_so(
    tmp_path: Path, tiny_model: InstalledModel, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the real child. The extension's network is not known there, so it is one of ours."""
    target = tmp_path / "out" / "fine.onnx"
    assert main(["export-model", "cgnet-open", "--onnx", str(target), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["status"] == "exported"
    assert answer["bytes"] == target.stat().st_size
    assert answer["largest_difference"] < TOLERANCE
    assert [p.name for p in target.parent.iterdir()] == ["fine.onnx"]
    with pytest.raises(TargetExists):
        export_onnx(find_model("cgnet-open"), target)
    assert main(["export-model", "cgnet-open", "--onnx", str(tmp_path / "x.bin")]) == 2
    assert main(["export-model", "nothing", "--onnx", str(tmp_path / "x.onnx")]) == 2
    # A model whose network the child does not know is a refusal, not a crash.
    assert main(["export-model", "tiny", "--onnx", str(tmp_path / "tiny.onnx"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["status"] == "refused"


def test_missing_libraries_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None if name == "onnxruntime" else object())
    with pytest.raises(NotExported, match="onnxruntime"):
        export_onnx(find_model("cgnet-open"), tmp_path / "x.onnx")
