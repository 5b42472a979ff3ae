"""Model files: what is saved comes back, and nothing else gets in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from crackcore.domain.model_spec import ModelSpec, Preprocessing
from crackcore.errors import ModelFileDamaged, ModelProblem, UnknownModel, WeightsDoNotFit
from crackcore.models import catalogue
from crackcore.models.catalogue import create_network, find_model, installed_models, read_installed, read_spec
from crackcore.models.devices import choose_device
from crackcore.models.model_files import load_network, save_model

SPEC = ModelSpec(
    "test-model",
    "cgnet_m3n21",
    preprocessing=Preprocessing(mean=(1.0, 2.0, 3.0), input_scale=2.0),
    threshold=0.4,
    licence="Apache-2.0",
    training_data=({"set": "drawn", "terms": "ours"},),
    scores={"sets": {"drawn": {"f1_2px": 0.5}}},
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "test-model.safetensors"
    save_model(path, create_network("cgnet_m3n21"), SPEC)
    return path


def test_weights_and_description_come_back(saved: Path) -> None:
    model = read_installed(saved)
    assert model.spec == SPEC
    network = load_network(model)
    stored = safetensors.torch.load_file(saved)
    assert all(torch.equal(v, stored[k]) for k, v in network.state_dict().items())
    assert not network.training


def test_a_file_that_was_replaced_since_is_not_taken_for_the_old_one(saved: Path) -> None:
    model = read_installed(saved)
    save_model(saved, create_network("cgnet_m3n21"), SPEC)
    with pytest.raises(ModelFileDamaged, match="was replaced"):
        load_network(model)
    load_network(read_installed(saved))


def test_a_spec_survives_unknown_and_missing_entries() -> None:
    raw = json.loads(SPEC.to_json())
    raw["from_the_future"] = 1
    del raw["summary"], raw["tile_px"]
    again = ModelSpec.from_json(json.dumps(raw))
    assert again.preprocessing == SPEC.preprocessing
    assert again.tile_px == ModelSpec("x", "y").tile_px


def _rewritten(path: Path, change: str) -> None:
    weights = safetensors.torch.load_file(path)
    first = next(k for k, v in weights.items() if v.ndim == 4)
    if change == "missing":
        del weights[first]
    elif change == "extra":
        weights["surprise"] = torch.zeros(1)
    elif change == "shape":
        weights[first] = weights[first][:1].clone()
    elif change == "nan":
        weights[first][0, 0, 0, 0] = float("nan")
    elif change == "inf":
        weights[first][0, 0, 0, 0] = float("inf")
    elif change == "variance":
        weights[next(k for k in weights if k.endswith("running_var"))][0] = -1.0
    path.write_bytes(safetensors.torch.save(weights, {"spec": SPEC.to_json(), "spec_version": "1"}))


@pytest.mark.parametrize("change", ["missing", "extra", "shape", "nan", "inf", "variance"])
def test_weights_that_do_not_fit_are_refused_with_their_name(saved: Path, change: str) -> None:
    _rewritten(saved, change)
    with pytest.raises(WeightsDoNotFit, match=r"backbone|surprise"):
        load_network(read_installed(saved))


@pytest.mark.parametrize("keep", [0, 4, 9, 200, 0.5, 0.99])
def test_cut_files_are_refused(saved: Path, keep: float) -> None:
    data = saved.read_bytes()
    saved.write_bytes(data[: int(len(data) * keep) if keep < 1 else int(keep)])
    with pytest.raises(ModelProblem):
        load_network(read_installed(saved))


def test_hostile_model_files_are_refused(shared: Path) -> None:
    folder = shared / "data" / "bad-inputs" / "models"
    files = sorted(folder.glob("*.safetensors"))
    assert files
    for file in files:
        with pytest.raises(ModelFileDamaged):
            read_spec(file)
    assert installed_models([folder]) == []


def test_unfinite_weights_are_never_saved(tmp_path: Path) -> None:
    network = create_network("cgnet_m3n21")
    with torch.no_grad():
        network.decode_head.conv_seg.bias[0] = float("nan")
    with pytest.raises(WeightsDoNotFit):
        save_model(tmp_path / "bad.safetensors", network, SPEC)
    assert list(tmp_path.iterdir()) == []


def test_unknown_names_answer_with_the_nearest(saved: Path) -> None:
    with pytest.raises(UnknownModel) as caught:
        create_network("cgnet_m3n12")
    assert caught.value.nearest[0] == "cgnet_m3n21"
    assert "cgnet_m3n21" in caught.value.sentence()
    with pytest.raises(UnknownModel) as caught:
        find_model("tset-model", [saved.parent])
    assert caught.value.nearest == ("test-model",)


def test_models_are_found_by_name_beginning_and_file(saved: Path) -> None:
    for name in ("test-model", "test", str(saved)):
        assert find_model(name, [saved.parent]).spec.name == "test-model"


def test_a_broken_file_does_not_hide_the_others(saved: Path, caplog: pytest.LogCaptureFixture) -> None:
    (saved.parent / "a-broken.safetensors").write_bytes(b"\x00" * 40)
    assert [m.name for m in installed_models([saved.parent])] == ["test-model"]
    assert "a-broken" in caplog.text


def test_other_names_lead_to_our_architectures() -> None:
    for name, (ours, arguments) in catalogue.OTHER_NAMES.items():
        found, brought = catalogue.known_architecture(name)
        assert found.name == ours
        assert found.outputs
        assert brought == arguments


def test_the_cpu_is_always_there() -> None:
    assert choose_device("cpu").kind == "cpu"
    assert choose_device("auto").kind in ("cpu", "cuda")


def test_a_tensor_listed_twice_is_stored_once_and_fills_both_places(tmp_path: Path) -> None:
    network = create_network("unet16", width=0.125)
    spec = ModelSpec("twice", "unet16", arguments={"width": 0.125})
    model = save_model(tmp_path / "twice.safetensors", network, spec)
    stored = safetensors.torch.load_file(model.path)
    assert "encoder.0.weight" in stored
    assert "conv1.0.weight" not in stored
    again = load_network(model)
    assert again.state_dict().keys() == network.state_dict().keys()
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in network.state_dict().items())


def test_a_file_that_stores_both_names_of_a_tensor_loads_too(tmp_path: Path) -> None:
    network = create_network("unet16", width=0.125)
    spec = ModelSpec("twice", "unet16", arguments={"width": 0.125})
    path = tmp_path / "twice.safetensors"
    every = {k: v.clone() for k, v in network.state_dict().items()}
    safetensors.torch.save_file(every, path, {"spec": spec.to_json()})
    again = load_network(read_installed(path))
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in every.items())
