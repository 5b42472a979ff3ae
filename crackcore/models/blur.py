"""Blur of pictures by a kernel each, as the blind networks model a camera."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def blurred(pictures: Tensor, kernels: Tensor, *, stride: int = 1) -> Tensor:
    """Each of the pictures (N, C, H, W) cross-correlated with its own kernel (N, 1, k, k), k odd.

    All channels of a picture share its kernel. Zeros are assumed outside, so borders darken. With a
    `stride` only every such pixel is computed: (N, C, ceil(H / stride), ceil(W / stride)).
    """
    count, channels, height, width = pictures.shape
    weights = kernels.repeat_interleave(channels, 0)
    joined = pictures.reshape(1, count * channels, height, width)
    out = functional.conv2d(
        joined, weights, stride=stride, padding=kernels.shape[-1] // 2, groups=count * channels
    )
    return out.reshape(count, channels, *out.shape[2:])
