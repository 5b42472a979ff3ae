"""Low-resolution pictures made from sharp ones, as CSSR and CSBSR train and test on them.

CSSR: bilinear reduction. CSBSR: blur by an anisotropic Gaussian kernel (zeros outside the picture),
then bicubic reduction (Keys with a = -0.75). Neither filters before reducing: the libraries of the
time did not, newer ones do unless told otherwise. Neither clips; the makers of the CSBSR test set
clip to 0..1 because they store 8 bits. (models.md sections 4 and 5)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from crackcore.models.blur import blurred

FACTOR = 4
KERNEL_SIDE_PX = 21
SIGMA_RANGE_PX = (0.2, 4.0)


def gaussian_kernel(
    sigma_x: float, sigma_y: float, degrees: float, *, side_px: int = KERNEL_SIDE_PX
) -> Tensor:
    """An anisotropic Gaussian as float32 (side, side), its sum 1; `side_px` is odd.

    `sigma_x` and `sigma_y` (px, above 0) lie along the columns and the rows, turned by `degrees`
    from the columns towards earlier rows (upwards). Raises ValueError for other figures.
    """
    if side_px % 2 == 0 or side_px < 1:
        raise ValueError(f"a kernel has an odd side, not {side_px}")
    if not (sigma_x > 0 and sigma_y > 0):
        raise ValueError(f"a kernel has sigmas above 0, not {sigma_x} and {sigma_y}")
    steps = np.arange(side_px, dtype=np.float64) - side_px // 2
    columns, rows = np.meshgrid(steps, steps)
    turn = np.deg2rad(degrees)
    along = columns * np.cos(turn) - rows * np.sin(turn)
    across = columns * np.sin(turn) + rows * np.cos(turn)
    values = np.exp(-0.5 * ((along / sigma_x) ** 2 + (across / sigma_y) ** 2))
    return torch.from_numpy((values / values.sum()).astype(np.float32))


def random_kernel(
    generator: np.random.Generator,
    *,
    sigma_range_px: tuple[float, float] = SIGMA_RANGE_PX,
    side_px: int = KERNEL_SIDE_PX,
) -> Tensor:
    """A kernel of the released set-up: both sigmas uniform in the range, the angle in 0..180 degrees."""
    sigma_x, sigma_y = generator.uniform(*sigma_range_px, size=2)
    return gaussian_kernel(sigma_x, sigma_y, generator.uniform(0.0, 180.0), side_px=side_px)


def reduced(pictures: Tensor, *, method: Literal["bilinear", "bicubic"], factor: int = FACTOR) -> Tensor:
    """Pictures (N, C, H, W) at 1/factor: (N, C, H // factor, W // factor), at least 1 px a side."""
    size = tuple(max(1, side // factor) for side in pictures.shape[2:])
    return functional.interpolate(pictures, size=size, mode=method, align_corners=False)


def blurred_and_reduced(pictures: Tensor, kernels: Tensor, *, factor: int = FACTOR) -> Tensor:
    """What a blurring camera of low resolution makes of pictures (N, C, H, W): (N, C, H/4, W/4).

    `kernels` is (N, 1, k, k), k odd. With enlarged pictures and predicted kernels this is the pseudo
    low-resolution picture that CSBSR's loss compares with its input. Not clipped.
    """
    return reduced(blurred(pictures, kernels), method="bicubic", factor=factor)


@dataclass(frozen=True)
class BlurAndNoise:
    """The blind degradation of CSBSR: a random kernel for every picture, reduction, and noise.

    `noise` is the range of the standard deviation of Gaussian noise on the 0..1 scale, one value a
    picture; the released set-up adds none.
    """

    sigma_range_px: tuple[float, float] = SIGMA_RANGE_PX
    noise: tuple[float, float] = (0.0, 0.0)
    factor: int = FACTOR

    def __call__(self, pictures: Tensor, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
        """(low-resolution pictures (N, C, H / 4, W / 4), kernels (N, 1, 21, 21)); not clipped."""
        made = [random_kernel(generator, sigma_range_px=self.sigma_range_px) for _ in range(len(pictures))]
        kernels = torch.stack(made)[:, None].to(pictures.device, pictures.dtype)
        low = blurred_and_reduced(pictures, kernels, factor=self.factor)
        if self.noise[1] > 0:
            share = generator.uniform(*self.noise, size=(len(low), 1, 1, 1))
            grain = (share * generator.standard_normal(tuple(low.shape))).astype(np.float32)
            low = low + torch.from_numpy(grain).to(low.device, low.dtype)
        return low, kernels
