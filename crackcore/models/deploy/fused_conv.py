"""A convolution with what follows it, batch norm and activation, in one pass over memory.

In eval mode a batch norm is one factor and one shift a channel, which the convolution before it can
carry in its weights and a bias. On the CPU the activation and a sum are handed to the library's
convolution (oneDNN), with weights laid out for it once; elsewhere they are ordinary steps.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

Conv = nn.Conv2d | nn.ConvTranspose2d

CPU_FUSION: bool = torch.backends.mkldnn.is_available() and all(  # type: ignore[no-untyped-call]
    hasattr(torch.ops.mkldnn, name)
    for name in (
        "_convolution_pointwise",
        "_convolution_transpose_pointwise",
        "_reorder_convolution_weight",
        "_reorder_convolution_transpose_weight",
    )
)
"""Whether this torch has the CPU library's convolutions with something behind them."""


class FusedConv(nn.Module):
    """conv (or its transpose), batch norm, then leaky ReLU of `slope` (None: no activation).

    Works in `dtype`: input is cast to it, output is of it. Packs its weights at the first use on the
    CPU and stays there from then on.
    """

    def __init__(
        self,
        conv: Conv,
        norm: nn.BatchNorm2d | None = None,
        slope: float | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.transposed = isinstance(conv, nn.ConvTranspose2d)
        weight, bias = folded_weights(conv, norm)
        self.weight: Tensor | None
        self.bias: Tensor | None
        self.register_buffer("weight", weight.to(dtype).contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", None if bias is None else bias.to(dtype))
        self.stride, self.groups, self.slope, self.dtype = list(conv.stride), conv.groups, slope, dtype
        self.padding = [int(p) for p in conv.padding]
        self.dilation = list(conv.dilation)
        self._packed: Tensor | None = None

    def forward(self, x: Tensor, more: Tensor | None = None) -> Tensor:
        """The result for `x`; `more` is added before the activation."""
        x = x.to(self.dtype)
        if self._packed is None and x.device.type == "cpu" and _runs_fused(self.dtype):
            self._pack()
        if self._packed is None:
            return self._stepwise(x, more)
        arguments: list[Any] = [self.stride, self.dilation, self.groups]
        act, slopes = self._activation()
        if self.transposed:
            assert more is None, "the transposed convolution adds nothing"
            out: Tensor = torch.ops.mkldnn._convolution_transpose_pointwise(
                x, self._packed, self.bias, self.padding, [0, 0], *arguments, act, slopes, ""
            )
        elif more is None:
            out = torch.ops.mkldnn._convolution_pointwise(
                x, self._packed, self.bias, self.padding, *arguments, act, slopes, ""
            )
        else:
            out = torch.ops.mkldnn._convolution_pointwise(
                *(x, more, self._packed, self.bias, self.padding, *arguments),
                *("add", 1.0, "relu" if self.slope == 0.0 else None, [], ""),
            )
            if self.slope:
                out = functional.leaky_relu_(out, self.slope)
        return out

    def _stepwise(self, x: Tensor, more: Tensor | None) -> Tensor:
        assert self.weight is not None
        if self.transposed:
            out = functional.conv_transpose2d(
                x, self.weight, self.bias, self.stride, self.padding, 0, self.groups, self.dilation
            )
        else:
            out = functional.conv2d(
                x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
            )
        if more is not None:
            out = out + more
        if self.slope is None:
            return out
        return functional.relu_(out) if self.slope == 0.0 else functional.leaky_relu_(out, self.slope)

    def _activation(self) -> tuple[str, list[float]]:
        if self.slope is None:
            return "none", []
        return ("relu", []) if self.slope == 0.0 else ("leaky_relu", [self.slope])

    def _pack(self) -> None:
        assert self.weight is not None
        arguments = (self.stride, self.dilation, self.groups)
        if self.transposed:
            self._packed = torch.ops.mkldnn._reorder_convolution_transpose_weight(
                self.weight, self.padding, [0, 0], *arguments, None
            )
        else:
            self._packed = torch.ops.mkldnn._reorder_convolution_weight(
                self.weight, self.padding, *arguments, None
            )
        self.weight = None  # one copy of the weights is enough


def _runs_fused(dtype: torch.dtype) -> bool:
    if not CPU_FUSION or not torch.backends.mkldnn.enabled:
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and has_fast_bfloat16())


def has_fast_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware the library uses."""
    return bool(CPU_FUSION and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def slope_of(activation: nn.Module | None) -> float | None:
    """What an activation multiplies negative values by: 0 for ReLU, None for none.

    Raises TypeError for activations that are not of this kind (a PReLU with a slope a channel).
    """
    if activation is None or isinstance(activation, nn.Identity):
        return None
    if isinstance(activation, nn.ReLU):
        return 0.0
    if isinstance(activation, nn.LeakyReLU):
        return float(activation.negative_slope)
    if isinstance(activation, nn.PReLU) and activation.weight.numel() == 1:
        return float(activation.weight)
    raise TypeError(f"no slope: {activation}")


def folded_weights(conv: Conv, norm: nn.BatchNorm2d | None = None) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of the convolution that does `conv` and `norm` at once, computed in float64."""
    weight = conv.weight.detach()
    bias = None if conv.bias is None else conv.bias.detach()
    if norm is None:
        return weight, bias
    factor, shift = factor_and_shift(norm)
    across = [1, -1, 1, 1] if isinstance(conv, nn.ConvTranspose2d) else [-1, 1, 1, 1]
    before = torch.zeros_like(shift) if bias is None else bias.double()
    return (weight.double() * factor.view(across)).to(weight.dtype), (before * factor + shift).to(
        weight.dtype
    )


def factor_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What a batch norm in eval mode multiplies by and adds, a channel each, in float64."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    factor = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
    return factor, norm.bias.detach().double() - norm.running_mean.double() * factor
