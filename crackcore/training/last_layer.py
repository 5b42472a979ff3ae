"""The last layer of a network on its own: what goes into it, kept; what comes out, for any weights.

All networks of the catalogue that find cracks end in one convolution, after which a map is at most
enlarged. What goes into that convolution does not depend on its weights: computed once for a
picture, it gives the score map of any other last layer in milliseconds, and a new last layer is a
logistic regression on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from crackcore.arrays import CRACK, UNDECIDED, ClassMask, RgbImage, ScoreMap
from crackcore.domain.model_spec import ModelSpec
from crackcore.errors import ModelProblem
from crackcore.inference.network_input import network_input
from crackcore.inference.network_output import Wanted, score_of_logits, values_of
from crackcore.models.catalogue import known_architecture

LAST_LAYERS = {
    "cgnet_m3n21": "decode_head.conv_seg",
    "deepcrack_tip": "final",
    "deepcrack_tip_paper": "final",
    "deepcrack_liu": "fuse_conv",
    "unet16": "final",
    "pspnet": "final.0",
}
"""Architecture -> the convolution whose output, enlarged and cut off, is the score's logits."""

SAME = 3e-2  # by how much a score of kept features (in half precision) may differ from the network's own
NEAR_PX = 8
DOUBTFUL = 0.15  # scores from here on are looked at more closely where there is no crack


@dataclass(frozen=True, eq=False)
class Kept:
    """A part of a picture as the last layer sees it.

    features : float16 (C, h, w), `stride` network pixels from one to the next.
    size : (H, W) of the part, `input_size` that of what the network was given, padding included.
    score : float32 (H, W) in 0..1, what the network itself says.
    """

    features: Tensor
    stride: int
    size: tuple[int, int]
    input_size: tuple[int, int]
    score: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Weights:
    """Of a last layer with one output, the logit of crack: float32 (C, k, k), and its bias."""

    weight: Tensor
    bias: float


class LastLayer:
    """The last layer of one network; the network itself is left as it is."""

    def __init__(self, network: nn.Module, spec: ModelSpec) -> None:
        """Raises ModelProblem when the architecture's last layer is not known."""
        architecture, _ = known_architecture(spec.architecture)
        name = LAST_LAYERS.get(architecture.name, "")
        if not name:
            raise ModelProblem(
                f'"{spec.name}" cannot be adapted in seconds.', hint="Retrain it, or use another model."
            )
        self._network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._spec, self._architecture = spec, architecture
        layer = network.get_submodule(name)
        assert isinstance(layer, nn.Conv2d)
        self._layer = layer
        self._two = layer.out_channels == 2  # sound and crack, which the softmax compares
        self._reach = layer.kernel_size[0] // 2

    @property
    def has_bias(self) -> bool:
        """Whether a constant can be added to the logit."""
        return self._layer.bias is not None

    @property
    def weights(self) -> Weights:
        """Those of the network, as they are now."""
        weight = self._layer.weight.detach().float()
        bias = torch.zeros(len(weight)) if self._layer.bias is None else self._layer.bias.detach().float()
        if self._two:
            return Weights((weight[1] - weight[0]).clone(), float(bias[1] - bias[0]))
        return Weights(weight[0].clone(), float(bias[0]))

    def keep(self, pixels: RgbImage) -> Kept:
        """Run the network once on uint8 (H, W, 3), as it is predicted in one tile.

        Raises ModelProblem when the last layer does not explain what the network says.
        """
        found: list[Tensor] = []
        hook = self._layer.register_forward_pre_hook(lambda _layer, given: found.append(given[0]))
        try:
            with torch.inference_mode():
                inputs = network_input(pixels, self._spec, multiple_px=self._architecture.multiple_px)
                outputs = self._network(inputs.contiguous(memory_format=torch.channels_last))
        finally:
            hook.remove()
        named = (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
        logits = dict(zip(self._architecture.outputs, named, strict=True))[self._architecture.score]
        size, input_size = (pixels.shape[0], pixels.shape[1]), (inputs.shape[2], inputs.shape[3])
        said = score_of_logits(logits, size, input_size, self._spec).numpy()
        features = found[0][0]
        kept = Kept(features.half(), max(1, round(input_size[1] / features.shape[2])), size, input_size, said)
        if not np.isfinite(said).all() or np.abs(self.scores(kept, self.weights) - said).max() > SAME:
            raise ModelProblem(f'"{self._spec.name}" cannot be adapted in seconds.', hint="Retrain it.")
        return kept

    def scores(self, kept: Kept, weights: Weights) -> NDArray[np.float32]:
        """float32 (H, W) in 0..1: what the network would say with these weights."""
        with torch.inference_mode():
            bias = torch.tensor([weights.bias])
            logit = functional.conv2d(
                kept.features[None].float(), weights.weight[None], bias, padding=self._reach
            )
            rows, columns = (-(-n // kept.stride) for n in kept.input_size)
            logit = logit[:, :, :rows, :columns]
            values = values_of(logit, Wanted("", "sigmoid"), kept.size, kept.input_size, self._spec, 1)
        return values.numpy()

    def score_map(self, kept: Kept, weights: Weights) -> ScoreMap:
        """The same as score steps, uint8 (H, W), rounded as predictions are."""
        return np.rint(self.scores(kept, weights) * 255).astype(np.uint8)

    def rows(self, kept: Kept, at: NDArray[np.intp]) -> NDArray[np.float32]:
        """What the last layer sees at photo pixels `at`, (n, 2) row and column: float32 (n, C k k).

        In the order of the weights, so that row @ weight + bias is the logit (between the points of
        a coarse map linear, as the map is enlarged).
        """
        features = kept.features.float()
        if self._reach:
            side = 2 * self._reach + 1
            features = functional.unfold(features[None], side, padding=self._reach).view(
                -1, *features.shape[1:]
            )
        scale = self._spec.preprocessing.input_scale / kept.stride
        height, width = features.shape[1:]
        place = torch.from_numpy((at.astype(np.float32) + 0.5) * scale)
        grid = torch.stack([2 * place[:, 1] / width - 1, 2 * place[:, 0] / height - 1], 1)
        found = functional.grid_sample(
            features[None], grid[None, None], mode="bilinear", padding_mode="border", align_corners=False
        )
        rows: NDArray[np.float32] = np.ascontiguousarray(found[0, :, 0].T.numpy())
        return rows

    def put(self, network: nn.Module, weights: Weights) -> None:
        """Give another network of the same architecture (a copy) these weights."""
        layer = network.get_submodule(LAST_LAYERS[self._architecture.name])
        assert isinstance(layer, nn.Conv2d)
        before = self.weights
        change, shift = weights.weight - before.weight, weights.bias - before.bias
        with torch.no_grad():
            if layer.bias is None and shift:
                raise ModelProblem(f'"{self._spec.name}" has no place for a bias in its last layer.')
            # of two channels, each takes half of the change: the softmax sees their difference
            for channel, share in ((0, -0.5), (1, 0.5)) if self._two else ((0, 1.0),):
                layer.weight[channel] += share * change.to(layer.weight.dtype)
                if layer.bias is not None:
                    layer.bias[channel] += share * shift


def points(
    mask: ClassMask, score: NDArray[np.float32], counts: tuple[int, int, int, int], rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
    """Pixels to learn from: places (n, 2), crack or not (n,), and how many pixels each stands for.

    Up to `counts` of: crack, sound near crack, sound that the network takes for crack, other sound.
    Undecided pixels are left out.
    """
    crack = mask == CRACK
    near = cv2.dilate(crack.astype(np.uint8), np.ones((2 * NEAR_PX + 1,) * 2, np.uint8)) > 0
    sound = (mask != UNDECIDED) & ~crack
    doubtful = score >= DOUBTFUL
    strata = (crack, sound & near, sound & ~near & doubtful, sound & ~near & ~doubtful)
    places, truth, weights = [], [], []
    for number, (plane, count) in enumerate(zip(strata, counts, strict=True)):
        found = np.flatnonzero(plane)
        if not len(found):
            continue
        taken = found if len(found) <= count else rng.choice(found, count, replace=False)
        places.append(np.stack(np.unravel_index(taken, mask.shape), 1))
        truth.append(np.full(len(taken), float(number == 0), np.float32))
        weights.append(np.full(len(taken), len(found) / len(taken), np.float32))
    if not places:
        return np.zeros((0, 2), np.intp), np.zeros(0, np.float32), np.zeros(0, np.float32)
    return np.concatenate(places), np.concatenate(truth), np.concatenate(weights)
