"""Adapting: the kept features say what the network says, a new last layer is learned, and judged fairly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from crackcore.domain.model_spec import ModelSpec, Preprocessing
from crackcore.errors import InputRefused, ModelProblem
from crackcore.inference.network_input import network_input
from crackcore.inference.predictor import Predictor
from crackcore.models.architectures import OWN
from crackcore.models.catalogue import InstalledModel, create_network, known_architecture, read_installed
from crackcore.models.model_files import load_network, save_model
from crackcore.progress import Cancelled
from crackcore.training.adapting import Adapter, AdaptSettings
from crackcore.training.last_layer import LAST_LAYERS, LastLayer, Weights, points
from crackcore.training.pairs import TrainingPair
from crackcore.training.regression import Points, fitted
from crackcore.training.seen_pictures import mask_digest, windows

QUICK = AdaptSettings(strengths=(1e-3,), points=(400, 200, 200, 200), folds=3)


def spec_of(name: str, **arguments: float) -> ModelSpec:
    facts = known_architecture(name)[0]
    return ModelSpec(
        name="base",
        architecture=name,
        arguments=arguments,
        preprocessing=facts.preprocessing,
        activation=facts.activation,
        multiple_px=8,
        threshold=0.5,
        licence="Apache-2.0",
        training_data=({"set": "first", "trained_on": 3},),
    )


def corrected(number: int, *, crack: bool = True) -> TrainingPair:
    """A noisy picture with a bright bent line, and where the line is."""
    rng = np.random.default_rng(number)
    pixels = rng.normal(110, 10, (96, 112, 3))
    pixels += cv2.resize(rng.normal(0, 25, (6, 7)), (112, 96))[..., None]
    mask = np.zeros((96, 112), np.uint8)
    if crack:
        ends = rng.integers(8, 88, 4)
        cv2.polylines(
            mask, [np.array([[5, ends[0]], [40, ends[1]], [75, ends[2]], [106, ends[3]]])], False, 1, 5
        )
    pixels[mask == 1] += 90
    done = np.clip(pixels, 0, 255).astype(np.uint8)
    return TrainingPair(f"p{number}", "mine", "pairs", Path(f"p{number}.png"), f"{number:064x}", done, mask)


def settled(name: str, **arguments: float) -> torch.nn.Module:
    """A network with weights at random, whose batch norms have seen pictures: its values stay moderate."""
    torch.manual_seed(3)
    network = create_network(name, **arguments)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.7
    inputs = [network_input(corrected(n).pixels, spec_of(name), multiple_px=16) for n in range(40, 42)]
    with torch.no_grad():
        for _ in range(4):
            network.train()(torch.cat(inputs))
    return network.eval()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> InstalledModel:
    """A CGNet that was never trained."""
    network = settled("cgnet_m3n21")
    path = tmp_path_factory.mktemp("models") / "base.safetensors"
    return save_model(path, network, spec_of("cgnet_m3n21"))


@pytest.fixture(scope="module")
def adapter(base: InstalledModel) -> Adapter:
    made = Adapter(base, QUICK)
    for number in range(6):
        made.add(corrected(number))
    return made


@pytest.mark.parametrize("name", sorted(LAST_LAYERS))
def test_kept_features_say_what_the_network_says(name: str) -> None:
    arguments = {"width": 0.05} if known_architecture(name)[0].has_width else {}
    last = LastLayer(settled(name, **arguments), spec_of(name, **arguments))
    pixels = corrected(1).pixels[:75, :90]
    kept = last.keep(pixels)
    again = last.scores(kept, last.weights)
    assert again.shape == (75, 90)
    assert np.abs(again - kept.score).max() < 5e-3
    other = last.scores(kept, Weights(2 * last.weights.weight, 2 * last.weights.bias + 0.5))
    assert np.abs(other - again).max() > 1e-3


def test_every_network_that_finds_cracks_at_photo_size_can_be_adapted() -> None:
    can = {own.name for own in OWN if own.finds_cracks and own.output_scale == 1}
    assert can == set(LAST_LAYERS)
    with pytest.raises(ModelProblem, match="adapted in seconds"):
        LastLayer(torch.nn.Identity(), spec_of("cssr"))


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_rows_times_weights_is_the_logit(base: InstalledModel, scale: float) -> None:
    spec = replace(base.spec, preprocessing=Preprocessing(input_scale=scale))
    last = LastLayer(load_network(base), spec)
    kept = last.keep(corrected(2).pixels)
    at = np.argwhere(np.ones(kept.size, bool))[:: 97 if scale == 1 else 7]
    logit = last.rows(kept, at) @ last.weights.weight.numpy().ravel() + last.weights.bias
    wanted = last.scores(kept, last.weights)[tuple(at.T)]
    found = 1 / (1 + np.exp(-logit))
    # enlarged twice over, a value between two grid points is only nearly linear
    assert np.abs(found - wanted).max() < (2e-3 if scale == 1 else 6e-2)


def test_points_stand_for_all_pixels_that_are_decided() -> None:
    pair = corrected(3)
    mask = pair.mask.copy()
    mask[:20] = 255
    score = np.full(mask.shape, 0.5, np.float32)
    at, truth, weight = points(mask, score, (50, 50, 50, 50), np.random.default_rng(0))
    assert weight.sum() == pytest.approx((mask != 255).sum())
    assert weight[truth == 1].sum() == pytest.approx((mask == 1).sum())
    assert (mask[tuple(at.T)] == truth).all()
    assert len(at) == 150  # no sound pixel scores low here


def test_the_fit_finds_a_boundary_and_strength_holds_it_back() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(3, 2, (4000, 4)).astype(np.float32)
    logit = 2 * rows[:, 0] - rows[:, 1] - 3
    truth = (rng.random(4000) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    data = Points.of(rows, truth, np.ones(4000, np.float32), np.zeros(4, np.float32), 0.0)
    change, shift = fitted(data, 1e-6)
    assert change == pytest.approx([2, -1, 0, 0], abs=0.2)
    assert shift == pytest.approx(-3, abs=0.6)
    held, _ = fitted(data, 1e3)
    assert np.abs(held).max() < 1e-3


def test_a_model_learns_from_six_pictures_and_the_old_one_stays(
    adapter: Adapter, base: InstalledModel, tmp_path: Path
) -> None:
    before_file = base.path.read_bytes()
    adapted = adapter.adapt()
    assert adapted.better is True
    assert adapted.photos == adapted.pictures == 6
    assert adapted.strength == 1e-3
    assert adapted.after.f1 > 0.6 > adapted.before.f1 + 0.2

    unseen = [corrected(number) for number in range(20, 23)]
    hits = []
    for pair in unseen:
        score = adapted.predictor().predict(pair.pixels).score
        said = score >= adapted.after.threshold
        hits.append(2 * (said & (pair.mask == 1)).sum() / (said.sum() + (pair.mask == 1).sum()))
    assert np.mean(hits) > 0.3  # exact, though the map has an eighth of the size

    saved = adapted.save(tmp_path / "mine.safetensors", "mine")
    assert base.path.read_bytes() == before_file
    assert saved.spec.name == "mine"
    assert saved.spec.architecture == "cgnet_m3n21"
    assert saved.spec.licence == "Apache-2.0"
    row = saved.spec.training_data[-1]
    assert row["sha256"] == sorted(f"{n:064x}" for n in range(6))
    assert saved.spec.training_data[0]["set"] == "first"
    assert saved.spec.scores["adapted"]["base_sha256"] == base.sha256
    again = Predictor.for_model(read_installed(saved.path), "cpu").predict(unseen[0].pixels).score
    assert np.array_equal(again, adapted.predictor().predict(unseen[0].pixels).score)
    with pytest.raises(InputRefused, match="already"):
        adapted.save(tmp_path / "mine.safetensors")


def test_one_photo_is_no_proof(base: InstalledModel, tmp_path: Path) -> None:
    one = Adapter(base, QUICK)
    one.add(corrected(1))
    adapted = one.adapt()
    assert adapted.better is None
    with pytest.raises(InputRefused, match="not known to be better"):
        adapted.save(tmp_path / "one.safetensors")
    assert adapted.save(tmp_path / "one.safetensors", insist=True).spec.scores["adapted"]["better"] is None


def test_enlarging_is_chosen_only_where_it_pays(base: InstalledModel) -> None:
    both = Adapter(base, replace(QUICK, enlargements=(1.0, 2.0)))
    for number in range(4):
        both.add(corrected(number))
    heard: list[tuple[float, float]] = []
    adapted = both.adapt(lambda done, total, note="": heard.append((done, total)))
    shares = [done / total for done, total in heard]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    assert len(heard) > 8, "a cancel is heard between any two pictures"
    assert adapted.enlarged in (1.0, 2.0)
    assert adapted.spec.preprocessing.input_scale == adapted.enlarged
    alone = Adapter(base, QUICK)
    for number in range(4):
        alone.add(corrected(number))
    if adapted.enlarged == 1.0:
        assert adapted.after == alone.adapt().after
    else:
        assert adapted.after.best_f1 > alone.adapt().after.best_f1


def test_a_picture_counts_as_it_was_corrected_last(base: InstalledModel) -> None:
    one = Adapter(base, QUICK)
    pair = corrected(1)
    one.add(pair)
    one.add(replace(pair, mask=np.zeros_like(pair.mask)))
    assert len(one) == 1
    with pytest.raises(InputRefused, match="no corrected picture shows a crack"):
        one.adapt()
    one.remove(pair.sha256)
    assert len(one) == 0
    with pytest.raises(InputRefused, match="nothing is marked"):
        one.add(replace(pair, mask=np.full_like(pair.mask, 255)))


def test_what_was_seen_is_not_seen_again(base: InstalledModel, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    keep = LastLayer.keep
    monkeypatch.setattr(
        LastLayer, "keep", lambda self, pixels: seen.append(pixels.shape) or keep(self, pixels)
    )
    one = Adapter(base, QUICK)
    pair = corrected(1)
    one.add(pair)
    assert one.holds(pair.sha256, mask_digest(pair.mask))
    one.add(pair)
    mask = pair.mask.copy()
    mask[:, :60] = 0
    one.add(replace(pair, mask=mask))
    assert len(seen) == 1, "a newer mask needs no second look at the same pixels"
    assert not one.holds(pair.sha256, mask_digest(pair.mask))
    anew = Adapter(base, QUICK)
    anew.add(replace(pair, mask=mask))
    assert one.adapt().after == anew.adapt().after
    assert one.digests == {pair.sha256}
    assert one.bytes > pair.mask.nbytes


def test_looking_can_be_cancelled_and_leaves_all_as_it_was(base: InstalledModel) -> None:
    def no(done: float, total: float, note: str = "") -> None:
        if done > 0:
            raise Cancelled

    one = Adapter(base, QUICK)
    with pytest.raises(Cancelled):
        one.add(corrected(1), no)
    assert len(one) == 0
    one.add(corrected(1))
    with pytest.raises(Cancelled):
        one.adapt(no)
    assert one.adapt().pictures == 1


def test_of_a_large_photo_only_a_small_copy_is_kept(base: InstalledModel) -> None:
    large = cv2.resize(corrected(1).pixels, (1500, 900))
    mask = np.full((900, 1500), 255, np.uint8)
    mask[400:500, 700:800] = 0
    mask[440:450, 700:800] = 1
    one = Adapter(base, QUICK)
    one.add(replace(corrected(1), pixels=large, mask=mask))
    assert one._pictures[corrected(1).sha256].small.shape == (384, 640, 3)


def test_of_a_large_picture_the_tiles_with_most_crack_are_kept_and_one_without() -> None:
    mask = np.zeros((400, 400), np.uint8)
    mask[10:20, 10:90] = 1
    mask[310:320, 310:350] = 1
    boxes = windows(mask, 100, 3)
    found = sorted(int((mask[box.slices] == 1).sum()) for box in boxes)
    assert found == [0, 400, 800]
    assert len(windows(mask[:150, :150], 100, 3)) == 1
