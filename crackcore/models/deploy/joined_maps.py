"""DBPN with all its maps in one piece of memory, so that joining them copies nothing.

DBPN reduces all maps of one resolution to one, again and again, each time with one map more. Joined
anew every time, they would be copied once per stage; here every new map is written where the joined
ones need it, the newest in front, and a reduction reads its share of that memory.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from crackcore.models.dbpn import Dbpn, DownUnit, UpUnit
from crackcore.models.deploy.fused_conv import FusedConv, slope_of


class JoinedDbpn(nn.Module):
    """`Dbpn` in eval mode; float32 in, float32 out, `dtype` between."""

    def __init__(self, plain: Dbpn, dtype: torch.dtype) -> None:
        super().__init__()
        self.scale, self.stages, self.dtype = plain.scale, plain.stages, dtype
        self.first = nn.Sequential(_convolution(plain.feat0, dtype), _convolution(plain.feat1, dtype))
        self.ups = nn.ModuleList(_BackProjection(_up(plain, n), dtype) for n in range(1, plain.stages + 1))
        self.downs = nn.ModuleList(_BackProjection(_down(plain, n), dtype) for n in range(1, plain.stages))
        self.last = FusedConv(plain.output_conv.conv, dtype=dtype)
        self.channels = plain.feat1.conv.out_channels

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged picture (N, 3, H s, W s) for `x` (N, 3, H, W)."""
        low: Tensor = self.first(x)
        height, width = low.shape[2:]
        highs = _Shelf(low, (height * self.scale, width * self.scale), self.channels, self.stages)
        lows = _Shelf(low, (height, width), self.channels, self.stages - 1)
        self.ups[0](low, highs.next())
        for number in range(1, self.stages):
            # the second up unit sees the first down unit's map alone, as the first one sees the features
            self.downs[number - 1](highs.joined(), lows.next())
            self.ups[number](lows.joined(), highs.next())
        out: Tensor = self.last(highs.joined())
        return out.float()


class _Shelf:
    """Room for `places` maps of one resolution, filled from behind."""

    def __init__(self, like: Tensor, size: tuple[int, int], channels: int, places: int) -> None:
        self._memory = torch.empty(
            (like.shape[0], *size, channels * places), dtype=like.dtype, device=like.device
        ).permute(0, 3, 1, 2)
        self._channels, self._start = channels, channels * places

    def next(self) -> Tensor:
        """Where the newest map is to be written, (N, C, H, W)."""
        self._start -= self._channels
        return self._memory[:, self._start : self._start + self._channels]

    def joined(self) -> Tensor:
        """All maps so far, the newest first."""
        return self._memory[:, self._start :]


class _BackProjection(nn.Module):
    """An up or a down unit: there, back, and there again with what was lost on the way."""

    def __init__(self, plain: UpUnit | DownUnit, dtype: torch.dtype) -> None:
        super().__init__()
        if isinstance(plain, UpUnit):
            self.there = _transposed(plain.up_conv1, dtype)
            self.back = _convolution(plain.up_conv2, dtype)
            self.again = _transposed(plain.up_conv3, dtype)
        else:
            self.there = _convolution(plain.down_conv1, dtype)
            self.back = _transposed(plain.down_conv2, dtype)
            self.again = _convolution(plain.down_conv3, dtype)
        self.reduction = None if plain.conv is None else _Reduction(plain.conv, dtype)

    def forward(self, x: Tensor, result: Tensor) -> None:
        """Write the unit's map into `result`."""
        if self.reduction is not None:
            x = self.reduction(x)
        there: Tensor = self.there(x)
        lost: Tensor = self.again(self.back(there).sub_(x))
        torch.add(there, lost, out=result)


class _Reduction(nn.Module):
    """1x1 convolution and leaky ReLU of joined maps, as one product of matrices."""

    def __init__(self, plain: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        conv, slope = plain.get_submodule("conv"), slope_of(plain.get_submodule("act"))
        assert isinstance(conv, nn.Conv2d)
        assert slope is not None
        self.slope = slope
        self.weight: Tensor
        self.bias: Tensor
        self.register_buffer("weight", conv.weight.detach()[:, :, 0, 0].T.to(dtype).contiguous())
        assert conv.bias is not None
        self.register_buffer("bias", conv.bias.detach().to(dtype))

    def forward(self, joined: Tensor) -> Tensor:
        places = joined.permute(0, 2, 3, 1)
        rows = places.reshape(-1, places.shape[3])  # a view: places lie one shelf apart
        reduced = functional.leaky_relu_(torch.addmm(self.bias, rows, self.weight), self.slope)
        return reduced.view(*places.shape[:3], -1).permute(0, 3, 1, 2)


def _convolution(block: Any, dtype: torch.dtype) -> FusedConv:
    return FusedConv(block.conv, None, slope_of(block.act), dtype)


def _transposed(block: Any, dtype: torch.dtype) -> FusedConv:
    return FusedConv(block.deconv, None, slope_of(block.act), dtype)


def _up(plain: Dbpn, number: int) -> UpUnit:
    unit = plain.get_submodule(f"up{number}")
    assert isinstance(unit, UpUnit)
    return unit


def _down(plain: Dbpn, number: int) -> DownUnit:
    unit = plain.get_submodule(f"down{number}")
    assert isinstance(unit, DownUnit)
    return unit
