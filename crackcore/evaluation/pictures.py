"""How alike two photographs are: PSNR and SSIM, as CSSR and CSBSR measure enlarged pictures.

Pictures are (H, W, 3) or (H, W), uint8 or floats in 0..1. No border is cut off, colours are not
turned to luminance.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


def psnr(first: NDArray[Any], second: NDArray[Any]) -> float:
    """10 log10(1 / MSE) in dB, over all pixels and channels; endless for equal pictures.

    With kernels (k, k) in the place of pictures: the "kernel PSNR" of CSBSR. Raises ValueError when
    sizes differ.
    """
    a, b = _units(first, second)
    error = float(np.mean((a - b) ** 2))
    return 10 * math.log10(1 / error) if error else math.inf


def ssim(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Structural similarity, at most 1: mean over pixels and channels.

    (2 ma mb + C1)(2 sab + C2) / ((ma^2 + mb^2 + C1)(saa + sbb + C2)) with means and covariances under
    a Gaussian of 11 x 11 px, sigma 1.5; C1 = 0.01^2, C2 = 0.03^2. Zeros are assumed beyond the
    picture, which makes borders count less than in other programs. Source: Wang et al., IEEE TIP
    13(4), 2004, in the version of Yuki-11/CSSR. Raises ValueError when sizes differ.
    """
    a, b = _units(first, second)
    mean_a, mean_b = _smooth(a), _smooth(b)
    aa, bb, ab = (_smooth(x) for x in (a * a, b * b, a * b))
    both = mean_a * mean_b
    squares = mean_a**2 + mean_b**2
    above = (2 * both + _C1) * (2 * (ab - both) + _C2)
    below = (squares + _C1) * (aa + bb - squares + _C2)
    return float(np.mean(above / below))


def _units(first: NDArray[Any], second: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if first.shape != second.shape:
        raise ValueError(f"pictures {first.shape} and {second.shape} differ in size")
    a, b = (x / 255.0 if x.dtype == np.uint8 else x.astype(np.float64) for x in (first, second))
    return a, b


def _smooth(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    steps = np.arange(_SIDE) - _SIDE // 2
    weights = np.exp(-(steps**2) / (2 * _SIGMA**2))
    weights /= weights.sum()
    found: NDArray[np.float64] = cv2.sepFilter2D(
        plane, cv2.CV_64F, weights, weights, borderType=cv2.BORDER_CONSTANT
    )
    return found
