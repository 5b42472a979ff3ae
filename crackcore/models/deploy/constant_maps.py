"""KBPN's kernel maps, computed where they differ instead of everywhere; the result is the same.

KBPN hands its kernel to convolutions as 441 maps of one value each. Convolving such maps gives, but
for the zero padding at the border, one value each again: a 3x3 convolution gives nine different
columns (corners, edges, inside), a second one twenty-five. Those few are computed and spread. Per
pixel of the input this saves about 40 % of the multiplications of the whole network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from crackcore.models.kbpn import KernelModulation, KernelRefinement


def compute_kernel_maps_once(network: nn.Module) -> nn.Module:
    """Replace the parts of `network` that take kernel maps, in place (give a copy); it is returned.

    The names of the weights change: for use after loading. Networks without KBPN are left alone.
    """
    for module in list(network.modules()):
        for name, part in list(module.named_children()):
            if isinstance(part, KernelModulation):
                setattr(module, name, _Modulation(part))
            elif isinstance(part, KernelRefinement):
                setattr(module, name, _Refinement(part))
    return network


class _Modulation(nn.Module):
    """`KernelModulation` with its first convolutions split by what they see."""

    def __init__(self, plain: KernelModulation) -> None:
        super().__init__()
        scale, shift = plain.SFT_scale_conv0, plain.SFT_shift_conv0
        channels = plain.SFT_scale_conv1.out_channels
        weight = torch.cat([scale.weight, shift.weight]).detach()
        assert scale.bias is not None
        assert shift.bias is not None
        bias = torch.cat([scale.bias, shift.bias]).detach()
        self.of_low = _convolution(weight[:, :channels], None)
        self.of_kernel = _convolution(weight[:, channels:], bias)
        self.scale, self.shift = plain.SFT_scale_conv1, plain.SFT_shift_conv1

    def forward(self, low: Tensor, kernel: Tensor) -> Tensor:
        size = (low.shape[2], low.shape[3])
        known = spread(self.of_kernel(constant_maps(kernel, size, layers=1)), size)
        to_scale, to_shift = functional.leaky_relu(self.of_low(low) + known, 0.1).chunk(2, 1)
        shift: Tensor = self.shift(to_shift)
        return low * torch.sigmoid(self.scale(to_scale)) + shift


class _Refinement(KernelRefinement):
    """`KernelRefinement` that convolves its kernel on a map of 5x5 at most."""

    def __init__(self, plain: KernelRefinement) -> None:
        nn.Module.__init__(self)
        self.fe_SR, self.fe_kernel, self.fe_cat = plain.fe_SR, plain.fe_kernel, plain.fe_cat

    def known(self, kernel: Tensor, size: tuple[int, int]) -> Tensor:
        return spread(self.fe_kernel(constant_maps(kernel, size, layers=2)), size)


def constant_maps(values: Tensor, size: tuple[int, int], *, layers: int) -> Tensor:
    """Values (N, C, 1, 1) as the smallest maps that `layers` convolutions 3x3 treat as those of `size`."""
    most = 2 * layers + 1
    return values.expand(-1, -1, min(size[0], most), min(size[1], most))


def spread(small: Tensor, size: tuple[int, int]) -> Tensor:
    """The maps of `size` whose borders are those of `small` and whose inside is its middle."""
    for axis, length in zip((2, 3), size, strict=True):
        given = small.shape[axis]
        if given != length:
            border = given // 2
            steps = torch.arange(length, device=small.device)
            inner = steps.clamp(max=border)
            place = torch.where(steps >= length - border, steps - (length - given), inner)
            small = small.index_select(axis, place)
    return small


def _convolution(weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    out, inside = weight.shape[:2]
    made = nn.Conv2d(
        inside, out, 3, padding=1, bias=bias is not None, device=weight.device, dtype=weight.dtype
    )
    with torch.no_grad():
        made.weight.copy_(weight)
        if made.bias is not None and bias is not None:
            made.bias.copy_(bias)
    return made.requires_grad_(False)
