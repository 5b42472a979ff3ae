"""A predictor: any size, the same with tiles as without, and never "no cracks" when it failed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from crackcore.arrays import RgbImage
from crackcore.domain.model_spec import ModelSpec, Preprocessing
from crackcore.domain.prediction import PredictSettings
from crackcore.errors import Cancelled, InputRefused, ModelProblem, NotAnalysed, OutOfDeviceMemory
from crackcore.inference import predictor as module
from crackcore.inference.batch import predict_many
from crackcore.inference.predictor import Predictor
from crackcore.models import devices
from crackcore.models.catalogue import create_network
from crackcore.models.model_files import save_model

UNIT = Preprocessing(scale=1 / 255)


class Local(nn.Module):
    """A real small network with a reach of 10 px: stride 4, then back to full size."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.down = nn.Conv2d(3, 6, 3, 2, 1)
        self.again = nn.Conv2d(6, 6, 3, 2, 1)
        self.head = nn.Conv2d(6, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.head(torch.relu(self.again(torch.relu(self.down(x))))) * 4
        return nn.functional.interpolate(y, size=x.shape[2:], mode="bilinear", align_corners=False)


def local_spec(**changes: object) -> ModelSpec:
    values: dict[str, object] = {"preprocessing": UNIT, "multiple_px": 4, "minimum_px": 8, **changes}
    return ModelSpec("local", "local", **values)  # type: ignore[arg-type]


def picture(height: int, width: int, seed: int = 0) -> RgbImage:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(200, 333), (97, 401), (256, 64)])
def test_tiles_give_what_the_whole_picture_gives(size: tuple[int, int]) -> None:
    pixels = picture(*size)
    predictor = Predictor(Local(), local_spec())
    whole = predictor.predict(pixels, PredictSettings(tile_px=1024, overlap_px=64)).score
    tiled = predictor.predict(pixels, PredictSettings(tile_px=96, overlap_px=64)).score
    # one step of 255 is 4e-3: equal within 1e-3 before rounding means at most one step apart, rarely
    apart = np.abs(whole.astype(int) - tiled.astype(int))
    assert apart.max() <= 1
    assert (apart > 0).mean() < 2e-3


def test_tiles_agree_within_a_thousandth_before_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = picture(180, 300)
    predictor = Predictor(Local(), local_spec())
    whole = predictor._tile_score(pixels)
    plan = module.plan_tiles(180, 300, tile_px=96, overlap_px=64, align_px=4)
    total, weight = np.zeros((180, 300)), np.zeros((180, 300))
    from crackcore.inference.tiling import edge_weights

    for row in range(len(plan.rows)):
        for box in plan.row_boxes(row):
            w = (
                edge_weights(box.top, box.bottom, 180, 64)[:, None]
                * edge_weights(box.left, box.right, 300, 64)[None]
            )
            total[box.slices] += predictor._tile_score(pixels[box.slices]) * w
            weight[box.slices] += w
    assert np.abs(total / weight - whole).max() < 1e-3


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 7), (511, 513)])
def test_any_size_is_answered_at_that_size(size: tuple[int, int]) -> None:
    predictor = Predictor(create_network("cgnet_m3n21"), ModelSpec("m", "cgnet_m3n21", tile_px=256))
    score = predictor.predict(picture(*size)).score
    assert score.shape == size
    assert score.dtype == np.uint8
    assert not score.flags.writeable


def test_a_doubled_input_keeps_the_size_of_the_picture() -> None:
    spec = local_spec(preprocessing=Preprocessing(scale=1 / 255, input_scale=2.0), tile_px=64, overlap_px=32)
    assert Predictor(Local(), spec).predict(picture(75, 101)).score.shape == (75, 101)


# ------------------------------------------------------------------ never "no cracks" by accident


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_not_numbers_never_mean_no_cracks(value: float) -> None:
    network = Local()
    with torch.no_grad():
        network.head.bias[1] = value
    with pytest.raises(NotAnalysed):
        Predictor(network, local_spec()).predict(picture(40, 40))


def test_one_bad_value_in_one_tile_fails_the_picture() -> None:
    class Poisoned(Local):
        calls = 0

        def forward(self, x: Tensor) -> Tensor:
            out = super().forward(x)
            self.calls += 1
            if self.calls == 5:
                out[0, 1, 3, 3] = float("nan")
            return out

    predictor = Predictor(Poisoned(), local_spec())
    with pytest.raises(NotAnalysed):
        predictor.predict(picture(200, 200), PredictSettings(tile_px=64, overlap_px=16))


def test_a_file_with_a_poisoned_variance_is_refused_before_use(tmp_path: Path) -> None:
    network = create_network("cgnet_m3n21")
    with torch.no_grad():
        network.backbone.norm_prelu_2[0].running_var[:] = 3e38
        network.backbone.norm_prelu_2[0].weight[:] = 3e38
        network.decode_head.conv_seg.weight[:] = 3e38
    model = save_model(tmp_path / "m.safetensors", network, ModelSpec("m", "cgnet_m3n21"))
    with pytest.raises(ModelProblem):
        Predictor.for_model(model, "cpu")


# ------------------------------------------------------------------ memory, devices, cancelling


class Hungry(Local):
    """Says "out of memory" above a number of pixels, as a small device would."""

    def __init__(self, limit_px: int, error: type[BaseException]) -> None:
        super().__init__()
        self.limit_px, self.error = limit_px, error

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] * x.shape[3] > self.limit_px:
            raise self.error("out of memory")
        return super().forward(x)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError])
def test_out_of_memory_halves_the_tile_and_goes_on(error: type[BaseException]) -> None:
    predictor = Predictor(Hungry(300 * 300, error), local_spec())
    prediction = predictor.predict(picture(700, 650), PredictSettings(tile_px=1024, overlap_px=64))
    assert prediction.score.shape == (700, 650)
    assert prediction.settings.tile_px == 256


def test_when_nothing_fits_there_is_a_sentence() -> None:
    predictor = Predictor(Hungry(10, MemoryError), local_spec())
    with pytest.raises(OutOfDeviceMemory):
        predictor.predict(picture(300, 300))


def test_a_lost_device_is_left_for_the_cpu_and_said() -> None:
    class Lost(Local):
        broken = True

        def forward(self, x: Tensor) -> Tensor:
            if Lost.broken:
                Lost.broken = False
                raise RuntimeError("CUDA error: device-side assert triggered")
            return super().forward(x)

    class Pretended(devices.Device):
        @property
        def torch_device(self) -> torch.device:
            return torch.device("cpu")

    predictor = Predictor(Lost(), local_spec(), device=Pretended("cuda", "Pretended GPU"))
    prediction = predictor.predict(picture(60, 60))
    assert "Pretended GPU stopped answering" in prediction.device


def test_other_faults_are_not_swallowed() -> None:
    class Faulty(Local):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        Predictor(Faulty(), local_spec()).predict(picture(60, 60))


def test_cancelling_is_heard_at_every_tile() -> None:
    heard: list[int] = []

    def progress(done: int, total: int, note: str = "") -> None:
        heard.append(done)
        if done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        Predictor(Local(), local_spec()).predict(
            picture(300, 300), PredictSettings(tile_px=64, overlap_px=16), progress
        )
    assert heard == [0, 1, 2, 3]


# ------------------------------------------------------------------ many pictures


def test_a_broken_picture_does_not_stop_the_others(tmp_path: Path, tiny_photo_file: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    paths = [broken, tiny_photo_file, tmp_path / "missing.png", tiny_photo_file, broken]
    answers = list(predict_many(paths, Predictor(Local(), local_spec())))
    assert [a.path for a in answers] == paths
    assert [a.prediction is not None for a in answers] == [False, True, False, True, False]
    assert isinstance(answers[0].error, InputRefused)
    assert answers[2].error is not None


def test_a_bug_with_one_picture_is_told_and_logged_and_the_rest_goes_on(
    tiny_photo_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Stumbling(Local):
        calls = 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            if self.calls == 2:
                raise RuntimeError("a bug")
            return super().forward(x)

    answers = list(predict_many([tiny_photo_file] * 3, Predictor(Stumbling(), local_spec())))
    assert [a.prediction is not None for a in answers] == [True, False, True]
    assert isinstance(answers[1].error, NotAnalysed)
    assert "a bug" in caplog.text


def test_cancelling_many_pictures_leaves_at_once(tiny_photo_file: Path) -> None:
    def progress(done: int, total: int, note: str = "") -> None:
        if done > 1000:
            raise Cancelled

    running = predict_many([tiny_photo_file] * 5, Predictor(Local(), local_spec()), progress=progress)
    assert next(running).prediction is not None
    with pytest.raises(Cancelled):
        next(running)
