"""Published checkpoints in every wrapping become models that compute the same."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections import OrderedDict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from foreign_checkpoints import SMALL, WRAPPINGS, ask_here, small_network
from torch import Tensor

from crackcore.__main__ import main
from crackcore.errors import Cancelled, CheckpointRefused, TargetExists, UnknownModel
from crackcore.models.architectures import OWN
from crackcore.models.catalogue import known_architecture
from crackcore.models.importing import ImportReport, asking, conversion, import_model
from crackcore.models.importing.asking import UNKNOWN_LICENCE, safe_model_name
from crackcore.models.importing.recognising import best_match
from crackcore.models.model_files import load_network

if TYPE_CHECKING:
    from golden_networks import Golden

NIGHTLY = os.environ.get("CRACKSCOPE_NIGHTLY") == "1"
GOLDEN = (
    "cgnet_m3n21",
    "deepcrack_liu",
    "dbpn_x4_stage4",
    "deepcrack_tip",
    "pspnet_resnet34",
    "dbpn_x4_stage6",
    "unet16_pixel_shuffle",
    "kbpn_x4_stage4_k7to21",
    "cssr_joint_dbpn6_unet16",
    "csbsr_joint_kbpn_pspnet",
)
IN_EVERY_RUN = 3  # the others' files of up to 360 MB are made in the nightly run only
# Half precision changes the weights, so it is no wrapping of the same ones.
SAME = [name for name in WRAPPINGS if name != "half"]


@pytest.fixture(autouse=True)
def in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the child does is tested without one, but where a test is marked to want one."""
    if "in_a_child" not in request.fixturenames:
        monkeypatch.setattr(asking, "ask_child", ask_here)
        monkeypatch.setattr(conversion, "limit_memory", lambda _: None)


@pytest.fixture
def in_a_child() -> None:
    """A test that takes this runs with the real child process."""


def wrapped(weights: dict[str, Tensor], wrapping: str, folder: Path) -> Path:
    path = folder / f"{wrapping}.{'safetensors' if wrapping == 'safetensors' else 'pth'}"
    WRAPPINGS[wrapping](weights, path)
    return path


def assert_weights(report: ImportReport, wanted: dict[str, Tensor]) -> None:
    stored = load_network(report.installed).state_dict()
    assert set(stored) == set(wanted)
    assert all(torch.equal(stored[k], v) for k, v in wanted.items())


# ---------------------------------------------------------------- wrappings


def test_every_architecture_is_among_the_small_ones() -> None:
    assert set(SMALL) == {own.name for own in OWN}


@pytest.mark.parametrize("wrapping", SAME)
def test_every_wrapping_comes_to_the_same_weights(wrapping: str, tmp_path: Path) -> None:
    weights = small_network("deepcrack_liu").state_dict()
    report = import_model(wrapped(weights, wrapping, tmp_path))
    assert (report.architecture, report.guessed) == ("deepcrack_liu", True)
    assert report.arguments == {"width": 0.125}
    counters_kept = wrapping != "without-counters"
    assert_weights(report, weights)
    assert any("Counters" in w for w in report.warnings) != counters_kept


def test_half_precision_is_made_single(tmp_path: Path) -> None:
    weights = small_network("deepcrack_liu").state_dict()
    report = import_model(wrapped(weights, "half", tmp_path))
    assert_weights(report, {k: v.half().float() if v.is_floating_point() else v for k, v in weights.items()})


@pytest.mark.parametrize(("number", "name"), list(enumerate(SMALL)))
def test_every_architecture_is_recognised_with_its_arguments(number: int, name: str, tmp_path: Path) -> None:
    """Each small network in another wrapping; all of them in all in the nightly run."""
    network = small_network(name)
    for wrapping in SAME if NIGHTLY else [SAME[number % len(SAME)]]:
        report = import_model(wrapped(network.state_dict(), wrapping, tmp_path), replace=True)
        assert report.architecture == name
        assert {**report.arguments, **SMALL[name]} == report.arguments
        assert_weights(report, network.state_dict())


@pytest.mark.parametrize("name", GOLDEN)
def test_every_published_network_is_recognised_by_its_layers(name: str, golden: Golden) -> None:
    ours, arguments = known_architecture(name)
    match = best_match({e["key"]: tuple(e["shape"]) for e in golden.state_dict_spec(name)["entries"]})
    assert match is not None
    assert (match.architecture, match.exact) == (ours.name, True)
    assert {**match.arguments, **arguments} == match.arguments
    assert "width" not in match.arguments


def _golden_tests() -> list[Any]:
    return [
        pytest.param(name, wrapping, id=f"{name}-{wrapping}")
        for number, name in enumerate(GOLDEN if NIGHTLY else GOLDEN[:IN_EVERY_RUN])
        for wrapping in (SAME if NIGHTLY else [SAME[(3 * number) % len(SAME)]])
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "wrapping"), _golden_tests())
def test_checkpoints_of_full_size_come_to_the_published_network(
    name: str, wrapping: str, golden: Golden, tmp_path: Path
) -> None:
    ours, arguments = known_architecture(name)
    weights = golden.weights(name)
    path = wrapped(weights, wrapping, tmp_path)
    report = import_model(path, out=tmp_path / "made.safetensors")
    path.unlink()
    assert report.architecture == ours.name
    assert {**report.arguments, **arguments} == report.arguments
    assert report.arguments.get("width", 1.0) == 1.0
    assert report.installed.spec.preprocessing.channel_order == ours.preprocessing.channel_order
    assert_weights(report, weights)
    report.installed.path.unlink()


def test_an_imported_network_gives_the_published_values(golden: Golden, tmp_path: Path) -> None:
    from golden_networks import assert_outputs_equal

    path = wrapped(golden.weights("cgnet_m3n21"), "mmengine", tmp_path)
    report = import_model(path, architecture="cgnet_m3n21")
    described, values = golden.case("cgnet_m3n21.64x96")
    network = load_network(report.installed)
    with torch.inference_mode():
        outputs = network.stages(golden.input(described))
    assert_outputs_equal(described, values, outputs)


# ---------------------------------------------------------------- what is written


def test_the_description_is_that_of_the_origin(tmp_path: Path) -> None:
    weights = small_network("deepcrack_tip").state_dict()
    path = tmp_path / "DeepCrack CT260 (FT1).pth"
    torch.save(weights, path)
    report = import_model(path, licence="MIT")
    spec = report.installed.spec
    assert spec.name == "DeepCrack-CT260-FT1"
    assert report.installed.path.name == "DeepCrack-CT260-FT1.safetensors"
    assert (spec.preprocessing.channel_order, spec.preprocessing.scale) == ("BGR", 1 / 255)
    assert (spec.activation, spec.threshold) == ("sigmoid", 0.5)
    assert (spec.multiple_px, spec.minimum_px) == (16, 32)
    assert spec.source == path.name
    assert spec.source_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert spec.licence == "MIT"
    assert report.trial["shapes"]["output"] == [1, 1, 64, 64]
    liu = tmp_path / "latest_net_G.pth"
    torch.save(small_network("deepcrack_liu").state_dict(), liu)
    spec = import_model(liu).installed.spec
    assert (spec.threshold, spec.licence) == (0.31, UNKNOWN_LICENCE)


def test_an_imported_model_predicts(tmp_path: Path, tiny_photo: Any) -> None:
    from crackcore.inference.predictor import Predictor

    path = wrapped(small_network("deepcrack_tip").state_dict(), "plain", tmp_path)
    report = import_model(path)
    prediction = Predictor.for_model(report.installed, "cpu").predict(tiny_photo)
    assert prediction.score.shape == tiny_photo.shape[:2]


def test_a_model_of_ours_that_lists_layers_twice_comes_back(tmp_path: Path) -> None:
    """Our own files hold such a layer once."""
    weights = small_network("unet16").state_dict()
    first = import_model(wrapped(weights, "plain", tmp_path))
    again = import_model(first.installed.path, name="again", out=tmp_path / "again.safetensors")
    assert again.known["tensors"] < first.known["tensors"]
    assert_weights(again, weights)


def test_a_model_of_ours_keeps_its_description(tiny_model: Any, tmp_path: Path) -> None:
    report = import_model(tiny_model.path, name="again", out=tmp_path / "again.safetensors")
    assert report.architecture == "tiny"
    assert report.installed.spec.overlap_px == tiny_model.spec.overlap_px
    assert report.installed.spec.licence == "Apache-2.0"


def test_nothing_is_replaced_unless_asked_for(tmp_path: Path) -> None:
    path = wrapped(small_network("deepcrack_liu").state_dict(), "plain", tmp_path)
    first = import_model(path)
    before = first.installed.path.read_bytes()
    for wishes in ({}, {"name": "plain"}, {"name": "cgnet-open"}):
        with pytest.raises(TargetExists):
            import_model(path, licence="other", **wishes)  # type: ignore[arg-type]
    assert first.installed.path.read_bytes() == before
    assert import_model(path, licence="other", replace=True).installed.spec.licence == "other"
    assert [p.name for p in first.installed.path.parent.iterdir()] == ["plain.safetensors"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("latest_net_G.pth", "latest_net_G"),
        ("a/b\\c.pth.tar", "a-b-c"),
        ("..", "model"),
        ("con.pth", "model-con"),
        ("Riß im Putz.pt", "Ri-im-Putz"),
        ("x" * 300, "x" * 60),
        ("", "model"),
    ],
)
def test_names_are_file_names_everywhere(given: str, name: str) -> None:
    assert safe_model_name(given) == name


# ---------------------------------------------------------------- refusals


def test_what_differs_is_listed(tmp_path: Path) -> None:
    weights = dict(small_network("deepcrack_liu").state_dict())
    weights["conv1.0.weight"] = torch.zeros(8, 1, 3, 3)
    del weights["fuse_conv.weight"]
    weights["head.weight"] = torch.zeros(1)
    path = wrapped(weights, "plain", tmp_path)
    with pytest.raises(CheckpointRefused) as caught:
        import_model(path)
    assert "conv1.0.weight is [8, 1, 3, 3], should be [8, 3, 3, 3]" in caught.value.reason
    assert caught.value.known["nearest"] == "deepcrack_liu"
    assert caught.value.known["differences"] == {
        "missing": ["fuse_conv.weight"],
        "extra": ["head.weight"],
        "shapes": [{"name": "conv1.0.weight", "found": [8, 1, 3, 3], "wanted": [8, 3, 3, 3]}],
        "count": 3,
    }


def test_a_wrong_name_of_a_network_is_refused(tmp_path: Path) -> None:
    path = wrapped(small_network("deepcrack_liu").state_dict(), "plain", tmp_path)
    with pytest.raises(CheckpointRefused, match="do not fit cgnet_m3n21"):
        import_model(path, architecture="cgnet_m3n21")
    with pytest.raises(UnknownModel):
        import_model(path, architecture="cgnet_m3n12")


def test_one_layer_under_two_names_with_different_values_is_refused(tmp_path: Path) -> None:
    weights = dict(small_network("unet16").state_dict())
    assert torch.equal(weights["encoder.0.weight"], weights["conv1.0.weight"])
    weights["conv1.0.weight"] = weights["conv1.0.weight"] + 1
    with pytest.raises(CheckpointRefused, match="two names"):
        import_model(wrapped(weights, "plain", tmp_path))


def test_values_that_only_show_in_the_output_are_refused(tmp_path: Path) -> None:
    """All weights finite, yet the output is not: 1e30 squared is more than a float32 can hold."""
    weights = dict(small_network("deepcrack_tip").state_dict())
    for name in ("down1.nn.0.conv.weight", "down1.nn.1.conv.weight", "down2.nn.0.conv.weight"):
        weights[name] = torch.full_like(weights[name], 1e30)
    with pytest.raises(CheckpointRefused, match="not a number"):
        import_model(wrapped(weights, "plain", tmp_path))


def test_a_network_that_says_the_same_everywhere_is_taken_with_a_warning(tmp_path: Path) -> None:
    weights = {
        k: v if "running" in k or "num_" in k else torch.zeros_like(v)
        for k, v in small_network("deepcrack_liu").state_dict().items()
    }
    report = import_model(wrapped(weights, "plain", tmp_path))
    assert report.trial["constant"]
    assert any("same value" in warning for warning in report.warnings)


def test_names_that_a_file_hides_methods_under_are_not_believed(tmp_path: Path) -> None:
    """A dict of the file may bring an attribute called `items`; it is not what is called."""
    path = tmp_path / "hidden.pth"
    torch.save({"state_dict": Hiding(small_network("deepcrack_liu").state_dict())}, path)
    assert torch.load(path, weights_only=True)["state_dict"].items is set
    assert import_model(path).architecture == "deepcrack_liu"


def test_a_view_larger_than_its_memory_is_refused_in_the_old_format_too(tmp_path: Path) -> None:
    weights = dict(small_network("deepcrack_liu").state_dict())
    weights["conv1.0.weight"] = torch.zeros(1).expand(1_000_000, 1_000_000)
    with pytest.raises(CheckpointRefused, match="claims more numbers than it holds"):
        import_model(wrapped(weights, "legacy", tmp_path))


def test_settings_in_the_old_format_are_refused(tmp_path: Path) -> None:
    """There the names cannot be listed before reading, so only plain weights are read."""
    path = tmp_path / "old.pth"
    torch.save({"model": {}, "args": argparse.Namespace(lr=1)}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointRefused, match=r"argparse\.Namespace"):
        import_model(path)


def test_another_protocol_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "new.pth"
    torch.save(small_network("deepcrack_liu").state_dict(), path, pickle_protocol=4)
    with pytest.raises(CheckpointRefused, match="cannot be read safely") as caught:
        import_model(path)
    assert "state_dict()" in caught.value.hint


def test_what_is_on_the_list_does_nothing(tmp_path: Path) -> None:
    """`getattr` is on it, since others' logs name it; here it finds no attribute of anything."""
    from crackcore.models.importing import reading

    path = tmp_path / "asking.pth"
    torch.save({"state_dict": {"w": torch.zeros(2)}, "asked": Asking()}, path)
    with path.open("rb") as file:
        assert type(reading.read_zip(file)["asked"]).__name__ == "Inert"


class Hiding:
    """Pickled as an ordered dict whose methods for looking into it are others."""

    def __init__(self, content: dict[str, Tensor]) -> None:
        self.content = content

    def __reduce__(self) -> tuple[Any, ...]:
        return OrderedDict, (), {"items": set, "values": set}, None, iter(self.content.items())


class Asking:
    """Pickled as a call of getattr."""

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, ("text", "upper")


class Filling:
    """Pickled as a call for sixty gigabytes of zeros."""

    def __reduce__(self) -> tuple[Any, ...]:
        return bytearray, (60 << 30,)


@pytest.mark.slow
@pytest.mark.usefixtures("in_a_child")
@pytest.mark.skipif(sys.platform != "linux", reason="no limit on memory on this system")
def test_memory_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "filling.pth"
    torch.save({"state_dict": {"w": torch.zeros(2)}, "more": Filling()}, path)
    with pytest.raises(CheckpointRefused, match="more memory than its size explains"):
        import_model(path)


# ---------------------------------------------------------------- the command and the child


def test_the_command_answers_in_ascii(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "R\u00edo \u202e.pth"
    torch.save(small_network("deepcrack_liu").state_dict(), path)
    assert main(["import-model", str(path), "--json", "--licence", "CC BY 4.0 \u00e9"]) == 0
    text = capsys.readouterr().out
    assert text.isascii()
    answer = json.loads(text)
    assert answer["status"] == "imported"
    assert answer["model"]["licence"] == "CC BY 4.0 \u00e9"
    assert answer["file"] == "R\\u00edo \\u202e.pth"
    assert main(["import-model", str(path), "--out", str(tmp_path / "x.pth")]) == 2
    assert main(["import-model", str(path), "--architecture", "nothing"]) == 2
    capsys.readouterr()
    assert main(["import-model", str(path), "--json"]) == 1
    assert "exists already" in json.loads(capsys.readouterr().out)["reason"]


def test_names_of_layers_are_shown_escaped(tmp_path: Path) -> None:
    weights = dict(small_network("deepcrack_liu").state_dict())
    weights["a\n\u202e\udcff" + "x" * 200] = torch.zeros(1)
    path = wrapped(weights, "plain", tmp_path)
    with pytest.raises(CheckpointRefused, match="is not known there") as caught:
        import_model(path)
    assert "\n" not in caught.value.sentence()
    (extra,) = caught.value.known["differences"]["extra"]
    assert extra.startswith("a\\x0a\\u202e\\udcffx")
    assert len(extra) < 130


@pytest.mark.slow
@pytest.mark.usefixtures("in_a_child")
def test_a_cancel_is_heard_at_once_and_leaves_nothing(tmp_path: Path, own_state: Path) -> None:
    path = wrapped(small_network("deepcrack_liu").state_dict(), "plain", tmp_path)
    calls: list[float] = []

    def impatient(done: int, total: int, note: str = "") -> None:
        calls.append(time.monotonic())
        if len(calls) == 8:
            raise Cancelled

    with pytest.raises(Cancelled):
        import_model(path, progress=impatient)
    assert time.monotonic() - calls[-1] < 0.2
    assert max(b - a for a, b in pairwise(calls)) < 0.2
    assert list((own_state / "models").iterdir()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("in_a_child")
def test_the_child_does_it_all(tmp_path: Path) -> None:
    weights = small_network("deepcrack_liu").state_dict()
    notes: list[str] = []
    report = import_model(
        wrapped(weights, "yacs", tmp_path), progress=lambda done, total, note="": notes.append(note)
    )
    assert_weights(report, weights)
    assert "Trying the network" in notes
