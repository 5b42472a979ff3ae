"""Which output counts, at which size and precision; and the other outputs, to be looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from crackcore.arrays import RgbImage
from crackcore.domain.model_spec import ModelSpec
from crackcore.domain.prediction import PredictSettings
from crackcore.errors import NotAnalysed
from crackcore.inference import precision_trial
from crackcore.inference.predictor import Predictor
from crackcore.models import devices
from crackcore.models.catalogue import create_network, known_architecture
from crackcore.models.model_files import save_model


def picture(height: int, width: int) -> RgbImage:
    smooth = np.linspace(0, 6, height)[:, None] + np.linspace(0, 9, width)[None, :]
    return np.stack([127 + 120 * np.sin(smooth + c) for c in range(3)], 2).astype(np.uint8)


def spec_of(name: str, **changes: Any) -> ModelSpec:
    known, arguments = known_architecture(name)
    values: dict[str, Any] = {
        "arguments": arguments,
        "preprocessing": known.preprocessing,
        "activation": known.activation,
        "multiple_px": known.multiple_px,
        "minimum_px": known.minimum_px,
        **changes,
    }
    return ModelSpec(name, known.name, **values)


def predictor_of(name: str, **arguments: Any) -> tuple[Predictor, nn.Module]:
    torch.manual_seed(6)
    network = create_network(name, **arguments).eval()
    return Predictor(network, spec_of(name, arguments=arguments)), network


def plain_outputs(network: nn.Module, name: str, pixels: RgbImage) -> dict[str, Tensor]:
    known, _ = known_architecture(name)
    from crackcore.models.trial import as_input

    with torch.inference_mode():
        outputs = network(as_input(pixels, known.preprocessing))
    return dict(zip(known.outputs, (outputs,) if isinstance(outputs, Tensor) else outputs, strict=True))


@pytest.mark.parametrize(
    ("name", "score"),
    [("deepcrack_tip", "output"), ("deepcrack_liu", "fused"), ("unet16", "logit"), ("pspnet", "logit")],
)
def test_the_score_is_the_named_output_not_the_first(name: str, score: str) -> None:
    predictor, network = predictor_of(name, width=0.125)
    pixels = picture(64, 96)
    wanted = torch.sigmoid(plain_outputs(network, name, pixels)[score])[0, 0, :64, :96]
    ours = predictor.predict(pixels).score
    assert np.abs(ours.astype(float) - 255 * wanted.numpy()).max() < 0.6


def test_values_that_are_scores_already_are_taken_as_they_are() -> None:
    class Half(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.full_like(x[:, :1], 0.5)

    score = Predictor(Half(), ModelSpec("m", "own", activation="none")).predict(picture(9, 11)).score
    assert (score == 128).all()


def test_an_odd_picture_has_no_stretched_map() -> None:
    predictor, network = predictor_of("pspnet", width=0.125)
    pixels = picture(61, 75)
    padded = np.pad(pixels, ((0, 3), (0, 5), (0, 0)), mode="symmetric")
    wanted = torch.sigmoid(plain_outputs(network, "pspnet", padded)["logit"])[0, 0, :61, :75]
    assert np.abs(predictor.predict(pixels).score - 255 * wanted.numpy()).max() < 0.6


# ------------------------------------------------------------------ networks that enlarge


@pytest.fixture(scope="module")
def cssr() -> tuple[Predictor, nn.Module]:
    return predictor_of("cssr", width=0.125, stages=2)


def test_an_enlarging_network_gives_both_grids(cssr: tuple[Predictor, nn.Module]) -> None:
    predictor, network = cssr
    pixels = picture(24, 32)
    wanted = torch.sigmoid(plain_outputs(network, "cssr", pixels)["logit"])[0, 0].numpy()
    assert predictor.output_scale == 4
    fine = predictor.predict(pixels, PredictSettings(result_scale=4))
    assert fine.score.shape == (96, 128)
    assert fine.scale == fine.settings.result_scale == 4
    assert np.abs(fine.score - 255 * wanted).max() < 0.6
    coarse = predictor.predict(pixels)
    assert coarse.score.shape == (24, 32)
    assert coarse.scale == 1
    means = wanted.reshape(24, 4, 32, 4).mean((1, 3))
    assert np.abs(coarse.score - 255 * means).max() < 0.6


def test_tiles_of_an_enlarging_network_lie_where_they_belong() -> None:
    class Enlarging(nn.Module):
        """Every photo pixel's red value, four times as fine."""

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            sr = nn.functional.interpolate(x, scale_factor=4, mode="nearest")
            return sr, sr, sr[:, :1], torch.logit(sr[:, :1].clamp(1e-6, 1 - 1e-6))

    predictor = Predictor(Enlarging(), spec_of("cssr"))
    predictor._forms = {"float32": Forwarding(Enlarging(), known_architecture("cssr")[0].outputs)}
    pixels = picture(70, 90)
    settings = PredictSettings(tile_px=32, overlap_px=8, result_scale=4)
    assert np.array_equal(
        predictor.predict(pixels, settings).score, pixels[:, :, 0].repeat(4, 0).repeat(4, 1)
    )
    sr = predictor.maps(pixels, ["sr"], settings)["sr"]
    assert np.array_equal(sr, pixels.repeat(4, 0).repeat(4, 1))


class Forwarding(nn.Module):
    """A form whose outputs are those of a network made for a test."""

    def __init__(self, network: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def maps(self, x: Tensor, names: list[str]) -> dict[str, Tensor]:
        found = dict(zip(self.names, self.network(x), strict=True))
        return {name: found[name] for name in names}


def test_a_scale_that_the_network_does_not_have_is_answered_in_photo_pixels() -> None:
    predictor, _ = predictor_of("deepcrack_liu", width=0.125)
    prediction = predictor.predict(picture(20, 30), PredictSettings(result_scale=4))
    assert prediction.score.shape == (20, 30)
    assert prediction.settings.result_scale == 1


def test_super_resolution_alone_is_no_answer_to_where_the_cracks_are() -> None:
    predictor, network = predictor_of("dbpn", width=0.125, stages=2)
    with pytest.raises(NotAnalysed, match="finds no cracks"):
        predictor.predict(picture(16, 16))
    pixels = picture(16, 20)
    sr = predictor.maps(pixels, ["sr"])["sr"]
    assert sr.shape == (64, 80, 3)
    wanted = plain_outputs(network, "dbpn", pixels)["sr"][0].clamp(0, 1).permute(1, 2, 0).numpy()
    assert np.abs(sr - 255 * wanted).max() < 0.6


# ------------------------------------------------------------------ maps to be looked at


def test_all_maps_of_a_network_can_be_looked_at() -> None:
    predictor, network = predictor_of("deepcrack_liu", width=0.125)
    pixels = picture(48, 64)
    names = [m.name for m in known_architecture("deepcrack_liu")[0].maps]
    plain = plain_outputs(network, "deepcrack_liu", pixels)
    found = predictor.maps(pixels, names)
    assert list(found) == names
    for name in names:
        assert found[name].dtype == np.uint8
        assert found[name].shape == (48, 64)
        assert np.abs(found[name] - 255 * torch.sigmoid(plain[name])[0, 0].numpy()).max() < 0.6
    probability = predictor_of("pspnet", width=0.125)[0].maps(pixels, ["aux_prob"])["aux_prob"]
    assert probability.shape == (48, 64)


def test_a_map_of_two_classes_is_the_crack_s() -> None:
    predictor, _ = predictor_of("cgnet")
    pixels = picture(40, 56)
    assert np.array_equal(
        predictor.maps(pixels, ["logits_full"])["logits_full"], predictor.predict(pixels).score
    )


def test_unknown_maps_are_refused() -> None:
    with pytest.raises(ValueError, match="side9"):
        predictor_of("deepcrack_liu", width=0.125)[0].maps(picture(20, 20), ["side9"])


def test_a_map_that_is_not_a_number_fails_the_picture() -> None:
    predictor, network = predictor_of("deepcrack_liu", width=0.125)
    with torch.no_grad():
        network.side_conv3.weight[:] = float("nan")
    bad = Predictor(network, predictor.spec)
    with pytest.raises(NotAnalysed):
        bad.maps(picture(32, 32), ["side3"])


# ------------------------------------------------------------------ precision


def test_the_wished_precision_is_used_and_told() -> None:
    predictor, _ = predictor_of("unet16", width=0.125)
    pixels = picture(48, 48)
    full = predictor.predict(pixels, PredictSettings(precision="float32"))
    half = predictor.predict(pixels, PredictSettings(precision="bfloat16"))
    auto = predictor.predict(pixels)
    assert [p.settings.precision for p in (full, half, auto)] == ["float32", "bfloat16", "float32"]
    assert np.array_equal(full.score, auto.score)
    assert not np.array_equal(full.score, half.score)
    assert np.abs(full.score.astype(int) - half.score).max() <= 8


@pytest.mark.parametrize(
    ("seconds", "change", "chosen"),
    [
        (0.4, 0.01, "bfloat16"),
        (0.95, 0.01, "float32"),
        (0.4, 0.05, "float32"),
        (0.4, float("nan"), "float32"),
    ],
)
def test_auto_takes_bfloat16_where_it_is_quicker_and_scores_hardly_change(
    monkeypatch: pytest.MonkeyPatch, seconds: float, change: float, chosen: str
) -> None:
    clock = [0.0]
    monkeypatch.setattr(precision_trial, "_found", {})
    monkeypatch.setattr(precision_trial, "has_bfloat16", lambda device: True)
    monkeypatch.setattr(precision_trial.time, "perf_counter", lambda: clock[0])
    runs: list[str] = []

    def run(precision: str) -> np.ndarray[Any, Any]:
        runs.append(precision)
        clock[0] += 1.0 if precision == "float32" else seconds
        return np.full((2, 2), 0.5 if precision == "float32" else 0.5 + change, np.float32)

    for _ in range(2):
        found = precision_trial.quicker_precision(run, model_sha256="ab", device=devices.cpu(), threads=2)
        assert found == chosen
    assert runs == ["float32"] * 3 + ["bfloat16"] * 3  # the second question is answered from memory


def test_without_such_hardware_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision_trial, "has_fast_bfloat16", lambda: False)

    def run(precision: str) -> np.ndarray[Any, Any]:
        raise AssertionError("not to be run")

    assert (
        precision_trial.quicker_precision(run, model_sha256="cd", device=devices.cpu(), threads=1)
        == "float32"
    )


def test_a_heavy_model_is_tried_when_it_is_loaded_and_a_light_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def chosen(run: Any, **_: Any) -> str:
        asked.append(run("bfloat16").dtype.name)
        return "bfloat16"

    monkeypatch.setattr("crackcore.inference.predictor.quicker_precision", chosen)
    light = save_model(tmp_path / "light.safetensors", create_network("cgnet"), ModelSpec("l", "cgnet_m3n21"))
    assert Predictor.for_model(light, "cpu").predict(picture(32, 32)).settings.precision == "float32"
    assert asked == []
    network = create_network("deepcrack_liu", width=0.5)
    heavy = save_model(
        tmp_path / "heavy.safetensors", network, spec_of("deepcrack_liu", arguments={"width": 0.5})
    )
    predictor = Predictor.for_model(heavy, "cpu")
    assert asked == ["float32"]
    assert predictor.predict(picture(32, 32)).settings.precision == "bfloat16"
    # the other precision is still there for who asks for it
    again = predictor.predict(picture(32, 32), PredictSettings(precision="float32"))
    assert again.settings.precision == "float32"
